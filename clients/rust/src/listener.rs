//! A [`Session`](crate::session::Session) with sockets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::address::warn_if_in_the_clear;
use crate::channel::{Channel, Cursor};
use crate::event::Event;
use crate::frame::ClientFrame;
use crate::session::{ConnectionId, Effect, Session};
use crate::socket::{self, Report, Target, TokenSource};
use crate::timing::Timing;

/// So many events may wait for the application. Then reading stops, and with it the server's sending.
const WAITING_EVENTS: usize = 256;
const WAITING_REPORTS: usize = 64;
/// So often the driver looks whether the machine has slept. Its timers stand still meanwhile, and the calendar does not.
const TICK: Duration = Duration::from_secs(10);
/// So far ahead the calendar is then.
const SLEPT: Duration = Duration::from_secs(5);
/// The longest that the sockets' closing handshakes may take.
const GOODBYE: Duration = Duration::from_secs(2);

/// Why a listener ended, or never began.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address is none.
    #[error("`{url}` is not the address of a WebSocket: {reason}")]
    Address {
        /// The address as it was given.
        url: String,
        /// Its fault.
        reason: String,
    },
    /// The server refused the handshake, three times in a row, each time with the token that the source then gave.
    #[error(
        "the token was refused (status {status}): it is not valid, has expired, or names a channel it may not read"
    )]
    TokenRefused {
        /// 401 or 403.
        status: u16,
    },
    /// The listener's task is gone, with its runtime or by a panic.
    #[error("the listener has stopped")]
    Stopped,
}

/// The options of a listener. Begins with [`Listener::builder`].
pub struct Builder {
    url: String,
    token: TokenSource,
    user_claim: String,
    cursors: BTreeMap<Channel, Option<u64>>,
    timing: Timing,
}

impl Builder {
    /// Listens to a channel, from its cursor on; without a seq, from its newest notifications on. What the token joins
    /// (`user:<sub>` and its `channels`) need not be named, unless to give a seq. Of several seqs the lowest counts.
    #[must_use]
    pub fn channel(mut self, cursor: impl Into<Cursor>) -> Self {
        let Cursor { channel, seq } = cursor.into();
        let known = self.cursors.entry(channel).or_default();
        *known = known.iter().copied().chain(seq).min();
        self
    }

    /// The claim that names the user in the tokens: the stack's parameter `TokenUserClaim`, where that is not `sub`.
    #[must_use]
    pub fn user_claim(mut self, name: impl Into<String>) -> Self {
        self.user_claim = name.into();
        self
    }

    /// Other periods than the usual ones.
    #[must_use]
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// Connects, and stays connected until the listener is dropped. Call it within a tokio runtime. It warns of an address that
    /// would have the token cross a network in the clear.
    ///
    /// # Errors
    /// The address is not a WebSocket's. [`Listener::next`] reports everything that fails later.
    pub fn start(self) -> Result<Listener, ListenError> {
        if let Err(error) = self.url.as_str().into_client_request() {
            return Err(ListenError::Address { url: self.url, reason: error.to_string() });
        }
        warn_if_in_the_clear(&self.url);
        let known = |(channel, seq): (&Channel, &Option<u64>)| seq.map(|seq| (channel.clone(), seq));
        let cursors = self.cursors.iter().filter_map(known).collect();
        let begin = self.cursors.into_iter().map(|(channel, seq)| Cursor { channel, seq }).collect();
        let Self { url, token, user_claim, timing, .. } = self;
        let target = Target { url, token, user_claim, patience: timing.connect };
        let session = Session::new(timing, rand::random(), now(), begin);
        let (events, told) = mpsc::channel(WAITING_EVENTS);
        let task = tokio::spawn(Driver::new(session, target, events).run());
        Ok(Listener { told, cursors, ended: ListenError::Stopped, task })
    }
}

/// Hands on the notifications of its channels: each exactly once and in order, over any number of connections.
///
/// It works in a task of its own, which pings and reconnects whether or not somebody waits in [`Listener::next`].
/// Dropping it closes the connection.
pub struct Listener {
    told: mpsc::Receiver<TaskMessage>,
    cursors: BTreeMap<Channel, u64>,
    ended: ListenError,
    task: JoinHandle<()>,
}

/// A message from the task to the listener.
enum TaskMessage {
    Event(Event),
    Moved(Cursor),
    Ended(ListenError),
}

impl Listener {
    /// A listener on the WebSocket API at `url` (`wss://…`). `token` is called for every connection, so that it can give
    /// a fresh one; when it fails, it is called again later.
    pub fn builder<F, T, E>(url: impl Into<String>, token: F) -> Builder
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let token: TokenSource = Box::new(move || {
            let token = token();
            Box::pin(async move { token.await.map_err(Into::into) })
        });
        let (url, user_claim) = (url.into(), "sub".to_owned());
        Builder { url, token, user_claim, cursors: BTreeMap::new(), timing: Timing::default() }
    }

    /// Waits for the next event. Nothing is lost if the future is dropped before it is ready.
    ///
    /// # Errors
    /// The listener has ended, for a reason that trying again does not mend.
    pub async fn next(&mut self) -> Result<Event, ListenError> {
        loop {
            match self.told.recv().await {
                Some(TaskMessage::Event(event)) => {
                    self.record(&event);
                    return Ok(event);
                }
                Some(TaskMessage::Moved(Cursor { channel, seq: Some(seq) })) => {
                    self.cursors.insert(channel, seq);
                }
                Some(TaskMessage::Moved(_)) => {}
                Some(TaskMessage::Ended(error)) => self.ended = error,
                None => return Err(self.ended.clone()),
            }
        }
    }

    /// Where the application stands in each channel, by the events that [`Listener::next`] has returned. Keep them,
    /// and give them to [`Builder::channel`] to go on there after a restart.
    #[must_use]
    pub fn cursors(&self) -> Vec<Cursor> {
        let cursor = |(channel, seq): (&Channel, &u64)| Cursor { channel: channel.clone(), seq: Some(*seq) };
        self.cursors.iter().map(cursor).collect()
    }

    /// Closes the connection and waits, up to two seconds, until the server knows.
    pub async fn close(self) {
        drop(self.told);
        // A panic in the task was reported where it happened.
        let _ = self.task.await;
    }

    fn record(&mut self, event: &Event) {
        match event {
            Event::Notification { channel, item } => {
                if let Some(seq) = item.seq {
                    self.cursors.insert(channel.clone(), seq);
                }
            }
            Event::Reset { channel, seq, .. } => {
                self.cursors.insert(channel.clone(), *seq);
            }
            _ => {}
        }
    }
}

/// Does what the session says.
struct Driver {
    session: Session,
    target: Arc<Target>,
    events: mpsc::Sender<TaskMessage>,
    sockets: Vec<Socket>,
    tasks: JoinSet<()>,
    /// The time for which the application has kept this turn waiting.
    stalled: Duration,
    /// When the last turn was, by the calendar and by the timers.
    looked: (SystemTime, Instant),
}

/// A socket's task.
struct Socket {
    id: ConnectionId,
    task: Id,
    frames: mpsc::UnboundedSender<ClientFrame>,
}

/// Nothing is left to do.
struct Over;

impl Driver {
    fn new(session: Session, target: Target, events: mpsc::Sender<TaskMessage>) -> Self {
        let (sockets, tasks) = Default::default();
        Self {
            session,
            target: Arc::new(target),
            events,
            sockets,
            tasks,
            stalled: Duration::ZERO,
            looked: (SystemTime::now(), now()),
        }
    }

    async fn run(mut self) {
        let (reporter, mut reports) = mpsc::channel(WAITING_REPORTS);
        while let Ok(()) = self.turn(&reporter, &mut reports).await {}
        // The sockets close when nobody gives them frames or takes their reports.
        self.sockets.clear();
        drop(reports);
        let goodbye = async { while self.tasks.join_next().await.is_some() {} };
        let _ = timeout(GOODBYE, goodbye).await;
    }

    async fn turn(
        &mut self,
        reporter: &mpsc::Sender<Report>,
        reports: &mut mpsc::Receiver<Report>,
    ) -> Result<(), Over> {
        let tick = now() + TICK;
        let deadline = self.session.deadline().map_or(tick, |deadline| deadline.min(tick));
        let effects = tokio::select! {
            // Reports first: a pong that waits here was not late.
            biased;
            () = self.events.closed() => return Err(Over),
            Some(report) = reports.recv() => self.reported(report),
            Some(ended) = self.tasks.join_next() => self.ended(ended),
            () = sleep_until(deadline.into()) => Vec::new(),
        };
        if self.has_slept() {
            self.session.woken(now());
        }
        self.perform(effects, reporter).await?;
        self.session.stalled(std::mem::take(&mut self.stalled));
        let effects = self.session.fired(now());
        self.perform(effects, reporter).await
    }

    /// Whether the calendar has gone further than the timers since the last turn.
    fn has_slept(&mut self) -> bool {
        let looked = (SystemTime::now(), now());
        let before = std::mem::replace(&mut self.looked, looked);
        let calendar = looked.0.duration_since(before.0).unwrap_or_default();
        calendar > looked.1.saturating_duration_since(before.1) + SLEPT
    }

    fn reported(&mut self, report: Report) -> Vec<Effect> {
        let now = now();
        match report {
            Report::Opened { id, joined, lifetime } => self.session.opened(now, id, joined, lifetime),
            Report::Failed { id, reason } => self.session.failed(now, id, reason),
            Report::Received { id, frame } => self.session.received(now, id, frame),
            Report::Closed { id, reason } => self.session.closed(now, id, reason),
            Report::Heard { id } => {
                self.session.heard(now, id);
                Vec::new()
            }
            Report::Unreadable { id } => self.session.unreadable(now, id),
            Report::Refused { id, status } => self.session.token_refused(now, id, status),
        }
    }

    /// A socket reports how it ends, unless it panics: its token source is the application's.
    fn ended(&mut self, ended: Result<(), JoinError>) -> Vec<Effect> {
        let Err(error) = ended else { return Vec::new() };
        let Some(id) = self.sockets.iter().find(|socket| socket.task == error.id()).map(|socket| socket.id) else {
            return Vec::new();
        };
        let (now, reason) = (now(), "a panic ended the connection, in the source of tokens perhaps");
        let mut effects = self.session.failed(now, id, reason.to_owned());
        effects.extend(self.session.closed(now, id, reason.to_owned()));
        effects
    }

    async fn perform(&mut self, effects: Vec<Effect>, reporter: &mpsc::Sender<Report>) -> Result<(), Over> {
        for effect in effects {
            match effect {
                Effect::Connect(id) => self.connect(id, reporter.clone()),
                Effect::Send(id, frame) => self.send(id, frame),
                Effect::Close(id) => self.sockets.retain(|socket| socket.id != id),
                Effect::Tell(event) => self.tell(TaskMessage::Event(event)).await?,
                Effect::Moved(cursor) => self.tell(TaskMessage::Moved(cursor)).await?,
                Effect::End { status } => {
                    self.tell(TaskMessage::Ended(ListenError::TokenRefused { status })).await?;
                    return Err(Over);
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self, id: ConnectionId, reporter: mpsc::Sender<Report>) {
        let (frames, receiver) = mpsc::unbounded_channel();
        self.sockets.retain(|socket| !socket.frames.is_closed());
        let task = self.tasks.spawn(socket::run(id, self.target.clone(), receiver, reporter)).id();
        self.sockets.push(Socket { id, task, frames });
    }

    fn send(&self, id: ConnectionId, frame: ClientFrame) {
        if let Some(socket) = self.sockets.iter().find(|socket| socket.id == id) {
            // A socket that is gone has reported it; its frames are asked again on the next one.
            let _ = socket.frames.send(frame);
        }
    }

    async fn tell(&mut self, told: TaskMessage) -> Result<(), Over> {
        let begin = now();
        let sent = self.events.send(told).await.map_err(|_| Over);
        self.stalled += now() - begin;
        sent
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

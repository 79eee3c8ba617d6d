//! One run of a plan against a stack in which everything goes wrong, and what must hold after it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use reqwest::Method;
use serde_json::{Value, json};
use tidings::{Cursor, Event, Listener};
use tokio::sync::watch;

use super::faults::{Operation, USERS, faults};
use crate::anywhere::later::moment;
use crate::harness::{Answer, Folder, Socket, Stack, room};

/// With so many operations every fault fires, as far as chance can promise.
const ENOUGH: usize = 2_000;

/// The number of operations that are under way at once.
const AT_ONCE: usize = 12;

/// By how much the functions' clock jumps, in milliseconds.
const JUMPS: [i64; 4] = [4_000, -3_000, 9_000, 0];

/// After the last time in the plan, all must be finished within this. The queue delivers a killed function's message
/// once more after 72 s. A message that meets five kills, as a few of 2,000 may, is queued by the sweeper 7 minutes
/// after its time; one that meets five more, 14 minutes after that.
const FINISHES: Duration = Duration::from_secs(26 * 60);

/// The longest that a listener may lack an item of its log when all is quiet: nothing may have to come for it to hear
/// of it.
const SILENCE: Duration = Duration::from_secs(30);

/// The time for which a listener is still heard once it has all.
const AFTERWARDS: Duration = Duration::from_secs(2);

pub(super) fn inbox(user: usize) -> String {
    format!("user:u{user}")
}

/// A notification that was accepted.
#[derive(Clone, Debug)]
struct Accepted {
    id: String,
    to: Vec<usize>,
    /// In milliseconds since 1970, by the functions' clock; 0 for what was sent at once.
    due: i64,
    /// The channels that a cancellation has kept it from: those that did not have it.
    cancelled: Vec<usize>,
}

pub(super) struct Trial {
    stack: Stack,
    accepted: Mutex<Vec<Accepted>>,
    series: Mutex<Vec<(String, usize)>>,
    /// The number of times that each fault has fired, by its rule.
    fired: BTreeMap<String, u64>,
    jumps: u64,
    /// The number of starts of the stack: keys begin anew with each.
    starts: u64,
}

/// A fault of the trial: what does not hold.
type Found = Result<(), String>;

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Found {
    if holds { Ok(()) } else { Err(what()) }
}

impl Trial {
    /// Does what the plan says, kills the stack in the middle, and then looks whether all is there.
    pub(super) async fn run(plan: &[Operation]) -> Found {
        let room = room().await;
        let folder = Folder::new("tidings-trial");
        let data = ["--data", folder.path()];
        let (stack, has_clock) = match Stack::start_with_clock(&data).await {
            Some(stack) => (stack, true),
            None => (Stack::start_with(&data).await, false),
        };
        let (accepted, series) = (Mutex::default(), Mutex::default());
        let mut trial = Self { stack, accepted, series, fired: BTreeMap::new(), jumps: 0, starts: 1 };
        let (tell_newest, newest) = watch::channel(None);
        let listen = |user| tokio::spawn(listen(trial.listener(user), user, newest.clone()));
        let listeners: Vec<_> = (0..USERS).map(listen).collect();

        let (first, second) = plan.split_at(plan.len() / 2);
        trial.arm().await;
        trial.act(first, has_clock).await;
        trial.count().await;
        trial.stack.kill_and_restart();
        trial.starts += 1;
        trial.arm().await;
        let mut sockets = Vec::new();
        for user in 0..USERS {
            sockets.push(trial.open(user).await);
        }
        trial.act(second, has_clock).await;
        drop(room);
        trial.end_series().await;
        trial.finish().await?;
        trial.count().await;
        trial.stack.control(Method::DELETE, "faults", None).await;
        if plan.len() >= ENOUGH {
            trial.assert_all_fired(has_clock)?;
        }
        let logs = trial.check_logs().await?;
        tell_newest.send_replace(Some(logs.iter().map(|log| log.len() as u64).collect()));
        for (user, (socket, from)) in sockets.into_iter().enumerate() {
            check_socket(socket, from, user, &logs[user]).await?;
        }
        for (user, listener) in listeners.into_iter().enumerate() {
            check_listener(listener, user, &logs[user]).await?;
        }
        Ok(())
    }

    // ---- Faults ----

    async fn arm(&self) {
        for rule in faults() {
            self.stack.fault(rule).await;
        }
    }

    /// Keeps how often the faults have fired: a restart forgets it.
    async fn count(&mut self) {
        for fault in self.stack.control(Method::GET, "faults", None).await.as_array().unwrap() {
            let name = format!("{} {} {}", fault["on"], fault["function"], fault["do"]);
            *self.fired.entry(name).or_default() += fault["fired"].as_u64().unwrap();
        }
    }

    fn assert_all_fired(&self, has_clock: bool) -> Found {
        for (rule, times) in &self.fired {
            super::tell(&format!("FAULT {rule}: {times}"));
        }
        super::tell(&format!("FAULT clock jumps: {}; kill -9 of the stack: 1", self.jumps));
        let never = self.fired.iter().find(|(_, times)| **times == 0);
        ensure(never.is_none(), || format!("never fired: {never:?}"))?;
        ensure(self.jumps > 0 || !has_clock, || "the clock never jumped".to_owned())
    }

    /// Has the clock of functions and timer jump, back and forth.
    async fn jump(&self) {
        for ahead in JUMPS.iter().cycle() {
            tokio::time::sleep(Duration::from_secs(7)).await;
            self.stack.set_ahead(*ahead).await;
        }
    }

    // ---- Operations ----

    async fn act(&mut self, operations: &[Operation], has_clock: bool) {
        let acting = stream::iter(operations.iter().enumerate())
            .for_each_concurrent(AT_ONCE, |(n, operation)| self.do_one(n, operation));
        let began = Instant::now();
        tokio::select! {
            () = acting => {}
            () = self.jump(), if has_clock => {}
        }
        if has_clock {
            self.stack.set_ahead(0).await;
            self.jumps += 1 + began.elapsed().as_secs() / 7;
        }
    }

    async fn do_one(&self, n: usize, operation: &Operation) {
        match operation {
            Operation::Send { to } => drop(self.send(n, to, None).await),
            Operation::Schedule { to, delay } => drop(self.send(n, to, Some(*delay)).await),
            Operation::Repeat { to } => {
                let body = json!({"to": inbox(*to), "body": "again", "data": n, "repeat": "* * * * *"});
                let answer = self.until_accepted(n, &body).await;
                self.series.lock().unwrap().push((id(&answer), *to));
            }
            Operation::Cancel { to, delay, after } => {
                let accepted = self.send(n, to, Some(*delay)).await;
                tokio::time::sleep(Duration::from_millis(*after)).await;
                if let Some(kept_from) = self.cancel(&accepted).await {
                    let mut all = self.accepted.lock().unwrap();
                    all.iter_mut().filter(|one| one.id == accepted).for_each(|one| one.cancelled = kept_from.clone());
                }
            }
        }
    }

    async fn send(&self, n: usize, to: &[usize], delay: Option<u64>) -> String {
        let channels: Vec<_> = to.iter().map(|user| inbox(*user)).collect();
        let mut body = json!({"to": channels, "body": "x", "data": n});
        if let Some(delay) = delay {
            let at = jiff::Timestamp::now() + Duration::from_millis(delay);
            body["deliver_at"] = json!(at.to_string());
        }
        let answer = self.until_accepted(n, &body).await;
        let due = if answer.body["deliver_at"].is_string() { moment(&answer.body["deliver_at"]) } else { 0 };
        let accepted = Accepted { id: id(&answer), to: to.to_vec(), due, cancelled: Vec::new() };
        let id = accepted.id.clone();
        self.accepted.lock().unwrap().push(accepted);
        id
    }

    /// Sends again under its key until it is accepted, as a publisher should.
    async fn until_accepted(&self, n: usize, body: &Value) -> Answer {
        let key = format!("{n}-{}", self.starts);
        loop {
            let answer = self.stack.post_under(&key, body).await;
            if answer.status == 202 {
                return answer;
            }
            assert!(answer.status >= 500, "{answer:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Cancels, and gives the channels that did not have it by then; one that all have cannot be cancelled.
    async fn cancel(&self, id: &str) -> Option<Vec<usize>> {
        let path = format!("/v1/notifications/{id}");
        loop {
            let token = self.stack.publisher();
            let answer = self.stack.call(Method::DELETE, &path, Some(&token), &[], None).await;
            match answer.status {
                200 => return Some((0..USERS).filter(|user| is_without(&answer, *user)).collect()),
                // What was sent at once has no row.
                409 | 404 => return None,
                500.. => tokio::time::sleep(Duration::from_millis(100)).await,
                _ => panic!("{answer:?}"),
            }
        }
    }

    async fn end_series(&self) {
        let series = self.series.lock().unwrap().clone();
        for (id, _) in series {
            assert!(self.cancel(&id).await.is_some(), "a series can be cancelled");
        }
    }

    /// Waits until nothing of the schedule is unfinished. The rest of a cancelled series is, until its time.
    async fn finish(&self) -> Found {
        let give_up = Instant::now() + FINISHES;
        loop {
            let rows = self.stack.all_rows("Schedule").await;
            let unfinished = rows.iter().filter(|row| !row["content"].is_null() && row["done"].is_null()).count();
            if unfinished == 0 {
                return Ok(());
            }
            ensure(Instant::now() < give_up, || format!("{unfinished} are unfinished"))?;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    // ---- What must hold ----

    /// Finds each accepted one exactly once in its channels' logs, at or after its time, and no cancelled one.
    async fn check_logs(&self) -> Result<Vec<Vec<u64>>, String> {
        let accepted = self.accepted.lock().unwrap().clone();
        let mut logs = Vec::new();
        for user in 0..USERS {
            let rows = self.stack.log_rows(&inbox(user)).await;
            let mut found: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
            for row in &rows {
                let sent_at = row["sent_at"]["N"].as_str().unwrap().parse().unwrap();
                found.entry(row["id"]["S"].as_str().unwrap()).or_default().push(sent_at);
            }
            let twice = found.iter().find(|(_, times)| times.len() > 1);
            ensure(twice.is_none(), || format!("{} has it twice: {twice:?}", inbox(user)))?;
            for one in accepted.iter().filter(|one| one.to.contains(&user)) {
                let sent_at = found.get(one.id.as_str()).map(|times| times[0]);
                match sent_at {
                    Some(at) => {
                        let allowed = !one.cancelled.contains(&user) && at >= one.due;
                        ensure(allowed, || format!("{} has it, sent at {at}: {one:?}", inbox(user)))?;
                    }
                    None => ensure(one.cancelled.contains(&user), || format!("{} lacks {one:?}", inbox(user)))?,
                }
            }
            let seqs: Vec<u64> = rows.iter().map(|row| row["seq"]["N"].as_str().unwrap().parse().unwrap()).collect();
            ensure(seqs.iter().copied().eq(1..=seqs.len() as u64), || format!("{} has gaps", inbox(user)))?;
            logs.push(seqs);
        }
        self.check_series().await?;
        Ok(logs)
    }

    /// No minute of a series is there twice.
    async fn check_series(&self) -> Found {
        let firings = self.stack.all_rows("Schedule").await;
        let of = |row: &&Value, id: &str| row["series"]["M"]["id"]["S"] == id && row["sent_at"].is_object();
        for (id, _) in self.series.lock().unwrap().iter() {
            let minutes: Vec<_> = firings
                .iter()
                .filter(|row| of(row, id))
                .map(|row| row["bucket"]["S"].as_str().unwrap()[..16].to_owned())
                .collect();
            let different: BTreeSet<_> = minutes.iter().collect();
            ensure(different.len() == minutes.len(), || format!("a minute fired twice: {minutes:?}"))?;
        }
        Ok(())
    }

    // ---- Listeners ----

    fn listener(&self, user: usize) -> Listener {
        let token = self.stack.token(&json!({"sub": format!("u{user}"), "exp": 4_102_444_800_u64}));
        let listener = Listener::builder(self.stack.websocket.clone(), move || {
            let token = token.clone();
            async move { Ok::<_, std::convert::Infallible>(token) }
        });
        let cursor: Cursor = format!("{}:0", inbox(user)).parse().unwrap();
        listener.channel(cursor).start().unwrap()
    }

    /// A raw socket, and the newest seq when it was open.
    async fn open(&self, user: usize) -> (Socket, u64) {
        loop {
            let token = self.stack.token(&json!({"sub": format!("u{user}"), "exp": 4_102_444_800_u64}));
            if let Ok(socket) = self.stack.try_connect(&token).await {
                let newest = self.stack.seqs(&inbox(user)).await.last().copied().unwrap_or_default();
                return (socket, newest);
            }
        }
    }
}

/// Whether an answer names a user's inbox without a place there.
fn is_without(answer: &Answer, user: usize) -> bool {
    let places = answer.body["channels"].as_array().unwrap();
    places.iter().any(|place| place["channel"] == inbox(user) && place["seq"].is_null())
}

fn id(answer: &Answer) -> String {
    answer.body["id"].as_str().unwrap().to_owned()
}

/// The seqs that the application is handed, until it has the newest one and nothing comes twice for a while: `newest`
/// has a value once all is sent.
async fn listen(mut listener: Listener, user: usize, mut newest: watch::Receiver<Option<Vec<u64>>>) -> Vec<u64> {
    let mut seqs: Vec<u64> = Vec::new();
    let mut heard = Instant::now();
    loop {
        let told = newest.borrow_and_update().as_ref().map(|newest| newest[user]);
        let has_newest = told.is_some_and(|newest| seqs.last().copied().unwrap_or_default() >= newest);
        let patience = if has_newest { AFTERWARDS } else { SILENCE };
        if told.is_some() && heard.elapsed() > patience {
            return seqs;
        }
        tokio::select! {
            event = listener.next() => match event {
                Ok(Event::Notification { item, .. }) => {
                    seqs.extend(item.seq);
                    heard = Instant::now();
                }
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            },
            told = newest.changed() => match told {
                Ok(()) => heard = Instant::now(),
                Err(_) => return seqs,
            },
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

async fn check_listener(listener: tokio::task::JoinHandle<Vec<u64>>, user: usize, log: &[u64]) -> Found {
    let seqs = listener.await.map_err(|error| error.to_string())?;
    ensure(seqs == log, || format!("{}: the listener has {seqs:?} of {}", inbox(user), log.len()))
}

/// Whether all that was sent while the socket was open was pushed to it, in whatever order, perhaps twice.
async fn check_socket(mut socket: Socket, from: u64, user: usize, log: &[u64]) -> Found {
    let mut missing: BTreeSet<u64> = log.iter().copied().filter(|seq| *seq > from).collect();
    while !missing.is_empty() {
        let frame = tokio::time::timeout(SILENCE, socket.next_or_close()).await;
        let Ok(Ok(frame)) = frame else { return Err(format!("{}: never pushed {missing:?}", inbox(user))) };
        for item in frame["items"].as_array().into_iter().flatten() {
            missing.remove(&item["seq"].as_u64().unwrap());
        }
    }
    Ok(())
}

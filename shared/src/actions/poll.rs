//! Reading behind cursors over HTTP, and waiting until there is something to tell.

use std::time::{Duration, SystemTime};

use domain::channel::Sub;
use domain::claims::Claims;
use domain::poll::{Cursor, Poll};
use domain::polled::{PolledChannel, is_news, merge};
use domain::replay::{ReplayPage, Row as _};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{Inboxes, Reading};
use crate::aws::allowances::Allowances;
use crate::aws::log::{Log, LogRow};
use crate::aws::waiting::WaitingPolls;
use crate::clock;
use crate::error::Error;

/// The wait before the first look for something new; each further wait is twice as long, up to the longest. A
/// waiting reader gets a new notification soon when somebody has just written, and costs one look a second when nobody does.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The part of the invocation's time that is left for the last reads and the answer.
const RESERVE: Duration = Duration::from_secs(3);

/// Answers readers that ask.
#[derive(Clone, Debug)]
pub struct Poller {
    log: Log,
    allowances: Allowances,
    waiting: WaitingPolls,
    longest: Duration,
}

impl Poller {
    /// A reader of these logs, within each user's allowance and places. A poll that asks to wait longer than `longest` waits so long.
    #[must_use]
    pub fn new(log: Log, allowances: Allowances, waiting: WaitingPolls, longest: Duration) -> Self {
        Self { log, allowances, waiting, longest }
    }

    /// The notifications behind the cursors, in their order; as soon as there is something to tell, and else when the time to wait,
    /// the reader's token or the time until `deadline` is over.
    ///
    /// # Errors
    /// `forbidden`; `too_many_replays`; `too_many_polls`, where there is nothing to tell yet.
    pub async fn poll(&self, reader: &Claims, poll: &Poll, deadline: SystemTime) -> Result<Vec<PolledChannel>, Error> {
        for (i, cursor) in poll.cursors.iter().enumerate() {
            reader.check_read(&cursor.channel, &format!("channel[{i}]"))?;
        }
        let give_up = Instant::now() + waiting(poll.wait.min(self.longest), reader, deadline);
        let reading = Reading::begin(&self.allowances, &reader.sub).await?;
        let log = reading.of(&self.log);
        let reads = Reads { inboxes: Inboxes::new(log.clone()), log, waiting: &self.waiting, sub: &reader.sub };
        let polled = reads.poll(poll, give_up).await;
        reading.end(polled).await
    }
}

/// One poll's reads.
struct Reads<'a> {
    log: Log,
    inboxes: Inboxes,
    waiting: &'a WaitingPolls,
    sub: &'a Sub,
}

impl Reads<'_> {
    async fn poll(&self, poll: &Poll, give_up: Instant) -> Result<Vec<PolledChannel>, Error> {
        let mut pages = try_join_all(poll.cursors.iter().map(|cursor| self.read(cursor, poll.limit))).await?;
        let left = give_up.saturating_duration_since(Instant::now());
        if has_news(poll, &pages) || left.is_zero() {
            return self.answer(poll, pages).await;
        }
        let lease = self.waiting.take(self.sub, left, clock::now()).await?;
        let waited = self.wait(poll, &mut pages, give_up).await;
        let answer = async {
            waited?;
            self.answer(poll, pages).await
        };
        // Before the answer: the reader's next poll is to find the place free.
        let (answer, given_back) = tokio::join!(answer, self.waiting.give_back(self.sub, &lease));
        given_back.unwrap_or_else(|error| error.log());
        answer
    }

    /// Looks for something new until there is, or it is time to give up.
    async fn wait(&self, poll: &Poll, pages: &mut [ReplayPage<LogRow>], give_up: Instant) -> Result<(), Error> {
        let mut wait = FIRST_WAIT;
        while !has_news(poll, pages) {
            let left = give_up.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            tokio::time::sleep(wait.min(left)).await;
            wait = (wait * 2).min(LONGEST_WAIT);
            self.read_on(poll, pages).await?;
        }
        Ok(())
    }

    async fn answer(&self, poll: &Poll, pages: Vec<ReplayPage<LogRow>>) -> Result<Vec<PolledChannel>, Error> {
        try_join_all(poll.cursors.iter().zip(pages).map(|(cursor, page)| self.polled(cursor, page))).await
    }

    async fn read(&self, cursor: &Cursor, limit: usize) -> Result<ReplayPage<LogRow>, Error> {
        match cursor.after {
            Some(after) => self.log.read_after(&cursor.channel, after, limit).await,
            None => self.log.read_newest(&cursor.channel, limit).await,
        }
    }

    /// Looks at each channel, which costs half a unit, and reads those that have something new.
    async fn read_on(&self, poll: &Poll, pages: &mut [ReplayPage<LogRow>]) -> Result<(), Error> {
        let reads = poll.cursors.iter().zip(pages).map(|(cursor, page)| async move {
            let Cursor { channel, .. } = cursor;
            if self.log.peek(channel, page.position.seq).await? {
                let next = self.log.read_after(channel, page.position.seq, poll.limit).await?;
                merge(page, next);
            }
            Ok::<_, Error>(())
        });
        try_join_all(reads).await.map(drop)
    }

    /// An inbox's owner gets the count of unread: another device may have read some.
    async fn polled(&self, cursor: &Cursor, page: ReplayPage<LogRow>) -> Result<PolledChannel, Error> {
        let channel = &cursor.channel;
        let unread = if channel.is_inbox() { Some(self.inboxes.unread(channel).await?) } else { None };
        let items = page.items.iter().map(|row| (row.seq(), row.to_json())).collect();
        Ok(PolledChannel { channel: channel.clone(), position: page.position, unread, items })
    }
}

fn has_news(poll: &Poll, pages: &[ReplayPage<LogRow>]) -> bool {
    poll.cursors.iter().zip(pages).any(|(cursor, page)| is_news(cursor, page))
}

/// The longest wait of a reader: a token that ends meanwhile reads nothing more.
fn waiting(wait: Duration, reader: &Claims, deadline: SystemTime) -> Duration {
    let until_deadline = deadline.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(RESERVE);
    let until_end = u64::try_from(reader.exp.millis().0 - clock::now().0).unwrap_or_default();
    wait.min(until_deadline).min(Duration::from_millis(until_end))
}

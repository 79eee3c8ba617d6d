//! Handing on what becomes due, a page of each bucket at a time.

use std::collections::VecDeque;
use std::future::ready;
use std::pin::pin;

use domain::schedule::id::{Bucket, ScheduleId};
use domain::schedule::progress::{PageEnd, in_turn};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::Instant;

use super::Sweep;
use crate::aws::queue::{BATCH, Wake};
use crate::aws::schedule::BucketPage;

/// Of how many buckets a page is read at once.
const BUCKETS: usize = 32;

/// The number of minutes that are begun before each of these rounds: half of its buckets are left for those with more than a page.
const MINUTES: usize = 2;

/// The number of batches of messages that are under way at once.
const BATCHES: usize = 16;

/// A page of a bucket whose turn it is.
struct Turn {
    bucket: Bucket,
    wakes: Vec<Wake>,
    end: PageEnd,
}

impl Turn {
    fn new(bucket: Bucket, page: BucketPage) -> Self {
        let wakes = page.rows.iter().filter(|row| !row.queued).map(|row| row.wake()).collect();
        Self { bucket, wakes, end: page.end }
    }

    fn last(&self) -> Option<ScheduleId> {
        self.wakes.last().map(|wake| wake.id)
    }
}

impl Sweep<'_> {
    /// Queues what becomes due, but for what its writer has queued. Crowded buckets have their turns beside the minutes that come next.
    /// `false` if the queue takes nothing.
    pub(super) async fn hand_on(&mut self, until: Instant) -> bool {
        let mut waiting: VecDeque<Bucket> = self.progress.places.keys().copied().collect();
        while !self.is_over(until) {
            let mut round = self.begin(&mut waiting);
            round.extend(waiting.drain(..waiting.len().min(BUCKETS - round.len())));
            if round.is_empty() {
                break;
            }
            let turns = self.read(&round).await;
            let is_queued = self.queue(&in_turn(turns.iter().map(|turn| turn.wakes.clone()).collect()), until).await;
            for turn in &turns {
                self.progress.turn_page(turn.bucket, turn.last(), turn.end);
            }
            if !is_queued {
                return false;
            }
            waiting.extend(turns.iter().filter(|turn| turn.end != PageEnd::Last).map(|turn| turn.bucket));
        }
        true
    }

    /// The buckets of the next minutes.
    fn begin(&mut self, waiting: &mut VecDeque<Bucket>) -> Vec<Bucket> {
        let minutes: Vec<_> = (0..MINUTES).map_while(|_| self.progress.begin(self.now)).collect();
        waiting.retain(|bucket| !minutes.contains(&bucket.minute));
        minutes.into_iter().flat_map(|minute| minute.buckets()).collect()
    }

    /// A bucket that cannot be read is left for the next sweep, and keeps no other from its time.
    async fn read(&mut self, round: &[Bucket]) -> Vec<Turn> {
        let schedule = &self.sweeper.schedule;
        let stretches = round.iter().filter_map(|bucket| self.progress.to_hand_on(*bucket));
        let pages = join_all(stretches.map(async |stretch| (stretch.bucket, schedule.page(stretch).await))).await;
        let mut turns = Vec::new();
        for (bucket, page) in pages {
            match page {
                Ok(page) => turns.push(Turn::new(bucket, page)),
                Err(error) => self.fail(error),
            }
        }
        turns
    }

    /// Queues notifications in this order, and notes how far that is; `false` if it could not.
    async fn queue(&mut self, wakes: &[Wake], until: Instant) -> bool {
        let queue = &self.sweeper.queue;
        let batches = stream::iter(wakes.chunks(BATCH))
            .take_while(|_| ready(Instant::now() < until))
            .map(async |batch| queue.send_all(batch).await.map(|()| batch))
            .buffered(BATCHES);
        let mut batches = pin!(batches);
        while let Some(sent) = batches.next().await {
            match sent {
                Ok(batch) => {
                    batch.iter().for_each(|wake| self.progress.hand(wake.id, self.now));
                    self.swept.handed += batch.len();
                }
                Err(error) => {
                    self.fail(error);
                    return false;
                }
            }
            self.keep_now_and_then().await;
            if self.is_second {
                break;
            }
        }
        true
    }
}

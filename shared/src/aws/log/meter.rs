//! Counts what reads of logs cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// Counts read units, for all clones together. The usual one, without a counter, counts nothing and asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct Meter(Option<Arc<AtomicU64>>);

impl Meter {
    /// One that counts.
    #[must_use]
    pub fn counting() -> Self {
        Self(Some(Arc::default()))
    }

    /// The part of its cost that DynamoDB is asked for.
    pub(super) fn asks(&self) -> Option<ReturnConsumedCapacity> {
        self.0.as_ref().map(|_| ReturnConsumedCapacity::Total)
    }

    /// Counts what an answer has cost. DynamoDB counts in halves.
    pub(super) fn add(&self, cost: Option<&ConsumedCapacity>) {
        let units = cost.and_then(ConsumedCapacity::capacity_units).unwrap_or_default();
        let halves = (units * 2.0).ceil() as u64;
        if let Some(counted) = &self.0 {
            counted.fetch_add(halves, Ordering::Relaxed);
        }
    }

    /// The sum so far, in read units.
    #[must_use]
    pub fn units(&self) -> f64 {
        let halves = self.0.as_ref().map_or(0, |counted| counted.load(Ordering::Relaxed));
        halves as f64 / 2.0
    }
}

//! The rate limits of routes: a token bucket for each route, as in API Gateway.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use crate::template::{HttpRoute, Throttle};

/// The throttled routes, by key, each with the rest of its tokens.
#[derive(Debug)]
pub(crate) struct Throttles(Mutex<BTreeMap<String, Bucket>>);

#[derive(Debug)]
struct Bucket {
    throttle: Throttle,
    tokens: f64,
    filled: Instant,
}

impl Throttles {
    /// Full buckets for the routes that have limits of their own.
    pub(crate) fn of(routes: &[HttpRoute], now: Instant) -> Self {
        let bucket = |route: &HttpRoute| {
            let throttle = route.throttle?;
            Some((route.key.clone(), Bucket { throttle, tokens: throttle.burst, filled: now }))
        };
        Self(Mutex::new(routes.iter().filter_map(bucket).collect()))
    }

    /// Takes a token for a request to the route of this key; `false` if none is left.
    pub(crate) fn admit(&self, key: &str, now: Instant) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get_mut(key).is_none_or(|bucket| bucket.take(now))
    }
}

impl Bucket {
    fn take(&mut self, now: Instant) -> bool {
        let Throttle { rate, burst } = self.throttle;
        let passed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * rate).min(burst);
        self.filled = now;
        let admits = self.tokens >= 1.0;
        if admits {
            self.tokens -= 1.0;
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_route_takes_its_burst_and_then_its_rate_and_others_are_free() {
        let route = |key: &str, throttle| HttpRoute { key: key.to_owned(), function: String::new(), throttle };
        let routes = [route("GET /a", Some(Throttle { rate: 2.0, burst: 3.0 })), route("GET /b", None)];
        let began = Instant::now();
        let throttles = Throttles::of(&routes, began);
        let admitted = |milliseconds: u64, key: &str| {
            let now = began + Duration::from_millis(milliseconds);
            (0..10).filter(|_| throttles.admit(key, now)).count()
        };
        assert_eq!(admitted(0, "GET /a"), 3);
        assert_eq!(admitted(400, "GET /a"), 0);
        assert_eq!(admitted(1_000, "GET /a"), 2);
        assert_eq!(admitted(60_000, "GET /a"), 3, "no more than the burst is saved");
        assert_eq!(admitted(60_000, "GET /b"), 10);
    }
}

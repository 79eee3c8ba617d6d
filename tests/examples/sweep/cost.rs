//! The cost of one sweep.

use std::time::Duration;

use serde_json::Value;

/// The requests of a sweep to AWS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    /// Calls of DynamoDB and SQS.
    pub(crate) requests: usize,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
}

impl Cost {
    /// Adds up the sweeper's calls.
    pub(crate) fn of(calls: &Value) -> Self {
        let calls: Vec<&Value> =
            calls.as_array().unwrap().iter().filter(|call| call["function"] == "Sweeper").collect();
        let sum = |units: &str| calls.iter().map(|call| call[units].as_f64().unwrap()).sum();
        Self { requests: calls.len(), read_units: sum("read_units"), write_units: sum("write_units") }
    }
}

/// One sweep.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Swept {
    pub(crate) cost: Cost,
    pub(crate) time: Duration,
}

//! The way of every AWS call, to any service: faults before and after it, and a record of it.

use std::{future::Future, sync::Arc};

use serde_json::Value;

use super::caller::Caller;
use crate::{
    faults::{Action, Effect, Entry, Faults, Journal, Subject},
    iam::Right,
    lambda::Lambda,
    serve::{Answer, Hangup, Peer, Response},
};

/// A call before it is made.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// `dynamodb`, `secretsmanager`, `ses`, `sns`, `sqs` or `management`.
    pub(crate) service: &'static str,
    /// Such as `PutItem`, or an HTTP method.
    pub(crate) operation: String,
    /// The caller.
    pub(crate) caller: Caller,
    /// The tables that it touches.
    pub(crate) tables: Vec<String>,
    /// The texts among a DynamoDB call's keys and values.
    pub(crate) texts: Vec<String>,
    /// Whether a read is strongly consistent; `None` if the call does not read items.
    pub(crate) consistent: Option<bool>,
    /// The WebSocket connection that it is about.
    pub(crate) connection: Option<String>,
    /// The rights that the caller's policy must allow.
    pub(crate) rights: Vec<Right>,
}

impl Call {
    /// Checks that the caller may make it; the error is AWS's message.
    pub(crate) fn authorize(&self) -> Result<(), String> {
        self.caller.authorize(&self.operation, &self.rights)
    }
}

/// A call's answer and cost.
#[derive(Debug)]
pub(crate) struct Performed {
    /// The answer.
    pub(crate) response: Response,
    /// The error's name, if it is one.
    pub(crate) error: Option<String>,
    /// The cost.
    pub(crate) cost: Cost,
}

/// Capacity that a call consumed.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units.
    pub(crate) write_units: f64,
    /// The engine's report on capacity.
    pub(crate) consumed: Vec<Value>,
}

impl Performed {
    /// An answer without a counted cost. The error's name comes from the headers.
    pub(crate) fn free(response: Response) -> Self {
        let error = response.headers().get("x-amzn-errortype").and_then(|name| name.to_str().ok()).map(str::to_owned);
        Self { response, error, cost: Cost::default() }
    }
}

/// The effect of a fault on an answer.
#[derive(Debug)]
enum Suffered {
    /// The answer stays.
    Nothing,
    /// This answer replaces it.
    Answer(Response),
    /// The connection is closed without an answer, for this reason.
    Hangup(&'static str),
}

/// Performs calls, with faults, and records them.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// The functions, whose processes a fault may kill.
    pub(crate) lambda: Arc<Lambda>,
    /// The record of calls.
    pub(crate) journal: Arc<Journal>,
    /// The rules that are armed.
    pub(crate) faults: Arc<Faults>,
}

impl Ledger {
    /// Records the TCP connection if a function's process makes its first call to `service` on it.
    pub(crate) fn note_peer(&self, service: &'static str, peer: &Peer, caller: &Caller) {
        if caller.function.is_some() && peer.is_first(service) {
            self.journal.note_connection(service);
        }
    }

    /// Performs a call, unless a fault prevents it. `refuse` writes a fault's status or error as the service would.
    pub(crate) async fn perform(
        &self,
        call: Call,
        refuse: impl Fn(&Action) -> Response,
        act: impl Future<Output = Performed>,
    ) -> Answer {
        let subject = Subject {
            function: call.caller.function_name(),
            tables: call.tables.clone(),
            connection: call.connection.clone(),
            texts: call.texts.clone(),
        };
        let effect = self.faults.take(&format!("{}.{}", call.service, call.operation), &subject);
        let (before, after) = match effect {
            Some(Effect { action, after: true }) => (None, Some(action)),
            Some(Effect { action, after: false }) => (Some(action), None),
            None => (None, None),
        };
        let suffered = match before {
            Some(action) => self.suffer(&call, &action, &refuse).await,
            None => Suffered::Nothing,
        };
        let (performed, suffered) = match (suffered, after) {
            (Suffered::Nothing, None) => (act.await, Suffered::Nothing),
            (Suffered::Nothing, Some(action)) => (act.await, self.suffer(&call, &action, &refuse).await),
            (Suffered::Answer(response), _) => (Performed::free(response), Suffered::Nothing),
            (Suffered::Hangup(error), _) => return Err(self.note_hangup(&call, error, Cost::default())),
        };
        match suffered {
            Suffered::Nothing => Ok(self.note(&call, performed)),
            Suffered::Answer(response) => {
                Ok(self.note(&call, Performed { cost: performed.cost, ..Performed::free(response) }))
            }
            Suffered::Hangup(error) => Err(self.note_hangup(&call, error, performed.cost)),
        }
    }

    /// Carries a fault out.
    async fn suffer(&self, call: &Call, action: &Action, refuse: impl Fn(&Action) -> Response) -> Suffered {
        match action {
            Action::Delay(time) => {
                tokio::time::sleep(*time).await;
                Suffered::Nothing
            }
            Action::Status(_) | Action::Error(_) => Suffered::Answer(refuse(action)),
            Action::Kill => {
                if let Some(key) = &call.caller.access_key {
                    self.lambda.kill(key);
                }
                Suffered::Hangup("killed")
            }
            Action::Close => Suffered::Hangup("closed"),
            // A rule about a call cannot ask for these.
            Action::Double | Action::Skip | Action::Limit(_) => Suffered::Nothing,
        }
    }

    fn note(&self, call: &Call, performed: Performed) -> Response {
        self.journal.note(Entry {
            status: Some(performed.response.status().as_u16()),
            error: performed.error,
            ..entry(call, performed.cost)
        });
        performed.response
    }

    fn note_hangup(&self, call: &Call, error: &str, cost: Cost) -> Hangup {
        self.journal.note(Entry { error: Some(error.to_owned()), ..entry(call, cost) });
        Hangup
    }
}

fn entry(call: &Call, cost: Cost) -> Entry {
    Entry {
        read_units: cost.read_units,
        write_units: cost.write_units,
        consumed: cost.consumed,
        consistent: call.consistent,
        service: call.service,
        operation: call.operation.clone(),
        function: call.caller.function_name(),
        process: call.caller.process(),
        connection: call.connection.clone(),
        rights: call.rights.clone(),
        ..Entry::default()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use hyper::StatusCode;
    use serde_json::json;

    use super::*;
    use crate::{faults::Known, serve::json as answer};

    async fn noted(what_happens: Value) -> Entry {
        let faults = Arc::new(Faults::new(Known::default().with_calls("dynamodb", &["PutItem"])));
        faults.add(&json!({"on": "dynamodb.PutItem", "do": what_happens})).expect("a rule");
        let lambda =
            Arc::new(Lambda::new(BTreeMap::new(), BTreeMap::new(), |_| 1, "", Arc::clone(&faults), Arc::default()));
        let ledger = Ledger { lambda, journal: Arc::default(), faults };
        let rights = vec![Right::new("dynamodb:PutItem", "arn:t")];
        let call = Call { service: "dynamodb", operation: "PutItem".to_owned(), rights, ..Call::default() };
        let act = async {
            let cost = Cost { write_units: 2.0, ..Cost::default() };
            Performed { cost, ..Performed::free(answer(StatusCode::OK, &json!({}))) }
        };
        let _ = ledger.perform(call, |_| answer(StatusCode::BAD_REQUEST, &json!({})), act).await;
        ledger.journal.calls().remove(0)
    }

    #[tokio::test]
    async fn a_call_that_took_effect_has_its_cost_whatever_its_answer() {
        for (what_happens, status, cost) in [
            (json!({"delay_ms": 1}), Some(200), 2.0),
            (json!({"error": "X"}), Some(400), 0.0),
            (json!({"close": true}), None, 0.0),
            (json!({"error": "X", "after": true}), Some(400), 2.0),
            (json!({"close": true, "after": true}), None, 2.0),
        ] {
            let entry = noted(what_happens.clone()).await;
            assert_eq!(entry.status, status, "{what_happens}");
            assert_eq!(entry.rights[0].action, "dynamodb:PutItem", "{what_happens}");
            assert!((entry.write_units - cost).abs() < f64::EPSILON, "{what_happens}");
        }
    }
}

//! What every AWS call goes through, whatever the service: faults before and after it, and a note of it.

use std::{future::Future, sync::Arc};

use serde_json::Value;

use super::Caller;
use crate::{
    control::{Action, Effect, Entry, Faults, Journal, Subject},
    lambda::Lambda,
    serve::{Answer, Hangup, Peer, Response},
};

/// A call before it is made.
#[derive(Debug)]
pub(crate) struct Call {
    /// `dynamodb`, `secretsmanager` or `management`.
    pub(crate) service: &'static str,
    /// Such as `PutItem`, or an HTTP method.
    pub(crate) operation: String,
    /// Who makes it.
    pub(crate) caller: Caller,
    /// The tables that it touches.
    pub(crate) tables: Vec<String>,
    /// The WebSocket connection that it is about.
    pub(crate) connection: Option<String>,
}

/// A call's answer, and what it cost.
#[derive(Debug)]
pub(crate) struct Performed {
    /// The answer.
    pub(crate) response: Response,
    /// The error's name, if it is one.
    pub(crate) error: Option<String>,
    /// Read units.
    pub(crate) read_units: f64,
    /// Write units.
    pub(crate) write_units: f64,
    /// The engine's own words on capacity.
    pub(crate) consumed: Vec<Value>,
}

impl Performed {
    /// An answer that cost nothing that is counted. The error's name is read from the headers.
    pub(crate) fn free(response: Response) -> Self {
        let error = response.headers().get("x-amzn-errortype").and_then(|name| name.to_str().ok()).map(str::to_owned);
        Self { response, error, read_units: 0.0, write_units: 0.0, consumed: Vec::new() }
    }
}

/// Performs calls, with faults, and notes them.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    /// The functions, whose processes a fault may kill.
    pub(crate) lambda: Arc<Lambda>,
    /// Where calls are noted.
    pub(crate) journal: Arc<Journal>,
    /// The rules that are armed.
    pub(crate) faults: Arc<Faults>,
}

impl Ledger {
    /// Notes the TCP connection if a function's process makes its first call to `service` on it.
    pub(crate) fn note_peer(&self, service: &'static str, peer: &Peer, caller: &Caller) {
        if caller.function.is_some() && peer.is_first(service) {
            self.journal.note_connection(service);
        }
    }

    /// Performs a call, unless a fault prevents it. `refuse` words a fault's status or error as the service would.
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
        };
        let effect = self.faults.take(&format!("{}.{}", call.service, call.operation), &subject);
        let (before, after) = match effect {
            Some(Effect { action, after: true }) => (None, Some(action)),
            Some(Effect { action, after: false }) => (Some(action), None),
            None => (None, None),
        };
        let mut performed = match before {
            Some(action) => match self.suffer(&call, &action, &refuse).await? {
                Some(response) => Performed::free(response),
                None => act.await,
            },
            None => act.await,
        };
        if let Some(action) = after
            && let Some(response) = self.suffer(&call, &action, &refuse).await?
        {
            performed = Performed { consumed: performed.consumed, ..Performed::free(response) };
        }
        Ok(self.note(&call, performed))
    }

    /// Does what a fault asks for; gives the response that takes the place of the call's own, if one does.
    async fn suffer(
        &self,
        call: &Call,
        action: &Action,
        refuse: impl Fn(&Action) -> Response,
    ) -> Result<Option<Response>, Hangup> {
        match action {
            Action::Delay(time) => {
                tokio::time::sleep(*time).await;
                return Ok(None);
            }
            Action::Status(_) | Action::Error(_) => return Ok(Some(refuse(action))),
            Action::Kill => {
                if let Some(key) = &call.caller.access_key {
                    self.lambda.kill(key);
                }
            }
            Action::Close => {}
        }
        let error = if *action == Action::Kill { "killed" } else { "closed" };
        self.journal.note(Entry { error: Some(error.to_owned()), ..entry(call) });
        Err(Hangup)
    }

    fn note(&self, call: &Call, performed: Performed) -> Response {
        self.journal.note(Entry {
            status: Some(performed.response.status().as_u16()),
            error: performed.error,
            read_units: performed.read_units,
            write_units: performed.write_units,
            consumed: performed.consumed,
            ..entry(call)
        });
        performed.response
    }
}

fn entry(call: &Call) -> Entry {
    Entry {
        service: call.service,
        operation: call.operation.clone(),
        function: call.caller.function_name(),
        process: call.caller.process(),
        connection: call.connection.clone(),
        ..Entry::default()
    }
}

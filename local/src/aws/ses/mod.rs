//! SES (version 2, REST with JSON): e-mails, which go to the outbox.

mod address;
mod email;
mod failure;

use std::{collections::BTreeMap, sync::Arc};

use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use self::address::Address;
pub(crate) use self::failure::ERRORS;
use super::protocol::{
    Failure,
    json::{JSON, reply},
};
use crate::{
    iam::Right,
    outbox::{Kind, Outbox, OutboxMessage},
    serve::Response,
    template::{ACCOUNT, REGION},
};

/// The name under which requests are signed.
pub(crate) const NAME: &str = "ses";

/// The operations that are served.
pub(crate) const OPERATIONS: [&str; 1] = ["SendEmail"];

/// The operation of a request; empty if it is not served.
pub(crate) fn operation(method: &Method, path: &str) -> &'static str {
    match (method, path) {
        (&Method::POST, "/v2/email/outbound-emails") => "SendEmail",
        _ => "",
    }
}

/// The rights that a request needs; none if the operation is not served. The local stack has no list of identities: an e-mail's
/// identity is the one that it names, else its sender's address.
pub(crate) fn rights(operation: &str, request: &Value) -> Vec<Right> {
    if !OPERATIONS.contains(&operation) {
        return Vec::new();
    }
    let arn = |what: &str| format!("arn:aws:ses:{REGION}:{ACCOUNT}:{what}");
    let sender = request["FromEmailAddress"].as_str().unwrap_or_default();
    let sender = Address::read(sender).map_or_else(|_| sender.to_owned(), |address| address.bare);
    let named = request["FromEmailAddressIdentityArn"].as_str().map(str::to_owned);
    let identity = named.unwrap_or_else(|| arn(&format!("identity/{sender}")));
    let set = request["ConfigurationSetName"].as_str().map(|name| arn(&format!("configuration-set/{name}")));
    let context = BTreeMap::from([("ses:FromAddress", sender)]);
    let right =
        |resource: String| Right { context: context.clone(), ..Right::new(format!("{NAME}:{operation}"), resource) };
    std::iter::once(identity).chain(set).map(right).collect()
}

/// SES, as SDKs see it.
#[derive(Debug)]
pub(crate) struct Ses {
    /// The place where e-mails go.
    pub(crate) outbox: Arc<Outbox>,
}

impl Ses {
    /// Answers an operation; `request` is the parser's error if the request could not be read.
    pub(crate) fn answer(&self, operation: &str, request: Result<Value, String>) -> Response {
        if !OPERATIONS.contains(&operation) {
            return ERRORS.response(&Failure::unknown_operation());
        }
        match request.map_err(Failure::bad_request).and_then(|request| self.send(request)) {
            Ok(id) => reply(StatusCode::OK, JSON, &json!({ "MessageId": id })),
            Err(failure) => ERRORS.response(&failure),
        }
    }

    fn send(&self, request: Value) -> Result<String, Failure> {
        let email = email::read(&request)?;
        let id = Uuid::now_v7();
        let id = format!("{:016x}-{id}-000000", id.as_u64_pair().0);
        self.outbox.put(OutboxMessage {
            from: Some(email.from),
            subject: Some(email.subject),
            html: email.html,
            attributes: email.headers,
            request,
            ..OutboxMessage::now(Kind::Email, id.clone(), email.to.join(", "), email.text.unwrap_or_default())
        });
        Ok(id)
    }
}

#[cfg(test)]
mod tests;

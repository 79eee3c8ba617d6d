//! The calls about endpoints.

use reqwest::{Method, Response};
use serde::Deserialize;
use serde_json::json;

use super::{Client, HttpError, channel_path, percent_encoded};
use crate::channel::Channel;
use crate::endpoint::{Endpoint, NewEndpoint, ReplayResponse};

#[derive(Deserialize)]
struct List {
    endpoints: Vec<Endpoint>,
}

impl Client {
    /// Adds an endpoint to a channel, or replaces the caller's own that leads to the same place. The answer has the secret of
    /// a webhook, and no later one does. It is tried once only: each try makes a new secret.
    ///
    /// # Errors
    /// It is refused (`too_many_endpoints`, `kind_off`, `challenge_failed`), or there was no answer: add it again, which
    /// replaces what may be there.
    pub async fn add_endpoint(&self, channel: &Channel, endpoint: &NewEndpoint) -> Result<Endpoint, HttpError> {
        let request = self.request(Method::POST, &list_path(channel)).json(endpoint);
        self.once(request, Response::json).await
    }

    /// The endpoints of a channel, as far as the token may know of them.
    ///
    /// # Errors
    /// It is refused, or for half a minute nobody answered.
    pub async fn endpoints(&self, channel: &Channel) -> Result<Vec<Endpoint>, HttpError> {
        let path = list_path(channel);
        self.call(|| self.request(Method::GET, &path), Response::json).await.map(|List { endpoints }| endpoints)
    }

    /// Looks at an endpoint, with what came of the last attempts.
    ///
    /// # Errors
    /// It is refused (`not_found`), or for half a minute nobody answered.
    pub async fn endpoint(&self, channel: &Channel, id: &str) -> Result<Endpoint, HttpError> {
        let path = path(channel, id)?;
        self.call(|| self.request(Method::GET, &path), Response::json).await
    }

    /// Removes an endpoint.
    ///
    /// # Errors
    /// It is refused (`not_found`, which it also is if the answer was lost that said that it is gone), or for half a
    /// minute nobody answered.
    pub async fn remove_endpoint(&self, channel: &Channel, id: &str) -> Result<(), HttpError> {
        let path = path(channel, id)?;
        self.call(|| self.request(Method::DELETE, &path), async |_| Ok(())).await
    }

    /// Gives an endpoint a new secret, which the answer has and no later one does. The one before counts for 24 hours
    /// more. It is tried once only: a second rotation would end that.
    ///
    /// # Errors
    /// It is refused (`not_found`; `endpoint_changed` if somebody else did something with it at the same moment), or
    /// there was no answer: look whether its `previous_until` is new.
    pub async fn rotate_endpoint(&self, channel: &Channel, id: &str) -> Result<Endpoint, HttpError> {
        let request = self.request(Method::POST, &format!("{}/rotate", path(channel, id)?));
        self.once(request, Response::json).await
    }

    /// Sends what is in the channel's log from a seq on to an endpoint again, up to 1,000 notifications a call: go on
    /// behind [`ReplayResponse::seq`] while there is [`ReplayResponse::more`]. An endpoint that was disabled is enabled with it.
    ///
    /// # Errors
    /// It is refused (`not_found`, `too_many_replays`), or for half a minute nobody answered. After a lost answer the
    /// call is tried again, and notifications may come twice, as they always may.
    pub async fn replay_endpoint(&self, channel: &Channel, id: &str, from: u64) -> Result<ReplayResponse, HttpError> {
        let path = format!("{}/replay", path(channel, id)?);
        self.call(|| self.request(Method::POST, &path).json(&json!({ "seq": from })), Response::json).await
    }
}

fn list_path(channel: &Channel) -> String {
    format!("{}/endpoints", channel_path(channel))
}

/// Without an id, or with one that an address resolves away, the call would be another one.
fn path(channel: &Channel, id: &str) -> Result<String, HttpError> {
    if matches!(id, "" | "." | "..") {
        let told = format!("`{id}` is no endpoint's id: give the `id` that it was added with");
        return Err(HttpError::Request(told));
    }
    Ok(format!("{}/{}", list_path(channel), percent_encoded(id)))
}

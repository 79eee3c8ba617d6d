//! Endpoints: one row each.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, TransactWriteItem, Update};
use domain::channel::{Channel, Sub};
use domain::endpoint::Filter;
use domain::endpoint::attempt::ReplayedRange;
use domain::endpoint::id::{EndpointId, PREFIX};
use domain::endpoint::lane::Speed;
use domain::seq::Seq;
use domain::time::Millis;
use kinds::Target;
use kinds::webhook::WebhookSecret;
use serde::{Deserialize, Serialize};

use super::Subscribers;
use crate::aws::row::{Attributes, VERSION, built, condition_failed, from_row, number, past_conflicts, text, to_row};
use crate::error::Error;

/// The most endpoints of a channel that are listed.
const LISTED: usize = 1000;

/// An endpoint, as its row describes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Endpoint {
    /// The channel whose notifications go there.
    pub channel: Channel,
    subscriber: String,
    v: u8,
    /// Its id.
    pub id: EndpointId,
    /// Who has added it.
    #[serde(deserialize_with = "Sub::stored")]
    pub owner: Sub,
    /// Its kind, and its target.
    pub target: Target,
    /// Which notifications go there.
    #[serde(flatten)]
    pub filter: Filter,
    /// When it was added.
    pub created_at: Millis,
    /// The newest seq of its channel when it was added: no replay goes back to it. Rows of earlier releases do not say it until
    /// their first replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added_after: Option<Seq>,
    /// The secret that signs its notifications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<WebhookSecret>,
    /// The secret before that, which signs as well until `previous_until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_secret: Option<WebhookSecret>,
    /// See there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Millis>,
    /// Since when it has taken nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Millis>,
    /// Its speed, as far as is known.
    #[serde(flatten)]
    pub speed: Speed,
    /// When it was disabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Millis>,
    /// The number of replays.
    #[serde(default)]
    pub replays: u32,
    /// The range that the newest of these has queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<ReplayedRange>,
}

impl Endpoint {
    /// Whose it is where each user may have so much: the inbox's, and in other channels the one's who has added it. So a service that
    /// adds its users' phones to their inboxes is not one user.
    #[must_use]
    pub fn user(&self) -> Sub {
        self.channel.inbox_of().unwrap_or_else(|| self.owner.clone())
    }

    /// A new endpoint.
    #[must_use]
    pub fn new(channel: Channel, id: EndpointId, owner: Sub, target: Target, filter: Filter, now: Millis) -> Self {
        Self {
            channel,
            subscriber: id.sort_key(),
            v: VERSION,
            id,
            owner,
            target,
            filter,
            created_at: now,
            added_after: None,
            secret: None,
            previous_secret: None,
            previous_until: None,
            failing_since: None,
            speed: Speed::default(),
            disabled_at: None,
            replays: 0,
            replayed: None,
        }
    }

    /// Whether it takes notifications, as far as is known: it is neither failing nor disabled.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.failing_since.is_none() && self.disabled_at.is_none()
    }

    /// The secrets that count: the current one and, for a day after a rotation, the one before.
    #[must_use]
    pub fn secrets(&self, now: Millis) -> Vec<&WebhookSecret> {
        let previous = self.previous_secret.as_ref().filter(|_| self.previous_until.is_some_and(|until| now < until));
        self.secret.iter().chain(previous).collect()
    }
}

impl Subscribers {
    /// Writes a new endpoint; `false` if its place is taken.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn add_endpoint(&self, endpoint: &Endpoint) -> Result<bool, Error> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_row(endpoint)?))
            // Our own, tried again after an answer that got lost, is no other's.
            .condition_expression("attribute_not_exists(subscriber) OR id = :id")
            .expression_attribute_values(":id", text(endpoint.id.to_string()));
        match past_conflicts(|| request.clone().send()).await {
            Ok(_) => Ok(true),
            Err(error) if condition_failed(&error) => Ok(false),
            Err(error) => Err(Error::call("PutItem of an endpoint")(error)),
        }
    }

    /// One endpoint; consistently.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should, or this release cannot read the row.
    pub async fn endpoint(&self, channel: &Channel, id: &EndpointId) -> Result<Option<Endpoint>, Error> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(endpoint_key(channel, id)))
            .consistent_read(true)
            .send()
            .await
            .map_err(Error::call("GetItem of an endpoint"))?;
        let endpoint = answer.item.map(from_row::<Endpoint>).transpose()?;
        Ok(endpoint.filter(|endpoint| endpoint.id == *id))
    }

    /// A channel's endpoints, or those of one owner: up to 1,000. Those that this release cannot read are left out.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn endpoints(&self, channel: &Channel, owner: Option<&Sub>) -> Result<Vec<Endpoint>, Error> {
        let prefix = owner.map_or_else(|| PREFIX.to_owned(), EndpointId::owned_by);
        let mut endpoints = Vec::new();
        let mut from = None;
        loop {
            let query = self.query_endpoints(channel, &prefix).consistent_read(true).set_exclusive_start_key(from);
            let answer = query.send().await.map_err(Error::call("Query of endpoints"))?;
            let read = answer.items.unwrap_or_default().into_iter().map(from_row::<Endpoint>);
            endpoints.extend(read.filter_map(|endpoint| endpoint.inspect_err(Error::log).ok()));
            from = answer.last_evaluated_key;
            if from.is_none() || endpoints.len() >= LISTED {
                endpoints.truncate(LISTED);
                return Ok(endpoints);
            }
        }
    }

    /// The number of endpoints that a channel has, counted to `most`.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn count_endpoints(&self, channel: &Channel, most: usize) -> Result<usize, Error> {
        Self::counted(self.query_endpoints(channel, PREFIX), most).await
    }

    pub(super) fn query_endpoints(&self, channel: &Channel, prefix: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("channel = :channel AND begins_with(subscriber, :prefix)")
            .expression_attribute_values(":channel", text(channel.as_str()))
            .expression_attribute_values(":prefix", text(prefix))
    }

    /// Removes an endpoint, and gives it as it last was; `None` if it was gone, or cannot be read.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn remove_endpoint(&self, channel: &Channel, id: &EndpointId) -> Result<Option<Endpoint>, Error> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(endpoint_key(channel, id)))
            .condition_expression("id = :id")
            .expression_attribute_values(":id", text(id.to_string()))
            .return_values(ReturnValue::AllOld);
        match past_conflicts(|| request.clone().send()).await {
            Ok(answer) => Ok(answer.attributes.and_then(|row| from_row(row).inspect_err(Error::log).ok())),
            Err(error) if condition_failed(&error) => Ok(None),
            Err(error) => Err(Error::call("DeleteItem of an endpoint")(error)),
        }
    }

    /// Gives an endpoint another target, filter and, where it is signed, secret: the one that was seen counts until `until`. It
    /// takes notifications again from then on, and keeps its id, and with it what is queued for it. `None` if it was changed
    /// meanwhile, or is gone.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn replace_endpoint(
        &self,
        seen: &Endpoint,
        target: &Target,
        filter: Filter,
        secret: Option<&WebhookSecret>,
        until: Millis,
    ) -> Result<Option<Endpoint>, Error> {
        let priority = filter.min_priority.map(|priority| value(Some(&priority))).transpose()?;
        let offline = filter.only_when_offline.then_some(AttributeValue::Bool(true));
        let mut request = self
            .update_endpoint(&seen.channel, &seen.id)
            .expression_attribute_names("#target", "target")
            .expression_attribute_values(":target", value(Some(target))?)
            .return_values(ReturnValue::AllNew);
        let mut set = vec!["#target = :target"];
        let mut remove = vec!["failing_since", "disabled_at"];
        for (name, change, key, value) in [
            ("min_priority", "min_priority = :priority", ":priority", priority),
            ("only_when_offline", "only_when_offline = :offline", ":offline", offline),
        ] {
            match value {
                Some(value) => {
                    set.push(change);
                    request = request.expression_attribute_values(key, value);
                }
                None => remove.push(name),
            }
        }
        let mut condition = "id = :id";
        if let Some(secret) = secret {
            condition = "id = :id AND secret = :seen";
            set.push("secret = :new, previous_secret = secret, previous_until = :until");
            request = request
                .expression_attribute_values(":new", value(Some(secret))?)
                .expression_attribute_values(":seen", value(seen.secret.as_ref())?)
                .expression_attribute_values(":until", number(until.0));
        }
        let update = format!("SET {} REMOVE {}", set.join(", "), remove.join(", "));
        let row = self.change_endpoint(request.update_expression(update).condition_expression(condition)).await?;
        row.map(from_row::<Endpoint>).transpose()
    }

    /// Gives an endpoint a new secret; the one that was seen counts until `until`. `false` if it has another by now.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn rotate(&self, seen: &Endpoint, new: &WebhookSecret, until: Millis) -> Result<bool, Error> {
        let request = self
            .update_endpoint(&seen.channel, &seen.id)
            .update_expression("SET secret = :new, previous_secret = secret, previous_until = :until")
            .condition_expression("id = :id AND secret = :seen")
            .expression_attribute_values(":new", value(Some(new))?)
            .expression_attribute_values(":seen", value(seen.secret.as_ref())?)
            .expression_attribute_values(":until", number(until.0));
        if self.change_endpoint(request).await?.is_some() {
            return Ok(true);
        }
        // Our own write, tried again after an answer that got lost, is no other's.
        let known = self.endpoint(&seen.channel, &seen.id).await?;
        Ok(known.is_some_and(|known| known.secret.as_ref() == Some(new)))
    }

    /// Begins a replay, and enables an endpoint that was disabled. A row that does not say where its endpoint was added says it
    /// from then on. Answers the replay's number; `None` if the endpoint is gone.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn begin_replay(
        &self,
        channel: &Channel,
        id: &EndpointId,
        added_after: Seq,
    ) -> Result<Option<u32>, Error> {
        let request = self
            .update_endpoint(channel, id)
            .update_expression(
                "ADD replays :one SET added_after = if_not_exists(added_after, :after) REMOVE disabled_at, failing_since",
            )
            .condition_expression("id = :id")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":after", number(added_after))
            .return_values(ReturnValue::AllNew);
        let row = self.change_endpoint(request).await?;
        Ok(row.map(from_row::<Endpoint>).transpose()?.map(|endpoint| endpoint.replays))
    }

    /// Notes how far the newest replay goes: what an older one has queued of the same is over.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_replayed(
        &self,
        channel: &Channel,
        id: &EndpointId,
        replayed: ReplayedRange,
    ) -> Result<(), Error> {
        let request = self
            .update_endpoint(channel, id)
            .update_expression("SET replayed = :replayed")
            .condition_expression("id = :id AND replays = :number")
            .expression_attribute_values(":replayed", value(Some(&replayed))?)
            .expression_attribute_values(":number", number(replayed.number));
        self.change_endpoint(request).await.map(drop)
    }

    /// Notes that an endpoint has taken something.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_well(&self, endpoint: &Endpoint) -> Result<(), Error> {
        let request = self
            .update_endpoint(&endpoint.channel, &endpoint.id)
            .update_expression("REMOVE failing_since")
            .condition_expression("id = :id");
        self.change_endpoint(request).await.map(drop)
    }

    /// Notes that an endpoint has taken nothing since `since`.
    ///
    /// # Errors
    /// DynamoDB does not answer as it should.
    pub async fn record_failing(&self, endpoint: &Endpoint, since: Millis) -> Result<(), Error> {
        let request = self
            .update_endpoint(&endpoint.channel, &endpoint.id)
            .update_expression("SET failing_since = if_not_exists(failing_since, :since)")
            .condition_expression("id = :id")
            .expression_attribute_values(":since", number(since.0));
        self.change_endpoint(request).await.map(drop)
    }

    /// That an endpoint is disabled, as part of a transaction. Fails where it is so already, or gone, or has taken
    /// something after `since`.
    ///
    /// # Errors
    /// None that a caller could mend.
    pub fn disabling(&self, endpoint: &Endpoint, since: Millis, now: Millis) -> Result<TransactWriteItem, Error> {
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(endpoint_key(&endpoint.channel, &endpoint.id)))
            .update_expression("SET disabled_at = :now")
            .condition_expression("id = :id AND attribute_not_exists(disabled_at) AND failing_since = :since")
            .expression_attribute_values(":since", number(since.0))
            .expression_attribute_values(":now", number(now.0))
            .expression_attribute_values(":id", text(endpoint.id.to_string()))
            .build();
        Ok(TransactWriteItem::builder().update(built(update)?).build())
    }

    pub(super) fn update_endpoint(&self, channel: &Channel, id: &EndpointId) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(endpoint_key(channel, id)))
            .expression_attribute_values(":id", text(id.to_string()))
    }

    /// `None` if the condition failed; else what was asked for of the row.
    pub(super) async fn change_endpoint(&self, request: UpdateItemFluentBuilder) -> Result<Option<Attributes>, Error> {
        match past_conflicts(|| request.clone().send()).await {
            Ok(answer) => Ok(Some(answer.attributes.unwrap_or_default())),
            Err(error) if condition_failed(&error) => Ok(None),
            Err(error) => Err(Error::call("UpdateItem of an endpoint")(error)),
        }
    }
}

fn value<T: Serialize>(of: Option<&T>) -> Result<AttributeValue, Error> {
    serde_dynamo::to_attribute_value(of)
        .map_err(|error| Error::Failed { call: "write a row", cause: error.to_string() })
}

fn endpoint_key(channel: &Channel, id: &EndpointId) -> Attributes {
    [("channel".into(), text(channel.as_str())), ("subscriber".into(), text(id.sort_key()))].into()
}

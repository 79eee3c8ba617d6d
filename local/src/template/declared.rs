//! Functions, data stores, topics and APIs, as the template declares them.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::Value;

use super::{api_properties::Cors, retries::Retries};
use crate::iam::Statement;

/// A Lambda function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Its logical name, which faults and the control API use.
    pub(crate) name: String,
    /// Its name on AWS.
    pub(crate) physical_name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Its source folder, relative to the template.
    pub(crate) code: PathBuf,
    /// Its handler; any word for a Rust function.
    pub(crate) handler: String,
    /// The memory in its environment, in MB.
    pub(crate) memory: u64,
    /// The longest time of an invocation.
    pub(crate) timeout: Duration,
    /// Its variables.
    pub(crate) environment: BTreeMap<String, String>,
    /// `JSON` or `Text`.
    pub(crate) log_format: Option<String>,
    /// The least level that it logs.
    pub(crate) log_level: Option<String>,
    /// The log group in its environment.
    pub(crate) log_group: Option<String>,
    /// The statements of its role.
    pub(crate) policy: Vec<Statement>,
    /// The retries of its asynchronous events.
    pub(crate) retries: Retries,
    /// The name of the queue for events that are given up.
    pub(crate) dead_letters: Option<String>,
}

impl Function {
    /// The sender id of its messages in SQS: the session of its role.
    pub(crate) fn sender(&self) -> String {
        format!("AROA2LOCALSTACK6ROLE7:{}", self.physical_name)
    }
}

#[cfg(test)]
impl Function {
    /// A function of this name whose role has these statements.
    pub(crate) fn named(name: &str, policy: Vec<Statement>) -> Self {
        Self {
            name: name.to_owned(),
            physical_name: format!("some-{name}"),
            arn: String::new(),
            code: PathBuf::new(),
            handler: String::new(),
            memory: 128,
            timeout: Duration::from_secs(3),
            environment: BTreeMap::new(),
            log_format: None,
            log_level: None,
            log_group: None,
            policy,
            retries: Retries::default(),
            dead_letters: None,
        }
    }
}

/// A DynamoDB table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Its logical name, which faults and the control API use.
    pub(crate) logical_name: String,
    /// Its name on AWS.
    pub(crate) name: String,
    /// A `CreateTable` request.
    pub(crate) definition: Value,
    /// The attribute of its partition key.
    pub(crate) partition_key: String,
    /// The attribute that holds an item's expiry.
    pub(crate) ttl_attribute: Option<String>,
}

/// A secret.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    /// Its ARN.
    pub(crate) arn: String,
    /// Its first value.
    pub(crate) value: SecretValue,
}

/// The source of a secret's first value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretValue {
    /// The template has it.
    Fixed(String),
    /// The stack generates it.
    Generated {
        /// With this many characters.
        length: u64,
        /// Without any of these characters.
        exclude: String,
    },
    /// There is none until one is put.
    Empty,
}

/// An HTTP API with its `$default` stage.
#[derive(Debug, Clone)]
pub(crate) struct HttpApi {
    /// Its id.
    pub(crate) id: String,
    /// Its routes.
    pub(crate) routes: Vec<HttpRoute>,
    /// The rights of pages of other origins, if it gives any.
    pub(crate) cors: Option<Cors>,
}

/// A route of an HTTP API.
#[derive(Debug, Clone)]
pub(crate) struct HttpRoute {
    /// Such as `GET /things/{id}`.
    pub(crate) key: String,
    /// The function behind it.
    pub(crate) function: String,
    /// The limits of the route, where the stage sets them.
    pub(crate) throttle: Option<Throttle>,
}

/// The rate limits of a route.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Throttle {
    /// Requests a second.
    pub(crate) rate: f64,
    /// Requests at once.
    pub(crate) burst: f64,
}

/// A WebSocket API with its one stage.
#[derive(Debug, Clone)]
pub(crate) struct WebSocketApi {
    /// Its id.
    pub(crate) id: String,
    /// The stage's name.
    pub(crate) stage: String,
    /// The field of a frame's JSON body that names its route.
    pub(crate) selector: Vec<String>,
    /// The authorizer of `$connect`.
    pub(crate) authorizer: Option<Authorizer>,
    /// Its routes, by key.
    pub(crate) routes: BTreeMap<String, WebSocketRoute>,
}

/// A REQUEST authorizer.
#[derive(Debug, Clone)]
pub(crate) struct Authorizer {
    /// The function that decides.
    pub(crate) function: String,
}

/// A route of a WebSocket API.
#[derive(Debug, Clone)]
pub(crate) struct WebSocketRoute {
    /// The integration that answers it.
    pub(crate) integration: Integration,
    /// Whether the integration's answer goes back as a frame.
    pub(crate) responds: bool,
}

/// The integration behind a route.
#[derive(Debug, Clone)]
pub(crate) enum Integration {
    /// A function, by logical name.
    Function(String),
    /// API Gateway itself.
    Mock(Mock),
}

/// A MOCK integration, whose templates are static.
#[derive(Debug, Clone)]
pub(crate) struct Mock {
    /// The body of its answer, if it has one.
    pub(crate) body: Option<String>,
}

/// An SNS topic.
#[derive(Debug, Clone)]
pub(crate) struct Topic {
    /// Its logical name, which faults and the control API use.
    pub(crate) logical_name: String,
    /// Its name on AWS.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// The name that people see in its messages.
    pub(crate) display_name: String,
    /// The subscriptions to it.
    pub(crate) subscriptions: Vec<Subscription>,
}

/// A function's subscription to a topic.
#[derive(Debug, Clone)]
pub(crate) struct Subscription {
    /// Its ARN.
    pub(crate) arn: String,
    /// The function's logical name.
    pub(crate) function: String,
    /// The function's ARN.
    pub(crate) endpoint: String,
}

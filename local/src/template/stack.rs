//! The template as this machine runs it: functions, data stores and APIs, wired to one another.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{
    Resource,
    api_properties::{ApiProperties, Cors},
    data_properties::{SecretProperties, TableProperties},
    dead_letters::dead_letters_of,
    function_properties::{AlarmProperties, FunctionProperties, InvokeProperties, LogGroupProperties},
    mappings::{Mapping, mappings},
    permissions::Permissions,
    properties::read,
    queues::{Queue, in_range, queues},
    retries::Retries,
    roles::Roles,
    rules::{Rule, rules},
    topics::{Topic, topics},
    wiring::Wiring,
};
use crate::iam::Statement;

/// All that a template asks for.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    /// The functions, by logical name.
    pub(crate) functions: BTreeMap<String, Function>,
    /// The DynamoDB tables.
    pub(crate) tables: Vec<Table>,
    /// The secrets.
    pub(crate) secrets: Vec<Secret>,
    /// The queues.
    pub(crate) queues: Vec<Queue>,
    /// What reads the queues for functions.
    pub(crate) mappings: Vec<Mapping>,
    /// The topics.
    pub(crate) topics: Vec<Topic>,
    /// The rules that fire on schedule.
    pub(crate) rules: Vec<Rule>,
    /// The HTTP API.
    pub(crate) http: Option<HttpApi>,
    /// The WebSocket API.
    pub(crate) websocket: Option<WebSocketApi>,
    /// The outputs, with their values.
    pub(crate) outputs: Vec<(String, String)>,
}

/// A Lambda function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Its logical name, which people know it by.
    pub(crate) name: String,
    /// Its name on AWS.
    pub(crate) physical_name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Its source folder, relative to the template.
    pub(crate) code: PathBuf,
    /// Its handler; for a Rust function just a word.
    pub(crate) handler: String,
    /// The memory that it is told it has, in MB.
    pub(crate) memory: u64,
    /// How long one invocation may take.
    pub(crate) timeout: Duration,
    /// Its variables.
    pub(crate) environment: BTreeMap<String, String>,
    /// `JSON` or `Text`.
    pub(crate) log_format: Option<String>,
    /// The least level that it logs.
    pub(crate) log_level: Option<String>,
    /// The log group that it is told it has.
    pub(crate) log_group: Option<String>,
    /// What it may do.
    pub(crate) policy: Vec<Statement>,
    /// How invocations for which nobody waits are tried again.
    pub(crate) retries: Retries,
    /// The name of the queue for those of them that are given up.
    pub(crate) dead_letters: Option<String>,
}

impl Function {
    /// What SQS knows the sender of its messages by: the session of its role.
    pub(crate) fn sender(&self) -> String {
        format!("AROA2LOCALSTACK6ROLE7:{}", self.physical_name)
    }
}

#[cfg(test)]
impl Function {
    /// One of this name that may do what these statements say.
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
    /// Its logical name, which people know it by.
    pub(crate) logical_name: String,
    /// Its name on AWS.
    pub(crate) name: String,
    /// A `CreateTable` request.
    pub(crate) definition: Value,
    /// The attribute that its items are spread over partitions by.
    pub(crate) partition_key: String,
    /// The attribute that holds an item's expiry.
    pub(crate) ttl_attribute: Option<String>,
}

/// A secret.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    /// Its ARN.
    pub(crate) arn: String,
    /// What it holds at first.
    pub(crate) value: SecretValue,
}

/// Where a secret's first value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretValue {
    /// The template says it.
    Fixed(String),
    /// It is made up.
    Generated {
        /// Of this many characters.
        length: u64,
        /// None of which is among these.
        exclude: String,
    },
    /// There is none, until somebody puts one.
    Empty,
}

/// An HTTP API with its `$default` stage.
#[derive(Debug, Clone)]
pub(crate) struct HttpApi {
    /// Its id.
    pub(crate) id: String,
    /// Its routes.
    pub(crate) routes: Vec<HttpRoute>,
    /// What it lets pages of other origins do, if anything.
    pub(crate) cors: Option<Cors>,
}

/// A route of an HTTP API.
#[derive(Debug, Clone)]
pub(crate) struct HttpRoute {
    /// Such as `GET /things/{id}`.
    pub(crate) key: String,
    /// The function behind it.
    pub(crate) function: String,
    /// How many requests it takes, where the stage says so for this route.
    pub(crate) throttle: Option<Throttle>,
}

/// How many requests a route takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Throttle {
    /// In a second.
    pub(crate) rate: f64,
    /// At once.
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
    /// Who decides over `$connect`.
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
    /// What answers it.
    pub(crate) integration: Integration,
    /// Whether the integration's answer goes back as a frame.
    pub(crate) responds: bool,
}

/// What is behind a route.
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
    /// What it answers, if anything.
    pub(crate) body: Option<String>,
}

/// Wires the resolved resources to one another.
pub(super) fn assemble(resources: &[Resource], outputs: Vec<(String, String)>) -> Result<Stack, String> {
    let mut stack = Stack { outputs, queues: queues(resources)?, ..Stack::default() };
    let roles = Roles::of(resources)?;
    for resource in resources {
        match resource.kind.as_str() {
            "AWS::Serverless::Function" => {
                stack.functions.insert(resource.name.clone(), function(resource, &roles, &stack.queues)?);
            }
            "AWS::DynamoDB::Table" => stack.tables.push(table(resource)?),
            "AWS::SecretsManager::Secret" => stack.secrets.push(secret(resource)?),
            "AWS::Logs::LogGroup" => {
                read::<LogGroupProperties>(resource)?;
            }
            "AWS::CloudWatch::Alarm" => {
                read::<AlarmProperties>(resource)?;
            }
            _ => {}
        }
    }
    stack.mappings = mappings(resources, &stack.functions, &stack.queues)?;
    let permissions = Permissions::of(resources)?;
    stack.rules = rules(resources, &stack.functions, &permissions)?;
    stack.topics = topics(resources, &stack.functions, &permissions)?;
    for api in resources.iter().filter(|resource| resource.kind == "AWS::ApiGatewayV2::Api") {
        let properties: ApiProperties = read(api)?;
        if properties.disable_execute_api_endpoint {
            return Err(format!("{}: DisableExecuteApiEndpoint may only be false here, without a domain", api.name));
        }
        let wiring = Wiring { resources, functions: &stack.functions, permissions: &permissions, api };
        match properties.protocol_type.as_str() {
            "HTTP" if stack.http.is_none() => stack.http = Some(wiring.http(properties)?),
            "WEBSOCKET" if stack.websocket.is_none() => stack.websocket = Some(wiring.websocket(&properties)?),
            "HTTP" | "WEBSOCKET" => return Err(format!("{}: the local stack serves one API of a kind", api.name)),
            other => return Err(format!("{}: ProtocolType {other} is not served here", api.name)),
        }
    }
    Ok(stack)
}

fn function(resource: &Resource, roles: &Roles, queues: &[Queue]) -> Result<Function, String> {
    let properties: FunctionProperties = read(resource)?;
    let policy = roles.policy(&resource.name, &properties)?;
    let dead_letters = properties.dead_letter_queue.as_ref();
    let dead_letters = dead_letters.map(|target| dead_letters_of(&resource.name, target, &policy, queues));
    Ok(Function {
        name: resource.name.clone(),
        physical_name: resource.identity.reference.clone(),
        arn: resource.identity.attributes.get("Arn").cloned().unwrap_or_default(),
        code: properties.code_uri.into(),
        handler: properties.handler,
        memory: properties.memory_size,
        timeout: Duration::from_secs(properties.timeout),
        environment: properties.environment.variables,
        log_format: properties.logging_config.log_format,
        log_level: properties.logging_config.application_log_level,
        log_group: properties.logging_config.log_group,
        policy,
        retries: retries(&resource.name, &properties.event_invoke_config)?,
        dead_letters: dead_letters.transpose()?,
    })
}

fn retries(name: &str, properties: &InvokeProperties) -> Result<Retries, String> {
    let mut retries = Retries::default();
    if let Some(attempts) = properties.maximum_retry_attempts {
        let attempts = in_range(name, "MaximumRetryAttempts", attempts, 0..=2)?;
        retries.attempts = u32::try_from(attempts).unwrap_or(2);
    }
    if let Some(seconds) = properties.maximum_event_age_in_seconds {
        retries.max_age = Duration::from_secs(in_range(name, "MaximumEventAgeInSeconds", seconds, 60..=21_600)?);
    }
    Ok(retries)
}

fn table(resource: &Resource) -> Result<Table, String> {
    let mut definition = read::<TableProperties>(resource)?.definition;
    let ttl = definition.remove("TimeToLiveSpecification").unwrap_or_default();
    let enabled = ttl["Enabled"] == true || ttl["Enabled"] == "true";
    let known = ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "TableName"];
    if let Some(unknown) = definition.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("{}: the property {unknown} is not served here", resource.name));
    }
    definition.insert("TableName".to_owned(), json!(resource.identity.reference));
    definition.insert("BillingMode".to_owned(), json!("PAY_PER_REQUEST"));
    let mut keys = definition.get("KeySchema").and_then(Value::as_array).into_iter().flatten();
    let partition_key = keys.find(|key| key["KeyType"] == "HASH").and_then(|key| key["AttributeName"].as_str());
    let partition_key =
        partition_key.ok_or_else(|| format!("{}: KeySchema has no HASH key", resource.name))?.to_owned();
    Ok(Table {
        logical_name: resource.name.clone(),
        name: resource.identity.reference.clone(),
        definition: Value::Object(definition),
        partition_key,
        ttl_attribute: ttl["AttributeName"].as_str().filter(|_| enabled).map(str::to_owned),
    })
}

fn secret(resource: &Resource) -> Result<Secret, String> {
    let properties: SecretProperties = read(resource)?;
    let value = match (properties.secret_string, properties.generate_secret_string) {
        (Some(text), None) => SecretValue::Fixed(text),
        (None, Some(how)) => SecretValue::Generated { length: how.password_length, exclude: how.exclude_characters },
        (None, None) => SecretValue::Empty,
        (Some(_), Some(_)) => {
            return Err(format!("{}: give SecretString or GenerateSecretString, not both", resource.name));
        }
    };
    Ok(Secret { arn: resource.identity.reference.clone(), value })
}

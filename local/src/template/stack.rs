//! The template as this machine runs it: functions, data stores and APIs, wired to one another.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

use super::{
    api_properties::ApiProperties,
    data_properties::{SecretProperties, TableProperties},
    dead_letters::dead_letters_of,
    declared::{Function, HttpApi, Secret, SecretValue, Table, Topic, WebSocketApi},
    function_properties::{AlarmProperties, FunctionProperties, InvokeProperties, LogGroupProperties},
    mappings::{Mapping, mappings},
    permissions::Permissions,
    properties::read,
    queues::{Queue, in_range, queues},
    resource::Resource,
    retries::Retries,
    roles::Roles,
    rules::{Rule, rules},
    topics::topics,
    wiring::Wiring,
};

/// Everything that a template asks for.
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
    /// The mappings from queues to functions.
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

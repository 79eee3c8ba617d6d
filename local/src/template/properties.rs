//! The properties of each resource type that is served. Any other is an error, so that nothing but what is listed here
//! silently does nothing.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{Resource, text_of};

/// Properties that any resource may have and that nothing here depends on. (`Name` names a secret, but before its
/// properties are read.)
const WITHOUT_EFFECT: [&str; 6] = ["Architectures", "BillingMode", "Description", "Name", "Runtime", "Tags"];

/// Reads a resource's properties, naming it in the error.
pub(super) fn read<T: DeserializeOwned>(resource: &Resource) -> Result<T, String> {
    let mut properties = resource.properties.as_object().cloned().unwrap_or_default();
    properties.retain(|name, _| !WITHOUT_EFFECT.contains(&name.as_str()));
    serde_json::from_value(Value::Object(properties))
        .map_err(|error| format!("{} ({}), as the local stack reads it: {error}", resource.name, resource.kind))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct FunctionProperties {
    pub(super) code_uri: String,
    #[serde(default = "default_handler")]
    pub(super) handler: String,
    #[serde(default = "default_memory", deserialize_with = "number")]
    pub(super) memory_size: u64,
    #[serde(default = "default_timeout", deserialize_with = "number")]
    pub(super) timeout: u64,
    #[serde(default)]
    pub(super) environment: EnvironmentProperties,
    #[serde(default)]
    pub(super) policies: Vec<PolicyDocument>,
    #[serde(default)]
    pub(super) logging_config: LoggingProperties,
    #[serde(rename = "FunctionName")]
    _function_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct EnvironmentProperties {
    #[serde(default, deserialize_with = "texts")]
    pub(super) variables: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct LoggingProperties {
    pub(super) log_format: Option<String>,
    pub(super) application_log_level: Option<String>,
    #[serde(rename = "SystemLogLevel")]
    _system_log_level: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PolicyDocument {
    #[serde(rename = "Version")]
    _version: Option<String>,
    pub(super) statement: Vec<Statement>,
}

/// One statement of a function's policy.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Statement {
    /// Whether it allows or denies.
    pub(crate) effect: Effect,
    /// Action patterns, such as `dynamodb:Get*`.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) action: Vec<String>,
    /// ARN patterns.
    #[serde(deserialize_with = "one_or_more")]
    pub(crate) resource: Vec<String>,
    #[serde(rename = "Sid")]
    _sid: Option<String>,
}

/// What a statement does with what it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum Effect {
    /// Permits it.
    Allow,
    /// Forbids it, whatever else permits it.
    Deny,
}

#[derive(Deserialize)]
pub(super) struct TableProperties {
    #[serde(flatten)]
    pub(super) definition: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SecretProperties {
    pub(super) secret_string: Option<String>,
    pub(super) generate_secret_string: Option<GenerateProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GenerateProperties {
    #[serde(default = "default_password", deserialize_with = "number")]
    pub(super) password_length: u64,
    #[serde(default)]
    pub(super) exclude_characters: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ApiProperties {
    pub(super) protocol_type: String,
    pub(super) route_selection_expression: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StageProperties {
    pub(super) api_id: String,
    pub(super) stage_name: String,
    #[serde(default, deserialize_with = "boolean")]
    pub(super) auto_deploy: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AuthorizerProperties {
    pub(super) authorizer_type: String,
    pub(super) authorizer_uri: String,
    #[serde(rename = "ApiId")]
    _api_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RouteProperties {
    pub(super) api_id: String,
    pub(super) route_key: String,
    pub(super) target: String,
    pub(super) authorization_type: Option<String>,
    pub(super) authorizer_id: Option<String>,
    pub(super) route_response_selection_expression: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct IntegrationProperties {
    pub(super) integration_type: String,
    pub(super) integration_uri: Option<String>,
    pub(super) payload_format_version: Option<String>,
    pub(super) template_selection_expression: Option<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(super) request_templates: BTreeMap<String, String>,
    #[serde(rename = "ApiId")]
    _api_id: String,
    #[serde(rename = "IntegrationMethod")]
    _integration_method: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct IntegrationResponseProperties {
    pub(super) integration_id: String,
    pub(super) integration_response_key: String,
    pub(super) template_selection_expression: Option<String>,
    #[serde(default, deserialize_with = "texts")]
    pub(super) response_templates: BTreeMap<String, String>,
    #[serde(rename = "ApiId")]
    _api_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RouteResponseProperties {
    pub(super) route_id: String,
    #[serde(rename = "ApiId")]
    _api_id: String,
    #[serde(rename = "RouteResponseKey")]
    _route_response_key: String,
}

fn default_handler() -> String {
    "bootstrap".to_owned()
}

fn default_memory() -> u64 {
    128
}

fn default_timeout() -> u64 {
    3
}

fn default_password() -> u64 {
    32
}

/// A number, or a text that is one: what a parameter gives is text.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    text_of(&value).parse().map_err(|_| serde::de::Error::custom(format!("{value} is not a whole number")))
}

/// A boolean, or a text that is one: what a parameter gives is text.
fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    text_of(&value).parse().map_err(|_| serde::de::Error::custom(format!("{value} is neither true nor false")))
}

/// A mapping to text, where YAML may have read a number or a boolean.
fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(key, value)| (key, text_of(&value))).collect())
}

fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Array(items) => Ok(items.iter().map(text_of).collect()),
        one => Ok(vec![text_of(&one)]),
    }
}

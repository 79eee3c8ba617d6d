//! The properties of functions, roles, alarms and log groups.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::properties::{number, some_number, texts};
use crate::iam::Statement;

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
    pub(super) role: String,
    #[serde(default)]
    pub(super) logging_config: LoggingProperties,
    #[serde(default)]
    pub(super) event_invoke_config: InvokeProperties,
    pub(super) dead_letter_queue: Option<DeadLetterProperties>,
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
    pub(super) log_group: Option<String>,
    #[serde(rename = "SystemLogLevel")]
    _system_log_level: Option<String>,
}

/// The retries of asynchronous invocations.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InvokeProperties {
    #[serde(default, deserialize_with = "some_number")]
    pub(super) maximum_retry_attempts: Option<u64>,
    #[serde(default, deserialize_with = "some_number")]
    pub(super) maximum_event_age_in_seconds: Option<u64>,
}

/// The place for asynchronous events that are given up.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeadLetterProperties {
    #[serde(rename = "Type")]
    pub(super) kind: String,
    pub(super) target_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RoleProperties {
    #[serde(default)]
    pub(super) policies: Vec<RolePolicy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RolePolicy {
    pub(super) policy_document: PolicyDocument,
    #[serde(rename = "PolicyName")]
    _policy_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct PolicyDocument {
    #[serde(rename = "Version")]
    _version: Option<String>,
    pub(super) statement: Vec<Statement>,
}

/// The properties of an alarm. None has an effect: the local stack watches no metrics.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmProperties {}

/// The properties of a log group. None has an effect: functions' logs go to standard error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogGroupProperties {}

fn default_handler() -> String {
    "bootstrap".to_owned()
}

fn default_memory() -> u64 {
    128
}

fn default_timeout() -> u64 {
    3
}

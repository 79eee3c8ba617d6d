//! Functions, what they may do, and where they log.

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

/// How invocations for which nobody waits are tried again.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InvokeProperties {
    #[serde(default, deserialize_with = "some_number")]
    pub(super) maximum_retry_attempts: Option<u64>,
    #[serde(default, deserialize_with = "some_number")]
    pub(super) maximum_event_age_in_seconds: Option<u64>,
}

/// Where events go for which nobody waits, and which are given up.
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

/// An alarm's properties all have no effect: nothing here watches metrics.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AlarmProperties {}

/// A log group's properties all have no effect: what functions write goes to standard error.
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

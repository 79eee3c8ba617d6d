//! The properties of queues, and of the mappings by which Lambda reads them for functions.

use serde::{Deserialize, Serialize};

use super::properties::{boolean, number, some_number};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct QueueProperties {
    #[serde(default = "default_visibility", deserialize_with = "number")]
    pub(super) visibility_timeout: u64,
    #[serde(default = "default_retention", deserialize_with = "number")]
    pub(super) message_retention_period: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) delay_seconds: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) receive_message_wait_time_seconds: u64,
    pub(super) redrive_policy: Option<RedriveProperties>,
    pub(super) redrive_allow_policy: Option<RedriveAllow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RedriveProperties {
    pub(super) dead_letter_target_arn: String,
    #[serde(deserialize_with = "number")]
    pub(super) max_receive_count: u64,
}

/// The queues that may have this one as their dead-letter queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RedriveAllow {
    /// `allowAll`, `denyAll` or `byQueue`.
    pub(crate) redrive_permission: String,
    /// The ARNs of those queues, if it is `byQueue`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) source_queue_arns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct MappingProperties {
    pub(super) event_source_arn: String,
    pub(super) function_name: String,
    #[serde(default = "default_batch", deserialize_with = "number")]
    pub(super) batch_size: u64,
    #[serde(default, deserialize_with = "number")]
    pub(super) maximum_batching_window_in_seconds: u64,
    #[serde(default)]
    pub(super) function_response_types: Vec<ResponseType>,
    #[serde(default)]
    pub(super) scaling_config: ScalingProperties,
    #[serde(default = "default_enabled", deserialize_with = "boolean")]
    pub(super) enabled: bool,
}

#[derive(PartialEq, Eq, Deserialize)]
pub(super) enum ResponseType {
    ReportBatchItemFailures,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(super) struct ScalingProperties {
    #[serde(deserialize_with = "some_number")]
    pub(super) maximum_concurrency: Option<u64>,
}

fn default_visibility() -> u64 {
    30
}

fn default_retention() -> u64 {
    345_600
}

fn default_batch() -> u64 {
    10
}

fn default_enabled() -> bool {
    true
}

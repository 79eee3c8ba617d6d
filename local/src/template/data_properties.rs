//! The properties of tables and secrets.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};

use super::properties::{number, some_number};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TableProperties {
    #[serde(flatten)]
    pub(super) definition: Map<String, Value>,
    #[serde(rename = "PointInTimeRecoverySpecification")]
    _recovery: Option<RecoveryProperties>,
    #[serde(rename = "SSESpecification")]
    _encryption: Option<EncryptionProperties>,
    #[serde(rename = "WarmThroughput")]
    _warm: Option<WarmProperties>,
}

/// Without effect; read so that anything else in its place is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RecoveryProperties {
    #[serde(rename = "PointInTimeRecoveryEnabled")]
    _enabled: IgnoredAny,
}

/// Without effect; read so that anything else in its place is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EncryptionProperties {
    #[serde(rename = "SSEEnabled")]
    _enabled: IgnoredAny,
    #[serde(rename = "SSEType")]
    _type: Option<IgnoredAny>,
    #[serde(rename = "KMSMasterKeyId")]
    _key: Option<IgnoredAny>,
}

/// Without effect; read so that anything else in its place is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WarmProperties {
    #[serde(rename = "ReadUnitsPerSecond", default, deserialize_with = "some_number")]
    _reads: Option<u64>,
    #[serde(rename = "WriteUnitsPerSecond", default, deserialize_with = "some_number")]
    _writes: Option<u64>,
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

fn default_password() -> u64 {
    32
}

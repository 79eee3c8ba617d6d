//! The properties of APIs and of their parts.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};

use super::properties::{boolean, number, some_number, texts};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ApiProperties {
    pub(super) protocol_type: String,
    pub(super) route_selection_expression: Option<String>,
    pub(super) cors_configuration: Option<Cors>,
    #[serde(default, deserialize_with = "boolean")]
    pub(super) disable_execute_api_endpoint: bool,
}

/// The rights of pages of other origins to an HTTP API.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct Cors {
    /// Origins, which may include `*`, `https://*` or `http://*`.
    pub(crate) allow_origins: Vec<String>,
    /// Methods, or `*`.
    pub(crate) allow_methods: Vec<String>,
    /// Headers of a request, or `*`.
    pub(crate) allow_headers: Vec<String>,
    /// Headers of a response that a page may read, or `*`.
    pub(crate) expose_headers: Vec<String>,
    /// The seconds for which a browser may keep the answer to a preflight request.
    #[serde(deserialize_with = "some_number")]
    pub(crate) max_age: Option<u64>,
    /// Whether a page may send cookies.
    #[serde(deserialize_with = "boolean")]
    pub(crate) allow_credentials: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StageProperties {
    pub(super) api_id: String,
    pub(super) stage_name: String,
    #[serde(default, deserialize_with = "boolean")]
    pub(super) auto_deploy: bool,
    /// By the key of a route.
    #[serde(default)]
    pub(super) route_settings: BTreeMap<String, RouteThrottle>,
    #[serde(rename = "DefaultRouteSettings")]
    _default_route_settings: Option<RouteSettings>,
    #[serde(rename = "AccessLogSettings")]
    _access_log_settings: Option<AccessLogSettings>,
}

/// The limits of one route. Both are needed: on AWS a missing one is the account's, not the stage's.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RouteThrottle {
    #[serde(deserialize_with = "number")]
    pub(super) throttling_rate_limit: u64,
    #[serde(deserialize_with = "number")]
    pub(super) throttling_burst_limit: u64,
}

/// Without effect; read so that anything else in its place is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteSettings {
    #[serde(rename = "ThrottlingBurstLimit")]
    _throttling_burst_limit: Option<IgnoredAny>,
    #[serde(rename = "ThrottlingRateLimit")]
    _throttling_rate_limit: Option<IgnoredAny>,
    #[serde(rename = "DetailedMetricsEnabled")]
    _detailed_metrics_enabled: Option<IgnoredAny>,
    #[serde(rename = "LoggingLevel")]
    _logging_level: Option<IgnoredAny>,
    #[serde(rename = "DataTraceEnabled")]
    _data_trace_enabled: Option<IgnoredAny>,
}

/// Without effect; read so that anything else in its place is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AccessLogSettings {
    #[serde(rename = "DestinationArn")]
    _destination_arn: IgnoredAny,
    #[serde(rename = "Format")]
    _format: IgnoredAny,
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

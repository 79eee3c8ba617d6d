//! Reads a resource's properties. A property that is not served here is an error, so that only the properties listed below have
//! no effect.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

use super::{resource::Resource, yaml::text_of};

/// The properties of a resource type that have no effect here. (`Name` of a secret or a rule, `LogGroupName`, `QueueName` and
/// `TopicName` are names, which are read before.)
fn without_effect(kind: &str) -> &'static [&'static str] {
    match kind {
        "AWS::ApiGatewayV2::Api" => &["Description", "Name", "Tags"],
        "AWS::ApiGatewayV2::Authorizer" => &["Name"],
        "AWS::ApiGatewayV2::Integration" => &["Description"],
        "AWS::ApiGatewayV2::Stage" => &["Description", "Tags"],
        "AWS::CloudWatch::Alarm" => &[
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "AlarmName",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluateLowSampleCountPercentile",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "InsufficientDataActions",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Tags",
            "Threshold",
            "ThresholdMetricId",
            "TreatMissingData",
            "Unit",
        ],
        "AWS::DynamoDB::Table" => &["BillingMode", "DeletionProtectionEnabled", "Tags"],
        "AWS::Events::Rule" => &["Description", "Name", "Tags"],
        "AWS::IAM::Role" => &["AssumeRolePolicyDocument", "Description", "Tags"],
        "AWS::Lambda::EventSourceMapping" => &["Tags"],
        "AWS::Logs::LogGroup" => &["KmsKeyId", "LogGroupName", "RetentionInDays", "Tags"],
        "AWS::SecretsManager::Secret" => &["Description", "KmsKeyId", "Name", "Tags"],
        "AWS::Serverless::Function" => {
            &["Architectures", "Description", "RecursiveLoop", "ReservedConcurrentExecutions", "Runtime", "Tags"]
        }
        "AWS::SNS::Topic" => &["KmsMasterKeyId", "Tags", "TopicName"],
        "AWS::SQS::Queue" => {
            &["KmsDataKeyReusePeriodSeconds", "KmsMasterKeyId", "QueueName", "SqsManagedSseEnabled", "Tags"]
        }
        _ => &[],
    }
}

/// Reads a resource's properties, naming it in the error.
pub(super) fn read<T: DeserializeOwned>(resource: &Resource) -> Result<T, String> {
    let mut properties = resource.properties.as_object().cloned().unwrap_or_default();
    properties.retain(|name, _| !without_effect(&resource.kind).contains(&name.as_str()));
    serde_json::from_value(Value::Object(properties))
        .map_err(|error| format!("{} ({}), as the local stack reads it: {error}", resource.name, resource.kind))
}

/// A number, or a text that is one, because a parameter's value is text.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = Value::deserialize(deserializer)?;
    text_of(&value).parse().map_err(|_| serde::de::Error::custom(format!("{value} is not a whole number")))
}

/// A number that may be missing.
pub(super) fn some_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    number(deserializer).map(Some)
}

/// A boolean, or a text that is one, because a parameter's value is text.
pub(super) fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    let value = Value::deserialize(deserializer)?;
    text_of(&value).parse().map_err(|_| serde::de::Error::custom(format!("{value} is neither true nor false")))
}

/// A mapping to texts, where YAML may have read numbers or booleans.
pub(super) fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let values = BTreeMap::<String, Value>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(key, value)| (key, text_of(&value))).collect())
}

//! A resource of the template, with every expression resolved.

use serde_json::Value;

use super::ids::Identity;

/// A resource of the template, resolved.
pub(super) struct Resource {
    /// The logical name.
    pub(super) name: String,
    /// The type, such as `AWS::SQS::Queue`.
    pub(super) kind: String,
    /// The physical id and the attributes.
    pub(super) identity: Identity,
    /// The properties, with every expression resolved.
    pub(super) properties: Value,
    /// The resources that CloudFormation makes before it.
    pub(super) depends_on: Vec<String>,
}

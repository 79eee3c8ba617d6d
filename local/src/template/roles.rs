//! The roles of the template, and their policies.

use std::collections::BTreeMap;

use super::{
    function_properties::{FunctionProperties, RoleProperties},
    properties::read,
    resource::Resource,
};
use crate::iam::Statement;

/// The statements of each role, by ARN.
pub(super) struct Roles(BTreeMap<String, Vec<Statement>>);

impl Roles {
    /// Reads every `AWS::IAM::Role`.
    pub(super) fn of(resources: &[Resource]) -> Result<Self, String> {
        let roles = resources.iter().filter(|resource| resource.kind == "AWS::IAM::Role");
        let policies = roles.map(|role| {
            let properties: RoleProperties = read(role)?;
            let documents = properties.policies.into_iter().map(|policy| policy.policy_document);
            let statements: Vec<Statement> = documents.flat_map(|document| document.statement).collect();
            if statements.iter().any(|statement| statement.resource.is_empty() == statement.not_resource.is_empty()) {
                return Err(format!("{}: each statement needs either Resource or NotResource", role.name));
            }
            Ok((role.identity.attributes["Arn"].clone(), statements))
        });
        policies.collect::<Result<_, _>>().map(Self)
    }

    /// The statements of a function's role.
    pub(super) fn policy(&self, function: &str, properties: &FunctionProperties) -> Result<Vec<Statement>, String> {
        self.0.get(&properties.role).cloned().ok_or_else(|| {
            format!(
                "{function}: its Role {} is no AWS::IAM::Role of the template; name one of those by !GetAtt ROLE.Arn",
                properties.role
            )
        })
    }
}

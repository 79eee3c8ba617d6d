//! Permissions of services to invoke functions for their routes, authorizers, rules or subscriptions. AWS checks them only when
//! an invocation is due; the local stack checks them at the start.

use serde::Deserialize;

use super::{declared::Function, properties::read, resource::Resource};
use crate::iam::matches;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Permission {
    action: String,
    function_name: String,
    principal: String,
    source_arn: Option<String>,
}

/// The permissions of the template.
pub(super) struct Permissions(Vec<Permission>);

impl Permissions {
    /// Reads every `AWS::Lambda::Permission`.
    pub(super) fn of(resources: &[Resource]) -> Result<Self, String> {
        let permissions = resources.iter().filter(|resource| resource.kind == "AWS::Lambda::Permission");
        permissions.map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Requires one that lets `invoker`, a part of a service, call the function in the service's name as `source`, an ARN.
    pub(super) fn require(
        &self,
        function: &Function,
        invoker: &str,
        service: &str,
        source: &str,
    ) -> Result<(), String> {
        let fits = |permission: &Permission| {
            (permission.function_name == function.physical_name || permission.function_name == function.arn)
                && ["lambda:InvokeFunction", "lambda:*"].contains(&permission.action.as_str())
                && permission.principal == service
                && permission.source_arn.as_ref().is_none_or(|pattern| matches(pattern, source))
        };
        if self.0.iter().any(fits) {
            return Ok(());
        }
        Err(format!(
            "{invoker} may not invoke {}: no AWS::Lambda::Permission lets {service} do so as {source}",
            function.name
        ))
    }
}

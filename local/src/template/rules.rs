//! EventBridge rules that fire on schedule, and the permissions to invoke their targets.

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{declared::Function, permissions::Permissions, properties::read, resource::Resource};
use crate::cron::Expression;

/// The principal under which rules invoke functions.
const EVENTS: &str = "events.amazonaws.com";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleProperties {
    schedule_expression: String,
    #[serde(default = "default_state")]
    state: String,
    #[serde(default)]
    targets: Vec<TargetProperties>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TargetProperties {
    arn: String,
    #[serde(rename = "Id")]
    _id: String,
    input: Option<String>,
    #[serde(rename = "RetryPolicy")]
    _retry_policy: Option<RetryProperties>,
}

/// The retries of EventBridge when it hands an event to Lambda, which never fails here. Read so that any other property in their
/// place is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RetryProperties {
    #[serde(rename = "MaximumRetryAttempts")]
    _attempts: Option<IgnoredAny>,
    #[serde(rename = "MaximumEventAgeInSeconds")]
    _age: Option<IgnoredAny>,
}

fn default_state() -> String {
    "ENABLED".to_owned()
}

/// A rule.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    /// Its logical name, which faults and the control API use.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Its schedule.
    pub(crate) expression: Expression,
    /// The template's text of the schedule.
    pub(crate) expression_text: String,
    /// Whether it fires at all.
    pub(crate) enabled: bool,
    /// Its targets.
    pub(crate) targets: Vec<Target>,
}

/// A target of a rule.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// The function's logical name.
    pub(crate) function: String,
    /// The input that it gets in place of the event.
    pub(crate) input: Option<Value>,
}

/// Reads every `AWS::Events::Rule`.
pub(super) fn rules(
    resources: &[Resource],
    functions: &BTreeMap<String, Function>,
    permissions: &Permissions,
) -> Result<Vec<Rule>, String> {
    let rules = resources.iter().filter(|resource| resource.kind == "AWS::Events::Rule");
    rules.map(|resource| rule(resource, functions, permissions)).collect()
}

fn rule(
    resource: &Resource,
    functions: &BTreeMap<String, Function>,
    permissions: &Permissions,
) -> Result<Rule, String> {
    let properties: RuleProperties = read(resource)?;
    let name = &resource.name;
    let arn = resource.identity.attributes.get("Arn").cloned().unwrap_or_default();
    let enabled = match properties.state.as_str() {
        "ENABLED" => true,
        "DISABLED" => false,
        other => return Err(format!("{name}: the State {other} is not served here; there are ENABLED and DISABLED")),
    };
    let expression = Expression::parse(&properties.schedule_expression).map_err(|error| format!("{name}: {error}"))?;
    let target = |properties: TargetProperties| {
        let function = functions.values().find(|function| function.arn == properties.arn);
        let function =
            function.ok_or_else(|| format!("{name}: its target {} is no function of the template", properties.arn))?;
        permissions.require(function, name, EVENTS, &arn)?;
        let input = properties.input.as_deref().map(serde_json::from_str).transpose();
        let input = input.map_err(|error| format!("{name}: the Input of a target is not JSON: {error}"))?;
        Ok(Target { function: function.name.clone(), input })
    };
    let targets = properties.targets.into_iter().map(target).collect::<Result<_, String>>()?;
    let expression_text = properties.schedule_expression;
    Ok(Rule { name: name.clone(), arn, expression, expression_text, enabled, targets })
}

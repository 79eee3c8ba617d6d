//! Reads a SAM template into a stack, with every expression resolved.

mod api_properties;
mod data_properties;
mod dead_letters;
mod declared;
mod function_properties;
mod ids;
mod intrinsics;
mod mappings;
mod parameters;
mod permissions;
mod properties;
mod queue_properties;
mod queues;
mod resource;
mod retries;
mod roles;
mod rules;
mod stack;
mod topic_policies;
mod topics;
mod wiring;
mod yaml;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub(crate) use self::{
    api_properties::Cors,
    declared::{
        Authorizer, Function, HttpApi, HttpRoute, Integration, Secret, SecretValue, Subscription, Table, Throttle,
        Topic, WebSocketApi,
    },
    ids::{ACCOUNT, REGION, arn},
    mappings::Mapping,
    queues::{Queue, Redrive},
    retries::Retries,
    rules::Rule,
    stack::Stack,
};
#[cfg(test)]
pub(crate) use self::{
    declared::{Mock, WebSocketRoute},
    rules::Target,
};
use self::{ids::Identity, intrinsics::Scope, resource::Resource, yaml::text_of};
use crate::{error::StartError, samconfig::Settings};

/// The addresses of the template's APIs on this machine.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// Of the HTTP API: `http://127.0.0.1:PORT`.
    pub http: String,
    /// Of the WebSocket API: `ws://127.0.0.1:PORT`.
    pub websocket: String,
    /// Of AWS's services: `http://127.0.0.1:PORT`.
    pub aws: String,
}

/// Resolves the template's text with the settings' parameters.
pub(crate) fn read(text: &str, settings: &Settings, addresses: &Addresses) -> Result<Stack, StartError> {
    let template = yaml::load(text).map_err(StartError::Template)?;
    let mut scope = Scope {
        stack: settings.stack.clone(),
        parameters: parameters::resolve(&template["Parameters"], &settings.parameters)?,
        conditions: object(&template["Conditions"]),
        mappings: template["Mappings"].clone(),
        ..Scope::default()
    };
    check_rules(&scope, &template["Rules"])?;
    let resources = declared_resources(&scope, &template).map_err(StartError::Template)?;
    name_resources(&mut scope, &resources, addresses)?;
    let resources = resolve_properties(&scope, resources, &template["Resources"]).map_err(StartError::Template)?;
    let outputs = outputs(&scope, &template["Outputs"]).map_err(StartError::Template)?;
    stack::assemble(&resources, outputs).map_err(StartError::Template)
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

/// The functions that CloudFormation takes in a rule.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-rules.html>
const OF_RULES: [&str; 10] = [
    "Fn::And",
    "Fn::Contains",
    "Fn::EachMemberEquals",
    "Fn::EachMemberIn",
    "Fn::Equals",
    "Fn::Not",
    "Fn::Or",
    "Fn::RefAll",
    "Fn::ValueOf",
    "Fn::ValueOfAll",
];

/// The first function in a rule that CloudFormation would refuse.
fn foreign_function(rule: &Value) -> Option<&str> {
    match rule {
        Value::Object(entries) => entries.iter().find_map(|(key, value)| {
            let is_foreign = key.starts_with("Fn::") && !OF_RULES.contains(&key.as_str());
            if is_foreign { Some(key.as_str()) } else { foreign_function(value) }
        }),
        Value::Array(items) => items.iter().find_map(foreign_function),
        _ => None,
    }
}

fn check_rules(scope: &Scope, rules: &Value) -> Result<(), StartError> {
    for (name, rule) in &object(rules) {
        let broken = |why: String| StartError::Template(format!("the template's rule {name}: {why}"));
        if let Some(function) = foreign_function(rule) {
            return Err(broken(format!("CloudFormation takes no {function} in a rule")));
        }
        let applies = rule.get("RuleCondition").map_or(Ok(true), |condition| scope.holds(condition));
        if !applies.map_err(broken)? {
            continue;
        }
        for assertion in rule["Assertions"].as_array().into_iter().flatten() {
            if !scope.holds(&assertion["Assert"]).map_err(broken)? {
                let why = assertion["AssertDescription"].as_str().unwrap_or("an assertion does not hold");
                return Err(StartError::Parameter(format!("the template's rule {name} refuses the parameters: {why}")));
            }
        }
    }
    Ok(())
}

/// The resources whose conditions hold, with `Globals` merged into the functions; still unresolved.
fn declared_resources(scope: &Scope, template: &Value) -> Result<BTreeMap<String, (String, Value)>, String> {
    let mut declared = BTreeMap::new();
    for (name, resource) in object(&template["Resources"]) {
        if !resource.get("Condition").map_or(Ok(true), |condition| scope.holds(condition))? {
            continue;
        }
        let kind = resource["Type"].as_str().ok_or_else(|| format!("{name} has no Type"))?.to_owned();
        let mut properties = object(&resource["Properties"]);
        if kind == "AWS::Serverless::Function" {
            merge(&mut properties, &template["Globals"]["Function"]);
        }
        declared.insert(name, (kind, Value::Object(properties)));
    }
    Ok(declared)
}

/// Merges `Globals` into a function's properties. SAM merges mappings and joins lists; any other property of the function stays.
fn merge(own: &mut Map<String, Value>, globals: &Value) {
    for (key, global) in globals.as_object().into_iter().flatten() {
        match (own.get_mut(key), global) {
            (None, _) => {
                own.insert(key.clone(), global.clone());
            }
            (Some(Value::Object(own)), Value::Object(_)) => merge(own, global),
            (Some(Value::Array(own)), Value::Array(global)) => {
                own.splice(0..0, global.iter().cloned());
            }
            _ => {}
        }
    }
}

fn name_resources(
    scope: &mut Scope,
    resources: &BTreeMap<String, (String, Value)>,
    addresses: &Addresses,
) -> Result<(), StartError> {
    scope.addresses.push((ids::SQS.to_owned(), addresses.aws.clone()));
    for (name, (kind, properties)) in resources {
        let given = given_name(scope, kind, properties);
        let given = given.map_err(|why| StartError::Template(format!("{name}: {why}")))?;
        let identity = Identity::of(&scope.stack, name, kind, given).ok_or_else(|| {
            StartError::Template(format!(
                "{name} is of type {kind}, which the local stack does not serve; add it to local/, or take it out of the template"
            ))
        })?;
        if kind == "AWS::ApiGatewayV2::Api" {
            let host = format!("{}.execute-api.{REGION}.amazonaws.com", identity.reference);
            let (plain, socket) = if properties["ProtocolType"] == "WEBSOCKET" {
                (addresses.websocket.replacen("ws://", "http://", 1), addresses.websocket.clone())
            } else {
                (addresses.http.clone(), addresses.http.replacen("http://", "ws://", 1))
            };
            scope.addresses.push((format!("https://{host}"), plain));
            scope.addresses.push((format!("wss://{host}"), socket));
        }
        scope.resources.insert(name.clone(), identity);
    }
    name_subscriptions(scope, resources).map_err(StartError::Template)
}

/// Completes the ARNs of subscriptions, which begin with those of their topics.
fn name_subscriptions(scope: &mut Scope, resources: &BTreeMap<String, (String, Value)>) -> Result<(), String> {
    for (name, (_, properties)) in resources.iter().filter(|(_, (kind, _))| kind == "AWS::SNS::Subscription") {
        let topic = scope.resolve(&properties["TopicArn"]).map_err(|why| format!("{name}: {why}"))?;
        let topic = topic.as_ref().map(text_of).unwrap_or_default();
        if let Some(identity) = scope.resources.get_mut(name) {
            identity.reference = format!("{topic}:{}", identity.reference);
        }
    }
    Ok(())
}

/// The name that the template gives a resource. It may be an expression over parameters only, because the names of other
/// resources are not known yet.
fn given_name(scope: &Scope, kind: &str, properties: &Value) -> Result<Option<String>, String> {
    let Some(property) = ids::naming_property(kind) else { return Ok(None) };
    let name = properties.get(property).map_or(Ok(None), |name| scope.resolve(name));
    name.map(|name| name.as_ref().map(text_of))
        .map_err(|why| format!("{property} may name parameters only here: {why}"))
}

fn resolve_properties(
    scope: &Scope,
    declared: BTreeMap<String, (String, Value)>,
    template: &Value,
) -> Result<Vec<Resource>, String> {
    declared
        .into_iter()
        .map(|(name, (kind, properties))| {
            let properties = scope.resolve(&properties).map_err(|why| format!("{name}: {why}"))?.unwrap_or_default();
            let identity = scope.resources[&name].clone();
            let depends_on = names(&template[&name]["DependsOn"]);
            Ok(Resource { name, kind, identity, properties, depends_on })
        })
        .collect()
}

/// A list of names, or one that stands alone.
fn names(value: &Value) -> Vec<String> {
    match value {
        Value::Array(names) => names.iter().map(text_of).collect(),
        Value::Null => Vec::new(),
        name => vec![text_of(name)],
    }
}

fn outputs(scope: &Scope, outputs: &Value) -> Result<Vec<(String, String)>, String> {
    let mut resolved = Vec::new();
    for (name, output) in &object(outputs) {
        if !output.get("Condition").map_or(Ok(true), |condition| scope.holds(condition))? {
            continue;
        }
        let value = scope.resolve(&output["Value"]).map_err(|why| format!("the output {name}: {why}"))?;
        if let Some(value) = value {
            resolved.push((name.clone(), text_of(&value)));
        }
    }
    Ok(resolved)
}

#[cfg(test)]
mod tests;

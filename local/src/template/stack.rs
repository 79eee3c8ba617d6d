//! The template as this machine runs it: functions, data stores and APIs, wired to one another.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{
    Resource,
    properties::{
        ApiProperties, AuthorizerProperties, FunctionProperties, IntegrationProperties, IntegrationResponseProperties,
        RouteProperties, RouteResponseProperties, SecretProperties, StageProperties, Statement, TableProperties, read,
    },
};

/// All that a template asks for.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    /// The functions, by logical name.
    pub(crate) functions: BTreeMap<String, Function>,
    /// The DynamoDB tables.
    pub(crate) tables: Vec<Table>,
    /// The secrets.
    pub(crate) secrets: Vec<Secret>,
    /// The HTTP API.
    pub(crate) http: Option<HttpApi>,
    /// The WebSocket API.
    pub(crate) websocket: Option<WebSocketApi>,
    /// The outputs, with their values.
    pub(crate) outputs: Vec<(String, String)>,
}

/// A Lambda function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// Its logical name, which people know it by.
    pub(crate) name: String,
    /// Its name on AWS.
    pub(crate) physical_name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// Its source folder, relative to the template.
    pub(crate) code: PathBuf,
    /// Its handler; for a Rust function just a word.
    pub(crate) handler: String,
    /// The memory that it is told it has, in MB.
    pub(crate) memory: u64,
    /// How long one invocation may take.
    pub(crate) timeout: Duration,
    /// Its variables.
    pub(crate) environment: BTreeMap<String, String>,
    /// `JSON` or `Text`.
    pub(crate) log_format: Option<String>,
    /// The least level that it logs.
    pub(crate) log_level: Option<String>,
    /// What it may do.
    pub(crate) policy: Vec<Statement>,
}

/// A DynamoDB table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Its logical name, which people know it by.
    pub(crate) logical_name: String,
    /// Its name on AWS.
    pub(crate) name: String,
    /// A `CreateTable` request.
    pub(crate) definition: Value,
    /// The attribute that holds an item's expiry.
    pub(crate) ttl_attribute: Option<String>,
}

/// A secret.
#[derive(Debug, Clone)]
pub(crate) struct Secret {
    /// Its ARN.
    pub(crate) arn: String,
    /// What it holds at first.
    pub(crate) value: SecretValue,
}

/// Where a secret's first value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretValue {
    /// The template says it.
    Fixed(String),
    /// It is made up.
    Generated {
        /// Of this many characters.
        length: u64,
        /// None of which is among these.
        exclude: String,
    },
}

/// An HTTP API with its `$default` stage.
#[derive(Debug, Clone)]
pub(crate) struct HttpApi {
    /// Its id.
    pub(crate) id: String,
    /// Its routes.
    pub(crate) routes: Vec<HttpRoute>,
}

/// A route of an HTTP API.
#[derive(Debug, Clone)]
pub(crate) struct HttpRoute {
    /// Such as `GET /things/{id}`.
    pub(crate) key: String,
    /// The function behind it.
    pub(crate) function: String,
}

/// A WebSocket API with its one stage.
#[derive(Debug, Clone)]
pub(crate) struct WebSocketApi {
    /// Its id.
    pub(crate) id: String,
    /// The stage's name.
    pub(crate) stage: String,
    /// The field of a frame's JSON body that names its route.
    pub(crate) selector: Vec<String>,
    /// Who decides over `$connect`.
    pub(crate) authorizer: Option<Authorizer>,
    /// Its routes, by key.
    pub(crate) routes: BTreeMap<String, WebSocketRoute>,
}

/// A REQUEST authorizer.
#[derive(Debug, Clone)]
pub(crate) struct Authorizer {
    /// The function that decides.
    pub(crate) function: String,
}

/// A route of a WebSocket API.
#[derive(Debug, Clone)]
pub(crate) struct WebSocketRoute {
    /// What answers it.
    pub(crate) integration: Integration,
    /// Whether the integration's answer goes back as a frame.
    pub(crate) responds: bool,
}

/// What is behind a route.
#[derive(Debug, Clone)]
pub(crate) enum Integration {
    /// A function, by logical name.
    Function(String),
    /// API Gateway itself.
    Mock(Mock),
}

/// A MOCK integration, whose templates are static.
#[derive(Debug, Clone)]
pub(crate) struct Mock {
    /// What it answers, if anything.
    pub(crate) body: Option<String>,
}

/// Wires the resolved resources to one another.
pub(super) fn assemble(resources: &[Resource], outputs: Vec<(String, String)>) -> Result<Stack, String> {
    let mut stack = Stack { outputs, ..Stack::default() };
    for resource in resources {
        match resource.kind.as_str() {
            "AWS::Serverless::Function" => {
                stack.functions.insert(resource.name.clone(), function(resource)?);
            }
            "AWS::DynamoDB::Table" => stack.tables.push(table(resource)?),
            "AWS::SecretsManager::Secret" => stack.secrets.push(secret(resource)?),
            _ => {}
        }
    }
    for api in resources.iter().filter(|resource| resource.kind == "AWS::ApiGatewayV2::Api") {
        let properties: ApiProperties = read(api)?;
        let wiring = Wiring { resources, functions: &stack.functions, api };
        match properties.protocol_type.as_str() {
            "HTTP" if stack.http.is_none() => stack.http = Some(wiring.http()?),
            "WEBSOCKET" if stack.websocket.is_none() => stack.websocket = Some(wiring.websocket(&properties)?),
            "HTTP" | "WEBSOCKET" => return Err(format!("{}: the local stack serves one API of a kind", api.name)),
            other => return Err(format!("{}: ProtocolType {other} is not served here", api.name)),
        }
    }
    Ok(stack)
}

fn function(resource: &Resource) -> Result<Function, String> {
    let properties: FunctionProperties = read(resource)?;
    Ok(Function {
        name: resource.name.clone(),
        physical_name: resource.identity.reference.clone(),
        arn: resource.identity.attributes.get("Arn").cloned().unwrap_or_default(),
        code: properties.code_uri.into(),
        handler: properties.handler,
        memory: properties.memory_size,
        timeout: Duration::from_secs(properties.timeout),
        environment: properties.environment.variables,
        log_format: properties.logging_config.log_format,
        log_level: properties.logging_config.application_log_level,
        policy: properties.policies.into_iter().flat_map(|policy| policy.statement).collect(),
    })
}

fn table(resource: &Resource) -> Result<Table, String> {
    let mut definition = read::<TableProperties>(resource)?.definition;
    let ttl = definition.remove("TimeToLiveSpecification").unwrap_or_default();
    let enabled = ttl["Enabled"] == true || ttl["Enabled"] == "true";
    let known = ["AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "TableName"];
    if let Some(unknown) = definition.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("{}: the property {unknown} is not served here", resource.name));
    }
    definition.insert("TableName".to_owned(), json!(resource.identity.reference));
    definition.insert("BillingMode".to_owned(), json!("PAY_PER_REQUEST"));
    Ok(Table {
        logical_name: resource.name.clone(),
        name: resource.identity.reference.clone(),
        definition: Value::Object(definition),
        ttl_attribute: ttl["AttributeName"].as_str().filter(|_| enabled).map(str::to_owned),
    })
}

fn secret(resource: &Resource) -> Result<Secret, String> {
    let properties: SecretProperties = read(resource)?;
    let value = match (properties.secret_string, properties.generate_secret_string) {
        (Some(text), None) => SecretValue::Fixed(text),
        (None, Some(how)) => SecretValue::Generated { length: how.password_length, exclude: how.exclude_characters },
        _ => return Err(format!("{}: give either SecretString or GenerateSecretString", resource.name)),
    };
    Ok(Secret { arn: resource.identity.reference.clone(), value })
}

/// One API among the resources that refer to it.
struct Wiring<'a> {
    resources: &'a [Resource],
    functions: &'a BTreeMap<String, Function>,
    api: &'a Resource,
}

impl Wiring<'_> {
    fn http(&self) -> Result<HttpApi, String> {
        let stage = self.stage()?;
        if stage != "$default" {
            return Err(format!("{}: an HTTP API is served here with the stage $default only", self.api.name));
        }
        let routes = self.routes()?.into_iter().map(|(_, route)| {
            let integration = self.integration(&route)?;
            if integration.payload_format_version.as_deref() != Some("2.0") {
                return Err(format!("{}: PayloadFormatVersion must be \"2.0\" here", route.route_key));
            }
            let function = self.function_in(integration.integration_uri.as_deref())?;
            Ok(HttpRoute { key: route.route_key, function })
        });
        Ok(HttpApi { id: self.api.identity.reference.clone(), routes: routes.collect::<Result<_, _>>()? })
    }

    fn websocket(&self, properties: &ApiProperties) -> Result<WebSocketApi, String> {
        let expression = properties.route_selection_expression.as_deref().unwrap_or_default();
        let selector = expression
            .strip_prefix("$request.body.")
            .ok_or_else(|| format!("{}: RouteSelectionExpression must begin with $request.body.", self.api.name))?;
        let mut api = WebSocketApi {
            id: self.api.identity.reference.clone(),
            stage: self.stage()?,
            selector: selector.split('.').map(str::to_owned).collect(),
            authorizer: None,
            routes: BTreeMap::new(),
        };
        for (resource, route) in self.routes()? {
            if route.authorization_type.as_deref().is_some_and(|kind| kind != "NONE") {
                api.authorizer = Some(self.authorizer(&route)?);
            }
            let integration = match self.integration(&route)? {
                proxy if proxy.integration_type == "AWS_PROXY" => {
                    Integration::Function(self.function_in(proxy.integration_uri.as_deref())?)
                }
                mock if mock.integration_type == "MOCK" => Integration::Mock(self.mock(&route, &mock)?),
                other => return Err(format!("{}: {} is not served here", route.route_key, other.integration_type)),
            };
            let responds = route.route_response_selection_expression.is_some() && self.has_response(resource)?;
            api.routes.insert(route.route_key, WebSocketRoute { integration, responds });
        }
        Ok(api)
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        let kind = format!("AWS::ApiGatewayV2::{kind}");
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }

    fn stage(&self) -> Result<String, String> {
        for resource in self.of_kind("Stage") {
            let stage: StageProperties = read(resource)?;
            if stage.api_id == self.api.identity.reference {
                return Ok(stage.stage_name);
            }
        }
        Err(format!("{} has no stage", self.api.name))
    }

    fn routes(&self) -> Result<Vec<(&Resource, RouteProperties)>, String> {
        let mut routes = Vec::new();
        for resource in self.of_kind("Route") {
            let route: RouteProperties = read(resource)?;
            if route.api_id == self.api.identity.reference {
                routes.push((resource, route));
            }
        }
        Ok(routes)
    }

    fn integration(&self, route: &RouteProperties) -> Result<IntegrationProperties, String> {
        let id = route.target.strip_prefix("integrations/").unwrap_or_default();
        let resource = self.of_kind("Integration").find(|resource| resource.identity.reference == id);
        read(resource.ok_or_else(|| format!("{}: there is no integration {}", route.route_key, route.target))?)
    }

    fn authorizer(&self, route: &RouteProperties) -> Result<Authorizer, String> {
        let id = route.authorizer_id.as_deref().unwrap_or_default();
        let resource = self.of_kind("Authorizer").find(|resource| resource.identity.reference == id);
        let resource = resource.ok_or_else(|| format!("{}: there is no such authorizer", route.route_key))?;
        let properties: AuthorizerProperties = read(resource)?;
        if properties.authorizer_type != "REQUEST" || route.route_key != "$connect" {
            return Err(format!("{}: only a REQUEST authorizer on $connect is served here", resource.name));
        }
        Ok(Authorizer { function: self.function_in(Some(&properties.authorizer_uri))? })
    }

    /// The function whose ARN stands in an integration's or authorizer's URI.
    fn function_in(&self, uri: Option<&str>) -> Result<String, String> {
        let uri = uri.unwrap_or_default();
        let names = |function: &&Function| uri == function.arn || uri.contains(&format!("/{}/", function.arn));
        let function = self.functions.values().find(names);
        function.map(|function| function.name.clone()).ok_or_else(|| format!("no function has the URI {uri:?}"))
    }

    fn has_response(&self, route: &Resource) -> Result<bool, String> {
        for resource in self.of_kind("RouteResponse") {
            if read::<RouteResponseProperties>(resource)?.route_id == route.identity.reference {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Follows a MOCK integration's templates: the status it asks for, and the response of that status.
    fn mock(&self, route: &RouteProperties, mock: &IntegrationProperties) -> Result<Mock, String> {
        let request = chosen(&mock.request_templates, mock.template_selection_expression.as_deref())
            .ok_or_else(|| format!("{}: the MOCK integration has no request template", route.route_key))?;
        let request: Value = serde_json::from_str(request)
            .map_err(|error| format!("{}: only a static request template is served here: {error}", route.route_key))?;
        let status_key = format!("/{}/", request["statusCode"]);
        let id = route.target.strip_prefix("integrations/").unwrap_or_default();
        let mut fallback = None;
        for resource in self.of_kind("IntegrationResponse") {
            let response: IntegrationResponseProperties = read(resource)?;
            if response.integration_id != id {
                continue;
            }
            let body = chosen(&response.response_templates, response.template_selection_expression.as_deref());
            if body.is_some_and(|template| template.contains('$') || template.contains('#')) {
                return Err(format!("{}: only a static response template is served here", resource.name));
            }
            if response.integration_response_key == status_key {
                return Ok(Mock { body: body.map(str::to_owned) });
            }
            if response.integration_response_key == "$default" {
                fallback = body.map(str::to_owned);
            }
        }
        Ok(Mock { body: fallback })
    }
}

/// The template that a (static) selection expression picks, else the one named `$default`.
fn chosen<'a>(templates: &'a BTreeMap<String, String>, expression: Option<&str>) -> Option<&'a str> {
    expression
        .and_then(|key| templates.get(key.trim_start_matches('\\')))
        .or_else(|| templates.get("$default"))
        .map(String::as_str)
}

//! An API's routes, followed to their integrations.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    api_properties::{
        ApiProperties, AuthorizerProperties, Cors, IntegrationProperties, IntegrationResponseProperties,
        RouteProperties, RouteResponseProperties, RouteThrottle, StageProperties,
    },
    declared::{Authorizer, Function, HttpApi, HttpRoute, Integration, Mock, Throttle, WebSocketApi, WebSocketRoute},
    ids::arn,
    permissions::Permissions,
    properties::read,
    resource::Resource,
};

/// One API among the resources that refer to it.
pub(super) struct Wiring<'a> {
    pub(super) resources: &'a [Resource],
    pub(super) functions: &'a BTreeMap<String, Function>,
    pub(super) permissions: &'a Permissions,
    pub(super) api: &'a Resource,
}

impl Wiring<'_> {
    pub(super) fn http(&self, properties: ApiProperties) -> Result<HttpApi, String> {
        let cors = self.cors(properties.cors_configuration)?;
        let (resource, stage) = self.stage()?;
        if stage.stage_name != "$default" {
            return Err(format!("{}: an HTTP API is served here with the stage $default only", self.api.name));
        }
        let routes = self.routes()?;
        let throttles = throttles(resource, &stage, &routes)?;
        let routes = routes.into_iter().map(|(_, route)| {
            if route.authorization_type.as_deref().is_some_and(|kind| kind != "NONE") || route.authorizer_id.is_some() {
                return Err(format!("{}: an HTTP route is served here without an authorizer only", route.route_key));
            }
            let integration = self.integration(&route)?;
            if integration.integration_type != "AWS_PROXY" {
                return Err(format!("{}: {} is not served here", route.route_key, integration.integration_type));
            }
            if integration.payload_format_version.as_deref() != Some("2.0") {
                return Err(format!("{}: PayloadFormatVersion must be \"2.0\" here", route.route_key));
            }
            let function = self.function_in(integration.integration_uri.as_deref())?;
            // `GET /path` is `GET/path` in an ARN.
            let path = route.route_key.replacen(' ', "", 1);
            self.require_permission(function, &route.route_key, &stage.stage_name, &path)?;
            let throttle = throttles.get(&route.route_key).copied();
            Ok(HttpRoute { key: route.route_key, function: function.name.clone(), throttle })
        });
        Ok(HttpApi { id: self.api.identity.reference.clone(), routes: routes.collect::<Result<_, _>>()?, cors })
    }

    /// The CORS of the API. Without an origin, which an empty parameter gives, there is none.
    fn cors(&self, cors: Option<Cors>) -> Result<Option<Cors>, String> {
        let cors = cors.filter(|cors| !cors.allow_origins.is_empty());
        if cors.as_ref().is_some_and(|cors| cors.allow_credentials && cors.allow_origins.iter().any(|one| one == "*")) {
            return Err(format!(
                "{}: AWS takes no AllowCredentials where AllowOrigins has *; name them",
                self.api.name
            ));
        }
        Ok(cors)
    }

    pub(super) fn websocket(&self, properties: &ApiProperties) -> Result<WebSocketApi, String> {
        if properties.cors_configuration.is_some() {
            return Err(format!("{}: only an HTTP API has a CorsConfiguration", self.api.name));
        }
        let expression = properties.route_selection_expression.as_deref().unwrap_or_default();
        let selector = expression
            .strip_prefix("$request.body.")
            .ok_or_else(|| format!("{}: RouteSelectionExpression must begin with $request.body.", self.api.name))?;
        let (resource, stage) = self.stage()?;
        if !stage.route_settings.is_empty() {
            return Err(format!("{}: RouteSettings are served here for an HTTP API only", resource.name));
        }
        let mut api = WebSocketApi {
            id: self.api.identity.reference.clone(),
            stage: stage.stage_name,
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
                    let function = self.function_in(proxy.integration_uri.as_deref())?;
                    self.require_permission(function, &route.route_key, &api.stage, &route.route_key)?;
                    Integration::Function(function.name.clone())
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

    fn stage(&self) -> Result<(&Resource, StageProperties), String> {
        for resource in self.of_kind("Stage") {
            let stage: StageProperties = read(resource)?;
            if stage.api_id == self.api.identity.reference {
                if !stage.auto_deploy {
                    return Err(format!("{}: only a stage with AutoDeploy is served here", resource.name));
                }
                return Ok((resource, stage));
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
        let function = self.function_in(Some(&properties.authorizer_uri))?;
        self.require_permission(function, &resource.name, "authorizers", id)?;
        Ok(Authorizer { function: function.name.clone() })
    }

    /// The function whose ARN stands in an integration's or authorizer's URI.
    fn function_in(&self, uri: Option<&str>) -> Result<&Function, String> {
        let uri = uri.unwrap_or_default();
        let names = |function: &&Function| uri == function.arn || uri.contains(&format!("/{}/", function.arn));
        let function = self.functions.values().find(names);
        function.ok_or_else(|| format!("no function has the URI {uri:?}"))
    }

    /// Checks that this API may invoke the function from `path` in `stage`.
    fn require_permission(&self, function: &Function, invoker: &str, stage: &str, path: &str) -> Result<(), String> {
        let api = &self.api.identity.reference;
        let source = arn("execute-api", &format!("{api}/{stage}/{path}"));
        self.permissions.require(function, invoker, "apigateway.amazonaws.com", &source)
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

/// The limits of the stage's routes, by key. AWS refuses a stage that names a route before the route is made, so the stage has to
/// depend on it.
fn throttles(
    resource: &Resource,
    stage: &StageProperties,
    routes: &[(&Resource, RouteProperties)],
) -> Result<BTreeMap<String, Throttle>, String> {
    let throttle = |(key, settings): (&String, &RouteThrottle)| {
        let route = routes.iter().find(|(_, route)| route.route_key == *key);
        let (route, _) = route.ok_or_else(|| format!("{}: RouteSettings name no route: {key}", resource.name))?;
        if !resource.depends_on.contains(&route.name) {
            return Err(format!(
                "{}: RouteSettings name {key}, so that it must depend on {}",
                resource.name, route.name
            ));
        }
        let (rate, burst) = (count(settings.throttling_rate_limit)?, count(settings.throttling_burst_limit)?);
        Ok((key.clone(), Throttle { rate, burst }))
    };
    stage.route_settings.iter().map(throttle).collect()
}

fn count(requests: u64) -> Result<f64, String> {
    u32::try_from(requests).map(f64::from).map_err(|_| format!("{requests} requests are no throttle"))
}

/// The template that a (static) selection expression picks, else the one named `$default`.
fn chosen<'a>(templates: &'a BTreeMap<String, String>, expression: Option<&str>) -> Option<&'a str> {
    expression
        .and_then(|key| templates.get(key.trim_start_matches('\\')))
        .or_else(|| templates.get("$default"))
        .map(String::as_str)
}

//! Where a handshake carries its token.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;

const PROTOCOLS: &str = "sec-websocket-protocol";

/// The token of a handshake: behind `bearer.` among the subprotocols, which browsers can set and no proxy logs, or else
/// in the query.
pub(crate) fn token(request: &ApiGatewayCustomAuthorizerRequestTypeRequest) -> Option<&str> {
    let protocols = request.headers.get(PROTOCOLS).and_then(|value| value.to_str().ok());
    protocols
        .and_then(|list| list.split(',').find_map(|protocol| protocol.trim().strip_prefix("bearer.")))
        .or_else(|| request.query_string_parameters.first("token"))
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(headers: serde_json::Value, query: serde_json::Value) -> ApiGatewayCustomAuthorizerRequestTypeRequest {
        let event = json!({"headers": headers, "queryStringParameters": query, "requestContext": {}});
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_token_stands_in_the_subprotocols_or_in_the_query() {
        let pair = request(json!({"Sec-WebSocket-Protocol": "tidings, bearer.a.b.c"}), json!(null));
        assert_eq!(token(&pair), Some("a.b.c"));
        assert_eq!(token(&request(json!({}), json!({"token": "d.e.f"}))), Some("d.e.f"));
        assert_eq!(token(&request(json!({"Sec-WebSocket-Protocol": "tidings"}), json!({"token": ""}))), None);
        assert_eq!(token(&request(json!(null), json!(null))), None);
    }
}

//! Where a handshake carries its token or its ticket.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;

const PROTOCOLS: &str = "sec-websocket-protocol";

/// What a handshake comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials<'a> {
    /// A token.
    Token(&'a str),
    /// What stands for a token once.
    Ticket(&'a str),
}

/// What a handshake comes with: a token behind `bearer.` among the subprotocols, which browsers can set and no proxy logs,
/// or else a ticket or a token in the query.
pub(crate) fn credentials(request: &ApiGatewayCustomAuthorizerRequestTypeRequest) -> Option<Credentials<'_>> {
    let protocols = request.headers.get(PROTOCOLS).and_then(|value| value.to_str().ok());
    let bearer = protocols
        .and_then(|list| list.split(',').find_map(|protocol| protocol.trim().strip_prefix("bearer.")))
        .filter(|token| !token.is_empty());
    let query = |name| request.query_string_parameters.first(name).filter(|value| !value.is_empty());
    bearer
        .map(Credentials::Token)
        .or_else(|| query("ticket").map(Credentials::Ticket))
        .or_else(|| query("token").map(Credentials::Token))
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
    fn a_token_stands_in_the_subprotocols_or_in_the_query_and_a_ticket_in_the_query() {
        let pair = request(json!({"Sec-WebSocket-Protocol": "tidings, bearer.a.b.c"}), json!(null));
        assert_eq!(credentials(&pair), Some(Credentials::Token("a.b.c")));
        assert_eq!(credentials(&request(json!({}), json!({"token": "d.e.f"}))), Some(Credentials::Token("d.e.f")));
        assert_eq!(credentials(&request(json!({}), json!({"ticket": "t"}))), Some(Credentials::Ticket("t")));
        assert_eq!(credentials(&request(json!({"Sec-WebSocket-Protocol": "tidings"}), json!({"token": ""}))), None);
        assert_eq!(credentials(&request(json!(null), json!(null))), None);
    }
}

//! Where a handshake carries its token or its ticket.

use aws_lambda_events::apigw::ApiGatewayCustomAuthorizerRequestTypeRequest;
use shared::http::bearer;
use shared::socket::{header_lines, protocols};

/// The credentials in a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credentials<'a> {
    /// A token.
    Token(&'a str),
    /// A ticket, which replaces a token for one handshake.
    Ticket(&'a str),
}

/// Finds the credentials in a handshake: a token behind `bearer.` among the subprotocols, which browsers can set and no proxy logs;
/// else a ticket or a token in the query; else a bearer token in the header `Authorization`. That comes last since HTTP
/// libraries and proxies also set it by themselves.
pub(crate) fn credentials(request: &ApiGatewayCustomAuthorizerRequestTypeRequest) -> Option<Credentials<'_>> {
    let (headers, several) = (&request.headers, &request.multi_value_headers);
    let is_there = |text: &&str| !text.is_empty();
    let query = |name| request.query_string_parameters.first(name).filter(is_there);
    let subprotocol =
        protocols(headers, several).filter_map(|protocol| protocol.strip_prefix("bearer.")).find(is_there);
    let authorization = || header_lines(headers, several, "authorization").filter_map(bearer).find(is_there);
    subprotocol
        .map(Credentials::Token)
        .or_else(|| query("ticket").map(Credentials::Ticket))
        .or_else(|| query("token").map(Credentials::Token))
        .or_else(|| authorization().map(Credentials::Token))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn request(headers: Value, query: Value) -> ApiGatewayCustomAuthorizerRequestTypeRequest {
        let event = json!({"multiValueHeaders": headers, "queryStringParameters": query, "requestContext": {}});
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_token_stands_in_a_header_or_in_the_query_and_a_ticket_in_the_query() {
        let none = || json!(null);
        for (headers, query, expected) in [
            (json!({"Sec-WebSocket-Protocol": ["tidings, bearer.a.b.c"]}), none(), Some(Credentials::Token("a.b.c"))),
            (json!({"Sec-WebSocket-Protocol": ["tidings", "bearer.a.b.c"]}), none(), Some(Credentials::Token("a.b.c"))),
            (
                json!({"Sec-WebSocket-Protocol": ["bearer.a.b.c", "x,tidings"]}),
                none(),
                Some(Credentials::Token("a.b.c")),
            ),
            (json!({}), json!({"token": "d.e.f"}), Some(Credentials::Token("d.e.f"))),
            (json!({}), json!({"ticket": "t"}), Some(Credentials::Ticket("t"))),
            (json!({"Authorization": ["Bearer g.h.i"]}), none(), Some(Credentials::Token("g.h.i"))),
            (json!({"authorization": ["Basic YTpi", "bearer  g.h.i"]}), none(), Some(Credentials::Token("g.h.i"))),
            (json!({"Authorization": ["Basic YTpi"]}), none(), None),
            (json!({"Authorization": ["Bearer "], "Sec-WebSocket-Protocol": ["tidings"]}), json!({"token": ""}), None),
            (none(), none(), None),
        ] {
            assert_eq!(credentials(&request(headers.clone(), query.clone())), expected, "{headers} {query}");
        }
    }

    #[test]
    fn the_subprotocol_counts_before_the_ticket_before_the_urls_token_before_the_header() {
        let mut headers = json!({"Sec-WebSocket-Protocol": ["bearer.a"], "Authorization": ["Bearer d"]});
        let mut query = json!({"ticket": "b", "token": "c"});
        let counts = |headers: &Value, query: &Value, expected| {
            assert_eq!(credentials(&request(headers.clone(), query.clone())), Some(expected));
        };
        counts(&headers, &query, Credentials::Token("a"));
        headers["Sec-WebSocket-Protocol"] = json!(["tidings"]);
        counts(&headers, &query, Credentials::Ticket("b"));
        query["ticket"] = json!("");
        counts(&headers, &query, Credentials::Token("c"));
        query["token"] = json!("");
        counts(&headers, &query, Credentials::Token("d"));
    }
}

//! The page's HTML, with what it has to know of its stack.

use crate::settings::Settings;

const TEMPLATE: &str = include_str!("../assets/index.html");

/// The page, complete.
pub(crate) fn render(settings: &Settings) -> String {
    let optional = |text: &Option<String>| attribute(text.as_deref().unwrap_or_default());
    [
        ("{{websocket_url}}", attribute(settings.websocket.as_str())),
        ("{{local_token_secret}}", optional(&settings.local_token_secret)),
        ("{{vapid_public_key}}", optional(&settings.vapid_public_key)),
        ("{{user_claim}}", attribute(&settings.user_claim)),
    ]
    .into_iter()
    .fold(TEMPLATE.to_owned(), |page, (place, text)| page.replacen(place, &text, 1))
}

/// Text as it stands between the quotes of an attribute.
fn attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::WebSocketUrl;

    fn rendered(secret: Option<&str>) -> String {
        let websocket = WebSocketUrl::parse("wss://example.com/prod?a=1&b=\"2\"").unwrap();
        let vapid_public_key = Some("BMgg-_".to_owned());
        let local_token_secret = secret.map(ToOwned::to_owned);
        render(&Settings { websocket, local_token_secret, vapid_public_key, user_claim: "email".to_owned() })
    }

    #[test]
    fn settings_stand_in_attributes_and_cannot_leave_them() {
        let page = rendered(Some(r#""><script>alert('&')</script>"#));
        assert!(page.contains(r#"content="wss://example.com/prod?a=1&amp;b=&quot;2&quot;""#), "{page}");
        assert!(page.contains(r#"content="&quot;&gt;&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;""#), "{page}");
        assert!(page.contains(r#"<meta name="tidings-vapid-public-key" content="BMgg-_">"#), "{page}");
        assert!(page.contains(r#"<meta name="tidings-user-claim" content="email">"#), "{page}");
        assert!(!page.contains("{{"), "{page}");
    }

    #[test]
    fn a_deployed_page_holds_no_secret() {
        assert!(rendered(None).contains(r#"<meta name="tidings-local-token-secret" content="">"#));
    }

    #[test]
    fn nothing_in_the_page_is_inline() {
        for (place, _) in TEMPLATE.match_indices("<script") {
            assert!(TEMPLATE[place..].split('>').next().unwrap().contains("src="));
        }
        for inline in ["<style", " style=", " onclick=", " onload=", "javascript:"] {
            assert!(!TEMPLATE.contains(inline), "{inline}");
        }
    }
}

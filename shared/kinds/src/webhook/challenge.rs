//! The challenge to a webhook's server: what it is posted, and which answer says that it wants notifications.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// The random bytes of a challenge.
const BYTES: usize = 32;

/// A text that nobody can guess: a server that repeats it has read the request, and knows what it is for.
pub struct Challenge(String);

impl Challenge {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; BYTES]>()))
    }

    /// The body that the server gets.
    #[must_use]
    pub fn body(&self) -> String {
        json!({"type": "challenge", "challenge": self.0}).to_string()
    }

    /// Whether an answer accepts it: a 2xx, and the text, alone or as `{"challenge": "…"}`. A server that repeats the whole
    /// request agrees to nothing, so that no other field may be there.
    #[must_use]
    pub fn is_accepted_by(&self, status: u16, text: &str) -> bool {
        let in_json = || serde_json::from_str(text).is_ok_and(|answer: Value| answer == json!({"challenge": self.0}));
        (200..300).contains(&status) && (text.trim() == self.0 || in_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_another_each_time_and_fits_a_url() {
        let (one, other) = (Challenge::random(), Challenge::random());
        assert_ne!(one.0, other.0);
        assert!(one.0.len() == 43 && one.0.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        let body: Value = serde_json::from_str(&one.body()).unwrap();
        assert_eq!(body, json!({"type": "challenge", "challenge": one.0}));
    }

    #[test]
    fn only_a_server_that_repeats_it_and_nothing_else_accepts_it() {
        let challenge = Challenge("abc".to_owned());
        for text in ["abc", " abc\r\n", r#"{"challenge":"abc"}"#, "\n{ \"challenge\" : \"abc\" }\n"] {
            assert!(challenge.is_accepted_by(200, text) && challenge.is_accepted_by(299, text), "{text}");
            for status in [199, 300, 302, 404, 410, 500] {
                assert!(!challenge.is_accepted_by(status, text), "{status} {text}");
            }
        }
        let whole = challenge.body();
        for text in
            ["", "ab", "abcd", "ABC", "\"abc\"", r#"["abc"]"#, r#"{"challenge":"ab"}"#, "{}", "<p>abc</p>", &whole[..]]
        {
            assert!(!challenge.is_accepted_by(200, text), "{text}");
        }
    }
}

//! Signature Version 4 of posts. A library of all of AWS derives everything anew for each request; of posts to one API, most
//! stays the same from one to the next, and is derived once. The signatures are those of `aws-sigv4`, as a test says.
//!
//! Source: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_lc_rs::{digest, hmac};
use domain::time::{Millis, Seconds};
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use crate::error::Error;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// The name of API Gateway's management API in a signature.
const SERVICE: &str = "execute-api";

/// Credentials that end within this are asked for anew.
const MARGIN: Duration = Duration::from_secs(60);

/// Signs posts to one host.
pub(super) struct PostSigner {
    credentials: SharedCredentialsProvider,
    region: String,
    host: HeaderValue,
    current: Mutex<Option<Arc<Key>>>,
}

/// The part that all signatures of one second share.
struct Key {
    /// The second that it is for.
    second: Seconds,
    credentials: Credentials,
    /// Good for a day.
    key: hmac::Key,
    date: HeaderValue,
    token: Option<HeaderValue>,
    /// Of the canonical request, what stands between the path and the body's hash.
    headers: String,
    /// Of the text that is signed, what stands before the canonical request's hash.
    prologue: String,
    /// Of the header, what stands before the signature.
    authorization: String,
}

/// A body, with its hash: the same for all who are sent it.
#[derive(Clone)]
pub struct Payload {
    /// The body of a post.
    pub(super) bytes: bytes::Bytes,
    sha256: String,
}

impl Payload {
    /// Hashes what is to be sent.
    #[must_use]
    pub fn new(text: String) -> Self {
        let sha256 = hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self { bytes: text.into(), sha256 }
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Payload({} bytes)", self.bytes.len())
    }
}

impl fmt::Debug for PostSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({:?})", self.host)
    }
}

impl PostSigner {
    pub(super) fn new(credentials: SharedCredentialsProvider, region: String, host: HeaderValue) -> Self {
        Self { credentials, region, host, current: Mutex::default() }
    }

    /// The headers of a signed post to this path, in which nothing but letters, digits, `-`, `.`, `_`, `~` and `/` stands
    /// unescaped.
    ///
    /// # Errors
    /// There are no credentials.
    pub(super) async fn sign(&self, path: &str, payload: &Payload, now: Millis) -> Result<HeaderMap, Error> {
        let key = self.key(now).await?;
        let mut canonical = String::with_capacity(2 * path.len() + key.headers.len() + 80);
        canonical.push_str("POST\n");
        // Each segment is escaped once more, and of what may stand in it that concerns the percent sign only.
        for (n, part) in path.split('%').enumerate() {
            canonical.push_str(if n == 0 { "" } else { "%25" });
            canonical.push_str(part);
        }
        canonical.push_str(&key.headers);
        canonical.push_str(&payload.sha256);
        let mut text = String::with_capacity(key.prologue.len() + 64);
        text.push_str(&key.prologue);
        push_hex(&mut text, digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let mut authorization = String::with_capacity(key.authorization.len() + 64);
        authorization.push_str(&key.authorization);
        push_hex(&mut authorization, hmac::sign(&key.key, text.as_bytes()).as_ref());

        let mut headers = HeaderMap::with_capacity(5);
        headers.insert(HOST, self.host.clone());
        headers.insert(DATE, key.date.clone());
        if let Some(token) = &key.token {
            headers.insert(TOKEN, token.clone());
        }
        headers.insert(AUTHORIZATION, header(authorization)?);
        Ok(headers)
    }

    /// Has the credentials be asked for anew: these were refused.
    pub(super) fn forget(&self) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn key(&self, now: Millis) -> Result<Arc<Key>, Error> {
        let second = now.seconds();
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let key = match current {
            Some(key) if key.second == second => return Ok(key),
            Some(key) if !key.ends_soon(second) => Key::derive(key.credentials.clone(), self, second, Some(&key))?,
            _ => {
                let failed = |error: aws_credential_types::provider::error::CredentialsError| Error::Failed {
                    call: "get credentials",
                    cause: error.to_string(),
                };
                Key::derive(self.credentials.provide_credentials().await.map_err(failed)?, self, second, None)?
            }
        };
        let key = Arc::new(key);
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&key));
        Ok(key)
    }
}

impl Key {
    fn ends_soon(&self, second: Seconds) -> bool {
        let second = Duration::from_secs(u64::try_from(second.0).unwrap_or_default());
        self.credentials.expiry().is_some_and(|expiry| expiry < UNIX_EPOCH + second + MARGIN)
    }

    /// With these credentials, for this second. `before` is of the same credentials, and serves where it is of the same day.
    fn derive(
        credentials: Credentials,
        signer: &PostSigner,
        second: Seconds,
        before: Option<&Self>,
    ) -> Result<Self, Error> {
        let moment = Timestamp::from_second(second.0).unwrap_or(Timestamp::MAX);
        let (day, time) = (moment.strftime("%Y%m%d").to_string(), moment.strftime("%Y%m%dT%H%M%SZ").to_string());
        let scope = format!("{day}/{}/{SERVICE}/aws4_request", signer.region);
        let host = signer.host.to_str().unwrap_or_default();
        let (mut headers, mut names) = (format!("\n\nhost:{host}\nx-amz-date:{time}\n"), "host;x-amz-date".to_owned());
        if let Some(token) = credentials.session_token() {
            let _ = writeln!(headers, "x-amz-security-token:{token}");
            names.push_str(";x-amz-security-token");
        }
        let _ = write!(headers, "\n{names}\n");
        let access_key = credentials.access_key_id();
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, Signature=");
        let key = match before.filter(|before| before.date.as_bytes().starts_with(day.as_bytes())) {
            Some(before) => before.key.clone(),
            None => signing_key(credentials.secret_access_key(), &day, &signer.region),
        };
        let token = credentials.session_token().map(|token| header(token.to_owned())).transpose()?;
        let prologue = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n");
        Ok(Self { second, credentials, key, date: header(time)?, token, headers, prologue, authorization })
    }
}

fn signing_key(secret: &str, day: &str, region: &str) -> hmac::Key {
    let key = hmac::Key::new(hmac::HMAC_SHA256, format!("AWS4{secret}").as_bytes());
    [day, region, SERVICE, "aws4_request"]
        .into_iter()
        .fold(key, |key, part| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref()))
}

fn header(text: String) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|error| Error::Failed { call: "write a signature's header", cause: error.to_string() })?;
    value.set_sensitive(true);
    Ok(value)
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(&mut text, bytes);
    text
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)] as char);
        text.push(DIGITS[usize::from(byte & 15)] as char);
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
    use aws_sigv4::sign::v4;
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(second).unwrap())
    }

    /// The signature of `aws-sigv4`.
    fn expected(credentials: &Credentials, host: &str, path: &str, body: &str, second: i64) -> HeaderMap {
        let identity = credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("eu-central-1")
            .name(SERVICE)
            .time(at(second))
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let url = format!("https://{host}{path}");
        let request =
            SignableRequest::new("POST", &url, std::iter::empty(), SignableBody::Bytes(body.as_bytes())).unwrap();
        let mut signed = http::Request::builder().method("POST").uri(&url).body(()).unwrap();
        sign(request, &params.into()).unwrap().into_parts().0.apply_to_request_http1x(&mut signed);
        signed.headers().clone()
    }

    fn signer(credentials: Credentials, host: &str) -> PostSigner {
        let host = HeaderValue::from_str(host).unwrap();
        PostSigner::new(SharedCredentialsProvider::new(credentials), "eu-central-1".to_owned(), host)
    }

    fn authorization(headers: &HeaderMap) -> &str {
        headers["authorization"].to_str().unwrap()
    }

    proptest! {
        #[test]
        fn signatures_are_those_of_awss_own_crate(
            access_key in "[A-Z0-9]{16,20}",
            secret in "[A-Za-z0-9/+]{20,40}",
            token in proptest::option::of("[A-Za-z0-9/+=]{1,300}"),
            host in "[a-z0-9]{10}\\.execute-api\\.eu-central-1\\.amazonaws\\.com(:[1-9][0-9]{3})?",
            stage in "[A-Za-z0-9_-]{1,20}",
            // None is `.` or `..`, which a path would lose.
            id in "[A-Za-z0-9]([A-Za-z0-9_~.-]|%3D|%2F|%2B){0,29}",
            body in "\\PC{0,200}",
            seconds in proptest::collection::vec(0..4_000_000_000_i64, 1..4),
        ) {
            let credentials = Credentials::new(access_key, secret, token, None, "test");
            let signer = signer(credentials.clone(), &host);
            let path = format!("/{stage}/%40connections/{id}");
            let payload = Payload::new(body.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            for second in seconds {
                for second in [second, second, second + 1, second + 86_400] {
                    let headers = runtime.block_on(signer.sign(&path, &payload, Millis(second * 1000 + 7))).unwrap();
                    let expected = expected(&credentials, &host, &path, &body, second);
                    for name in ["authorization", "x-amz-date", "x-amz-security-token"] {
                        prop_assert_eq!(headers.get(name), expected.get(name), "{}", name);
                    }
                }
            }
        }
    }

    /// Gives other credentials each time.
    #[derive(Debug, Default)]
    struct Rotating(Mutex<u64>);

    impl aws_credential_types::provider::ProvideCredentials for Rotating {
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let mut given = self.0.lock().unwrap();
            *given += 1;
            let expiry = Some(at(i64::try_from(*given).unwrap() * 3_600));
            let credentials = Credentials::new(format!("KEY{given}"), "secret", None, expiry, "test");
            aws_credential_types::provider::future::ProvideCredentials::ready(Ok(credentials))
        }
    }

    #[tokio::test]
    async fn credentials_are_asked_for_again_before_they_end_and_when_they_were_refused() {
        let host = HeaderValue::from_static("h");
        let signer =
            PostSigner::new(SharedCredentialsProvider::new(Rotating::default()), "eu-central-1".to_owned(), host);
        let payload = Payload::new(String::new());
        for (second, key) in [(0, "KEY1"), (3_000, "KEY1"), (3_539, "KEY1"), (3_541, "KEY2"), (3_542, "KEY2")] {
            let headers = signer.sign("/p", &payload, Millis(second * 1000)).await.unwrap();
            assert!(authorization(&headers).contains(&format!("Credential={key}/")), "{second}: {headers:?}");
        }
        signer.forget();
        let headers = signer.sign("/p", &payload, Millis(3_543_000)).await.unwrap();
        assert!(authorization(&headers).contains("Credential=KEY3/"));
    }

    #[test]
    fn no_log_shows_what_is_sent_or_with_what() {
        let credentials = Credentials::new("AKIDEXAMPLE", "hush", Some("passage".into()), None, "test");
        let signer = signer(credentials, "h");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let payload = Payload::new("private".into());
        let headers = runtime.block_on(signer.sign("/p", &payload, Millis(0))).unwrap();
        let shown = format!("{signer:?} {payload:?} {headers:?}");
        for secret in ["hush", "passage", "private", "AKIDEXAMPLE"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}

//! One post, over connections that stay open from one invocation to the next.

use std::pin::pin;
use std::time::Duration;

use aws_config::SdkConfig;
use http::header::CONTENT_TYPE;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout};

use super::concurrency_limit::ConcurrencyLimit;
use super::connection_pool::{ConnectionPool, PostBody};
use super::signer::{Payload, PostSigner};
use crate::clock;
use crate::error::Error;
use crate::tls;

/// API Gateway answers in milliseconds. What has taken this long sits on a connection that died while the function was
/// frozen, and is better asked again on a new one.
const LIMIT: Duration = Duration::from_secs(3);

/// A post that failed sooner has cost nobody much time.
const SOON: Duration = Duration::from_secs(1);

/// Who has not been answered after this is not waited for before more posts are let go.
const PROMPT: Duration = Duration::from_millis(50);

/// The characters that may stand unescaped in a path (RFC 3986 section 2.3), as signatures want it.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Posts to connections.
pub(super) struct PostClient {
    pool: ConnectionPool,
    signer: PostSigner,
    concurrency: ConcurrencyLimit,
    /// Of each post's path, what stands before the connection's id.
    path: String,
}

/// A place among the posts that are under way.
#[derive(Debug)]
pub struct PostPermit<'a>(
    #[allow(dead_code, reason = "it is given back when it is dropped")] Option<SemaphorePermit<'a>>,
);

/// The answer to one try.
#[derive(Clone, Copy, Debug)]
pub(super) enum TryAnswer {
    /// 2xx.
    Taken,
    /// 410.
    Gone,
    /// 429.
    Refused,
    /// 5xx.
    Failed,
    /// None: the connection to the API could not be had, or broke.
    Broken,
    /// None in time.
    Late,
}

impl TryAnswer {
    /// Reads a status. Some answers are about all posts, and not about one connection.
    fn of(status: StatusCode, name: &str) -> Result<Self, Error> {
        match status {
            status if status.is_success() => Ok(Self::Taken),
            StatusCode::GONE => Ok(Self::Gone),
            StatusCode::FORBIDDEN | StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Error::Failed { call: "PostToConnection", cause: format!("{status} {name}") })
            }
            StatusCode::TOO_MANY_REQUESTS => Ok(Self::Refused),
            _ => Ok(Self::Failed),
        }
    }
}

impl PostClient {
    /// Posts to the API at this address, stage included.
    ///
    /// # Errors
    /// The address is none; there is no region or there are no credentials to sign with; or the TLS library cannot be set up.
    pub(super) fn new(config: &SdkConfig, endpoint: &str) -> Result<Self, Error> {
        let failed = |cause: &str| Error::Failed { call: "set up posts to connections", cause: cause.to_owned() };
        let uri: Uri = endpoint.parse().map_err(|_| failed("the management endpoint is no URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(failed("the management endpoint is no URL with a host"));
        };
        let host =
            HeaderValue::from_str(authority.as_str()).map_err(|_| failed("the management endpoint has no host"))?;
        let region = config.region().ok_or_else(|| failed("there is no region"))?.to_string();
        let credentials = config.credentials_provider().ok_or_else(|| failed("there are no credentials"))?;

        let scheme = if scheme == "https" { Scheme::HTTPS } else { Scheme::HTTP };
        Ok(Self {
            pool: ConnectionPool::new(scheme, authority.clone(), tls::aws_roots()?)?,
            signer: PostSigner::new(credentials, region, host),
            concurrency: ConcurrencyLimit::new(),
            path: format!("{}/%40connections/", uri.path().trim_end_matches('/')),
        })
    }

    /// Waits for a place among the posts that are under way.
    pub(super) async fn enter(&self) -> PostPermit<'_> {
        PostPermit(self.concurrency.enter().await)
    }

    /// Posts once.
    ///
    /// # Errors
    /// It cannot be signed, or the API refuses to serve us at all.
    pub(super) async fn post(
        &self,
        place: PostPermit<'_>,
        connection: &str,
        payload: &Payload,
    ) -> Result<TryAnswer, Error> {
        let path = format!("{}{}", self.path, utf8_percent_encode(connection, UNRESERVED));
        let request = self.request(path, payload).await?;
        let began = Instant::now();
        let mut sending = pin!(self.pool.send(request));
        let prompt = timeout(PROMPT, &mut sending).await;
        // Answered, others will be too, unless this one was refused. Not answered, others are not to wait for it.
        if !matches!(&prompt, Ok(Some((StatusCode::TOO_MANY_REQUESTS, _)))) {
            self.concurrency.widen();
        }
        let answered = match prompt {
            Ok(answered) => answered,
            Err(_) => timeout(LIMIT, sending).await.unwrap_or_else(|_| {
                self.pool.abandon(began);
                None
            }),
        };
        drop(place);
        let Some((status, name)) = answered else {
            return Ok(if began.elapsed() < SOON { TryAnswer::Broken } else { TryAnswer::Late });
        };
        if status == StatusCode::FORBIDDEN {
            self.signer.forget();
        }
        TryAnswer::of(status, &name)
    }

    async fn request(&self, path: String, payload: &Payload) -> Result<Request<PostBody>, Error> {
        let headers = self.signer.sign(&path, payload, clock::now()).await?;
        let path = PathAndQuery::try_from(path)
            .map_err(|error| Error::Failed { call: "write a post", cause: error.to_string() })?;
        let mut request = Request::new(PostBody::new(payload.bytes.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = headers;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        Ok(request)
    }
}

impl std::fmt::Debug for PostClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PostClient({:?})", self.signer)
    }
}

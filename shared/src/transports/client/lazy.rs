//! A client that a function may never need.

use std::net::SocketAddr;

use kinds::url::UrlRules;
use tokio::sync::OnceCell;

use super::SafeClient;
use crate::error::Error;
use crate::tls;

/// Builds a [`SafeClient`] for the first request, since that reads all certificates that this system believes.
#[derive(Clone, Debug)]
pub struct LazyClient {
    client: OnceCell<SafeClient>,
    rules: UrlRules,
    name_server: Option<SocketAddr>,
}

impl LazyClient {
    /// One that keeps to `rules`, and asks `name_server` for names, or the system where there is none.
    #[must_use]
    pub fn new(rules: UrlRules, name_server: Option<SocketAddr>) -> Self {
        Self { client: OnceCell::new(), rules, name_server }
    }

    /// The client.
    ///
    /// # Errors
    /// There are no root certificates, or the TLS library or the resolver cannot be set up.
    pub async fn get(&self) -> Result<&SafeClient, Error> {
        let build = async || SafeClient::new(self.rules.clone(), self.name_server, tls::system_roots()?);
        self.client.get_or_try_init(build).await
    }
}

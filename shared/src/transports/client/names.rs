//! The addresses of names, checked.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hyper_util::client::legacy::connect::dns::Name;
use kinds::address::is_public;
use tower_service::Service;

use crate::error::Error;

/// Resolves names, to addresses that may be connected to or to none.
///
/// One forbidden address among others refuses the name altogether. An honest receiver has no such address; one that mixes
/// them lets chance decide which is connected to, and an attempt that fails each time is easier to understand than one that
/// fails now and then.
#[derive(Clone)]
pub(super) struct CheckedNames {
    source: NameSource,
    /// Whether a name may be this machine's.
    loopback: bool,
}

#[derive(Clone)]
enum NameSource {
    System,
    Server(Arc<TokioResolver>),
}

/// A name is not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAddress {
    #[error("the name has no address")]
    NotFound,
    #[error("the name has an address that is not posted to")]
    Forbidden,
}

impl CheckedNames {
    pub(super) fn new(name_server: Option<SocketAddr>) -> Result<Self, Error> {
        let source = match name_server {
            Some(server) => NameSource::Server(Arc::new(resolver(server)?)),
            None => NameSource::System,
        };
        Ok(Self { source, loopback: false })
    }

    /// The same, for URLs whose port may be posted to on this machine.
    pub(super) fn with_loopback(self) -> Self {
        Self { loopback: true, ..self }
    }

    fn allow(&self, address: IpAddr) -> bool {
        is_public(address) || (self.loopback && address.is_loopback())
    }

    async fn addresses(self, name: &str) -> Result<vec::IntoIter<SocketAddr>, NoAddress> {
        let found = self.source.look_up(name).await;
        if found.is_empty() {
            return Err(NoAddress::NotFound);
        }
        if !found.iter().all(|address| self.allow(address.ip())) {
            return Err(NoAddress::Forbidden);
        }
        Ok(found.into_iter())
    }
}

impl NameSource {
    /// All addresses of a name, with port 0; none where it cannot be resolved, whatever the cause.
    async fn look_up(&self, name: &str) -> Vec<SocketAddr> {
        match self {
            Self::System => tokio::net::lookup_host((name, 0)).await.map_or_else(|_| Vec::new(), Iterator::collect),
            Self::Server(resolver) => match resolver.lookup_ip(name).await {
                Ok(found) => found.iter().map(|address| SocketAddr::new(address, 0)).collect(),
                Err(_) => Vec::new(),
            },
        }
    }
}

/// Asks this server alone, over UDP, and keeps nothing: as the system does, a name is asked for with each connection.
fn resolver(server: SocketAddr) -> Result<TokioResolver, Error> {
    let mut udp = ConnectionConfig::udp();
    udp.port = server.port();
    let servers = vec![NameServerConfig::new(server.ip(), true, vec![udp])];
    let config = ResolverConfig::from_parts(None, Vec::new(), servers);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().map_err(|error| Error::Failed { call: "set up the resolver", cause: error.to_string() })
}

impl Service<Name> for CheckedNames {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = NoAddress;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let names = self.clone();
        Box::pin(async move { names.addresses(name.as_str()).await })
    }
}

impl fmt::Debug for CheckedNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckedNames").field("loopback", &self.loopback).finish_non_exhaustive()
    }
}

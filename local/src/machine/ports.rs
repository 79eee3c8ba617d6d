//! The three ports.

use tokio::net::TcpListener;

use crate::{cli::Options, error::StartError, serve::bind, template::Addresses};

/// The ports, listened on before anything else, because the template's values contain their addresses.
pub(super) struct Ports {
    /// The port of the HTTP API.
    pub(super) http: TcpListener,
    /// The port of the WebSocket API.
    pub(super) websocket: TcpListener,
    /// The port of AWS's services and of the control API.
    pub(super) aws: TcpListener,
}

impl Ports {
    /// Listens on the ports that the options name.
    pub(super) async fn bind(options: &Options) -> Result<Self, StartError> {
        Ok(Self {
            http: bind(options.http_port, "--http-port").await?,
            websocket: bind(options.websocket_port, "--websocket-port").await?,
            aws: bind(options.aws_port, "--aws-port").await?,
        })
    }

    /// The addresses of the ports.
    pub(super) fn addresses(&self) -> Result<Addresses, StartError> {
        Ok(Addresses {
            http: address("http", &self.http)?,
            websocket: address("ws", &self.websocket)?,
            aws: address("http", &self.aws)?,
        })
    }
}

fn address(scheme: &str, listener: &TcpListener) -> Result<String, StartError> {
    let address = listener.local_addr().map_err(StartError::file("a port"))?;
    Ok(format!("{scheme}://{address}"))
}

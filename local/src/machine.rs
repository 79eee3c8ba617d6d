//! Starts the whole stack, in order, and ends it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    aws::{Aws, Database, Ledger, Secrets},
    cli::Options,
    control::{Control, Faults, Journal, Known},
    error::StartError,
    http::HttpGateway,
    lambda::Lambda,
    log, project, samconfig,
    serve::{IdleCloser, bind, serve},
    template::{self, Addresses, Stack},
    websocket::{Limits, Registry, WebSocketGateway},
};

/// A stack that runs.
#[derive(Debug)]
pub(crate) struct Machine {
    addresses: Addresses,
    aws: String,
    outputs: Vec<(String, String)>,
    lambda: Arc<Lambda>,
}

/// The three ports, listened on before anything else, so that the template can be told their addresses.
struct Ports {
    http: TcpListener,
    websocket: TcpListener,
    aws: TcpListener,
}

impl Ports {
    async fn bind(options: &Options) -> Result<Self, StartError> {
        Ok(Self {
            http: bind(options.http_port, "--http-port").await?,
            websocket: bind(options.websocket_port, "--websocket-port").await?,
            aws: bind(options.aws_port, "--aws-port").await?,
        })
    }
}

impl Machine {
    /// Starts everything that the template asks for.
    pub(crate) async fn start(options: Options) -> Result<Self, StartError> {
        let template = project::find_template(&options.template)?;
        let root = template.parent().unwrap_or(Path::new(".")).to_owned();
        let ports = Ports::bind(&options).await?;
        let addresses = Addresses { http: address("http", &ports.http)?, websocket: address("ws", &ports.websocket)? };
        let aws = address("http", &ports.aws)?;
        let mut settings = samconfig::read(&root)?;
        settings.parameters.extend(options.parameters.iter().cloned());
        let text = std::fs::read_to_string(&template).map_err(StartError::file(&template))?;
        let mut stack = template::read(&text, &settings, &addresses)?;
        let executables = project::executables(&root, &stack.functions, !options.no_build, options.release).await?;

        let faults = Arc::new(Faults::new(known(&stack)));
        let functions = std::mem::take(&mut stack.functions);
        let lambda = Lambda::new(functions, executables, options.max_processes, &aws, Arc::clone(&faults));
        let lambda = Arc::new(lambda);
        let outputs = std::mem::take(&mut stack.outputs);
        serve_all(&options, ports, stack, &lambda, faults)?;
        Ok(Self { addresses, aws, outputs, lambda })
    }

    /// Says where everything is: for programs in one line of JSON, else for people.
    pub(crate) fn announce(&self, as_json: bool) {
        let Addresses { http, websocket } = &self.addresses;
        if as_json {
            println!("{}", json!({ "http": http, "websocket": websocket, "aws": self.aws }));
            return;
        }
        println!("Ready.\n  HTTP API       {http}\n  WebSocket API  {websocket}\n  AWS API        {}", self.aws);
        if !self.outputs.is_empty() {
            println!("Outputs");
        }
        for (name, value) in &self.outputs {
            println!("  {name:<14} {value}");
        }
        println!("Ctrl-C stops it.");
    }

    /// Ends every process that the stack started.
    pub(crate) async fn stop(&self) {
        self.lambda.shut_down().await;
        log::flush();
    }
}

/// What a fault may name.
fn known(stack: &Stack) -> Known {
    let tables = stack.tables.iter().flat_map(|table| [&table.name, &table.logical_name]);
    Known::new(stack.functions.keys(), tables)
}

fn address(scheme: &str, listener: &TcpListener) -> Result<String, StartError> {
    let address = listener.local_addr().map_err(StartError::file("a port"))?;
    Ok(format!("{scheme}://{address}"))
}

/// Opens the data, wires the services to one another and serves them.
fn serve_all(
    options: &Options,
    ports: Ports,
    stack: Stack,
    lambda: &Arc<Lambda>,
    faults: Arc<Faults>,
) -> Result<(), StartError> {
    let folder = data_folder(options)?;
    let database = Arc::new(Database::open(folder.as_deref(), &stack.tables)?);
    let secrets = Secrets::open(folder.as_deref(), &stack.secrets)?;
    let registry = Arc::new(Registry::default());
    let journal = Arc::new(Journal::default());
    let closer = IdleCloser::new();
    let ledger = Ledger { lambda: Arc::clone(lambda), journal: Arc::clone(&journal), faults: Arc::clone(&faults) };

    let http = Arc::new(HttpGateway { api: stack.http, lambda: Arc::clone(lambda) });
    let limits = Limits {
        idle: Duration::from_secs(options.idle_seconds),
        lifetime: Duration::from_secs(options.connection_seconds),
    };
    let websocket = Arc::new(WebSocketGateway {
        api: stack.websocket,
        lambda: Arc::clone(lambda),
        registry: Arc::clone(&registry),
        ledger: ledger.clone(),
        limits,
    });
    let control = Control {
        journal,
        faults,
        lambda: Arc::clone(lambda),
        registry,
        database: Arc::clone(&database),
        closer: closer.clone(),
    };
    let logical_names = stack.tables.into_iter().map(|table| (table.name, table.logical_name)).collect();
    let aws = Arc::new(Aws { ledger, database: Arc::clone(&database), logical_names, secrets, control });

    // The closer is not the HTTP API's: functions keep no connections to it.
    tokio::spawn(serve(ports.http, IdleCloser::new(), move |request, peer| Arc::clone(&http).answer(request, peer)));
    tokio::spawn(serve(ports.websocket, closer.clone(), move |request, peer| {
        Arc::clone(&websocket).answer(request, peer)
    }));
    tokio::spawn(serve(ports.aws, closer, move |request, peer| Arc::clone(&aws).answer(request, peer)));
    tokio::spawn(async move { database.keep_sweeping().await });
    Ok(())
}

fn data_folder(options: &Options) -> Result<Option<PathBuf>, StartError> {
    if let Some(folder) = &options.data {
        std::fs::create_dir_all(folder).map_err(StartError::file(folder))?;
    }
    Ok(options.data.clone())
}

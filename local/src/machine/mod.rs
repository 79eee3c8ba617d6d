//! Starts the whole stack, in order, and ends it.

use std::{
    fs::{DirBuilder, File},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    aws::{self, Aws, Database, DynamoDb, Ledger, Secrets, Ses, Sns, Sqs},
    cli::Options,
    clock::Clock,
    control::{Control, PREFIX},
    error::StartError,
    events::Asynchronous,
    faults::{Faults, Journal, Known},
    http::{HttpGateway, Throttles},
    lambda::Lambda,
    log, machine_secret,
    mappings::Poller,
    outbox::Outbox,
    platforms::Platforms,
    project,
    queues::Queues,
    samconfig,
    schedules::Schedules,
    serve::{Answer, IdleCloser, Peer, Request, bind, guard, serve},
    template::{self, Addresses, Mapping, Stack},
    topics::Topics,
    websocket::{self, Limits, Registry, WebSocketGateway},
};

/// A stack that runs.
#[derive(Debug)]
pub(crate) struct Machine {
    addresses: Addresses,
    /// Where the HTTP API has a page for people, if it has one.
    page: Option<String>,
    outputs: Vec<(String, String)>,
    lambda: Arc<Lambda>,
    clock: Arc<Clock>,
    /// The folder's lock.
    _data: Option<(PathBuf, File)>,
}

/// What runs behind the ports, and what disturbs it.
struct Parts {
    lambda: Arc<Lambda>,
    queues: Arc<Queues>,
    asynchronous: Arc<Asynchronous>,
    schedules: Arc<Schedules>,
    faults: Arc<Faults>,
    clock: Arc<Clock>,
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

    fn addresses(&self) -> Result<Addresses, StartError> {
        Ok(Addresses {
            http: address("http", &self.http)?,
            websocket: address("ws", &self.websocket)?,
            aws: address("http", &self.aws)?,
        })
    }
}

impl Machine {
    /// Starts everything that the template asks for.
    pub(crate) async fn start(options: Options) -> Result<Self, StartError> {
        let template = project::find_template(&options.template)?;
        let root = template.parent().unwrap_or(Path::new(".")).to_owned();
        let ports = Ports::bind(&options).await?;
        let addresses = ports.addresses()?;
        let mut settings = samconfig::read(&root)?;
        settings.parameters.extend(options.parameters.iter().cloned());
        settings.parameters = machine_secret::fill_in(settings.parameters)?;
        let text = std::fs::read_to_string(&template).map_err(StartError::file(&template))?;
        let mut stack = template::read(&text, &settings, &addresses)?;
        let executables = project::executables(&root, &stack.functions, !options.no_build, options.release).await?;

        let faults = Arc::new(faults(&options, &stack)?);
        let data = data_folder(&options)?;
        let folder = data.as_ref().map(|(folder, _)| folder.as_path());
        let clock = Arc::new(Clock::open(options.faketime.as_deref(), folder)?);
        let functions = std::mem::take(&mut stack.functions);
        let most = |function: &str| options.max_processes.max(by_queues(function, &stack.mappings));
        let aws = &addresses.aws;
        let lambda = Lambda::new(functions, executables, most, aws, Arc::clone(&faults), Arc::clone(&clock));
        let lambda = Arc::new(lambda);
        let queues = Queues::open(folder, std::mem::take(&mut stack.queues), Arc::clone(&faults))?;
        let queues = Arc::new(queues);
        let asynchronous = Arc::new(Asynchronous::open(folder, Arc::clone(&lambda), Arc::clone(&queues))?);
        let outputs = std::mem::take(&mut stack.outputs);
        let page = page(&stack, &addresses);
        let rules = std::mem::take(&mut stack.rules);
        let (calls, events) = (Arc::clone(&lambda), Arc::clone(&asynchronous));
        let schedules = Schedules::new(rules, calls, events, Arc::clone(&faults), Arc::clone(&clock));
        let parts = Parts { lambda, queues, asynchronous, schedules: Arc::new(schedules), faults, clock };
        serve_all(&options, folder, ports, stack, &parts)?;
        parts.asynchronous.start();
        parts.schedules.start();
        Ok(Self { addresses, page, outputs, lambda: parts.lambda, clock: parts.clock, _data: data })
    }

    /// Says where everything is: for programs in one line of JSON, else for people.
    pub(crate) fn announce(&self, as_json: bool) {
        let Addresses { http, websocket, aws } = &self.addresses;
        if as_json {
            let mut told = json!({ "http": http, "websocket": websocket, "aws": aws });
            if let Some(page) = &self.page {
                told["page"] = json!(page);
            }
            println!("{told}");
            return;
        }
        println!("Ready.");
        if let Some(page) = &self.page {
            println!("  Page           {page}");
        }
        println!("  HTTP API       {http}\n  WebSocket API  {websocket}\n  AWS API        {aws}");
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
        self.clock.close();
        log::flush();
    }
}

/// What a fault may name.
fn known(stack: &Stack) -> Known {
    let tables = stack.tables.iter().flat_map(|table| [&table.name, &table.logical_name]);
    let queues = stack.queues.iter().map(|queue| &queue.logical_name);
    let topics = stack.topics.iter().map(|topic| &topic.logical_name);
    let schedules = stack.rules.iter().map(|rule| &rule.name);
    let known = Known::new(stack.functions.keys(), tables);
    let known = known.with_queues(queues).with_topics(topics).with_schedules(schedules);
    let services = aws::OPERATIONS.into_iter().chain([(websocket::MANAGEMENT, &websocket::METHODS[..])]);
    services.fold(known, |known, (service, operations)| known.with_calls(service, operations))
}

/// Where a browser finds something: at the HTTP API's root, if it has a route for that.
fn page(stack: &Stack, addresses: &Addresses) -> Option<String> {
    let api = stack.http.as_ref()?;
    api.routes.iter().any(|route| route.key == "GET /").then(|| format!("{}/", addresses.http))
}

/// The faults that are armed from the start.
fn faults(options: &Options, stack: &Stack) -> Result<Faults, StartError> {
    let faults = Faults::new(known(stack));
    let faults = if let Some(seed) = options.seed { faults.seeded(seed) } else { faults };
    for rule in &options.faults {
        let json = serde_json::from_str(rule).map_err(|error| error.to_string());
        json.and_then(|json| faults.add(&json)).map_err(|why| StartError::Fault { rule: rule.clone(), why })?;
    }
    Ok(faults)
}

fn address(scheme: &str, listener: &TcpListener) -> Result<String, StartError> {
    let address = listener.local_addr().map_err(StartError::file("a port"))?;
    Ok(format!("{scheme}://{address}"))
}

/// Opens the data, wires the services to one another and serves them.
fn serve_all(
    options: &Options,
    folder: Option<&Path>,
    ports: Ports,
    stack: Stack,
    parts: &Parts,
) -> Result<(), StartError> {
    let Parts { lambda, queues, asynchronous, schedules, faults, clock } = parts;
    let database = Arc::new(Database::open(folder, &stack.tables)?);
    let secrets = Secrets::open(folder, &stack.secrets)?;
    let sqs = Sqs { queues: Arc::clone(queues), address: address("http", &ports.aws)? };
    let topics = Arc::new(Topics::new(stack.topics, Arc::clone(asynchronous), Arc::clone(faults)));
    let outbox = Arc::new(Outbox::default());
    let platforms = Platforms::open(folder)?;
    let sns = Sns { topics: Arc::clone(&topics), platforms, outbox: Arc::clone(&outbox) };
    let ses = Ses { outbox: Arc::clone(&outbox) };
    let registry = Arc::new(Registry::default());
    let journal = Arc::new(Journal::default());
    let closer = IdleCloser::new();
    let ledger = Ledger { lambda: Arc::clone(lambda), journal: Arc::clone(&journal), faults: Arc::clone(faults) };

    let throttles = Throttles::of(stack.http.as_ref().map_or(&[][..], |api| &api.routes[..]), Instant::now());
    let http = Arc::new(HttpGateway { api: stack.http, lambda: Arc::clone(lambda), throttles });
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
        faults: Arc::clone(faults),
        lambda: Arc::clone(lambda),
        registry,
        database: Arc::clone(&database),
        queues: Arc::clone(queues),
        topics,
        outbox,
        asynchronous: Arc::clone(asynchronous),
        schedules: Arc::clone(schedules),
        clock: Arc::clone(clock),
        closer: closer.clone(),
    };
    let tables = stack.tables.into_iter().map(|table| (table.name.clone(), table)).collect();
    let dynamodb = DynamoDb { database: Arc::clone(&database), tables };
    let aws = Arc::new(Aws { ledger, dynamodb, secrets, ses, sqs, sns });
    let behind = Arc::new(AwsPort { aws, control });

    // The closer is not the HTTP API's: functions keep no connections to it.
    tokio::spawn(serve(ports.http, IdleCloser::new(), move |request, peer| Arc::clone(&http).answer(request, peer)));
    tokio::spawn(serve(ports.websocket, closer.clone(), move |request, peer| {
        Arc::clone(&websocket).answer(request, peer)
    }));
    tokio::spawn(serve(ports.aws, closer, move |request, peer| Arc::clone(&behind).answer(request, peer)));
    tokio::spawn(async move { database.keep_sweeping().await });
    poll(stack.mappings, queues, lambda, options.max_processes);
    Ok(())
}

/// The AWS port: the control API under its own path, AWS's services under any other.
struct AwsPort {
    aws: Arc<Aws>,
    control: Control,
}

impl AwsPort {
    async fn answer(self: Arc<Self>, request: Request, peer: Arc<Peer>) -> Answer {
        if guard::is_of_a_page(request.headers()) {
            return Ok(guard::no_page());
        }
        if request.uri().path().starts_with(PREFIX) {
            return self.control.answer(request).await;
        }
        self.aws.answer(request, &peer).await
    }
}

/// How many invocations of a function there may be at once by its queues: those that wait for one may not keep those of another waiting.
fn by_queues(function: &str, mappings: &[Mapping]) -> u32 {
    let of_function = mappings.iter().filter(|mapping| mapping.function == function);
    of_function.filter_map(|mapping| mapping.concurrency).sum()
}

/// Has the queues read for the functions that they are mapped to.
fn poll(mappings: Vec<Mapping>, queues: &Arc<Queues>, lambda: &Arc<Lambda>, max_processes: u32) {
    for mapping in mappings {
        tokio::spawn(Poller::new(Arc::clone(queues), Arc::clone(lambda), mapping, max_processes).run());
    }
}

/// Makes the folder, which nobody else on the machine may enter, and keeps other stacks from it as long as this process lives.
fn data_folder(options: &Options) -> Result<Option<(PathBuf, File)>, StartError> {
    let Some(folder) = &options.data else { return Ok(None) };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(StartError::file(folder))?;
    let path = folder.join("lock");
    if !close_to_others(folder, &path).map_err(StartError::file(folder))? {
        return Err(StartError::Open { folder: folder.clone() });
    }
    let lock = File::create(&path).map_err(StartError::file(&path))?;
    lock.try_lock().map_err(|_| StartError::InUse { folder: folder.clone() })?;
    Ok(Some((folder.clone(), lock)))
}

/// Takes others' rights to a folder that was there before, where a stack has used it or nothing is in it. `false` for any other
/// folder that others may enter: who else uses it, and for what, is not known.
fn close_to_others(folder: &Path, lock: &Path) -> std::io::Result<bool> {
    let mut permissions = std::fs::metadata(folder)?.permissions();
    if permissions.mode() & 0o077 == 0 {
        return Ok(true);
    }
    if !lock.exists() && std::fs::read_dir(folder)?.next().is_some() {
        return Ok(false);
    }
    permissions.set_mode(0o700);
    std::fs::set_permissions(folder, permissions)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_armed_for_an_operation_that_its_service_serves_and_for_no_other() {
        let faults = Faults::new(known(&Stack::default()));
        for served in [
            "dynamodb.PutItem",
            "secretsmanager.GetSecretValue",
            "management.POST",
            "sns.Publish",
            "sns.PublishBatch",
            "ses.SendEmail",
            "sqs.SendMessage",
        ] {
            faults.add(&json!({"on": served, "do": {"kill": true}})).expect(served);
        }
        for other in ["dynamodb.PutItme", "sns.CreateTopic", "ses.CreateEmailIdentity", "management.PUT", "x.GetItem"] {
            faults.add(&json!({"on": other, "do": {"kill": true}})).expect_err(other);
        }
    }
}

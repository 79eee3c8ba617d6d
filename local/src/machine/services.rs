//! The services of a stack, wired to one another and served at the ports.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::net::TcpListener;

use super::{aws_port::AwsPort, ports::Ports};
use crate::{
    aws::{Aws, Database, DynamoDb, Ledger, Secrets, Ses, Sns, Sqs},
    cli::Options,
    clock::Clock,
    control::Control,
    error::StartError,
    events::Asynchronous,
    faults::{Faults, Journal},
    http::{HttpGateway, Throttles},
    lambda::Lambda,
    mappings::Poller,
    outbox::Outbox,
    platforms::Platforms,
    queues::Queues,
    schedules::Schedules,
    serve::{IdleCloser, serve},
    template::{Addresses, HttpApi, Mapping, Stack, WebSocketApi},
    topics::Topics,
    websocket::{Limits, Registry, WebSocketGateway},
};

/// The parts behind the ports.
pub(super) struct Services {
    /// The functions.
    pub(super) lambda: Arc<Lambda>,
    /// The events that functions work on while nobody waits for a result.
    pub(super) asynchronous: Arc<Asynchronous>,
    /// The rules that fire on schedule.
    pub(super) schedules: Arc<Schedules>,
    /// The functions' time.
    pub(super) clock: Arc<Clock>,
    queues: Arc<Queues>,
    topics: Arc<Topics>,
    database: Arc<Database>,
    outbox: Arc<Outbox>,
    registry: Arc<Registry>,
    faults: Arc<Faults>,
    journal: Arc<Journal>,
    /// Closes idle connections to the AWS port and the WebSocket port. Functions keep no connections to the HTTP API.
    closer: IdleCloser,
}

impl Services {
    /// Opens the services with their data, in `folder` or in memory.
    pub(super) fn open(
        folder: Option<&Path>,
        stack: &mut Stack,
        lambda: Arc<Lambda>,
        faults: Arc<Faults>,
        clock: Arc<Clock>,
    ) -> Result<Self, StartError> {
        let queues = Queues::open(folder, std::mem::take(&mut stack.queues), Arc::clone(&faults))?;
        let queues = Arc::new(queues);
        let asynchronous = Arc::new(Asynchronous::open(folder, Arc::clone(&lambda), Arc::clone(&queues))?);
        let (rules, topics) = (std::mem::take(&mut stack.rules), std::mem::take(&mut stack.topics));
        let (calls, events) = (Arc::clone(&lambda), Arc::clone(&asynchronous));
        let schedules = Schedules::new(rules, calls, events, Arc::clone(&faults), Arc::clone(&clock));
        let topics = Topics::new(topics, Arc::clone(&asynchronous), Arc::clone(&faults));
        Ok(Self {
            lambda,
            queues,
            asynchronous,
            schedules: Arc::new(schedules),
            topics: Arc::new(topics),
            database: Arc::new(Database::open(folder, &stack.tables)?),
            outbox: Arc::default(),
            registry: Arc::default(),
            faults,
            journal: Arc::default(),
            clock,
            closer: IdleCloser::new(),
        })
    }

    /// Serves everything at the ports, and has the queues read.
    pub(super) fn serve(
        &self,
        options: &Options,
        folder: Option<&Path>,
        ports: Ports,
        addresses: &Addresses,
        stack: Stack,
    ) -> Result<(), StartError> {
        let aws = Aws {
            ledger: self.ledger(),
            dynamodb: DynamoDb {
                database: Arc::clone(&self.database),
                tables: stack.tables.into_iter().map(|table| (table.name.clone(), table)).collect(),
            },
            secrets: Secrets::open(folder, &stack.secrets)?,
            ses: Ses { outbox: Arc::clone(&self.outbox) },
            sqs: Sqs { queues: Arc::clone(&self.queues), address: addresses.aws.clone() },
            sns: Sns {
                topics: Arc::clone(&self.topics),
                platforms: Platforms::open(folder)?,
                outbox: Arc::clone(&self.outbox),
            },
        };
        self.serve_http(ports.http, stack.http);
        self.serve_websocket(ports.websocket, stack.websocket, options);
        self.serve_aws(ports.aws, aws);
        let database = Arc::clone(&self.database);
        tokio::spawn(async move { database.keep_sweeping().await });
        self.poll(stack.mappings, options.max_processes);
        Ok(())
    }

    fn ledger(&self) -> Ledger {
        Ledger {
            lambda: Arc::clone(&self.lambda),
            journal: Arc::clone(&self.journal),
            faults: Arc::clone(&self.faults),
        }
    }

    fn serve_http(&self, port: TcpListener, api: Option<HttpApi>) {
        let throttles = Throttles::of(api.as_ref().map_or(&[][..], |api| &api.routes[..]), Instant::now());
        let http = Arc::new(HttpGateway { api, lambda: Arc::clone(&self.lambda), throttles });
        tokio::spawn(serve(port, IdleCloser::new(), move |request, peer| Arc::clone(&http).answer(request, peer)));
    }

    fn serve_websocket(&self, port: TcpListener, api: Option<WebSocketApi>, options: &Options) {
        let limits = Limits {
            idle: Duration::from_secs(options.idle_seconds),
            lifetime: Duration::from_secs(options.connection_seconds),
        };
        let gateway = Arc::new(WebSocketGateway {
            api,
            lambda: Arc::clone(&self.lambda),
            registry: Arc::clone(&self.registry),
            ledger: self.ledger(),
            limits,
        });
        let answer = move |request, peer| Arc::clone(&gateway).answer(request, peer);
        tokio::spawn(serve(port, self.closer.clone(), answer));
    }

    fn serve_aws(&self, port: TcpListener, aws: Aws) {
        let behind = Arc::new(AwsPort { aws, control: self.control() });
        let answer = move |request, peer| Arc::clone(&behind).answer(request, peer);
        tokio::spawn(serve(port, self.closer.clone(), answer));
    }

    fn control(&self) -> Control {
        Control {
            journal: Arc::clone(&self.journal),
            faults: Arc::clone(&self.faults),
            lambda: Arc::clone(&self.lambda),
            registry: Arc::clone(&self.registry),
            database: Arc::clone(&self.database),
            queues: Arc::clone(&self.queues),
            topics: Arc::clone(&self.topics),
            outbox: Arc::clone(&self.outbox),
            asynchronous: Arc::clone(&self.asynchronous),
            schedules: Arc::clone(&self.schedules),
            clock: Arc::clone(&self.clock),
            closer: self.closer.clone(),
        }
    }

    /// Starts the poller of each mapping.
    fn poll(&self, mappings: Vec<Mapping>, max_processes: u32) {
        for mapping in mappings {
            let (queues, lambda) = (Arc::clone(&self.queues), Arc::clone(&self.lambda));
            tokio::spawn(Poller::new(queues, lambda, mapping, max_processes).run());
        }
    }
}

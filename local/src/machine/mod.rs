//! Starts the whole stack, in order, and ends it.

mod aws_port;
mod data;
mod ports;
mod services;

use std::{path::Path, sync::Arc};

use serde_json::json;

use self::{data::DataFolder, ports::Ports, services::Services};
use crate::{
    aws,
    cli::Options,
    clock::Clock,
    error::StartError,
    faults::{Faults, Known},
    lambda::Lambda,
    log, machine_secret, project, samconfig,
    template::{self, Addresses, Mapping, Stack},
    websocket,
};

/// A stack that runs until [`Machine::stop`].
#[derive(Debug)]
pub struct Machine {
    addresses: Addresses,
    /// The address of the HTTP API's page for people, if it has one.
    page: Option<String>,
    outputs: Vec<(String, String)>,
    lambda: Arc<Lambda>,
    clock: Arc<Clock>,
    _data: Option<DataFolder>,
}

impl Machine {
    /// Starts everything that the template asks for.
    ///
    /// # Errors
    ///
    /// Fails if the template or its parameters are wrong, a function cannot be built, a port is taken, or the data folder cannot be
    /// used.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let template = project::find_template(&options.template)?;
        let root = template.parent().unwrap_or(Path::new("."));
        let ports = Ports::bind(&options).await?;
        let addresses = ports.addresses()?;
        let mut stack = read(&template, root, &options, &addresses)?;
        let executables = project::executables(root, &stack.functions, !options.no_build, options.release).await?;

        let faults = Arc::new(faults(&options, &stack)?);
        let data = options.data.as_deref().map(DataFolder::open).transpose()?;
        let folder = data.as_ref().map(|data| data.path.as_path());
        let clock = Arc::new(Clock::open(options.faketime.as_deref(), folder)?);
        let functions = std::mem::take(&mut stack.functions);
        let most = |function: &str| options.max_processes.max(by_queues(function, &stack.mappings));
        let lambda = Lambda::new(functions, executables, most, &addresses.aws, Arc::clone(&faults), Arc::clone(&clock));
        let services = Services::open(folder, &mut stack, Arc::new(lambda), faults, clock)?;
        let (page, outputs) = (page(&stack, &addresses), std::mem::take(&mut stack.outputs));
        services.serve(&options, folder, ports, &addresses, stack)?;
        services.asynchronous.start();
        services.schedules.start();
        Ok(Self { addresses, page, outputs, lambda: services.lambda, clock: services.clock, _data: data })
    }

    /// The addresses at which the stack answers.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Prints the addresses: one line of JSON for programs, or a list for people.
    pub fn announce(&self, as_json: bool) {
        let Addresses { http, websocket, aws } = &self.addresses;
        if as_json {
            let mut line = json!({ "http": http, "websocket": websocket, "aws": aws });
            if let Some(page) = &self.page {
                line["page"] = json!(page);
            }
            println!("{line}");
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
    pub async fn stop(&self) {
        self.lambda.shut_down().await;
        self.clock.close();
        log::flush();
    }
}

/// Reads the template with the parameters of `samconfig.toml` and of the options.
fn read(template: &Path, root: &Path, options: &Options, addresses: &Addresses) -> Result<Stack, StartError> {
    let mut settings = samconfig::read(root)?;
    settings.parameters.extend(options.parameters.iter().cloned());
    settings.parameters = machine_secret::fill_in(settings.parameters)?;
    let text = std::fs::read_to_string(template).map_err(StartError::file(template))?;
    template::read(&text, &settings, addresses)
}

/// The names that a fault may use.
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

/// The address of the page for people: the HTTP API's root, if it has a route for that.
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

/// The concurrent invocations that the queues of a function may have: invocations for one queue do not keep those for another
/// waiting.
fn by_queues(function: &str, mappings: &[Mapping]) -> u32 {
    let of_function = mappings.iter().filter(|mapping| mapping.function == function);
    of_function.filter_map(|mapping| mapping.concurrency).sum()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;

    const TABLE: &str = "
Resources:
  Rows:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
Outputs:
  Table:
    Value: !Ref Rows
";

    #[tokio::test]
    async fn a_stack_starts_in_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let template = folder.path().join("template.yaml");
        std::fs::write(&template, TABLE).expect("a template");
        let template = template.to_str().expect("a path in UTF-8");
        let ports = ["--http-port", "0", "--websocket-port", "0", "--aws-port", "0"];
        let options = Options::parse_from([&["cargo local", "--template", template][..], &ports].concat());
        let machine = Machine::start(options).await.expect("a stack");
        let address = machine.addresses().aws.strip_prefix("http://").expect("an address");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = "GET /_local/processes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("[]"), "{answer}");
        machine.stop().await;
    }

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

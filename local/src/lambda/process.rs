//! One process of a function: started like an execution environment, frozen while it has nothing to do.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering},
    },
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::watch,
};

use super::{
    FunctionError,
    runtime_api::{Invocation, Mailbox, Outcome},
};
use crate::{
    clock::Clock,
    log,
    serve::{IdleCloser, serve},
    template::{Function, REGION},
};

/// Lambda gives a start ten seconds before it counts towards the function's timeout.
const INIT_TIMEOUT: Duration = Duration::from_secs(10);

/// The state of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It has not asked for its first event.
    Starting = 0,
    /// It is working on an event.
    Busy = 1,
    /// It is stopped until the next event.
    Frozen = 2,
}

impl State {
    /// Its name in the control API.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Busy => "busy",
            Self::Frozen => "frozen",
        }
    }
}

/// The settings that all processes of a function share.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The function.
    pub(crate) function: Function,
    /// Its binary.
    pub(crate) executable: PathBuf,
    /// The address of the AWS port.
    pub(crate) aws: String,
    /// The functions' time.
    pub(crate) clock: Arc<Clock>,
}

/// A running process of a function.
#[derive(Debug)]
pub(crate) struct Process {
    /// The access key of this process alone, which tells its calls from those of others.
    pub(crate) access_key: String,
    /// The process id.
    pub(crate) pid: u32,
    /// The variables that it was started with.
    pub(crate) environment: BTreeMap<String, String>,
    function: String,
    mailbox: Arc<Mailbox>,
    exited: watch::Receiver<Option<String>>,
    state: AtomicU8,
    invocations: AtomicU64,
}

impl Process {
    /// Starts a process; it is ready once [`Process::started`] says so.
    pub(crate) async fn spawn(launch: &Launch) -> Result<Arc<Self>, FunctionError> {
        let cannot = |what: &str, error: std::io::Error| {
            FunctionError::new("Runtime.InvalidEntrypoint", format!("{what}: {error}; is it built?"))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(|error| cannot("the Runtime API", error))?;
        let address = listener.local_addr().map_err(|error| cannot("the Runtime API", error))?;
        let access_key = format!("ASIA{:016X}", rand::random::<u64>());
        let environment = environment(launch, &access_key, &address.to_string());
        let mut child = Command::new(&launch.executable)
            .env_clear()
            .envs(&environment)
            .current_dir(launch.executable.parent().unwrap_or(Path::new(".")))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A process group of its own: the stack hands a terminal's Ctrl-C on itself. If the stack is killed, the kernel also
            // ends a stopped process (by SIGHUP, because the group is orphaned) if its new parent is in another session.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| cannot(&launch.executable.display().to_string(), error))?;
        forward(&launch.function.name, child.stdout.take());
        forward(&launch.function.name, child.stderr.take());

        let mailbox = Mailbox::new(launch.function.arn.clone(), Arc::clone(&launch.clock));
        let (exit, exited) = watch::channel(None);
        let pid = child.id().unwrap_or_default();
        let (served, clock) = (Arc::clone(&mailbox), Arc::clone(&launch.clock));
        tokio::spawn(async move {
            serve_until_exit(child, listener, served, exit).await;
            clock.forget(pid);
        });
        Ok(Arc::new(Self {
            access_key,
            pid,
            environment,
            function: launch.function.name.clone(),
            mailbox,
            exited,
            state: AtomicU8::new(State::Starting as u8),
            invocations: AtomicU64::new(0),
        }))
    }

    /// Waits until the process asks for its first event.
    pub(crate) async fn started(&self, timeout: Duration) -> Result<(), FunctionError> {
        let limit = INIT_TIMEOUT + timeout;
        tokio::select! {
            () = self.mailbox.asked(1) => Ok(()),
            exit = self.exited() => Err(self.mailbox.init_error().unwrap_or_else(|| exit_error(&exit))),
            () = tokio::time::sleep(limit) => {
                self.kill();
                Err(FunctionError::new("Sandbox.Timedout", format!("Init timed out after {:.2} seconds", limit.as_secs_f64())))
            }
        }
    }

    /// Has the process work on an event. The process is dead after a timeout.
    pub(crate) async fn run(&self, invocation: Invocation, timeout: Duration) -> Outcome {
        self.invocations.fetch_add(1, Ordering::SeqCst);
        let outcome = self.mailbox.hand(invocation, timeout);
        self.set(State::Busy);
        self.signal(Signal::SIGCONT);
        tokio::select! {
            biased;
            Ok(outcome) = outcome => outcome,
            exit = self.exited() => Err(exit_error(&exit)),
            () = tokio::time::sleep(timeout) => {
                self.kill();
                let message = format!("Task timed out after {:.2} seconds", timeout.as_secs_f64());
                Err(FunctionError::new("Sandbox.Timedout", message))
            }
        }
    }

    /// Stops the process once it asks for its next event; `false` if it ended or did not ask in time.
    pub(crate) async fn freeze(&self, timeout: Duration) -> bool {
        let next = self.invocations.load(Ordering::SeqCst) + 1;
        tokio::select! {
            () = self.mailbox.asked(next) => {
                self.signal(Signal::SIGSTOP);
                self.set(State::Frozen);
                self.is_alive()
            }
            _ = self.exited() => false,
            () = tokio::time::sleep(timeout) => {
                self.kill();
                false
            }
        }
    }

    /// Whether it has answered its last event, with a result or an error.
    pub(crate) fn has_answered(&self) -> bool {
        self.mailbox.is_answered()
    }

    /// Ends the process at once.
    pub(crate) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Waits until the process has ended, and returns its exit status as text.
    pub(crate) async fn exited(&self) -> String {
        let mut exited = self.exited.clone();
        let ended = exited.wait_for(Option::is_some).await;
        ended.ok().and_then(|ended| ended.clone()).unwrap_or_else(|| "unknown".to_owned())
    }

    /// Whether it has not ended.
    pub(crate) fn is_alive(&self) -> bool {
        self.exited.borrow().is_none()
    }

    /// Its state.
    pub(crate) fn state(&self) -> State {
        match self.state.load(Ordering::SeqCst) {
            0 => State::Starting,
            1 => State::Busy,
            _ => State::Frozen,
        }
    }

    /// The events that it has been handed.
    pub(crate) fn invocations(&self) -> u64 {
        self.invocations.load(Ordering::SeqCst)
    }

    /// The logical name of its function.
    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    fn set(&self, state: State) {
        self.state.store(state as u8, Ordering::SeqCst);
    }

    fn signal(&self, signal: Signal) {
        // Once reaped, the id may be another process's.
        if self.is_alive()
            && let Ok(pid) = i32::try_from(self.pid)
            && pid > 0
        {
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }
}

fn exit_error(exit: &str) -> FunctionError {
    FunctionError::new("Runtime.ExitError", format!("Runtime exited with error: {exit}"))
}

async fn serve_until_exit(
    mut child: Child,
    listener: TcpListener,
    mailbox: Arc<Mailbox>,
    exit: watch::Sender<Option<String>>,
) {
    let api = serve(listener, IdleCloser::new(), move |request, _| Arc::clone(&mailbox).answer(request));
    tokio::select! {
        status = child.wait() => {
            let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
            exit.send_replace(Some(status));
        }
        () = api => {}
    }
}

/// Lambda's variables, then the template's. None of this machine's variables is among them.
fn environment(launch: &Launch, access_key: &str, runtime_api: &str) -> BTreeMap<String, String> {
    let function = &launch.function;
    let log_group = function.log_group.clone().unwrap_or_else(|| format!("/aws/lambda/{}", function.physical_name));
    let task_root = launch.executable.parent().unwrap_or(Path::new(".")).display().to_string();
    let mut variables: BTreeMap<String, String> = [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.physical_name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &function.memory.to_string()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", access_key),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", access_key),
        ("AWS_SECRET_ACCESS_KEY", "local-secret-access-key"),
        ("AWS_SESSION_TOKEN", "local-session-token"),
        ("AWS_ENDPOINT_URL", &launch.aws),
        ("LAMBDA_TASK_ROOT", &task_root),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("TZ", ":UTC"),
        ("_HANDLER", &function.handler),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    if let Some(format) = &function.log_format {
        variables.insert("AWS_LAMBDA_LOG_FORMAT".to_owned(), format.clone());
    }
    if let Some(level) = &function.log_level {
        variables.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), level.clone());
    }
    variables.extend(function.environment.clone());
    variables.extend(launch.clock.variables());
    variables
}

/// Whether a line is metrics in CloudWatch's embedded format, which people do not read in that form.
fn is_metrics(line: &str) -> bool {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    line["_aws"]["CloudWatchMetrics"].is_array()
}

/// Writes the process's output to standard error, line by line, with the function's name.
fn forward(name: &str, stream: Option<impl AsyncRead + Send + Unpin + 'static>) {
    let Some(stream) = stream else { return };
    let name = name.to_owned();
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            let line = String::from_utf8_lossy(&line);
            if !is_metrics(&line) {
                log::line(&name, &line);
            }
        }
    });
}

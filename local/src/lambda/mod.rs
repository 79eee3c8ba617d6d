//! Lambda: real function binaries, one process for each concurrent invocation, frozen in between.

mod error;
mod process;
mod runtime_api;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{
    Semaphore,
    oneshot::{self, Sender},
};
use uuid::Uuid;

pub(crate) use self::{
    error::FunctionError,
    runtime_api::{Outcome, PAYLOAD_LIMIT},
};
use self::{
    process::{Launch, Process},
    runtime_api::Invocation,
};
use crate::{
    clock::Clock,
    faults::{Action, Faults, Subject},
    log,
    template::Function,
};

/// The longest time that an answer waits for its process to ask for the next event. A caller that calls again at once then finds
/// the process idle, as on Lambda, where an answer travels for longer than this.
const HANDOVER: Duration = Duration::from_millis(20);

/// All functions of the stack.
#[derive(Debug)]
pub(crate) struct Lambda {
    pools: BTreeMap<String, Arc<Pool>>,
    processes: Processes,
    /// The function of each access key. A key stays when its process has ended, because its last calls may still arrive.
    owners: Mutex<BTreeMap<String, String>>,
    faults: Arc<Faults>,
    /// Set when the stack ends its processes.
    stopping: AtomicBool,
}

/// One function with its idle processes.
#[derive(Debug)]
struct Pool {
    launch: Launch,
    idle: Mutex<Vec<Arc<Process>>>,
    /// One permit for each process that may run.
    slots: Semaphore,
}

/// Every process that runs, by access key.
#[derive(Debug, Default)]
struct Processes(Mutex<BTreeMap<String, Arc<Process>>>);

impl Processes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Process>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lambda {
    /// Makes the functions ready. `executables` has a binary for each, `most` gives the processes of one at most, and `aws` is
    /// the address of the AWS port.
    pub(crate) fn new(
        functions: BTreeMap<String, Function>,
        mut executables: BTreeMap<String, PathBuf>,
        most: impl Fn(&str) -> u32,
        aws: &str,
        faults: Arc<Faults>,
        clock: Arc<Clock>,
    ) -> Self {
        let pools = functions.into_iter().map(|(name, function)| {
            let executable = executables.remove(&name).unwrap_or_default();
            let launch = Launch { function, executable, aws: aws.to_owned(), clock: Arc::clone(&clock) };
            let slots = Semaphore::new(most(&name) as usize);
            (name, Arc::new(Pool { launch, idle: Mutex::default(), slots }))
        });
        Self {
            pools: pools.collect(),
            processes: Processes::default(),
            owners: Mutex::default(),
            faults,
            stopping: AtomicBool::new(false),
        }
    }

    /// Invokes a function and waits for its answer. Once begun, the invocation goes on if the caller no longer waits.
    pub(crate) async fn invoke(self: &Arc<Self>, function: &str, event: &Value) -> Outcome {
        self.invoke_as(&Uuid::now_v7().to_string(), function, event).await
    }

    /// The same, under this request id.
    pub(crate) async fn invoke_as(self: &Arc<Self>, id: &str, function: &str, event: &Value) -> Outcome {
        let event = Bytes::from(event.to_string());
        if event.len() > PAYLOAD_LIMIT {
            let message =
                format!("Request must be smaller than {PAYLOAD_LIMIT} bytes for the InvokeFunction operation");
            return Err(FunctionError::new("RequestEntityTooLargeException", message));
        }
        let Some(pool) = self.pools.get(function).cloned() else {
            return Err(FunctionError::new("ResourceNotFoundException", format!("Function not found: {function}")));
        };
        let (answer, answered) = oneshot::channel();
        let (this, invocation) = (Arc::clone(self), Invocation { id: id.to_owned(), event });
        tokio::spawn(async move { this.run(&pool, invocation, answer).await });
        let outcome =
            answered.await.unwrap_or_else(|_| Err(FunctionError::new("Sandbox.Failure", "the invocation was lost")));
        if let Err(error) = &outcome
            && error.kind.contains('.')
            && !self.is_stopping()
        {
            // The platform's own errors (a crash, a timeout), which Lambda writes to the function's log.
            log::line(function, &error.to_string());
        }
        outcome
    }

    async fn run(&self, pool: &Pool, invocation: Invocation, mut answer: Sender<Outcome>) {
        let _slot = tokio::select! {
            biased;
            // On AWS the call would not have waited at all.
            () = answer.closed() => return,
            Ok(slot) = pool.slots.acquire() => slot,
        };
        let process = match self.take(pool).await {
            Ok(process) => process,
            Err(error) => {
                let _ = answer.send(Err(error));
                return;
            }
        };
        let outcome = self.run_with_faults(pool, &process, invocation).await;
        let freezing = Arc::clone(&process);
        let mut freeze = pin!(freezing.freeze(pool.launch.function.timeout));
        let soon = tokio::time::timeout(HANDOVER, freeze.as_mut()).await;
        if soon == Ok(true) {
            pool.lock_idle().push(Arc::clone(&process));
        }
        // The caller may have left.
        let _ = answer.send(outcome);
        match soon {
            Ok(true) => {}
            Err(_) if freeze.await => pool.lock_idle().push(process),
            _ => {
                process.exited().await;
                self.processes.lock().remove(&process.access_key);
            }
        }
    }

    async fn run_with_faults(&self, pool: &Pool, process: &Process, invocation: Invocation) -> Outcome {
        let function = &pool.launch.function;
        let subject = Subject { function: Some(function.name.clone()), ..Subject::default() };
        if let Some(effect) = self.faults.take(&format!("invoke.{}", function.name), &subject) {
            suffer(&effect.action, process).await?;
        }
        let outcome = process.run(invocation, function.timeout).await;
        if process.has_answered()
            && let Some(effect) = self.faults.take(&format!("respond.{}", function.name), &subject)
        {
            suffer(&effect.action, process).await?;
        }
        outcome
    }

    /// The process that was used last, else a new one.
    async fn take(&self, pool: &Pool) -> Result<Arc<Process>, FunctionError> {
        loop {
            let Some(process) = pool.lock_idle().pop() else { break };
            if process.is_alive() {
                return Ok(process);
            }
            self.processes.lock().remove(&process.access_key);
        }
        let process = Process::spawn(&pool.launch).await?;
        self.lock_owners().insert(process.access_key.clone(), process.function().to_owned());
        self.processes.lock().insert(process.access_key.clone(), Arc::clone(&process));
        let started = process.started(pool.launch.function.timeout).await;
        if started.is_err() {
            self.processes.lock().remove(&process.access_key);
        }
        started.map(|()| process)
    }

    /// The template's declaration of the function with this logical name.
    pub(crate) fn declared(&self, name: &str) -> Option<&Function> {
        self.pools.get(name).map(|pool| &pool.launch.function)
    }

    /// The function that has this access key.
    pub(crate) fn function_of(&self, access_key: &str) -> Option<&Function> {
        self.declared(self.lock_owners().get(access_key)?)
    }

    fn lock_owners(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the process that has this access key.
    pub(crate) fn kill(&self, access_key: &str) {
        if let Some(process) = self.processes.lock().get(access_key) {
            process.kill();
        }
    }

    /// Whether the stack is ending its processes, so that nothing new should begin.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Ends every process, and waits until they have ended.
    pub(crate) async fn shut_down(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let processes: Vec<_> = self.processes.lock().values().cloned().collect();
        for process in &processes {
            process.kill();
        }
        for process in &processes {
            process.exited().await;
        }
    }

    /// Every process, for the control API.
    pub(crate) fn describe(&self) -> Value {
        let processes = self.processes.lock();
        let alive = processes.values().filter(|process| process.is_alive());
        alive
            .map(|process| {
                json!({
                    "function": process.function(),
                    "process": process.access_key,
                    "pid": process.pid,
                    "state": process.state().name(),
                    "invocations": process.invocations(),
                    "environment": process.environment,
                })
            })
            .collect()
    }
}

impl Pool {
    fn lock_idle(&self) -> MutexGuard<'_, Vec<Arc<Process>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries a fault out on an invocation.
async fn suffer(action: &Action, process: &Process) -> Result<(), FunctionError> {
    match action {
        Action::Delay(time) => {
            tokio::time::sleep(*time).await;
            Ok(())
        }
        Action::Kill | Action::Close => {
            process.kill();
            let exit = process.exited().await;
            Err(FunctionError::new("Runtime.ExitError", format!("Runtime exited with error: {exit}")))
        }
        Action::Error(kind) => Err(FunctionError::new(kind, "A fault that was asked for")),
        Action::Status(status) => Err(FunctionError::new("Fault", format!("A fault that was asked for: {status}"))),
        // A rule about an invocation cannot ask for these.
        Action::Double | Action::Skip | Action::Limit(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Known;

    #[tokio::test]
    async fn who_no_longer_waits_for_a_process_is_not_served() {
        let functions = BTreeMap::from([("F".to_owned(), Function::named("F", Vec::new()))]);
        let executables = BTreeMap::from([("F".to_owned(), PathBuf::from("/bin/sh"))]);
        let faults = Arc::new(Faults::new(Known::new(["F"], [])));
        let lambda = Arc::new(Lambda::new(functions, executables, |_| 1, "", faults, Arc::default()));
        let slot = lambda.pools["F"].slots.acquire().await.expect("a slot");
        let short = Duration::from_millis(20);
        tokio::time::timeout(short, lambda.invoke("F", &json!({}))).await.expect_err("no slot is free");
        drop(slot);
        tokio::time::sleep(short).await;
        assert!(lambda.lock_owners().is_empty());
        lambda.invoke("F", &json!({})).await.expect_err("a shell is no function");
        assert_eq!(lambda.lock_owners().len(), 1);
    }
}

//! SQS: the rights that its requests need, and its answers.

mod attributes;
mod failure;
mod received;
mod request;

use std::{sync::Arc, time::Duration};

use hyper::StatusCode;
use serde_json::{Value, json};

pub(crate) use self::failure::ERRORS;
use self::{
    attributes::attributes,
    received::received,
    request::{SIZE_LIMIT, entries, handle, letter, name_in, number, size, text, visibility},
};
use super::{
    caller::Caller,
    protocol::{
        Failure,
        json::{JSON_1_0, reply, unknown_operation},
    },
};
use crate::{
    iam::Right,
    queues::{Letter, Message, MoveTask, Queues, Unchanged, Wish, digest},
    serve::Response,
    template::{ACCOUNT, Function, Queue, arn},
};

/// The operations that are served.
pub(crate) const OPERATIONS: [&str; 13] = [
    "SendMessage",
    "SendMessageBatch",
    "ReceiveMessage",
    "DeleteMessage",
    "DeleteMessageBatch",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    "GetQueueAttributes",
    "GetQueueUrl",
    "ListQueues",
    "PurgeQueue",
    "StartMessageMoveTask",
    "ListMessageMoveTasks",
];

/// The rights that a request needs; none if the operation is not served.
pub(crate) fn rights(operation: &str, request: &Value) -> Vec<Right> {
    let on = |action: &str, queue: &str| Right::new(format!("sqs:{action}"), arn("sqs", queue));
    let named = |parameter: &str| name_in(request[parameter].as_str().unwrap_or_default());
    match operation {
        "ListQueues" => vec![on(operation, "*")],
        "GetQueueUrl" => vec![on(operation, named("QueueName"))],
        "ListMessageMoveTasks" => vec![on(operation, named("SourceArn"))],
        "StartMessageMoveTask" => {
            let source = [operation, "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
            let mut rights: Vec<Right> = source.iter().map(|action| on(action, named("SourceArn"))).collect();
            let to = if request["DestinationArn"].is_null() { "*" } else { named("DestinationArn") };
            rights.push(on("SendMessage", to));
            rights
        }
        known if OPERATIONS.contains(&known) => {
            vec![on(known.strip_suffix("Batch").unwrap_or(known), named("QueueUrl"))]
        }
        _ => Vec::new(),
    }
}

/// SQS, as SDKs see it.
#[derive(Debug)]
pub(crate) struct Sqs {
    /// The queues.
    pub(crate) queues: Arc<Queues>,
    /// The address of the queues: `http://127.0.0.1:PORT`.
    pub(crate) address: String,
}

type Answered = Result<Value, Failure>;

impl Sqs {
    /// Answers an operation.
    pub(crate) async fn answer(&self, operation: &str, request: &Value, caller: &Caller) -> Response {
        let answered = match operation {
            "SendMessage" => self.send(request, caller),
            "SendMessageBatch" => self.send_batch(request, caller),
            "ReceiveMessage" => self.receive(request).await,
            "DeleteMessage" => self.delete(request),
            "DeleteMessageBatch" => self.each(request, operation, |queue, entry| self.delete_one(queue, entry)),
            "ChangeMessageVisibility" => self.hide(request),
            "ChangeMessageVisibilityBatch" => self.each(request, operation, |queue, entry| self.hide_one(queue, entry)),
            "GetQueueAttributes" => self.attributes(request),
            "GetQueueUrl" => self.url(request),
            "ListQueues" => Ok(self.list(request)),
            "PurgeQueue" => self.purge(request),
            "StartMessageMoveTask" => self.start_move(request),
            "ListMessageMoveTasks" => self.list_moves(request),
            other => return unknown_operation(&format!("AmazonSQS.{other}")),
        };
        match answered {
            Ok(answer) => reply(StatusCode::OK, JSON_1_0, &answer),
            Err(failure) => ERRORS.response(&failure),
        }
    }

    /// The queue that a parameter names.
    fn queue(&self, request: &Value, parameter: &str) -> Result<Queue, Failure> {
        self.queues.declared(name_in(text(request, parameter)?)).ok_or_else(Failure::no_queue)
    }

    fn send(&self, request: &Value, caller: &Caller) -> Answered {
        let (queue, letter) = (self.queue(request, "QueueUrl")?, letter(request)?);
        let digest = digest(&letter.body);
        let ids = self.post(&queue, caller, vec![letter])?;
        Ok(json!({ "MessageId": ids.first(), "MD5OfMessageBody": digest }))
    }

    fn send_batch(&self, request: &Value, caller: &Caller) -> Answered {
        let queue = self.queue(request, "QueueUrl")?;
        let entries = entries(request, "SendMessageBatchRequestEntry")?;
        let total: usize = entries.iter().map(|(_, entry)| size(entry)).sum();
        if total > SIZE_LIMIT {
            let message =
                format!("Batch requests cannot be longer than {SIZE_LIMIT} bytes. You have sent {total} bytes.");
            return Err(Failure::new("BatchRequestTooLong", message));
        }
        let (mut good, mut failed) = (Vec::new(), Vec::new());
        for (id, entry) in entries {
            match letter(entry) {
                Ok(letter) => good.push((id, letter)),
                Err(failure) => failed.push(ERRORS.entry(id, &failure)),
            }
        }
        let digests: Vec<(&str, String)> = good.iter().map(|(id, letter)| (*id, digest(&letter.body))).collect();
        let ids = self.post(&queue, caller, good.into_iter().map(|(_, letter)| letter).collect())?;
        let sent = digests.into_iter().zip(ids);
        let sent =
            sent.map(|((id, digest), message)| json!({ "Id": id, "MessageId": message, "MD5OfMessageBody": digest }));
        Ok(batch_answer(sent.collect(), failed))
    }

    fn post(&self, queue: &Queue, caller: &Caller, letters: Vec<Letter>) -> Result<Vec<String>, Failure> {
        let sender = sender(caller);
        self.queues.send(&queue.name, &sender, letters).map_err(|error| Failure::internal(&error))
    }

    async fn receive(&self, request: &Value) -> Answered {
        let queue = self.queue(request, "QueueUrl")?;
        let reason = "Must be between 1 and 10, if provided.";
        let count = number(request, "MaxNumberOfMessages", 1..=10, reason)?.unwrap_or(1);
        let reason = "Must be >= 0 and <= 20, if provided.";
        let wait = number(request, "WaitTimeSeconds", 0..=20, reason)?.map_or(queue.wait, Duration::from_secs);
        let count = usize::try_from(count).unwrap_or(1);
        let wish = Wish { count, weight: usize::MAX, visibility: visibility(request)? };
        let messages = self.queues.receive(&queue.name, wish, wait).await;
        let messages: Vec<Message> = messages.map_err(|error| Failure::internal(&error))?;
        if messages.is_empty() {
            return Ok(json!({}));
        }
        let messages: Vec<Value> = messages.iter().map(|message| received(message, request)).collect();
        Ok(json!({ "Messages": messages }))
    }

    fn delete(&self, request: &Value) -> Answered {
        self.delete_one(&self.queue(request, "QueueUrl")?, request).map(|()| json!({}))
    }

    fn delete_one(&self, queue: &Queue, entry: &Value) -> Result<(), Failure> {
        let deleted = self.queues.delete(&queue.name, &[handle(entry)?]);
        deleted.map_err(|error| Failure::internal(&error))
    }

    fn hide(&self, request: &Value) -> Answered {
        self.hide_one(&self.queue(request, "QueueUrl")?, request).map(|()| json!({}))
    }

    fn hide_one(&self, queue: &Queue, entry: &Value) -> Result<(), Failure> {
        let time = visibility(entry)?.ok_or_else(|| Failure::missing("VisibilityTimeout"))?;
        let hidden = self.queues.hide(&queue.name, handle(entry)?, time).map_err(|error| Failure::internal(&error))?;
        hidden.map_err(|why| match why {
            Unchanged::NotInFlight => Failure::value(&entry["ReceiptHandle"], "ReceiptHandle", &why.to_string()),
            Unchanged::TooLong => Failure::value(&entry["VisibilityTimeout"], "VisibilityTimeout", &why.to_string()),
        })
    }

    /// Acts on each message of a batch, whether or not the others fail.
    fn each(&self, request: &Value, operation: &str, act: impl Fn(&Queue, &Value) -> Result<(), Failure>) -> Answered {
        let queue = self.queue(request, "QueueUrl")?;
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for (id, entry) in entries(request, &format!("{operation}RequestEntry"))? {
            match act(&queue, entry) {
                Ok(()) => done.push(json!({ "Id": id })),
                Err(failure) => failed.push(ERRORS.entry(id, &failure)),
            }
        }
        Ok(batch_answer(done, failed))
    }

    fn attributes(&self, request: &Value) -> Answered {
        let queue = self.queue(request, "QueueUrl")?;
        let counts = self.queues.counts(&queue.name).ok_or_else(Failure::no_queue)?;
        let attributes = attributes(&queue, counts, &request["AttributeNames"])?;
        Ok(if attributes.is_empty() { json!({}) } else { json!({ "Attributes": attributes }) })
    }

    fn url(&self, request: &Value) -> Answered {
        let queue = self.queue(request, "QueueName")?;
        Ok(json!({ "QueueUrl": self.url_of(&queue.name) }))
    }

    fn url_of(&self, name: &str) -> String {
        format!("{}/{ACCOUNT}/{name}", self.address)
    }

    fn list(&self, request: &Value) -> Value {
        let prefix = request["QueueNamePrefix"].as_str().unwrap_or_default();
        let names = self.queues.names().into_iter().filter(|name| name.starts_with(prefix));
        json!({ "QueueUrls": names.map(|name| self.url_of(&name)).collect::<Vec<_>>() })
    }

    fn purge(&self, request: &Value) -> Answered {
        let queue = self.queue(request, "QueueUrl")?;
        self.queues.purge(&queue.name).map_err(|error| Failure::internal(&error))?;
        Ok(json!({}))
    }

    fn start_move(&self, request: &Value) -> Answered {
        let source = self.queue(request, "SourceArn")?;
        let target =
            if request["DestinationArn"].is_null() { None } else { Some(self.queue(request, "DestinationArn")?) };
        let started = self.queues.redrive(&source.name, target.as_ref().map(|queue| queue.name.as_str()));
        let started = started.map_err(|error| Failure::internal(&error))?;
        let handle = started.map_err(|why| Failure::invalid(why.to_string()))?;
        Ok(json!({ "TaskHandle": handle }))
    }

    fn list_moves(&self, request: &Value) -> Answered {
        let source = self.queue(request, "SourceArn")?;
        let most = number(request, "MaxResults", 1..=10, "Must be between 1 and 10.")?.unwrap_or(1);
        let tasks = self.queues.moves(&source.name).into_iter().take(usize::try_from(most).unwrap_or(1));
        Ok(json!({ "Results": tasks.map(|task| told(&task)).collect::<Vec<_>>() }))
    }
}

/// A task that moved messages, as SQS describes it.
fn told(task: &MoveTask) -> Value {
    let whole = task.moved == task.found;
    let mut told = json!({
        "Status": if whole { "COMPLETED" } else { "FAILED" },
        "SourceArn": arn("sqs", &task.source),
        "ApproximateNumberOfMessagesMoved": task.moved,
        "ApproximateNumberOfMessagesToMove": task.found,
        "StartedTimestamp": task.started_ms,
    });
    if let Some(target) = &task.target {
        told["DestinationArn"] = json!(arn("sqs", target));
    }
    if !whole {
        told["FailureReason"] = json!("CouldNotDetermineMessageSource");
    }
    told
}

/// The answer to a batch. Empty lists are left out.
fn batch_answer(successful: Vec<Value>, failed: Vec<Value>) -> Value {
    let mut answer = json!({});
    for (name, list) in [("Successful", successful), ("Failed", failed)] {
        if !list.is_empty() {
            answer[name] = Value::Array(list);
        }
    }
    answer
}

/// The sender of a message: a function's role session, or the account for any other caller.
fn sender(caller: &Caller) -> String {
    caller.function.as_ref().map_or_else(|| ACCOUNT.to_owned(), Function::sender)
}

#[cfg(test)]
mod tests;

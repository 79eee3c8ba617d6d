//! Event source mappings from queues to functions, and the check that AWS would let Lambda read them.

use std::{collections::BTreeMap, time::Duration};

use super::{
    declared::Function,
    properties::read,
    queue_properties::{MappingProperties, ResponseType},
    queues::{Queue, in_range},
    resource::Resource,
};
use crate::iam::{Right, allows};

/// Lambda's calls of a queue under the function's role.
const NEEDED: [&str; 3] = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];

/// The largest batch without a window to gather it in.
const UNGATHERED: u64 = 10;

/// A mapping from a queue to a function.
#[derive(Debug, Clone)]
pub(crate) struct Mapping {
    /// The queue's name on AWS.
    pub(crate) queue: String,
    /// The function's logical name.
    pub(crate) function: String,
    /// The messages of an invocation at most.
    pub(crate) batch_size: usize,
    /// The time for which a batch is gathered from its first message on.
    pub(crate) window: Duration,
    /// Whether the function reports the failed messages of a batch.
    pub(crate) reports_failures: bool,
    /// The concurrent invocations at most.
    pub(crate) concurrency: Option<u32>,
}

/// Reads every `AWS::Lambda::EventSourceMapping` that is enabled.
pub(super) fn mappings(
    resources: &[Resource],
    functions: &BTreeMap<String, Function>,
    queues: &[Queue],
) -> Result<Vec<Mapping>, String> {
    let mut mappings = Vec::new();
    for resource in resources.iter().filter(|resource| resource.kind == "AWS::Lambda::EventSourceMapping") {
        let properties: MappingProperties = read(resource)?;
        let enabled = properties.enabled;
        let mapping = mapping(resource, properties, functions, queues)?;
        if enabled {
            mappings.push(mapping);
        }
    }
    Ok(mappings)
}

fn mapping(
    resource: &Resource,
    properties: MappingProperties,
    functions: &BTreeMap<String, Function>,
    queues: &[Queue],
) -> Result<Mapping, String> {
    let name = &resource.name;
    let queue = queues.iter().find(|queue| queue.arn == properties.event_source_arn);
    let queue = queue.ok_or_else(|| {
        format!("{name}: its EventSourceArn {} is no queue of the template", properties.event_source_arn)
    })?;
    let names = |function: &&Function| [&function.physical_name, &function.arn].contains(&&properties.function_name);
    let function = functions.values().find(names);
    let function = function.ok_or_else(|| {
        format!("{name}: its FunctionName {} is no function of the template", properties.function_name)
    })?;
    check(name, queue, function)?;

    let batch_size = in_range(name, "BatchSize", properties.batch_size, 1..=10_000)?;
    let window = properties.maximum_batching_window_in_seconds;
    let window = in_range(name, "MaximumBatchingWindowInSeconds", window, 0..=300)?;
    if batch_size > UNGATHERED && window == 0 {
        return Err(format!("{name}: a BatchSize above 10 needs a MaximumBatchingWindowInSeconds of at least 1"));
    }
    let concurrency = properties.scaling_config.maximum_concurrency;
    let concurrency = concurrency.map(|most| in_range(name, "MaximumConcurrency", most, 2..=1000)).transpose()?;
    Ok(Mapping {
        queue: queue.name.clone(),
        function: function.name.clone(),
        batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
        window: Duration::from_secs(window),
        reports_failures: properties.function_response_types.contains(&ResponseType::ReportBatchItemFailures),
        concurrency: concurrency.and_then(|most| u32::try_from(most).ok()),
    })
}

/// Checks what AWS requires: a message is hidden for as long as the function may work on it, and the function's role may read the
/// queue.
fn check(name: &str, queue: &Queue, function: &Function) -> Result<(), String> {
    if queue.visibility < function.timeout {
        return Err(format!(
            "{name}: the VisibilityTimeout of {} ({} s) is less than the Timeout of {} ({} s)",
            queue.logical_name,
            queue.visibility.as_secs(),
            function.name,
            function.timeout.as_secs()
        ));
    }
    let right = |action: &str| Right::new(action, queue.arn.clone());
    let missing: Vec<&str> = NEEDED.into_iter().filter(|action| !allows(&function.policy, &right(action))).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("{name}: the role of {} does not allow {} on {}", function.name, missing.join(", "), queue.arn))
}

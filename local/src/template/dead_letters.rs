//! The dead-letter queue of a function, and the check that AWS would let Lambda use it.

use super::{function_properties::DeadLetterProperties, queues::Queue};
use crate::iam::{Right, Statement, allows};

/// The name of the queue for a function's dead letters. Lambda sends them under the function's role.
pub(super) fn dead_letters_of(
    function: &str,
    properties: &DeadLetterProperties,
    policy: &[Statement],
    queues: &[Queue],
) -> Result<String, String> {
    let DeadLetterProperties { kind, target_arn } = properties;
    if kind != "SQS" {
        return Err(format!("{function}: a DeadLetterQueue of the Type {kind} is not served here; there is SQS"));
    }
    let queue = queues.iter().find(|queue| queue.arn == *target_arn);
    let queue =
        queue.ok_or_else(|| format!("{function}: its DeadLetterQueue {target_arn} is no queue of the template"))?;
    if !allows(policy, &Right::new("sqs:SendMessage", queue.arn.clone())) {
        return Err(format!("{function}: its role does not allow sqs:SendMessage on its DeadLetterQueue {target_arn}"));
    }
    Ok(queue.name.clone())
}

//! The queues of the template, and their dead-letter queues.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    properties::read,
    queue_properties::{QueueProperties, RedriveAllow, RedriveProperties},
    resource::Resource,
};

/// An SQS queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    /// Its logical name, which faults and the control API use.
    pub(crate) logical_name: String,
    /// Its name on AWS.
    pub(crate) name: String,
    /// Its ARN.
    pub(crate) arn: String,
    /// The time for which a received message is hidden from others.
    pub(crate) visibility: Duration,
    /// The longest time for which a message is kept.
    pub(crate) retention: Duration,
    /// The delay of a new message.
    pub(crate) delay: Duration,
    /// The time for which a receiver waits for a message.
    pub(crate) wait: Duration,
    /// The dead-letter queue for messages that are received too often.
    pub(crate) redrive: Option<Redrive>,
    /// The queues that may have this one as their dead-letter queue, if not all.
    pub(crate) redrive_allow: Option<RedriveAllow>,
}

/// The dead-letter queue of a queue.
#[derive(Debug, Clone)]
pub(crate) struct Redrive {
    /// The ARN of the dead-letter queue.
    pub(crate) target: String,
    /// The receipts of a message at most.
    pub(crate) limit: u32,
}

#[cfg(test)]
impl Queue {
    /// A queue of this name with the properties that AWS gives by default.
    pub(crate) fn named(name: &str) -> Self {
        Self {
            logical_name: name.to_owned(),
            name: name.to_owned(),
            arn: super::ids::arn("sqs", name),
            visibility: Duration::from_secs(30),
            retention: Duration::from_secs(345_600),
            delay: Duration::ZERO,
            wait: Duration::ZERO,
            redrive: None,
            redrive_allow: None,
        }
    }
}

/// Reads every `AWS::SQS::Queue`.
pub(super) fn queues(resources: &[Resource]) -> Result<Vec<Queue>, String> {
    let queues = resources.iter().filter(|resource| resource.kind == "AWS::SQS::Queue");
    let queues: Vec<Queue> = queues.map(queue).collect::<Result<_, _>>()?;
    for queue in &queues {
        check_redrive(queue, &queues)?;
    }
    Ok(queues)
}

fn queue(resource: &Resource) -> Result<Queue, String> {
    let properties: QueueProperties = read(resource)?;
    let seconds = |property: &str, value: u64, range: RangeInclusive<u64>| {
        let seconds = in_range(&resource.name, property, value, range);
        seconds.map(Duration::from_secs)
    };
    Ok(Queue {
        logical_name: resource.name.clone(),
        name: resource.identity.attributes["QueueName"].clone(),
        arn: resource.identity.attributes["Arn"].clone(),
        visibility: seconds("VisibilityTimeout", properties.visibility_timeout, 0..=43_200)?,
        retention: seconds("MessageRetentionPeriod", properties.message_retention_period, 60..=1_209_600)?,
        delay: seconds("DelaySeconds", properties.delay_seconds, 0..=900)?,
        wait: seconds("ReceiveMessageWaitTimeSeconds", properties.receive_message_wait_time_seconds, 0..=20)?,
        redrive: properties.redrive_policy.map(|policy| redrive(&resource.name, policy)).transpose()?,
        redrive_allow: properties.redrive_allow_policy,
    })
}

fn redrive(name: &str, policy: RedriveProperties) -> Result<Redrive, String> {
    let limit = in_range(name, "maxReceiveCount", policy.max_receive_count, 1..=1000)?;
    Ok(Redrive { target: policy.dead_letter_target_arn, limit: u32::try_from(limit).unwrap_or(u32::MAX) })
}

/// The value of a property, which must be in a range.
pub(super) fn in_range(name: &str, property: &str, value: u64, range: RangeInclusive<u64>) -> Result<u64, String> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(format!("{name}: {property} must be between {} and {}, not {value}", range.start(), range.end()))
}

/// Requires that a queue's dead letters go to a queue of the template that takes them.
fn check_redrive(queue: &Queue, queues: &[Queue]) -> Result<(), String> {
    let Some(Redrive { target, .. }) = &queue.redrive else { return Ok(()) };
    let Some(target) = queues.iter().find(|other| other.arn == *target) else {
        return Err(format!("{}: its deadLetterTargetArn {target} is no queue of the template", queue.logical_name));
    };
    let Some(allow) = &target.redrive_allow else { return Ok(()) };
    match allow.redrive_permission.as_str() {
        "allowAll" => Ok(()),
        "byQueue" if allow.source_queue_arns.contains(&queue.arn) => Ok(()),
        "byQueue" | "denyAll" => Err(format!(
            "{}: the RedriveAllowPolicy of {} does not take its dead letters",
            queue.logical_name, target.logical_name
        )),
        other => Err(format!("{}: {other} is no redrivePermission", target.logical_name)),
    }
}

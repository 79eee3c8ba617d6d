//! The parts that several functions build alike when they start.

use crate::actions::{Crowd, FanOut, Scheduler, Sender};
use crate::aws::allowances::Allowances;
use crate::aws::clients::Clients;
use crate::aws::idempotency::IdempotencyRecords;
use crate::aws::log::Log;
use crate::aws::management::Management;
use crate::aws::queue::{DueQueue, EndpointQueues, SegmentsQueue};
use crate::aws::schedule::Schedule;
use crate::aws::subscribers::Subscribers;
use crate::error::Error;
use crate::settings::{self, EndpointsSettings, InvalidSetting, LogSettings, ScheduleSettings, SegmentsSettings};

/// All channels' logs.
///
/// # Errors
/// The environment does not say where they are.
pub fn log(clients: &Clients) -> Result<Log, InvalidSetting> {
    Ok(Log::new(clients, LogSettings::from_env()?))
}

/// The allowance of each user for reading logs.
///
/// # Errors
/// The environment does not say.
pub fn allowances(clients: &Clients) -> Result<Allowances, InvalidSetting> {
    // A function may run with its new code for a moment before it has its new variables.
    let table = settings::once_table().ok();
    Ok(Allowances::new(clients, table, settings::replay_allowance()?))
}

/// The limit on each user's connections; nothing while the function does not know where connections are posted to.
///
/// # Errors
/// The environment does not say to which.
pub fn crowd(clients: Clients) -> Result<Option<Crowd>, InvalidSetting> {
    // A function may run with its new code for a moment before it has its new variables.
    let Ok(endpoint) = settings::management_endpoint() else { return Ok(None) };
    Ok(Some(Crowd::new(subscribers(&clients)?, settings::connections_per_user()?, clients, endpoint)))
}

/// Who a channel's notifications go to.
///
/// # Errors
/// The environment does not say where they are.
pub fn subscribers(clients: &Clients) -> Result<Subscribers, InvalidSetting> {
    Ok(Subscribers::new(clients, settings::subscribers_table()?))
}

/// Where connections are posted to.
///
/// # Errors
/// The environment does not say where that is, or it cannot be posted to.
pub fn management(clients: &Clients) -> Result<Management, Error> {
    Management::new(clients, settings::management_endpoint()?)
}

/// The use case that pushes to subscribers.
///
/// # Errors
/// The environment does not say where they are.
pub fn fan_out(clients: &Clients, management: Management) -> Result<FanOut, Error> {
    let segments = SegmentsQueue::new(clients, SegmentsSettings::from_env()?);
    let endpoints = EndpointQueues::new(clients, EndpointsSettings::from_env()?);
    Ok(FanOut::new(subscribers(clients)?, management, segments, endpoints))
}

/// The use case that sends notifications.
///
/// # Errors
/// The environment does not say by what.
pub fn sender(clients: &Clients, log: Log, management: Management) -> Result<Sender, Error> {
    let idempotency = IdempotencyRecords::new(clients, settings::once_table()?);
    let ScheduleSettings { table, queue } = ScheduleSettings::from_env()?;
    let scheduler = Scheduler::new(Schedule::new(clients, table), DueQueue::new(clients, queue), idempotency.clone());
    Ok(Sender::new(log, idempotency, fan_out(clients, management)?, scheduler))
}

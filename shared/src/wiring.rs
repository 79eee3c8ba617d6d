//! What several functions build alike when they start.

use aws_config::SdkConfig;

use crate::actions::{FanOut, Scheduler, Sender};
use crate::aws::log::Log;
use crate::aws::management::Management;
use crate::aws::once::Onces;
use crate::aws::queue::{DueQueue, EndpointsQueue, SharesQueue};
use crate::aws::schedule::Schedule;
use crate::aws::subscribers::Subscribers;
use crate::error::Error;
use crate::settings::{self, InvalidSetting, LogSettings, ScheduleSettings};

/// All channels' logs.
///
/// # Errors
/// The environment does not say where they are.
pub fn log(config: &SdkConfig) -> Result<Log, InvalidSetting> {
    Ok(Log::new(config, LogSettings::from_env()?))
}

/// Who a channel's notifications go to.
///
/// # Errors
/// The environment does not say where they are.
pub fn subscribers(config: &SdkConfig) -> Result<Subscribers, InvalidSetting> {
    Ok(Subscribers::new(config, settings::subscribers_table()?))
}

/// Where connections are posted to.
///
/// # Errors
/// The environment does not say where that is, or it cannot be posted to.
pub fn management(config: &SdkConfig) -> Result<Management, Error> {
    Management::new(config, settings::management_endpoint()?)
}

/// What pushes to subscribers.
///
/// # Errors
/// The environment does not say where they are.
pub fn fan_out(config: &SdkConfig) -> Result<FanOut, Error> {
    let shares = SharesQueue::new(config, settings::shares_queue()?);
    let endpoints = EndpointsQueue::new(config, settings::endpoints_queue()?);
    Ok(FanOut::new(subscribers(config)?, management(config)?, shares, endpoints))
}

/// What sends notifications.
///
/// # Errors
/// The environment does not say by what.
pub fn sender(config: &SdkConfig, log: Log) -> Result<Sender, Error> {
    let onces = Onces::new(config, settings::once_table()?);
    let ScheduleSettings { table, queue } = ScheduleSettings::from_env()?;
    let scheduler = Scheduler::new(Schedule::new(config, table), DueQueue::new(config, queue), onces.clone());
    Ok(Sender::new(log, onces, fan_out(config)?, scheduler))
}

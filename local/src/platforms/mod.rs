//! SNS mobile push: platform applications, and the devices that are registered with them. Nothing is sent to any platform.

mod record;

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

use self::record::Record;
pub(crate) use self::record::{Application, Endpoint};
use crate::{
    error::StartError,
    store::Store,
    template::{ACCOUNT, REGION},
};

/// A caller's settings of an endpoint. A missing setting leaves the endpoint's as it is.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whether anything is sent to it.
    pub(crate) enabled: Option<bool>,
    /// The platform's token of the device.
    pub(crate) token: Option<String>,
    /// The owner's note about it.
    pub(crate) user_data: Option<String>,
}

impl Settings {
    /// Whether an endpoint has these settings already.
    fn fit(&self, endpoint: &Endpoint) -> bool {
        self.enabled.is_none_or(|enabled| enabled == endpoint.enabled)
            && self.token.as_ref().is_none_or(|token| *token == endpoint.token)
            && self.user_data.as_ref().is_none_or(|data| *data == endpoint.user_data)
    }

    fn apply(self, endpoint: &mut Endpoint) {
        endpoint.enabled = self.enabled.unwrap_or(endpoint.enabled);
        endpoint.token = self.token.unwrap_or_else(|| std::mem::take(&mut endpoint.token));
        endpoint.user_data = self.user_data.unwrap_or_else(|| std::mem::take(&mut endpoint.user_data));
    }
}

/// The reasons for which an application or an endpoint is not made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unregistered {
    /// There is no application of this ARN.
    #[error("PlatformApplication does not exist")]
    NoApplication,
    /// There is no endpoint of this ARN.
    #[error("Endpoint does not exist")]
    NoEndpoint,
    /// The endpoint of this ARN has the same token and other settings.
    #[error("Token Reason: Endpoint {0} already exists with the same Token, but different attributes.")]
    Taken(String),
    /// The change could not be kept.
    #[error(transparent)]
    Unkept(#[from] std::io::Error),
}

/// All platform applications and endpoints.
#[derive(Debug)]
pub(crate) struct Platforms(Mutex<State>);

#[derive(Debug)]
struct State {
    applications: Vec<Application>,
    endpoints: Vec<Endpoint>,
    /// The number of the last application or endpoint.
    last: u64,
    store: Store,
}

impl Platforms {
    /// The applications and endpoints of `folder`, or none.
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, StartError> {
        let (store, records) = match folder {
            Some(folder) => Store::open(&folder.join("platforms.jsonl"), |_: &Record| true)?,
            None => Default::default(),
        };
        let mut state = State { applications: Vec::new(), endpoints: Vec::new(), last: 0, store };
        for record in records {
            match record {
                Record::Application(application) => state.applications.push(application),
                Record::Endpoint(endpoint) => state.endpoints.push(endpoint),
            }
        }
        let applications = state.applications.iter().map(|application| application.number);
        state.last = applications.chain(state.endpoints.iter().map(|endpoint| endpoint.number)).max().unwrap_or(0);
        Ok(Self(Mutex::new(state)))
    }

    /// Makes an application, unless one of this platform and name exists, and returns its ARN.
    pub(crate) fn create_application(&self, platform: &str, name: &str) -> Result<String, Unregistered> {
        let mut state = self.lock();
        let arn = format!("arn:aws:sns:{REGION}:{ACCOUNT}:app/{platform}/{name}");
        if !state.applications.iter().any(|application| application.arn == arn) {
            let application = Application {
                number: state.next(),
                arn: arn.clone(),
                platform: platform.to_owned(),
                name: name.to_owned(),
            };
            state.keep(&Record::Application(application.clone()))?;
            state.applications.push(application);
        }
        Ok(arn)
    }

    /// Registers a device's token with an application, unless it is registered, and returns the endpoint's ARN.
    pub(crate) fn create_endpoint(
        &self,
        application: &str,
        token: &str,
        settings: Settings,
    ) -> Result<String, Unregistered> {
        let mut state = self.lock();
        let known = state.applications.iter().find(|known| known.arn == application);
        let Application { platform, name, .. } = known.cloned().ok_or(Unregistered::NoApplication)?;
        let same = |endpoint: &&Endpoint| endpoint.is_of(&platform, &name) && endpoint.token == token;
        if let Some(endpoint) = state.endpoints.iter().find(same) {
            let arn = endpoint.arn.clone();
            return if settings.fit(endpoint) { Ok(arn) } else { Err(Unregistered::Taken(arn)) };
        }
        let id = Uuid::now_v7();
        let mut endpoint = Endpoint {
            number: state.next(),
            arn: format!("arn:aws:sns:{REGION}:{ACCOUNT}:endpoint/{platform}/{name}/{id}"),
            application: name,
            platform,
            token: token.to_owned(),
            user_data: String::new(),
            enabled: true,
        };
        settings.apply(&mut endpoint);
        state.keep(&Record::Endpoint(endpoint.clone()))?;
        let arn = endpoint.arn.clone();
        state.endpoints.push(endpoint);
        Ok(arn)
    }

    /// The endpoint of this ARN, if there is one.
    pub(crate) fn endpoint(&self, arn: &str) -> Option<Endpoint> {
        self.lock().endpoints.iter().find(|endpoint| endpoint.arn == arn).cloned()
    }

    /// Changes an endpoint.
    pub(crate) fn set(&self, arn: &str, settings: Settings) -> Result<(), Unregistered> {
        let mut state = self.lock();
        let place = state.endpoints.iter().position(|endpoint| endpoint.arn == arn).ok_or(Unregistered::NoEndpoint)?;
        let mut changed = state.endpoints[place].clone();
        settings.apply(&mut changed);
        let taken = |other: &&Endpoint| {
            other.number != changed.number
                && other.is_of(&changed.platform, &changed.application)
                && other.token == changed.token
        };
        if let Some(other) = state.endpoints.iter().find(taken) {
            return Err(Unregistered::Taken(other.arn.clone()));
        }
        state.keep(&Record::Endpoint(changed.clone()))?;
        state.endpoints[place] = changed;
        Ok(())
    }

    /// Forgets an endpoint, if there is one of this ARN.
    pub(crate) fn delete(&self, arn: &str) -> std::io::Result<()> {
        let mut state = self.lock();
        let Some(place) = state.endpoints.iter().position(|endpoint| endpoint.arn == arn) else { return Ok(()) };
        let number = state.endpoints[place].number;
        state.store.gone(number);
        state.store.commit(false)?;
        state.endpoints.remove(place);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn keep(&mut self, record: &Record) -> std::io::Result<()> {
        self.store.is(record);
        self.store.commit(false)
    }
}

#[cfg(test)]
pub(crate) mod tests;

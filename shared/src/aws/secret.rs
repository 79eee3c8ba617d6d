//! Secrets in Secrets Manager.

use aws_sdk_secretsmanager::Client;

use crate::aws::clients::Clients;
use crate::error::Error;

/// The stages of a secret's versions that count.
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// A version of a secret. It has no `Debug`, which would show it.
pub struct Version {
    /// The version's stage, by which operators know it.
    pub stage: &'static str,
    /// The secret.
    pub value: String,
}

/// A secret with a current and, after a rotation, a previous version.
#[derive(Clone, Debug)]
pub struct StoredSecret {
    client: Client,
    id: String,
}

impl StoredSecret {
    /// The secret with this name or ARN.
    #[must_use]
    pub fn new(clients: &Clients, id: String) -> Self {
        Self { client: Client::new(clients.config()), id }
    }

    /// Its versions that count: the current one and, where there is one, the previous.
    ///
    /// # Errors
    /// Secrets Manager does not answer, or the secret is not there.
    pub async fn versions(&self) -> Result<Vec<Version>, Error> {
        let (current, previous) = tokio::join!(self.current(), self.version(PREVIOUS));
        let version = |stage| move |value| Version { stage, value };
        Ok([Some(current?).map(version(CURRENT)), previous?.map(version(PREVIOUS))].into_iter().flatten().collect())
    }

    /// Its current version.
    ///
    /// # Errors
    /// Secrets Manager does not answer, or the secret is not there.
    pub async fn current(&self) -> Result<String, Error> {
        self.version(CURRENT).await?.ok_or_else(|| Error::Failed {
            call: "GetSecretValue",
            cause: "the secret has no current version".to_owned(),
        })
    }

    async fn version(&self, stage: &str) -> Result<Option<String>, Error> {
        match self.client.get_secret_value().secret_id(&self.id).version_stage(stage).send().await {
            Ok(answer) => Ok(answer.secret_string),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) => Ok(None),
            Err(error) => Err(Error::call("GetSecretValue")(error)),
        }
    }
}

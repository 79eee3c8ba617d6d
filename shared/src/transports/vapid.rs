//! VAPID tokens for push services, signed by this process or by another.

use domain::time::Millis;
use kinds::web_push::{SignedToken, VapidKeys};
use tokio::sync::OnceCell;

use crate::aws::clients::Clients;
use crate::aws::secret::StoredSecret;
use crate::aws::vapid::VapidTokens;
use crate::error::Error;

#[derive(Debug)]
pub(super) struct Vapid {
    secret: StoredSecret,
    tokens: VapidTokens,
    /// The key that browsers have subscribed with.
    public_key: Option<String>,
    /// Read with the first attempt that needs them.
    keys: OnceCell<VapidKeys>,
}

impl Vapid {
    /// The keys in a secret, and the tokens in the table *Once*.
    pub(super) fn new(clients: &Clients, secret: String, once_table: String, public_key: Option<String>) -> Self {
        Self {
            secret: StoredSecret::new(clients, secret),
            tokens: VapidTokens::new(clients, once_table),
            public_key,
            keys: OnceCell::new(),
        }
    }

    /// The token for a push service: this process's, another's, or a new one.
    ///
    /// # Errors
    /// The keys cannot be read, or the token cannot be signed.
    pub(super) async fn token(&self, origin: &str, now: Millis) -> Result<SignedToken, Error> {
        let keys = self.keys.get_or_try_init(|| self.read_keys()).await?;
        if let Some(kept) = keys.kept(origin, now) {
            return Ok(kept);
        }
        let ours = keys.sign(origin, now)?;
        // One more token is better than no push.
        let shared = self.tokens.share(keys, origin, &ours).await.unwrap_or_else(|error| {
            error.log();
            ours
        });
        keys.keep(origin.to_owned(), shared.clone(), now);
        Ok(shared)
    }

    async fn read_keys(&self) -> Result<VapidKeys, Error> {
        let secret = self.secret.current().await?;
        let failed = |cause: String| Error::Failed { call: "read the VAPID keys", cause };
        let keys = VapidKeys::parse(&secret).map_err(|error| failed(error.to_string()))?;
        // Browsers have subscribed with the one, and push services would refuse what is signed with another.
        if self.public_key.as_deref() == Some(keys.public_key()) {
            return Ok(keys);
        }
        Err(failed("the public key in the secret VapidSecret is not the parameter VapidPublicKey".to_owned()))
    }
}

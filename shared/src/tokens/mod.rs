//! Whose a token is, and whether it is to be believed.
//!
//! A token signed HS256 is checked against the stack's own secret, current and previous; one signed RS256, ES256 or
//! EdDSA against the configured public key and key set, and against those only: the algorithm decides which keys count,
//! so that no public key can ever serve as a shared secret.

mod jwks;
mod keys;
mod verify;

use aws_config::SdkConfig;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};

use crate::aws::secret::Secret;
use crate::domain::claims::Claims;
use crate::domain::refusal::{Code, Refusal};
use crate::error::Error;
use crate::settings::TokenSettings;
use jwks::KeySet;
use keys::Keys;
use verify::{Verdict, verify};

/// Keys are read again at most this often.
const REFRESH: Duration = Duration::from_secs(60);

/// The most bytes of a token.
const MAX_TOKEN: usize = 3 * 1024;

/// Verifies tokens. Reads its keys when it is made, and again when a token does not fit them: a rotated secret or a
/// provider's new key counts at once, without a restart.
#[derive(Debug)]
pub struct Verifier {
    settings: TokenSettings,
    secret: Secret,
    key_set: Option<KeySet>,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    keys: Keys,
    /// The last time that keys were read again because some token did not fit.
    refreshed: Option<Instant>,
}

impl Verifier {
    /// Reads the keys.
    ///
    /// # Errors
    /// A key cannot be read: the function must not start, since it could let nobody in.
    pub async fn load(config: &SdkConfig, settings: TokenSettings) -> Result<Self, Error> {
        let secret = Secret::new(config, settings.secret.clone());
        let key_set = settings.jwks_url.clone().map(KeySet::new);
        let keys = match read_keys(&settings, &secret, key_set.as_ref()).await {
            // A provider that is down for a moment keeps out its own tokens only: its keys are asked for again with the
            // first of them.
            Err(error) if key_set.is_some() => {
                error.log();
                read_keys(&settings, &secret, None).await?
            }
            keys => keys?,
        };
        Ok(Self { settings, secret, key_set, known: Mutex::new(Known { keys, refreshed: None }) })
    }

    /// The claims of a token that is well signed and has not expired.
    ///
    /// # Errors
    /// `invalid_token` or `expired_token`; or the keys that it might be signed with cannot be read.
    pub async fn verify(&self, token: &str) -> Result<Claims, Error> {
        if token.len() > MAX_TOKEN {
            return Err(Refusal::new(Code::InvalidToken, "a token has at most 3 KB").into());
        }
        let mut known = self.known.lock().await;
        let mut verdict = verify(token, &known.keys, &self.settings);
        if verdict == Verdict::UnknownKey && known.refreshed.is_none_or(|at| at.elapsed() >= REFRESH) {
            known.keys = read_keys(&self.settings, &self.secret, self.key_set.as_ref()).await?;
            known.refreshed = Some(Instant::now());
            verdict = verify(token, &known.keys, &self.settings);
        }
        match verdict {
            Verdict::Is(claims) => Ok(*claims),
            Verdict::Refused(refusal) => Err(refusal.into()),
            Verdict::UnknownKey => {
                Err(Refusal::new(Code::InvalidToken, "the token is not signed by a key that is known here").into())
            }
        }
    }
}

async fn read_keys(settings: &TokenSettings, secret: &Secret, key_set: Option<&KeySet>) -> Result<Keys, Error> {
    let set = async {
        match key_set {
            Some(set) => set.fetch().await.map(Some),
            None => Ok(None),
        }
    };
    let (secrets, set) = futures_util::try_join!(secret.versions(), set)?;
    Keys::new(&secrets, settings.public_key.as_deref(), set)
}

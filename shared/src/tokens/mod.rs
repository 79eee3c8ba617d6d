//! Whose a token is, and whether it is to be believed.
//!
//! A token signed HS256 is checked against the stack's own secret, current and previous; one signed RS256, ES256 or
//! EdDSA against the configured public key and key set, and against those only: the algorithm decides which keys count,
//! so that no public key can ever serve as a shared secret.

mod caller;
mod derived;
mod jwks;
mod keys;
mod parts;
mod source;
mod ticket;
mod verify;

use domain::claims::Claims;
use domain::refusal::{Code, Refusal};
use tokio::sync::Mutex;

use crate::aws::clients::Clients;
use crate::aws::secret::StoredSecret;
use crate::clock;
use crate::error::Error;
use crate::settings::TokenSettings;
use jwks::KeySet;
use keys::{TokenKeys, from_pem, from_set, from_versions};
use source::KeySource;
use verify::{TokenSigner, Verdict, verify};

/// The most bytes of a token. Its parts are read into memory, so that this bounds them too.
const MAX_TOKEN: usize = 3 * 1024;

/// Verifies tokens. Reads its keys when it is made, again when a token does not fit them (at most once a minute), and
/// from time to time: a rotated secret or a provider's new key counts at once, or a minute later where some token did not
/// fit just before; one that was withdrawn soon counts no more; all without a restart. The secret and the key set are read
/// apart, so that neither's trouble is the other's.
#[derive(Debug)]
pub struct Verifier {
    settings: TokenSettings,
    secret: StoredSecret,
    key_set: Option<KeySet>,
    /// Whether the configured public key is none.
    lacks_pem: bool,
    known: Mutex<KnownKeys>,
}

#[derive(Debug)]
struct KnownKeys {
    keys: TokenKeys,
    secret: KeySource,
    key_set: KeySource,
}

impl KnownKeys {
    fn source(&self, signer: TokenSigner) -> &KeySource {
        match signer {
            TokenSigner::Secret => &self.secret,
            TokenSigner::KeySet => &self.key_set,
        }
    }
}

impl Verifier {
    /// Reads the keys.
    ///
    /// # Errors
    /// The secret cannot be read: the function must not start, since it could let nobody in. A provider that is down for a
    /// moment keeps out its own tokens only: its keys are asked for again with the first. So does a public key that cannot
    /// be read.
    pub async fn load(clients: &Clients, settings: TokenSettings) -> Result<Self, Error> {
        let secret = StoredSecret::new(clients, settings.secret.clone());
        let key_set = settings.jwks_url.clone().map(KeySet::new);
        let pem = settings.public_key.as_deref().map(from_pem).transpose().inspect_err(Error::log);
        let (lacks_pem, pem) = (pem.is_err(), pem.unwrap_or_default());
        let keys = TokenKeys { secrets: from_versions(&secret.versions().await?), pem, set: Vec::new() };
        let mut known = KnownKeys { keys, secret: KeySource::read_now(), key_set: KeySource::never_read() };
        if let Some(set) = &key_set {
            match set.fetch().await {
                Ok(set) => {
                    known.keys.set = from_set(set);
                    known.key_set = KeySource::read_now();
                }
                Err(error) => error.log(),
            }
        }
        Ok(Self { settings, secret, key_set, lacks_pem, known: Mutex::new(known) })
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
        self.refresh_old(&mut known).await;
        let now = clock::now();
        let mut verdict = verify(token, &known.keys, &self.settings, now);
        if let Verdict::UnknownKey(signer) = verdict
            && self.refresh(&mut known, signer).await?
        {
            verdict = verify(token, &known.keys, &self.settings, now);
        }
        match verdict {
            Verdict::Is(claims) => {
                if let Some(caller) = self.code_of(&known, &claims) {
                    tracing::info!(caller, "called");
                }
                Ok(*claims)
            }
            Verdict::Refused(refusal) => Err(refusal.into()),
            Verdict::UnknownKey(signer) if self.lacks_keys(&known, signer) => {
                Err(Error::Failed { call: "verify a token", cause: "its signer's keys could not be read".to_owned() })
            }
            Verdict::UnknownKey(_) => {
                Err(Refusal::new(Code::InvalidToken, "the token is not signed by a key that is known here").into())
            }
        }
    }

    /// A new ticket, which the stack knows by its current secret.
    ///
    /// # Errors
    /// The stack has no secret that can be used.
    pub async fn new_ticket(&self) -> Result<String, Error> {
        let mut known = self.known.lock().await;
        self.refresh_old(&mut known).await;
        Ok(known.keys.secrets.first().ok_or_else(no_secret)?.ticket.ticket())
    }

    /// Refuses what this stack cannot have made as a ticket: it has not a ticket's form, or its code is by no version of the secret.
    ///
    /// # Errors
    /// `invalid_token`; or the stack's secret cannot be read or used.
    pub async fn check_ticket(&self, ticket: &str) -> Result<(), Error> {
        let Some(bytes) = ticket::read(ticket) else { return Err(no_ticket().into()) };
        let mut known = self.known.lock().await;
        self.refresh_old(&mut known).await;
        let is_known = |known: &KnownKeys| known.keys.secrets.iter().any(|secret| secret.ticket.has_made(&bytes));
        if is_known(&known) || self.refresh(&mut known, TokenSigner::Secret).await? && is_known(&known) {
            return Ok(());
        }
        Err(if self.lacks_keys(&known, TokenSigner::Secret) { no_secret() } else { no_ticket().into() })
    }

    /// The code of a user in logs: the same for as long as the stack's secret is. `None` unless the stack's logs name callers.
    pub async fn caller(&self, claims: &Claims) -> Option<String> {
        self.code_of(&*self.known.lock().await, claims)
    }

    fn code_of(&self, known: &KnownKeys, claims: &Claims) -> Option<String> {
        let secret = known.keys.secrets.first().filter(|_| self.settings.names_callers)?;
        Some(secret.caller.code(&claims.sub))
    }

    /// Whether the key that fits a token may be one that could not be read, or used. It is the operator's to mend, and no fault
    /// of the token's: the answer asks its holder to try again.
    fn lacks_keys(&self, known: &KnownKeys, signer: TokenSigner) -> bool {
        let cannot = match signer {
            TokenSigner::Secret => known.keys.secrets.is_empty(),
            TokenSigner::KeySet => self.lacks_pem,
        };
        cannot || known.source(signer).is_failing()
    }

    /// Reads again what has grown old. Keys that cannot be read now stay as they are.
    async fn refresh_old(&self, known: &mut KnownKeys) {
        for signer in [TokenSigner::Secret, TokenSigner::KeySet] {
            if known.source(signer).is_old()
                && let Err(error) = self.refresh(known, signer).await
            {
                error.log();
            }
        }
    }

    /// Reads a signer's keys again, unless they were asked for within the last minute; `false` if so.
    async fn refresh(&self, known: &mut KnownKeys, signer: TokenSigner) -> Result<bool, Error> {
        match (signer, &self.key_set) {
            (TokenSigner::Secret, _) if known.secret.may_ask() => {
                known.keys.secrets = from_versions(&self.secret.versions().await?);
                known.secret.was_read();
            }
            (TokenSigner::KeySet, Some(set)) if known.key_set.may_ask() => {
                known.keys.set = from_set(set.fetch().await?);
                known.key_set.was_read();
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn no_secret() -> Error {
    Error::Failed { call: "read TOKEN_SECRET", cause: "it has no version that can be read and used".to_owned() }
}

/// The error for a ticket that cannot be used.
pub(crate) fn no_ticket() -> Refusal {
    Refusal::new(Code::InvalidToken, "this ticket was used, has expired, or never was one; get a new one")
}

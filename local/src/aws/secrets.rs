//! Secrets Manager: reading a secret's current and previous value, and putting a new one.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use hyper::StatusCode;
use jiff::Timestamp;
use rand::seq::IndexedRandom;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::protocol::{
    Errors, FAULT, Failure,
    json::{JSON_1_1, error, reply, unknown_operation},
};
use crate::{
    error::StartError,
    iam::Right,
    serve::Response,
    template::{Secret, SecretValue},
};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The operations that are served.
pub(crate) const OPERATIONS: [&str; 2] = ["GetSecretValue", "PutSecretValue"];

/// The errors of Secrets Manager.
pub(crate) const ERRORS: Errors = Errors {
    statuses: &[("InternalServiceError", StatusCode::INTERNAL_SERVER_ERROR)],
    denied: "AccessDeniedException",
    throttled: ("ThrottlingException", FAULT),
    unavailable: None,
    invalid: "InvalidRequestException",
    internal: "InternalServiceError",
    code: str::to_owned,
    write: |status, Failure { name, message }| {
        let more = if name == ERRORS.denied { json!({ "Message": message }) } else { json!({}) };
        error(status, JSON_1_1, "", name, message, more)
    },
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    id: String,
    text: String,
    created: i64,
}

impl Version {
    fn new(text: String, id: Option<&str>) -> Self {
        let id = id.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        Self { id, text, created: Timestamp::now().as_second() }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// The value in the template, if it has one. A stack update sets the secret only where that value changed.
    declared: Option<String>,
    /// `None` before the first value is put, if the template has none.
    current: Option<Version>,
    previous: Option<Version>,
}

impl Stored {
    fn put(&mut self, version: Version) {
        self.previous = self.current.replace(version);
    }

    /// The version of this id or, without an id, at this stage. The error names the version that is missing.
    fn version(&self, id: Option<&str>, stage: Option<&str>) -> Result<(&Version, &'static str), String> {
        let stages = [(self.current.as_ref(), CURRENT), (self.previous.as_ref(), PREVIOUS)];
        let mut versions = stages.into_iter().filter_map(|(version, stage)| Some((version?, stage)));
        match id {
            Some(id) => versions.find(|(version, _)| version.id == id).ok_or_else(|| format!("VersionId: {id}")),
            None => {
                let wanted = stage.unwrap_or(CURRENT);
                versions.find(|(_, stage)| *stage == wanted).ok_or_else(|| format!("staging label: {wanted}"))
            }
        }
    }
}

/// The secrets of the stack, by ARN.
#[derive(Debug)]
pub(crate) struct Secrets {
    stored: Mutex<BTreeMap<String, Stored>>,
    file: Option<PathBuf>,
}

impl Secrets {
    /// Opens the secrets, in `folder` or in memory, and makes the missing ones.
    pub(crate) fn open(folder: Option<&Path>, secrets: &[Secret]) -> Result<Self, StartError> {
        let file = folder.map(|folder| folder.join("secrets.json"));
        let mut stored: BTreeMap<String, Stored> = match &file {
            Some(file) if file.exists() => {
                let text = std::fs::read(file).map_err(StartError::file(file))?;
                let damaged = |error: serde_json::Error| StartError::file(file)(error.into());
                serde_json::from_slice(&text).map_err(damaged)?
            }
            _ => BTreeMap::new(),
        };
        for secret in secrets {
            declare(&mut stored, secret);
        }
        let secrets = Self { stored: Mutex::new(stored), file };
        secrets.save(&secrets.lock())?;
        Ok(secrets)
    }

    /// Answers an operation.
    pub(crate) fn answer(&self, operation: &str, request: &Value) -> Response {
        match operation {
            "GetSecretValue" => self.get(request),
            "PutSecretValue" => self.put(request),
            other => unknown_operation(&format!("secretsmanager.{other}")),
        }
    }

    /// The right that an operation needs; none if it is not served.
    pub(crate) fn rights(&self, operation: &str, request: &Value) -> Vec<Right> {
        if !OPERATIONS.contains(&operation) {
            return Vec::new();
        }
        let id = request["SecretId"].as_str().unwrap_or_default();
        let resource = find(&self.lock(), id).unwrap_or_else(|| id.to_owned());
        vec![Right::new(format!("secretsmanager:{operation}"), resource)]
    }

    fn get(&self, request: &Value) -> Response {
        let stored = self.lock();
        let id = request["SecretId"].as_str().unwrap_or_default();
        let Some((arn, secret)) = find(&stored, id).and_then(|arn| stored.get_key_value(&arn)) else {
            return not_found("Secrets Manager can't find the specified secret.");
        };
        match secret.version(request["VersionId"].as_str(), request["VersionStage"].as_str()) {
            Err(what) => not_found(&format!("Secrets Manager can't find the specified secret value for {what}")),
            Ok((version, stage)) => {
                let answer = json!({
                    "ARN": arn,
                    "Name": name_of(arn),
                    "VersionId": version.id,
                    "SecretString": version.text,
                    "VersionStages": [stage],
                    "CreatedDate": version.created,
                });
                reply(StatusCode::OK, JSON_1_1, &answer)
            }
        }
    }

    fn put(&self, request: &Value) -> Response {
        let mut stored = self.lock();
        let id = request["SecretId"].as_str().unwrap_or_default();
        let Some(text) = request["SecretString"].as_str() else {
            let why = "You must provide either SecretString or SecretBinary (the local stack takes SecretString).";
            return ERRORS.response(&Failure::new("InvalidParameterException", why));
        };
        let Some(arn) = find(&stored, id) else {
            return not_found("Secrets Manager can't find the specified secret.");
        };
        let version = Version::new(text.to_owned(), request["ClientRequestToken"].as_str());
        let answer = json!({ "ARN": arn, "Name": name_of(&arn), "VersionId": version.id, "VersionStages": [CURRENT] });
        if let Some(secret) = stored.get_mut(&arn) {
            secret.put(version);
        }
        match self.save(&stored) {
            Ok(()) => reply(StatusCode::OK, JSON_1_1, &answer),
            Err(error) => internal(&error),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Stored>> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, stored: &BTreeMap<String, Stored>) -> Result<(), StartError> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_vec_pretty(stored).map_err(|error| StartError::file(file)(error.into()))?;
        replace(file, &text).map_err(StartError::file(file))
    }
}

/// Replaces a file if its text differs. If the process is killed meanwhile, one of the two files is whole.
fn replace(file: &Path, text: &[u8]) -> std::io::Result<()> {
    if std::fs::read(file).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let new = file.with_extension("new");
    // An older file may be readable by other users.
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut writing = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writing.write_all(text)?;
    writing.sync_all()?;
    std::fs::rename(new, file)
}

fn declare(stored: &mut BTreeMap<String, Stored>, secret: &Secret) {
    let declared = match &secret.value {
        SecretValue::Fixed(text) => Some(text.clone()),
        SecretValue::Generated { .. } | SecretValue::Empty => None,
    };
    let first = || match &secret.value {
        SecretValue::Fixed(text) => Some(Version::new(text.clone(), None)),
        SecretValue::Generated { length, exclude } => Some(Version::new(generate(*length, exclude), None)),
        SecretValue::Empty => None,
    };
    match stored.get_mut(&secret.arn) {
        None => {
            stored.insert(secret.arn.clone(), Stored { declared, current: first(), previous: None });
        }
        Some(known) if known.declared != declared => {
            known.declared = declared;
            first().into_iter().for_each(|version| known.put(version));
        }
        Some(_) => {}
    }
}

/// The ARN of the secret that has this ARN or name.
fn find(stored: &BTreeMap<String, Stored>, id: &str) -> Option<String> {
    stored.keys().find(|arn| *arn == id || name_of(arn) == id).cloned()
}

/// An ARN ends in the name, a hyphen and six random letters.
fn name_of(arn: &str) -> &str {
    let full = arn.rsplit(':').next().unwrap_or(arn);
    full.rsplit_once('-').map_or(full, |(name, _)| name)
}

fn generate(length: u64, exclude: &str) -> String {
    let letters: Vec<char> = ('!'..='~').filter(|letter| !exclude.contains(*letter)).collect();
    let mut random = rand::rng();
    (0..length).filter_map(|_| letters.choose(&mut random)).collect()
}

fn not_found(why: &str) -> Response {
    ERRORS.response(&Failure::new("ResourceNotFoundException", why))
}

fn internal(error: &StartError) -> Response {
    ERRORS.response(&Failure::new(ERRORS.internal, error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use http_body_util::BodyExt;

    use super::*;

    const ARN: &str = "arn:aws:secretsmanager:us-east-1:123456789012:secret:Some-Name-AbCdEf";

    fn secrets() -> Secrets {
        let secret = Secret { arn: ARN.to_owned(), value: SecretValue::Fixed("one".to_owned()) };
        Secrets::open(None, &[secret]).expect("secrets in memory")
    }

    async fn call(secrets: &Secrets, operation: &str, request: Value) -> Value {
        let body = secrets.answer(operation, &request).into_body().collect().await.expect("a whole body");
        serde_json::from_slice(&body.to_bytes()).expect("JSON")
    }

    #[tokio::test]
    async fn putting_a_value_makes_the_last_one_the_previous() {
        let secrets = secrets();
        let previous = json!({"SecretId": ARN, "VersionStage": "AWSPREVIOUS"});
        let missing = call(&secrets, "GetSecretValue", previous.clone()).await;
        assert_eq!(missing["__type"], "ResourceNotFoundException");
        assert_eq!(
            missing["message"],
            "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS"
        );
        call(&secrets, "PutSecretValue", json!({"SecretId": "Some-Name", "SecretString": "two"})).await;
        assert_eq!(call(&secrets, "GetSecretValue", json!({"SecretId": "Some-Name"})).await["SecretString"], "two");
        assert_eq!(call(&secrets, "GetSecretValue", previous).await["SecretString"], "one");
    }

    #[tokio::test]
    async fn a_secret_may_have_no_value_until_one_is_put() {
        let secrets =
            Secrets::open(None, &[Secret { arn: ARN.to_owned(), value: SecretValue::Empty }]).expect("secrets");
        let missing = call(&secrets, "GetSecretValue", json!({"SecretId": ARN})).await;
        assert_eq!(missing["__type"], "ResourceNotFoundException");
        call(&secrets, "PutSecretValue", json!({"SecretId": ARN, "SecretString": "one"})).await;
        assert_eq!(call(&secrets, "GetSecretValue", json!({"SecretId": ARN})).await["SecretString"], "one");
        let previous = json!({"SecretId": ARN, "VersionStage": "AWSPREVIOUS"});
        assert_eq!(call(&secrets, "GetSecretValue", previous).await["__type"], "ResourceNotFoundException");
    }

    #[test]
    fn kept_secrets_are_the_owners_and_are_written_only_if_they_change() {
        let folder = std::env::temp_dir().join(format!("secrets-{}", Uuid::now_v7()));
        std::fs::create_dir(&folder).expect("a folder");
        let open = |text: &str| {
            let secret = Secret { arn: ARN.to_owned(), value: SecretValue::Fixed(text.to_owned()) };
            Secrets::open(Some(&folder), &[secret]).expect("secrets in a folder");
            std::fs::metadata(folder.join("secrets.json")).expect("a file")
        };
        let (first, same, other) = (open("one"), open("one"), open("two"));
        assert_eq!(first.mode() & 0o777, 0o600);
        assert_eq!(first.ino(), same.ino());
        assert_ne!(first.ino(), other.ino());
        std::fs::remove_dir_all(folder).expect("a folder of ours");
    }

    #[test]
    fn a_generated_secret_leaves_out_what_it_must() {
        let text = generate(64, "abc");
        assert_eq!(text.len(), 64);
        assert!(!text.contains(['a', 'b', 'c']));
    }
}

//! A function that is started many times.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};
use tokio::process::Child;

use crate::world::World;
use tidings_tests::bench::cpu::{self, on_core};
use tidings_tests::bench::runtime::Runtime;

/// The program that runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A function of the bundle.
    Ours(String),
    Bare,
    Node(PathBuf),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours(name) => write!(f, "`{name}`"),
            Self::Bare => f.write_str("bare `lambda_runtime`"),
            Self::Node(_) => f.write_str("Node.js, its SDK"),
        }
    }
}

pub(crate) struct Function {
    pub(crate) kind: Kind,
    event: Value,
    /// Compressed, in bytes, of what Lambda unpacks; nothing for Node.js, whose modules are many files.
    pub(crate) zipped: Option<usize>,
}

/// Whose event has them post to a connection.
const POSTING: [&str; 2] = ["send", "share"];

/// The cost of one start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Until it asked for work.
    pub(crate) ready: Cost,
    /// From then until it answered its first event.
    pub(crate) first: Cost,
    pub(crate) memory_kib: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Function {
    /// The bare one, those of the bundle by name, and where there is Node.js its own.
    pub(crate) fn all(world: &World) -> Vec<Self> {
        let events = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("events");
        let mut names: Vec<PathBuf> = fs::read_dir(events).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        let bare = world.binaries.join("examples/bare");
        let mut functions = vec![Self { kind: Kind::Bare, event: json!({}), zipped: Some(zipped(&bare)) }];
        for path in names {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let event = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            let zipped = Some(zipped(&world.binaries.join(&name)));
            functions.push(Self { kind: Kind::Ours(name), event: with_token(event, world.secret()), zipped });
        }
        if let Some(node) = &world.node {
            functions.push(Self { kind: Kind::Node(node.clone()), event: json!({}), zipped: None });
        }
        functions
    }

    /// Starts it, and runs it on its event.
    pub(crate) async fn start(&self, world: &World, over_tls: bool) -> Start {
        let mut runtime = Runtime::start().await;
        let mut command = match &self.kind {
            Kind::Ours(name) => on_core(1, &world.binaries.join(name)),
            Kind::Bare => on_core(1, &world.binaries.join("examples/bare")),
            Kind::Node(folder) => {
                let mut command = on_core(1, "node".as_ref());
                command.arg(folder.join("function.mjs"));
                command
            }
        };
        command.env_clear().envs(runtime.environment(&self.kind.to_string())).envs(world.environment(over_tls));
        let began = Instant::now();
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let pid = process.id().unwrap();
        let asked = unless_it_ends(&mut process, runtime.asked()).await;
        let ready = Cost { wall: asked - began, cpu: cpu::time(pid) };
        let began = Instant::now();
        let answer = unless_it_ends(&mut process, runtime.invoke(self.event.clone())).await;
        let first = Cost { wall: began.elapsed(), cpu: cpu::time(pid).saturating_sub(ready.cpu) };
        assert!(is_success(&answer), "{}: {answer}", self.kind);
        let posts = world.posts();
        if let Kind::Ours(name) = &self.kind {
            assert!(posts > 0 || !POSTING.contains(&name.as_str()), "{name} has posted to nobody");
        }
        let memory_kib = cpu::peak_memory(pid);
        process.kill().await.unwrap();
        Start { ready, first, memory_kib }
    }
}

/// One that ends says why.
async fn unless_it_ends<T>(process: &mut Child, it: impl Future<Output = T>) -> T {
    tokio::select! {
        done = it => done,
        status = process.wait() => panic!("it ended, {}", status.unwrap()),
    }
}

fn is_success(answer: &Value) -> bool {
    let failures = answer["batchItemFailures"].as_array().map_or(0, Vec::len);
    let status = answer["statusCode"].as_u64().unwrap_or(200);
    let is_denied = answer.pointer("/policyDocument/Statement/0/Effect").is_some_and(|effect| effect == "Deny");
    answer["errorType"].is_null() && failures == 0 && (200..300).contains(&status) && !is_denied
}

/// The tokens in the files have expired.
fn with_token(mut event: Value, secret: &str) -> Value {
    let claims = json!({"sub": "alice", "publish": ["user:*"], "exp": jiff::Timestamp::now().as_second() + 3_600});
    let token =
        jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap();
    if event["queryStringParameters"]["token"].is_string() {
        event["queryStringParameters"]["token"] = json!(token);
    }
    if event["headers"]["authorization"].is_string() {
        event["headers"]["authorization"] = json!(format!("Bearer {token}"));
    }
    event
}

fn zipped(binary: &Path) -> usize {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&fs::read(binary).unwrap()).unwrap();
    encoder.finish().unwrap().len()
}

//! The mock: the management API, plain and over TLS, and beside it just enough of DynamoDB and SQS for the worker. It
//! runs in a process of its own; the bench controls it, and reads what it saw, over a port of its own.

use std::collections::BTreeSet;
use std::fmt;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio_rustls::TlsAcceptor;

use crate::rows;
use tidings_tests::bench::cpu::on_core;

/// Each client posts as much, about 1 KB; less is an error.
const SHORTEST: usize = 1_000;

/// The protocol by which posts reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Plain,
    Tls1,
    Tls2,
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Tls1 => "TLS, HTTP/1.1",
            Self::Tls2 => "TLS, HTTP/2",
        })
    }
}

/// A running mock.
pub(crate) struct Mock {
    _process: Child,
    client: reqwest::Client,
    /// Its addresses, by name, and the file of its certificate.
    said: Value,
}

impl Mock {
    pub(crate) async fn start() -> Self {
        let mut process = on_core(0, &std::env::current_exe().unwrap())
            .arg("mock")
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Self { _process: process, client: reqwest::Client::new(), said }
    }

    /// The management API's address, its stage included.
    pub(crate) fn management(&self, transport: Transport) -> String {
        let name = match transport {
            Transport::Plain => "plain",
            Transport::Tls1 => "tls1",
            Transport::Tls2 => "tls2",
        };
        format!("{}/prod", self.said[name].as_str().unwrap())
    }

    /// Where DynamoDB and SQS are: apart from the posts, whose connections are counted.
    pub(crate) fn aws(&self) -> &str {
        self.said["aws"].as_str().unwrap()
    }

    pub(crate) fn certificate(&self) -> &str {
        self.said["certificate"].as_str().unwrap()
    }

    /// So many connections there are, each answers after so long, and one post in a hundred is throttled or none. Forgets what
    /// it saw.
    pub(crate) async fn set(&self, recipients: usize, delay_ms: u64, throttled: bool) {
        let body = json!({"recipients": recipients, "delay_ms": delay_ms, "throttled": throttled});
        self.client.post(format!("{}/bench", self.aws())).body(body.to_string()).send().await.unwrap();
    }

    /// The counts since the last call: `posts`, of which `signed`, `taken` by how many connections, `throttled`,
    /// `opened` connections to it, and the `shares` that were queued.
    pub(crate) async fn seen(&self) -> Value {
        let answer = self.client.get(format!("{}/bench", self.aws())).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }
}

#[derive(Default)]
struct Seen {
    keys: BTreeSet<String>,
    taken: BTreeSet<String>,
    shares: Vec<String>,
}

#[derive(Default)]
struct Served {
    seen: Mutex<Seen>,
    delay_ms: AtomicU64,
    /// Of so many posts the last is throttled; 0 for none.
    one_in: AtomicU64,
    posts: AtomicU64,
    /// Of them, those with a signature.
    signed: AtomicU64,
    throttled: AtomicU64,
    opened: AtomicU64,
}

/// Serves until it is ended.
pub(crate) async fn serve() {
    let served = Arc::new(Served::default());
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let file = std::env::temp_dir().join(format!("tidings-bench-{}.pem", std::process::id()));
    std::fs::write(&file, certificate.cert.pem()).unwrap();
    let mut said = json!({"certificate": file});
    for (name, protocol) in [("aws", None), ("plain", None), ("tls1", Some("http/1.1")), ("tls2", Some("h2"))] {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let scheme = if protocol.is_some() { "https" } else { "http" };
        said[name] = json!(format!("{scheme}://{}", listener.local_addr().unwrap()));
        let acceptor = protocol.map(|protocol| acceptor(&certificate, protocol));
        let counts = name != "aws";
        tokio::spawn(listen(listener, acceptor, Arc::clone(&served), counts));
    }
    println!("{said}");
    std::future::pending::<()>().await;
}

fn acceptor(certificate: &rcgen::CertifiedKey<rcgen::KeyPair>, protocol: &str) -> TlsAcceptor {
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let mut config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.cert.der().clone()], key.into())
            .unwrap();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

async fn listen(listener: TcpListener, acceptor: Option<TlsAcceptor>, served: Arc<Served>, counts: bool) {
    let router = Router::new().fallback(answer).with_state(Arc::clone(&served));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        served.opened.fetch_add(u64::from(counts), Ordering::Relaxed);
        let service = TowerToHyperService::new(router.clone());
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let builder = Builder::new(TokioExecutor::new());
            match acceptor {
                None => drop(builder.serve_connection(TokioIo::new(stream), service).await),
                Some(acceptor) => {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    drop(builder.serve_connection(TokioIo::new(stream), service).await);
                }
            }
        });
    }
}

async fn answer(
    State(served): State<Arc<Served>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Some((_, connection)) = uri.path().split_once("connections/") {
        if body.len() < SHORTEST {
            return StatusCode::BAD_REQUEST.into_response();
        }
        served.signed.fetch_add(u64::from(headers.contains_key("authorization")), Ordering::Relaxed);
        return served.post(connection.to_owned()).await;
    }
    if uri.path() == "/bench" {
        return served.bench(&method, &body).into_response();
    }
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    match target.rsplit('.').next().unwrap_or_default() {
        "GetItem" => rows::notification().to_string().into_response(),
        "Query" => rows::page(&served.seen.lock().unwrap().keys, &asked).to_string().into_response(),
        "SendMessageBatch" => served.queue(&asked).to_string().into_response(),
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

impl Served {
    async fn post(&self, connection: String) -> Response {
        let posts = self.posts.fetch_add(1, Ordering::Relaxed) + 1;
        let delay = self.delay_ms.load(Ordering::Relaxed);
        if delay > 0 {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        let one_in = self.one_in.load(Ordering::Relaxed);
        if one_in > 0 && posts.is_multiple_of(one_in) {
            self.throttled.fetch_add(1, Ordering::Relaxed);
            return (StatusCode::TOO_MANY_REQUESTS, [("x-amzn-errortype", "LimitExceededException")]).into_response();
        }
        self.seen.lock().unwrap().taken.insert(connection);
        StatusCode::OK.into_response()
    }

    fn bench(&self, method: &Method, body: &Bytes) -> String {
        let mut seen = self.seen.lock().unwrap();
        if method == Method::GET {
            let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            let [posts, signed, throttled, opened] =
                [&self.posts, &self.signed, &self.throttled, &self.opened].map(load);
            return json!({
                "posts": posts, "signed": signed, "taken": seen.taken.len(), "throttled": throttled, "opened": opened,
                "shares": std::mem::take(&mut seen.shares),
            })
            .to_string();
        }
        let told: Value = serde_json::from_slice(body).unwrap();
        let keys = rows::keys(usize::try_from(told["recipients"].as_u64().unwrap()).unwrap());
        *seen = Seen { keys, ..Seen::default() };
        self.delay_ms.store(told["delay_ms"].as_u64().unwrap(), Ordering::Relaxed);
        self.one_in.store(if told["throttled"] == true { 100 } else { 0 }, Ordering::Relaxed);
        for counter in [&self.posts, &self.signed, &self.throttled, &self.opened] {
            counter.store(0, Ordering::Relaxed);
        }
        String::new()
    }

    fn queue(&self, asked: &Value) -> Value {
        let entries = asked["Entries"].as_array().unwrap();
        let mut successful = Vec::new();
        for entry in entries {
            let body = entry["MessageBody"].as_str().unwrap();
            self.seen.lock().unwrap().shares.push(body.to_owned());
            let md5 = format!("{:x}", md5::compute(body));
            successful.push(json!({"Id": entry["Id"], "MessageId": entry["Id"], "MD5OfMessageBody": md5}));
        }
        json!({"Successful": successful, "Failed": []})
    }
}

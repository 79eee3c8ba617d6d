//! The surroundings of the functions: a local stack, plain and over TLS.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use reqwest::Method;
use serde_json::{Value, json};

use crate::tls::Authority;
use tidings_tests::bench::batch::put;
use tidings_tests::bench::build::build;
use tidings_tests::bench::cpu::stay_on_core;
use tidings_tests::bench::gateway::Gateway;
use tidings_tests::bench::runtime;
use tidings_tests::bench::stack::Stack;
use tidings_tests::bench::subscribers;

pub(crate) struct World {
    /// It ends with the value.
    _stack: Stack,
    gateway: Gateway,
    authority: Authority,
    /// Every variable that any function of the template has.
    plain: BTreeMap<String, String>,
    tls: BTreeMap<String, String>,
    /// Where the binaries are, as they are deployed.
    pub(crate) binaries: PathBuf,
    /// Where what Node.js runs is; nothing, where it cannot.
    pub(crate) node: Option<PathBuf>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let binaries = build(&["--workspace", "--bins"]);
        build(&["--package", "tidings-tests", "--example", "bare"]);
        let node = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/startup/node");
        let node = Some(node).filter(|folder| runtime::has_node(folder));
        // All but the function that is measured.
        stay_on_core(0);
        let stack = Stack::start(&[]);
        listen(&stack).await;
        let gateway = Gateway::start().await;
        let mut plain = environment(&stack).await;
        plain.insert("MANAGEMENT_ENDPOINT".to_owned(), format!("http://{}/dev", gateway.address));
        let authority = Authority::new();
        let mut tls = plain.clone();
        for address in [host_and_port(stack.address("aws")).to_owned(), gateway.address.to_string()] {
            let ours = authority.stand_before(&address).await;
            for value in tls.values_mut() {
                *value = value.replace(&format!("http://{address}"), &format!("https://{ours}"));
            }
        }
        Self { _stack: stack, gateway, authority, plain, tls, binaries, node }
    }

    /// The environment of a function.
    pub(crate) fn environment(&self, over_tls: bool) -> impl Iterator<Item = (&str, &str)> {
        let variables = if over_tls { &self.tls } else { &self.plain };
        let certificates = ("SSL_CERT_FILE", self.authority.certificates.to_str().unwrap());
        let for_node = ("NODE_EXTRA_CA_CERTS", certificates.1);
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain([certificates, for_node])
    }

    /// The number of connections that were posted to since the last call.
    pub(crate) fn posts(&self) -> usize {
        self.gateway.seen().connections.len()
    }

    /// The secret that signs tokens.
    pub(crate) fn secret(&self) -> &str {
        &self.plain["LOCAL_TOKEN_SECRET"]
    }
}

/// Of an address with a scheme and maybe a path.
fn host_and_port(address: &str) -> &str {
    address.split('/').nth(2).unwrap()
}

/// The events of `send` and `share` are to reach somebody, and the latter's notification is to be there.
async fn listen(stack: &Stack) {
    subscribers::write(stack, "user:alice", 1).await;
    // So many that some are in any share.
    subscribers::write(stack, "topic:news", 100).await;
    let notification = json!({
        "channel": {"S": "topic:news"}, "seq": {"N": "42"}, "v": {"N": "1"}, "sent_at": {"N": "1795290300123"},
        "id": {"S": "01aa0000-0000-7000-8000-000000000000"}, "content": {"S": r#"{"title":"News"}"#},
        "expires_at": {"N": "4000000000"},
    });
    put(stack, &stack.table("Notifications").await, std::iter::once(notification.to_string())).await;
}

/// Variables that no function has that has run, and that are no addresses.
const OTHERS: [(&str, &str); 4] = [
    ("INBOUND_CHANNEL", "topic:inbound"),
    ("POSTS_PER_SECOND", "2000"),
    ("SHARE_CONCURRENCY", "10"),
    ("VAPID_SECRET", "vapid"),
];

const CREDENTIALS: [&str; 3] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/// All variables: `send` and `page` have most of them between them.
async fn environment(stack: &Stack) -> BTreeMap<String, String> {
    for path in ["v1/health", ""] {
        let answer = reqwest::get(format!("{}/{path}", stack.address("http"))).await.unwrap();
        assert!(answer.status().is_success(), "/{path}: {}", answer.status());
    }
    let mut environment: BTreeMap<String, String> =
        OTHERS.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    for process in stack.control(Method::GET, "processes").await.as_array().unwrap() {
        let theirs: BTreeMap<String, Value> = serde_json::from_value(process["environment"].clone()).unwrap();
        environment.extend(theirs.into_iter().map(|(name, value)| (name, value.as_str().unwrap().to_owned())));
    }
    // Theirs are who they are, and what only they may do.
    let is_of_one = |name: &str| name.starts_with("AWS_LAMBDA_") || CREDENTIALS.contains(&name);
    environment.retain(|name, _| !is_of_one(name));
    let queues = stack.control(Method::GET, "queues").await;
    let mut queues = queues.as_array().unwrap().iter();
    let dead_letters = queues.find(|queue| queue["queue"] == "EndpointDeadLetters").unwrap();
    let (account, _) = environment["ENDPOINTS_QUEUE"].rsplit_once('/').unwrap();
    let address = format!("{account}/{}", dead_letters["name"].as_str().unwrap());
    environment.insert("ENDPOINT_DEAD_LETTERS".to_owned(), address);
    environment
}

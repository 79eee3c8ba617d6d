//! Nothing follows a redirect: neither the token nor what is sent reaches an address that nobody has configured.

use std::future::ready;
use std::time::Duration;

use reqwest::Url;
use tidings::token::Claims;
use tidings::{Channel, Client, Event, HttpError, Listener, NewEndpoint, Notification, Target, Timing};
use tokio::net::{TcpListener, TcpStream};

use crate::command_line::{asked, output, tidings};
use crate::http::serve;
use crate::server::{Server, within};

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

/// Another server, to which nobody is to come.
struct Elsewhere(TcpListener);

impl Elsewhere {
    async fn start() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn origin(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// The head of an answer that leads there, with a secret in the address.
    fn redirect(&self, status: u16) -> &'static str {
        format!("{status} Elsewhere\r\nlocation: {}/v1/notifications?secret=hush", self.origin()).leak()
    }

    /// Connections are taken in the order in which they came, and the first is our own.
    async fn assert_untouched(self) {
        let own = TcpStream::connect(self.0.local_addr().unwrap()).await.unwrap();
        let (_, first) = within(self.0.accept()).await.unwrap();
        assert_eq!(first, own.local_addr().unwrap(), "somebody followed the redirect");
    }
}

fn assert_refused(error: Result<(), HttpError>, status: u16, elsewhere: &Elsewhere) {
    let error = error.unwrap_err();
    let told = error.to_string();
    assert!(matches!(error, HttpError::Redirected { status: of, .. } if of == status), "{told}");
    for part in [&*elsewhere.origin(), &*status.to_string(), "HttpUrl"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!told.contains("hush"), "{told}");
}

#[tokio::test]
async fn no_call_follows_a_redirect_or_is_tried_again() {
    let alice: Channel = "user:alice".parse().unwrap();
    let hello = Notification { to: vec![alice.clone()], title: Some("hello".to_owned()), ..Notification::default() };
    let target = Target::Webhook { url: "https://example.org".to_owned() };
    let webhook = NewEndpoint { target, min_priority: None, only_when_offline: false };
    for status in STATUSES {
        let elsewhere = Elsewhere::start().await;
        let answers: Vec<_> = (0..9).map(|_| (elsewhere.redirect(status), "")).collect();
        let (url, server) = serve(answers.leak()).await;
        let client = Client::new(&url, "t").unwrap();
        let results = within(async {
            [
                client.send(&hello, None).await.map(drop),
                client.notification("n-1").await.map(drop),
                client.cancel("n-1").await.map(drop),
                client.channel(&alice).await.map(drop),
                client.endpoints(&alice).await.map(drop),
                client.add_endpoint(&alice, &webhook).await.map(drop),
                client.remove_endpoint(&alice, "e-1").await,
                client.rotate_endpoint(&alice, "e-1").await.map(drop),
                client.replay_endpoint(&alice, "e-1", 1).await.map(drop),
            ]
        });
        for result in results.await {
            assert_refused(result, status, &elsewhere);
        }
        assert_eq!(within(server).await.unwrap().len(), 9);
        elsewhere.assert_untouched().await;
    }
}

#[tokio::test]
async fn the_program_says_which_address_to_give() {
    let elsewhere = Elsewhere::start().await;
    let (success, printed, told, _) =
        asked((elsewhere.redirect(307), ""), &["send", "user:alice", "--title", "hello"]).await;
    assert!(!success && printed.is_empty());
    assert!(told.contains(&elsewhere.origin()) && told.contains("HttpUrl") && !told.contains("hush"), "{told}");
    elsewhere.assert_untouched().await;
}

/// A portal that asks for a login redirects everything for a while, so a listener goes on trying.
#[tokio::test]
async fn a_listener_tells_of_a_redirect_and_tries_the_same_address_again() {
    let (server, elsewhere) = (Server::start().await, Elsewhere::start().await);
    let token = Claims::new("alice", Duration::from_secs(3_600)).sign("a secret of at least thirty-two bytes").unwrap();
    let timing = Timing { first_retry: Duration::from_millis(10), ..Timing::default() };
    let source = move || ready(Ok::<_, String>(token.clone()));
    let mut listener = Listener::builder(server.url(), source).timing(timing).start().unwrap();
    for status in STATUSES {
        server.refuse(elsewhere.redirect(status)).await;
        let Ok(Event::Disconnected { reason, .. }) = within(listener.next()).await else { panic!("{status}") };
        for part in [&*server.url(), &*elsewhere.origin(), &*status.to_string(), "WebSocketUrl"] {
            assert!(reason.contains(part), "{reason}");
        }
        assert!(!reason.contains("hush"), "{reason}");
    }
    server.accept().await;
    assert_eq!(within(listener.next()).await, Ok(Event::Connected));
    elsewhere.assert_untouched().await;
}

/// `0.0.0.0` is this machine and no loopback address, so it stands for a network here.
fn from_the_network(url: &str) -> String {
    let mut url = Url::parse(url).unwrap();
    url.set_host(Some("0.0.0.0")).unwrap();
    url.into()
}

#[tokio::test]
async fn the_program_warns_of_a_token_in_the_clear_unless_it_stays_on_this_machine() {
    let answer = || Box::leak(Box::new([("200 OK", r#"{"channel": "user:alice", "seq": 1, "connections": 0}"#)]));
    for is_remote in [false, true] {
        let (url, _server) = serve(answer()).await;
        let url = if is_remote { from_the_network(&url) } else { url };
        let (success, _, told) = output(tidings(&["--http", &url, "--token", "t", "channel", "user:alice"])).await;
        assert!(success, "{told}");
        assert_eq!(told.contains("not encrypted"), is_remote, "{told}");
        assert!(is_remote || told.is_empty(), "{told}");
    }
}

#[tokio::test]
async fn listening_in_the_clear_is_warned_of_once() {
    let server = Server::start().await;
    let token = Claims::new("alice", Duration::from_secs(3_600)).sign("a secret of at least thirty-two bytes").unwrap();
    let url = from_the_network(&server.url());
    let listening =
        output(tidings(&["--websocket", &url, "--token", &token, "listen", "user:alice:0", "--count", "1"]));
    let serving = async {
        let mut cut = server.accept().await;
        cut.question().await;
        cut.disconnect();
        let mut peer = server.accept().await;
        let (_, reference) = peer.question().await;
        peer.notify("user:alice", &[1]).await;
        peer.subscribed("user:alice", 1, reference).await;
        peer.closed().await;
    };
    let ((success, _, told), ()) = tokio::join!(listening, serving);
    assert!(success, "{told}");
    assert_eq!(told.matches("not encrypted").count(), 1, "{told}");
    assert!(!told.contains(&token), "{told}");
}

//! No URL of the table is connected to; and the listeners would notice.

use std::io;
use std::net::TcpListener;

use futures_util::future::join_all;
use hickory_proto::rr::RecordType;
use shared::kinds::url::{PublicUrl, UrlRules};
use shared::transports::client::{Reason, SafeClient};

use super::names::{NameServer, Resolved, Zone};
use super::server::{Does, Server, answer};
use super::table::{Kind, Row, rows, zone};
use super::{BODY, client, loopback, post, post_to};

/// Listeners on loopback addresses, all on one port.
struct Watch {
    port: u16,
    listeners: Vec<Server>,
}

impl Watch {
    fn start() -> Self {
        // Another program may have the port on one of the addresses: then with another port.
        let listeners = (0..20).find_map(|_| Self::bind().ok()).expect("a port that is free on all addresses");
        let port = listeners[0].local_addr().unwrap().port();
        let says = Does::Answer(answer("200 OK", "", "reached"));
        Self { port, listeners: listeners.into_iter().map(|listener| Server::on(listener, says.clone())).collect() }
    }

    fn bind() -> io::Result<Vec<TcpListener>> {
        let first = TcpListener::bind("127.0.0.1:0")?;
        let port = first.local_addr()?.port();
        let mut listeners = vec![first, TcpListener::bind(("127.0.0.2", port))?];
        match TcpListener::bind(("::1", port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => eprintln!("SKIPPED: no IPv6 here"),
            listener => listeners.push(listener?),
        }
        Ok(listeners)
    }

    /// The number of connections to each.
    fn connections(&self) -> Vec<usize> {
        self.listeners.iter().map(Server::connections).collect()
    }

    fn nobody_came(&self) -> bool {
        self.connections().iter().all(|count| *count == 0)
    }

    /// The internet only, on the port that is watched.
    fn rules(&self) -> UrlRules {
        UrlRules { ports: vec![self.port], loopback_ports: Vec::new() }
    }
}

fn of(rows: &[Row], kind: Kind) -> impl Iterator<Item = &Row> {
    rows.iter().filter(move |row| row.kind == kind)
}

/// Posts to all these rows at once, and says what came of each.
async fn post_all<'a>(
    client: &SafeClient,
    rules: &UrlRules,
    rows: impl Iterator<Item = &'a Row>,
) -> Vec<(&'a Row, Option<Reason>)> {
    let posts = rows.map(async |row| {
        let url = PublicUrl::parse(&row.url, rules).unwrap_or_else(|refusal| panic!("{}: {refusal}", row.url));
        (row, post_to(client, &url).await.err())
    });
    join_all(posts).await
}

/// It connected, and had no TLS from the listener, which hangs up on what is not HTTP.
fn met_no_tls(reason: Option<Reason>) -> bool {
    matches!(reason, Some(Reason::Tls | Reason::ConnectionFailed))
}

#[tokio::test]
async fn none_of_the_table_is_connected_to() {
    let watch = Watch::start();
    let rows = rows(watch.port);
    assert!(rows.len() >= 60, "{} rows", rows.len());
    let names = NameServer::start(zone(&rows));
    let rules = watch.rules();
    let client = client(&rules, Some(names.address));

    for row in of(&rows, Kind::Url) {
        let refusal = PublicUrl::parse(&row.url, &rules).expect_err(&format!("{} ({})", row.url, row.why));
        assert_eq!(refusal.field.as_deref(), Some("url"), "{}", row.url);
    }
    for (row, reason) in post_all(&client, &rules, of(&rows, Kind::Address)).await {
        assert_eq!(reason, Some(Reason::ForbiddenAddress), "{} ({})", row.url, row.why);
    }
    for (row, reason) in post_all(&client, &rules, of(&rows, Kind::Rebind)).await {
        let went_elsewhere = matches!(reason, Some(Reason::ConnectionFailed | Reason::Timeout));
        assert!(went_elsewhere, "{} ({}): {reason:?}", row.url, row.why);
    }
    assert_eq!(names.asked("rebind.test", RecordType::A), 1, "once for one connection");
    for (row, reason) in post_all(&client, &rules, of(&rows, Kind::Rebind)).await {
        assert_eq!(reason, Some(Reason::ForbiddenAddress), "{} ({}), again", row.url, row.why);
    }
    assert!(watch.nobody_came(), "{:?}", watch.connections());
}

#[tokio::test]
async fn a_url_that_was_taken_under_other_rules_is_not_connected_to_either() {
    let watch = Watch::start();
    let client = client(&watch.rules(), None);
    for host in ["127.0.0.1", "127.0.0.2", "[::1]", "localhost"] {
        let answer = post(&client, &format!("http://{host}:{}/", watch.port)).await;
        assert_eq!(answer, Err(Reason::ForbiddenAddress), "{host}");
    }
    assert!(watch.nobody_came(), "{:?}", watch.connections());
}

#[tokio::test]
async fn redirects_are_answers_and_not_followed() {
    let watch = Watch::start();
    let rows = rows(watch.port);
    let names = NameServer::start(zone(&rows));
    let client = client(&loopback(), Some(names.address));
    for row in of(&rows, Kind::Redirect) {
        for status in ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"] {
            let location = format!("Location: {}\r\n", row.url);
            let redirector = Server::start(Does::Answer(answer(status, &location, "")));
            let status: u16 = status[..3].parse().unwrap();
            assert_eq!(post(&client, &redirector.url()).await.unwrap().status, status, "{} ({})", row.url, row.why);
        }
    }
    assert!(watch.nobody_came(), "{:?}", watch.connections());
}

/// The same listeners, the same name server, the same table: with loopback allowed they are reached, so that the tests
/// above can fail.
#[tokio::test]
async fn the_listeners_are_reached_where_loopback_is_allowed() {
    let watch = Watch::start();
    let rows = rows(watch.port);
    let names = NameServer::start(zone(&rows));
    let rules = UrlRules { loopback_ports: vec![watch.port], ..watch.rules() };
    let client = client(&rules, Some(names.address));

    for (listener, host) in watch.listeners.iter().zip(["127.1", "127.0.0.2", "[::1]"]) {
        let url = PublicUrl::parse(&format!("http://{host}:{}/hook", watch.port), &rules).unwrap();
        let answer = post_to(&client, &url).await.unwrap();
        assert_eq!((answer.status, answer.first_characters.as_str()), (200, "reached"), "{host}");
        let request = listener.requests()[0][0].clone();
        assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
        assert!(request.as_bytes().ends_with(BODY), "{request}");
    }
    let before = watch.connections();
    for name in ["loopback", "loopback2", "alias"] {
        let url = PublicUrl::parse(&format!("https://{name}.test:{}/", watch.port), &rules).unwrap();
        assert!(met_no_tls(post_to(&client, &url).await.err()), "{name}");
    }
    assert_eq!((watch.connections()[0], watch.connections()[1]), (before[0] + 2, before[1] + 1));
    let again = post_all(&client, &rules, of(&rows, Kind::Rebind)).await;
    assert!(again.iter().all(|(_, reason)| *reason != Some(Reason::ForbiddenAddress)));
}

/// Even where loopback is allowed, a name may change its mind between two connections, and each is looked at.
#[tokio::test]
async fn each_connection_looks_at_its_own_answer() {
    let watch = Watch::start();
    let once = |address: &str| Resolved { alias_of: None, addresses: vec![address.parse().unwrap()] };
    let zone = Zone::from([("turns.test".to_owned(), vec![once("127.0.0.1"), once("10.0.0.1")])]);
    let names = NameServer::start(zone);
    let rules = UrlRules { loopback_ports: vec![watch.port], ..watch.rules() };
    let client = client(&rules, Some(names.address));
    let url = PublicUrl::parse(&format!("https://turns.test:{}/", watch.port), &rules).unwrap();
    assert!(met_no_tls(post_to(&client, &url).await.err()), "the first goes to the listener");
    assert_eq!(post_to(&client, &url).await, Err(Reason::ForbiddenAddress));
    assert_eq!(watch.connections()[0], 1);
    assert_eq!((names.asked("turns.test", RecordType::A), names.asked("turns.test", RecordType::AAAA)), (2, 2));
}

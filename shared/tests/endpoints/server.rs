//! A receiver with a scripted behaviour, on a thread of its own: it goes on while the client's runtime stands still.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The behaviour of a receiver.
#[derive(Clone)]
pub(crate) enum Does {
    /// Answers so, and waits for the next one.
    Answer(String),
    /// Answers so and closes the connection, without having said that it would.
    AnswerAndClose(String),
    /// Answers the first request of a connection so, and closes it at the second.
    AnswerOnce(String),
    /// Closes the connection.
    Close,
    /// Nothing.
    Hang,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Server {
    pub(crate) fn start(does: Does) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), does)
    }

    pub(crate) fn on(listener: TcpListener, does: Does) -> Self {
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, does) = (seen.clone(), does.clone());
                let connection = {
                    let mut seen = seen.lock().unwrap();
                    seen.push(Vec::new());
                    seen.len() - 1
                };
                thread::spawn(move || {
                    serve(stream.unwrap(), &does, |text| seen.lock().unwrap()[connection].push(text));
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// The requests so far, head and body, of each connection.
    pub(crate) fn requests(&self) -> Vec<Vec<String>> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

fn serve(stream: TcpStream, does: &Does, mut note: impl FnMut(String)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    let mut count = 0;
    while let Some(request) = read(&mut reader) {
        note(request);
        count += 1;
        match does {
            Does::Answer(answer) => stream.write_all(answer.as_bytes()).unwrap_or_default(),
            Does::AnswerAndClose(answer) => return stream.write_all(answer.as_bytes()).unwrap_or_default(),
            Does::AnswerOnce(_) if count > 1 => return,
            Does::AnswerOnce(answer) => stream.write_all(answer.as_bytes()).unwrap_or_default(),
            Does::Close => return,
            Does::Hang => {}
        }
    }
}

/// A whole request; nothing when the connection ends, or for what is no HTTP.
fn read(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}

/// An answer that says how long it is.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

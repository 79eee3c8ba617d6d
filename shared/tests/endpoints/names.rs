//! A name server that answers what the test wants.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use hickory_proto::op::{Message, MessageType, Metadata, ResponseCode};
use hickory_proto::rr::rdata::CNAME;
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// The answer to one question for a name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resolved {
    /// The name that it is an alias of.
    pub(crate) alias_of: Option<String>,
    pub(crate) addresses: Vec<IpAddr>,
}

/// The answers to the questions for a name, in order; the last for all further ones.
pub(crate) type Zone = HashMap<String, Vec<Resolved>>;

type Asked = HashMap<(String, RecordType), usize>;

pub(crate) struct NameServer {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Asked>>,
}

impl NameServer {
    pub(crate) fn start(zone: Zone) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Asked::new()));
        let counts = asked.clone();
        thread::spawn(move || {
            let mut buffer = [0; 1500];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).unwrap();
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let reply = reply(&question, &zone, &mut counts.lock().unwrap());
                socket.send_to(&reply.to_vec().unwrap(), from).unwrap();
            }
        });
        Self { address, asked }
    }

    /// The number of questions for the name's addresses of this type.
    pub(crate) fn asked(&self, name: &str, kind: RecordType) -> usize {
        self.asked.lock().unwrap().get(&(name.to_owned(), kind)).copied().unwrap_or(0)
    }
}

fn reply(question: &Message, zone: &Zone, asked: &mut Asked) -> Message {
    let query = question.queries[0].clone();
    let name = query.name().to_ascii().trim_end_matches('.').to_lowercase();
    let count = asked.entry((name.clone(), query.query_type())).or_default();
    let mut reply = Message::new(question.metadata.id, MessageType::Response, question.metadata.op_code);
    reply.metadata = Metadata::response_from_request(&question.metadata);
    match zone.get(&name) {
        Some(answers) => {
            reply.add_answers(records(query.name(), query.query_type(), &answers[(*count).min(answers.len() - 1)]));
        }
        None => reply.metadata.response_code = ResponseCode::NXDomain,
    }
    *count += 1;
    reply.add_query(query);
    reply
}

/// The records, without permission to cache them.
fn records(name: &Name, kind: RecordType, resolved: &Resolved) -> Vec<Record> {
    let mut records = Vec::new();
    let mut owner = name.clone();
    if let Some(alias) = &resolved.alias_of {
        let alias = Name::from_ascii(format!("{alias}.")).unwrap();
        records.push(Record::from_rdata(owner, 0, RData::CNAME(CNAME(alias.clone()))));
        owner = alias;
    }
    for address in &resolved.addresses {
        match (address, kind) {
            (IpAddr::V4(v4), RecordType::A) => {
                records.push(Record::from_rdata(owner.clone(), 0, RData::A((*v4).into())));
            }
            (IpAddr::V6(v6), RecordType::AAAA) => {
                records.push(Record::from_rdata(owner.clone(), 0, RData::AAAA((*v6).into())));
            }
            _ => {}
        }
    }
    records
}

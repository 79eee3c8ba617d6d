//! AWS's services behind one port: `X-Amz-Target` names DynamoDB, Secrets Manager and SQS, and the signature's scope names
//! SNS and SES.

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;

use super::{
    caller::Caller,
    dynamodb::{DynamoDb, wire as dynamodb},
    ledger::{Call, Ledger, Performed},
    protocol::{json, query},
    secrets::{self, Secrets},
    ses::{self, Ses},
    sns::{self, Sns},
    sqs::{self, Sqs},
};
use crate::serve::{Answer, Hangup, Peer, Request, read_body};

/// DynamoDB accepts bodies of up to 16 MB.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// The services of the port, and the operations of each that a fault can be armed for.
pub(crate) const OPERATIONS: [(&str, &[&str]); 5] = [
    ("dynamodb", &dynamodb::OPERATIONS),
    ("secretsmanager", &secrets::OPERATIONS),
    (ses::NAME, &ses::OPERATIONS),
    (sns::NAME, &sns::OPERATIONS),
    ("sqs", &sqs::OPERATIONS),
];

/// AWS's services.
#[derive(Debug)]
pub(crate) struct Aws {
    /// Faults and the record of calls.
    pub(crate) ledger: Ledger,
    /// The tables.
    pub(crate) dynamodb: DynamoDb,
    /// The secrets.
    pub(crate) secrets: Secrets,
    /// The queues.
    pub(crate) sqs: Sqs,
    /// Topics, devices and phones.
    pub(crate) sns: Sns,
    /// E-mail.
    pub(crate) ses: Ses,
}

impl Aws {
    /// Answers a request.
    pub(crate) async fn answer(&self, request: Request, peer: &Peer) -> Answer {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok());
        let target = target.unwrap_or_default().to_owned();
        let (parts, body) = request.into_parts();
        let body = read_body(body, BODY_LIMIT).await.map_err(|_| Hangup)?;
        match target.split_once('.') {
            Some(("DynamoDB_20120810", operation)) => self.dynamodb(operation, &parts, body, peer).await,
            Some(("secretsmanager", operation)) => self.secrets(operation, &parts, &body, peer).await,
            Some(("AmazonSQS", operation)) => self.sqs(operation, &parts, &body, peer).await,
            _ => match query::signed_for(&parts.headers) {
                Some(sns::NAME) => self.sns(&parts, &body, peer).await,
                Some(ses::NAME) => self.ses(&parts, &body, peer).await,
                _ => Ok(json::unknown_operation(&target)),
            },
        }
    }

    async fn dynamodb(&self, operation: &str, parts: &Parts, body: Bytes, peer: &Peer) -> Answer {
        let request: Value = serde_json::from_slice(&body).unwrap_or_default();
        let mut tables = dynamodb::tables(operation, &request);
        tables.extend(self.dynamodb.logical_names(&tables));
        let consistent = dynamodb::consistent(operation, &request);
        let rights = dynamodb::rights(operation, &request);
        let texts = dynamodb::texts(&request);
        let call = Call { tables, texts, consistent, rights, ..self.call("dynamodb", operation, parts, peer) };
        let allowed = call.authorize();
        let act = async {
            match allowed {
                Ok(()) => self.dynamodb.answer(&self.ledger.faults, operation, parts, body, &request).await,
                Err(why) => Performed::free(dynamodb::denied(&why)),
            }
        };
        self.ledger.perform(call, |action| dynamodb::refuse(action, &request), act).await
    }

    async fn secrets(&self, operation: &str, parts: &Parts, body: &[u8], peer: &Peer) -> Answer {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let rights = self.secrets.rights(operation, &request);
        let call = Call { rights, ..self.call("secretsmanager", operation, parts, peer) };
        let allowed = call.authorize();
        let act = async {
            Performed::free(match allowed {
                Ok(()) => self.secrets.answer(operation, &request),
                Err(why) => secrets::ERRORS.denied(&why),
            })
        };
        self.ledger.perform(call, |action| secrets::ERRORS.fault(action), act).await
    }

    async fn sqs(&self, operation: &str, parts: &Parts, body: &[u8], peer: &Peer) -> Answer {
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let rights = sqs::rights(operation, &request);
        let call = Call { rights, ..self.call("sqs", operation, parts, peer) };
        let (allowed, caller) = (call.authorize(), call.caller.clone());
        let act = async {
            Performed::free(match allowed {
                Ok(()) => self.sqs.answer(operation, &request, &caller).await,
                Err(why) => sqs::ERRORS.denied(&why),
            })
        };
        self.ledger.perform(call, |action| sqs::ERRORS.fault(action), act).await
    }

    async fn sns(&self, parts: &Parts, body: &[u8], peer: &Peer) -> Answer {
        let request = query::parameters(body);
        let operation = request["Action"].as_str().unwrap_or_default();
        let rights = sns::rights(operation, &request);
        let call = Call { rights, ..self.call(sns::NAME, operation, parts, peer) };
        let allowed = call.authorize();
        let act = async {
            Performed::free(match allowed {
                Ok(()) => self.sns.answer(operation, &request),
                Err(why) => sns::ERRORS.denied(&why),
            })
        };
        self.ledger.perform(call, |action| sns::ERRORS.fault(action), act).await
    }

    async fn ses(&self, parts: &Parts, body: &[u8], peer: &Peer) -> Answer {
        let operation = ses::operation(&parts.method, parts.uri.path());
        let request: Result<Value, String> = serde_json::from_slice(body).map_err(|error| error.to_string());
        let rights = ses::rights(operation, request.as_ref().unwrap_or(&Value::Null));
        let call = Call { rights, ..self.call(ses::NAME, operation, parts, peer) };
        let allowed = call.authorize();
        let act = async {
            Performed::free(match allowed {
                Ok(()) => self.ses.answer(operation, request),
                Err(why) => ses::ERRORS.denied(&why),
            })
        };
        self.ledger.perform(call, |action| ses::ERRORS.fault(action), act).await
    }

    fn call(&self, service: &'static str, operation: &str, parts: &Parts, peer: &Peer) -> Call {
        let caller = Caller::of(&parts.headers, &self.ledger.lambda);
        self.ledger.note_peer(service, peer, &caller);
        Call { service, operation: operation.to_owned(), caller, ..Call::default() }
    }
}

use serde_json::Map;

use super::*;
use crate::{faults::Known, lambda::Lambda, queues::Queues};

const ARN: &str = "arn:aws:sns:us-east-1:123456789012:t";

/// A topic to which a function subscribes.
pub(crate) fn topic() -> Topic {
    let subscription = Subscription { arn: format!("{ARN}:1"), function: "F".to_owned(), endpoint: "arn:f".to_owned() };
    Topic {
        logical_name: "T".to_owned(),
        name: "t".to_owned(),
        arn: ARN.to_owned(),
        display_name: String::new(),
        subscriptions: vec![subscription],
    }
}

/// That topic, whose function is not there and fails.
pub(crate) fn topics(fault: Option<Value>) -> Topics {
    let faults = Faults::new(Known::default().with_topics(["T"]));
    if let Some(fault) = fault {
        faults.add(&fault).expect("a valid rule");
    }
    let faults = Arc::new(faults);
    let queues = Queues::open(None, Vec::new(), Arc::clone(&faults)).expect("queues");
    let lambda = Lambda::new(BTreeMap::new(), BTreeMap::new(), |_| 1, "", Arc::clone(&faults), Arc::default());
    let asynchronous = Asynchronous::open(None, Arc::new(lambda), Arc::new(queues)).expect("events");
    Topics::new(vec![topic()], Arc::new(asynchronous), faults)
}

fn notice() -> Notice {
    Notice { subject: None, message: "hello".to_owned(), attributes: Map::new() }
}

fn events(topics: &Topics) -> usize {
    topics.asynchronous.describe().as_array().map_or(0, Vec::len)
}

#[tokio::test(start_paused = true)]
async fn a_message_goes_to_its_subscribers_until_it_is_given_up() {
    let topics = topics(None);
    let topic = topics.declared(ARN).expect("a topic");
    topics.publish(topic, &notice()).expect("it is published");
    assert_eq!((events(&topics), topics.describe()[0]["published"].as_u64()), (1, Some(1)));
    tokio::time::sleep(std::time::Duration::from_secs(181)).await;
    let counts = json!([{"topic": "T", "name": "t", "published": 1, "delivered": 0, "failed": 1}]);
    assert_eq!((events(&topics), topics.describe()), (0, counts));
}

#[tokio::test]
async fn a_message_may_come_twice() {
    let topics = topics(Some(json!({"on": "topic.T", "do": {"double": true}})));
    let topic = topics.declared(ARN).expect("a topic");
    topics.publish(topic, &notice()).expect("it is published");
    assert_eq!(events(&topics), 2);
    topics.publish(topic, &notice()).expect("it is published");
    assert_eq!((events(&topics), topics.describe()[0]["published"].as_u64()), (3, Some(2)));
}

#[tokio::test]
async fn a_message_may_be_refused() {
    let topics = topics(Some(json!({"on": "topic.T", "do": {"error": "InternalError"}})));
    let topic = topics.declared(ARN).expect("a topic");
    let refused = topics.publish(topic, &notice());
    assert!(matches!(refused, Err(Unpublished::Fault(name)) if name == "InternalError"));
    assert_eq!((events(&topics), topics.describe()[0]["published"].as_u64()), (0, Some(0)));
}

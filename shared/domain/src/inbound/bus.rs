//! An event of EventBridge, or of CodeStar Notifications, which writes the same fields with one other name.
//!
//! <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html>

use serde_json::{Map, Value};

use super::{text, told};

/// A notification's fields for an event of EventBridge; `None` if `event` is not one.
pub(super) fn tell(event: &Value) -> Option<Map<String, Value>> {
    let kind = text(event, "detail-type").or_else(|| text(event, "detailType"))?;
    let source = text(event, "source").filter(|_| event["detail"].is_object())?;
    let resources = event["resources"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let lines: Vec<_> = std::iter::once(source).chain(resources).collect();
    Some(told(kind.to_owned(), lines.join("\n"), event.clone()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_described_by_its_kind_source_and_resources() {
        let event = json!({
            "version": "0",
            "id": "17793124-05d4-b198-2fde-7ededc63b103",
            "detail-type": "EC2 Instance State-change Notification",
            "source": "aws.ec2",
            "account": "123456789012",
            "time": "2026-11-22T10:00:00Z",
            "region": "us-east-1",
            "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-1"],
            "detail": {"instance-id": "i-1", "state": "terminated"},
        });
        let fields = tell(&event).unwrap();
        assert_eq!(fields["title"], "EC2 Instance State-change Notification");
        assert_eq!(fields["body"], "aws.ec2\narn:aws:ec2:us-east-1:123456789012:instance/i-1");
        assert_eq!(fields["data"], event);
    }

    #[test]
    fn a_notification_of_codestar_is_one_and_what_has_no_detail_is_none() {
        let event = json!({"detailType": "CodeBuild Build State Change", "source": "aws.codebuild", "detail": {}});
        assert_eq!(tell(&event).unwrap()["title"], "CodeBuild Build State Change");
        assert!(tell(&json!({"detail-type": "x", "source": "y"})).is_none());
        assert!(tell(&json!({"detail-type": "x", "detail": {}})).is_none());
    }
}

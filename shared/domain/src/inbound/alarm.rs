//! An alarm of CloudWatch that has changed its state.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html>

use serde_json::{Map, Value, json};

use super::{text, told};

/// The alarm as the fields of a notification; `None` if the event is no alarm.
pub(super) fn tell(event: &Value) -> Option<Map<String, Value>> {
    let (name, state) = (text(event, "AlarmName")?, text(event, "NewStateValue")?);
    let words = [text(event, "AlarmDescription"), text(event, "NewStateReason")];
    let words: Vec<_> = words.into_iter().flatten().filter(|words| !words.is_empty()).collect();
    let data = json!({
        "alarm": name,
        "state": state,
        "old_state": event["OldStateValue"],
        "changed_at": event["StateChangeTime"],
        "arn": event["AlarmArn"],
    });
    let mut fields = told(format!("{state}: {name}"), words.join("\n"), data);
    if state == "ALARM" {
        fields.insert("priority".to_owned(), json!("high"));
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_comes_with_its_reason_and_what_it_is_for() {
        let event = json!({
            "AlarmName": "checkout-errors",
            "AlarmDescription": "Customers cannot pay.",
            "AWSAccountId": "123456789012",
            "NewStateValue": "ALARM",
            "NewStateReason": "Threshold Crossed: 1 datapoint [7.0] was greater than the threshold (5.0).",
            "StateChangeTime": "2026-11-22T10:00:00.000+0000",
            "Region": "US East (N. Virginia)",
            "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:checkout-errors",
            "OldStateValue": "OK",
            "Trigger": {"MetricName": "Errors"},
        });
        let fields = tell(&event).unwrap();
        assert_eq!(fields["title"], "ALARM: checkout-errors");
        let body = fields["body"].as_str().unwrap();
        assert!(body.starts_with("Customers cannot pay.\nThreshold Crossed"), "{body}");
        assert_eq!((&fields["priority"], &fields["data"]["old_state"]), (&json!("high"), &json!("OK")));
    }

    #[test]
    fn that_all_is_well_again_can_wait() {
        let fields = tell(&json!({"AlarmName": "a", "NewStateValue": "OK", "AlarmDescription": null})).unwrap();
        assert_eq!((fields["title"].as_str(), fields.get("priority")), (Some("OK: a"), None));
        assert!(tell(&json!({"AlarmName": "a"})).is_none());
    }
}

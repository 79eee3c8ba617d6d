//! A sweep's metrics for CloudWatch: a line in the embedded metric format, which becomes metrics without a call.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use serde_json::{Value, json};
use shared::actions::SweepResult;
use shared::clock;
use shared::domain::time::Millis;

/// The namespace in the template's alarms.
const NAMESPACE: &str = "Tidings";

/// Writes the metrics of a sweep.
pub(crate) fn write(swept: &SweepResult, function: &str) {
    println!("{}", line(swept, function, clock::now()));
}

fn line(swept: &SweepResult, function: &str, now: Millis) -> Value {
    let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
    json!({
        "_aws": {
            "Timestamp": now.0,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    metric("HandedOn", "Count"),
                    metric("HandedOnAgain", "Count"),
                    metric("Failed", "Count"),
                    metric("WatermarkLag", "Seconds"),
                ],
            }],
        },
        "FunctionName": function,
        "HandedOn": swept.handed,
        "HandedOnAgain": swept.again,
        "Failed": swept.failed,
        "WatermarkLag": swept.lag,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_that_is_declared_has_a_value() {
        let swept = SweepResult { handed: 3, again: 2, failed: 1, lag: 90 };
        let line = line(&swept, "stack-Sweeper", Millis(0));
        let declared = &line["_aws"]["CloudWatchMetrics"][0];
        let metrics = declared["Metrics"].as_array().unwrap();
        assert_eq!(metrics.len(), 4);
        assert!(metrics.iter().all(|metric| line[metric["Name"].as_str().unwrap()].is_u64()));
        assert_eq!(line[declared["Dimensions"][0][0].as_str().unwrap()], "stack-Sweeper");
    }
}

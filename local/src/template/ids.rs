//! What CloudFormation and the services would call each resource: physical ids and ARNs.
//!
//! They look like AWS's and follow from the stack's and the logical name alone, so that kept data is found again.

use std::collections::BTreeMap;

/// The account that everything is in.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The region that everything is in.
pub(crate) const REGION: &str = "us-east-1";
/// Where AWS serves the queues of the region.
pub(crate) const SQS: &str = "https://sqs.us-east-1.amazonaws.com";

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The property by which a template may name a resource of this type.
pub(crate) fn naming_property(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "AWS::ApiGatewayV2::Stage" => "StageName",
        "AWS::CloudWatch::Alarm" => "AlarmName",
        "AWS::DynamoDB::Table" => "TableName",
        "AWS::Events::Rule" => "Name",
        "AWS::Logs::LogGroup" => "LogGroupName",
        "AWS::SNS::Topic" => "TopicName",
        "AWS::SQS::Queue" => "QueueName",
        "AWS::SecretsManager::Secret" => "Name",
        "AWS::Serverless::Function" => "FunctionName",
        _ => return None,
    })
}

/// A resource as other parts of the template see it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// What `Ref` gives.
    pub(crate) reference: String,
    /// What `Fn::GetAtt` gives.
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

impl Identity {
    /// The identity of a resource of type `kind` in `stack`, where it may have been given a name; `None` if there is no
    /// such type here.
    pub(crate) fn of(stack: &str, logical: &str, kind: &str, given: Option<String>) -> Option<Self> {
        let generated = || format!("{stack}-{logical}-{}", letters(logical, 12, UPPER));
        Some(match kind {
            "AWS::DynamoDB::Table" => {
                let name = given.unwrap_or_else(generated);
                let arn = arn("dynamodb", &format!("table/{name}"));
                Self::with_arn(name, arn)
            }
            "AWS::Serverless::Function" => {
                let name = given.unwrap_or_else(generated);
                let arn = arn("lambda", &format!("function:{name}"));
                Self::with_arn(name, arn)
            }
            "AWS::Events::Rule" => {
                let name = given.unwrap_or_else(generated);
                let arn = arn("events", &format!("rule/{name}"));
                Self::with_arn(name, arn)
            }
            "AWS::CloudWatch::Alarm" => {
                let name = given.unwrap_or_else(generated);
                let arn = arn("cloudwatch", &format!("alarm:{name}"));
                Self::with_arn(name, arn)
            }
            "AWS::IAM::Role" => {
                let name = generated();
                // IAM is in no region.
                let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
                Self::with_arn(name, arn)
            }
            "AWS::Logs::LogGroup" => {
                let name = given.unwrap_or_else(generated);
                let arn = arn("logs", &format!("log-group:{name}:*"));
                Self::with_arn(name, arn)
            }
            "AWS::SecretsManager::Secret" => {
                let name = given.unwrap_or_else(|| format!("{logical}-{}", letters(logical, 12, MIXED)));
                let arn = arn("secretsmanager", &format!("secret:{name}-{}", letters(&name, 6, MIXED)));
                Self { reference: arn.clone(), attributes: BTreeMap::from([("Id", arn)]) }
            }
            "AWS::SQS::Queue" => {
                let name = given.unwrap_or_else(generated);
                let (url, arn) = (format!("{SQS}/{ACCOUNT}/{name}"), arn("sqs", &name));
                let attributes = [("Arn", arn), ("QueueName", name), ("QueueUrl", url.clone())];
                Self { reference: url, attributes: BTreeMap::from(attributes) }
            }
            "AWS::SNS::Topic" => {
                let name = given.unwrap_or_else(generated);
                let arn = arn("sns", &name);
                Self { reference: arn.clone(), attributes: BTreeMap::from([("TopicArn", arn), ("TopicName", name)]) }
            }
            // Before it, its ARN has that of its topic.
            "AWS::SNS::Subscription" => {
                let id = uuid::Builder::from_random_bytes(md5::compute(logical).0).into_uuid();
                Self { reference: id.to_string(), attributes: BTreeMap::new() }
            }
            "AWS::ApiGatewayV2::Api" => {
                let id = letters(logical, 10, LOWER);
                Self { reference: id.clone(), attributes: BTreeMap::from([("ApiId", id)]) }
            }
            "AWS::ApiGatewayV2::Stage" => Self { reference: given.unwrap_or_default(), attributes: BTreeMap::new() },
            "AWS::ApiGatewayV2::Authorizer"
            | "AWS::ApiGatewayV2::Integration"
            | "AWS::ApiGatewayV2::IntegrationResponse"
            | "AWS::ApiGatewayV2::Route"
            | "AWS::ApiGatewayV2::RouteResponse"
            | "AWS::Lambda::EventSourceMapping"
            | "AWS::Lambda::Permission"
            | "AWS::SNS::TopicPolicy" => Self { reference: letters(logical, 7, LOWER), attributes: BTreeMap::new() },
            _ => return None,
        })
    }

    fn with_arn(name: String, arn: String) -> Self {
        Self { reference: name, attributes: BTreeMap::from([("Arn", arn)]) }
    }
}

/// The ARN of something in this account and region.
pub(crate) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// `length` letters that follow from `seed` and look random (FNV-1a, once more for each letter).
fn letters(seed: &str, length: usize, alphabet: &[u8]) -> String {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut mix = |byte: u8| {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        state ^ (state >> 32)
    };
    seed.bytes().for_each(|byte| {
        mix(byte);
    });
    (0..length).map(|_| char::from(alphabet[usize::try_from(mix(0xa5) % alphabet.len() as u64).unwrap_or(0)])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stable_and_differ() {
        let one = Identity::of("some", "One", "AWS::DynamoDB::Table", None).expect("a known type");
        let two = Identity::of("some", "Two", "AWS::DynamoDB::Table", None).expect("a known type");
        assert_eq!(one.reference, Identity::of("some", "One", "AWS::DynamoDB::Table", None).expect("known").reference);
        assert_ne!(one.reference[9..], two.reference[9..]);
        assert!(one.reference.starts_with("some-One-"));
        assert_eq!(one.attributes["Arn"], format!("arn:aws:dynamodb:us-east-1:123456789012:table/{}", one.reference));
    }

    #[test]
    fn roles_and_log_groups_have_the_arns_that_aws_would_give_them() {
        let role = Identity::of("some", "Worker", "AWS::IAM::Role", None).expect("a known type");
        assert!(role.reference.starts_with("some-Worker-"));
        assert_eq!(role.attributes["Arn"], format!("arn:aws:iam::123456789012:role/{}", role.reference));
        let given = Some("/aws/lambda/work".to_owned());
        let logs = Identity::of("some", "Logs", "AWS::Logs::LogGroup", given).expect("a known type");
        assert_eq!(logs.reference, "/aws/lambda/work");
        assert_eq!(logs.attributes["Arn"], "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/work:*");
    }

    #[test]
    fn an_unknown_type_has_no_identity() {
        assert!(Identity::of("some", "Bucket", "AWS::S3::Bucket", None).is_none());
    }
}

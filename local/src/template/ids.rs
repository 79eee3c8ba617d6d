//! The physical ids and ARNs that CloudFormation and the services would give each resource.
//!
//! They look like AWS's and follow from the stack's and the logical name alone, so that a restarted stack finds its data.

use std::collections::BTreeMap;

/// The account of every resource.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The region of every resource.
pub(crate) const REGION: &str = "us-east-1";
/// AWS's address for the queues of the region.
pub(crate) const SQS: &str = "https://sqs.us-east-1.amazonaws.com";

const LOWER: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A type of resources: its name, the property by which a template may name one, and the identity of one.
type Type = (&'static str, Option<&'static str>, fn(&Naming) -> Identity);

/// The types that are served here.
const TYPES: &[Type] = &[
    ("AWS::ApiGatewayV2::Api", None, api),
    ("AWS::ApiGatewayV2::Authorizer", None, part),
    ("AWS::ApiGatewayV2::Integration", None, part),
    ("AWS::ApiGatewayV2::IntegrationResponse", None, part),
    ("AWS::ApiGatewayV2::Route", None, part),
    ("AWS::ApiGatewayV2::RouteResponse", None, part),
    ("AWS::ApiGatewayV2::Stage", Some("StageName"), stage),
    ("AWS::CloudWatch::Alarm", Some("AlarmName"), |naming| naming.with_arn("cloudwatch", "alarm:", "")),
    ("AWS::DynamoDB::Table", Some("TableName"), |naming| naming.with_arn("dynamodb", "table/", "")),
    ("AWS::Events::Rule", Some("Name"), |naming| naming.with_arn("events", "rule/", "")),
    ("AWS::IAM::Role", None, role),
    ("AWS::Lambda::EventSourceMapping", None, part),
    ("AWS::Lambda::Permission", None, part),
    ("AWS::Logs::LogGroup", Some("LogGroupName"), |naming| naming.with_arn("logs", "log-group:", ":*")),
    ("AWS::SNS::Subscription", None, subscription),
    ("AWS::SNS::Topic", Some("TopicName"), topic),
    ("AWS::SNS::TopicPolicy", None, part),
    ("AWS::SQS::Queue", Some("QueueName"), queue),
    ("AWS::SecretsManager::Secret", Some("Name"), secret),
    ("AWS::Serverless::Function", Some("FunctionName"), |naming| naming.with_arn("lambda", "function:", "")),
];

/// The property by which a template may name a resource of this type.
pub(crate) fn naming_property(kind: &str) -> Option<&'static str> {
    TYPES.iter().find(|(name, ..)| *name == kind).and_then(|(_, property, _)| *property)
}

/// A resource's names, as other parts of the template see them.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The value of `Ref`.
    pub(crate) reference: String,
    /// The values of `Fn::GetAtt`.
    pub(crate) attributes: BTreeMap<&'static str, String>,
}

impl Identity {
    /// The identity of a resource of type `kind` in `stack`, which may have a given name; `None` if the type is not served here.
    pub(crate) fn of(stack: &str, logical: &str, kind: &str, given: Option<String>) -> Option<Self> {
        let (.., identity) = TYPES.iter().find(|(name, ..)| *name == kind)?;
        Some(identity(&Naming { stack, logical, given }))
    }

    fn with_arn(name: String, arn: String) -> Self {
        Self { reference: name, attributes: BTreeMap::from([("Arn", arn)]) }
    }

    /// An identity without attributes.
    fn plain(reference: String) -> Self {
        Self { reference, attributes: BTreeMap::new() }
    }
}

/// The sources of a resource's names.
struct Naming<'a> {
    stack: &'a str,
    logical: &'a str,
    /// The name that the template gives, if it gives one.
    given: Option<String>,
}

impl Naming<'_> {
    /// The given name, else one as CloudFormation generates it.
    fn name(&self) -> String {
        let generated = || format!("{}-{}-{}", self.stack, self.logical, letters(self.logical, 12, UPPER));
        self.given.clone().unwrap_or_else(generated)
    }

    /// The identity of a resource whose ARN has its name between these two.
    fn with_arn(&self, service: &str, before: &str, after: &str) -> Identity {
        let name = self.name();
        let arn = arn(service, &format!("{before}{name}{after}"));
        Identity::with_arn(name, arn)
    }
}

/// The identity of a role. IAM has no region in its ARNs.
fn role(naming: &Naming) -> Identity {
    let name = naming.name();
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    Identity::with_arn(name, arn)
}

fn secret(naming: &Naming) -> Identity {
    let logical = naming.logical;
    let name = naming.given.clone().unwrap_or_else(|| format!("{logical}-{}", letters(logical, 12, MIXED)));
    let arn = arn("secretsmanager", &format!("secret:{name}-{}", letters(&name, 6, MIXED)));
    Identity { reference: arn.clone(), attributes: BTreeMap::from([("Id", arn)]) }
}

fn queue(naming: &Naming) -> Identity {
    let name = naming.name();
    let (url, arn) = (format!("{SQS}/{ACCOUNT}/{name}"), arn("sqs", &name));
    let attributes = [("Arn", arn), ("QueueName", name), ("QueueUrl", url.clone())];
    Identity { reference: url, attributes: BTreeMap::from(attributes) }
}

fn topic(naming: &Naming) -> Identity {
    let name = naming.name();
    let arn = arn("sns", &name);
    Identity { reference: arn.clone(), attributes: BTreeMap::from([("TopicArn", arn), ("TopicName", name)]) }
}

/// The last part of a subscription's ARN, which begins with the ARN of its topic.
fn subscription(naming: &Naming) -> Identity {
    let id = uuid::Builder::from_random_bytes(md5::compute(naming.logical).0).into_uuid();
    Identity::plain(id.to_string())
}

fn api(naming: &Naming) -> Identity {
    let id = letters(naming.logical, 10, LOWER);
    Identity { reference: id.clone(), attributes: BTreeMap::from([("ApiId", id)]) }
}

fn stage(naming: &Naming) -> Identity {
    Identity::plain(naming.given.clone().unwrap_or_default())
}

/// The identity of a resource that only other resources name.
fn part(naming: &Naming) -> Identity {
    Identity::plain(letters(naming.logical, 7, LOWER))
}

/// The ARN of something in this account and region.
pub(crate) fn arn(service: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}")
}

/// `length` characters that follow from `seed` and look random (FNV-1a, once more for each character).
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

//! The template of a stack that sends to devices, phones and addresses: a queue of its own beside another, keys that may not be
//! there yet, and rights to resources that the template does not declare.

use super::*;
use crate::iam::{Right, allows};

const PUSH: &str = r#"
Parameters:
  Keys: { Type: String, Default: "" }
Conditions:
  HasKeys: !Not [!Equals [!Ref Keys, ""]]
Globals:
  Function: { Runtime: provided.al2023, CodeUri: work, Timeout: 5 }
Resources:
  PushKeys:
    Type: AWS::SecretsManager::Secret
    Properties:
      SecretString: !If [HasKeys, !Ref Keys, !Ref AWS::NoValue]
  One: { Type: AWS::Serverless::Function, Properties: { Role: !GetAtt OneRole.Arn } }
  Two: { Type: AWS::Serverless::Function, Properties: { Role: !GetAtt TwoRole.Arn } }
  OneRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {}
      Policies:
        - PolicyName: one
          PolicyDocument:
            Statement:
              - { Effect: Allow, Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], Resource: !GetAtt OneQueue.Arn }
  TwoRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: {}
      Policies:
        - PolicyName: two
          PolicyDocument:
            Statement:
              - { Effect: Allow, Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], Resource: !GetAtt TwoQueue.Arn }
              - { Effect: Allow, Action: "sns:Publish", Resource: !Sub "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:endpoint/*" }
              - { Effect: Allow, Action: "ses:SendEmail", Resource: !Sub "arn:${AWS::Partition}:ses:${AWS::Region}:${AWS::AccountId}:identity/*" }
  OneQueue: { Type: AWS::SQS::Queue, Properties: { RedrivePolicy: { deadLetterTargetArn: !GetAtt OneDead.Arn, maxReceiveCount: 5 } } }
  OneDead: { Type: AWS::SQS::Queue }
  TwoQueue: { Type: AWS::SQS::Queue, Properties: { RedrivePolicy: { deadLetterTargetArn: !GetAtt TwoDead.Arn, maxReceiveCount: 3 } } }
  TwoDead: { Type: AWS::SQS::Queue }
  OneMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { EventSourceArn: !GetAtt OneQueue.Arn, FunctionName: !GetAtt One.Arn }
  TwoMapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties: { EventSourceArn: !GetAtt TwoQueue.Arn, FunctionName: !GetAtt Two.Arn }
"#;

#[test]
fn several_queues_have_their_own_functions_and_dead_letters() {
    let stack = read_with(PUSH, &[]).expect("a valid template");
    let arn = |queue: &str| stack.queues.iter().find(|it| it.logical_name == queue).map(|it| it.arn.clone());
    let dead = |queue: &str| {
        let queue = stack.queues.iter().find(|it| it.logical_name == queue)?;
        queue.redrive.as_ref().map(|redrive| redrive.target.clone())
    };
    assert_eq!((dead("OneQueue"), dead("TwoQueue")), (arn("OneDead"), arn("TwoDead")));
    let mut mapped: Vec<(&str, bool)> = stack
        .mappings
        .iter()
        .map(|mapping| (mapping.function.as_str(), mapping.queue.contains(&format!("-{}Queue-", mapping.function))))
        .collect();
    mapped.sort_unstable();
    assert_eq!(mapped, [("One", true), ("Two", true)]);
}

#[test]
fn a_secret_has_the_value_that_it_is_given_or_none() {
    let value = |given: &[(&str, &str)]| read_with(PUSH, given).expect("a valid template").secrets[0].value.clone();
    assert_eq!(value(&[]), SecretValue::Empty);
    assert_eq!(value(&[("Keys", "some")]), SecretValue::Fixed("some".to_owned()));
    let both = PUSH.replace(
        "    Properties:\n      SecretString",
        "    Properties:\n      GenerateSecretString: {}\n      SecretString",
    );
    let error = read_with(&both, &[("Keys", "some")]).expect_err("it is one or the other");
    assert!(error.contains("PushKeys") && error.contains("not both"), "{error}");
}

#[test]
fn only_a_right_to_everything_lets_a_function_send_to_phones() {
    let may = |text: &str, action: &str, resource: &str| {
        let stack = read_with(text, &[]).expect("a valid template");
        let right = Right::new(action, resource);
        (allows(&stack.functions["One"].policy, &right), allows(&stack.functions["Two"].policy, &right))
    };
    let endpoint = "arn:aws:sns:us-east-1:123456789012:endpoint/APNS/App/x";
    assert_eq!(may(PUSH, "sns:Publish", endpoint), (false, true));
    assert_eq!(may(PUSH, "ses:SendEmail", "arn:aws:ses:us-east-1:123456789012:identity/a@example.com"), (false, true));
    assert_eq!(may(PUSH, "sns:Publish", "*"), (false, false));
    let all = PUSH.replace(r#"Resource: !Sub "arn:${AWS::Partition}:sns"#, r#"Resource: "*" } # ""#);
    assert_eq!(may(&all, "sns:Publish", "*"), (false, true));
}

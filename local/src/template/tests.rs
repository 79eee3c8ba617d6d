mod push;

use super::*;

const TEMPLATE: &str = r#"
Metadata:
  AWS::CloudFormation::Interface: { ParameterGroups: [{ Label: { default: All }, Parameters: [Stage] }] }
Parameters:
  Stage: { Type: String, Default: dev }
Rules:
  NotProd:
    Assertions:
      - Assert: !Not [!Equals [!Ref Stage, prod]]
        AssertDescription: not here
Conditions:
  Never: !Equals [a, b]
Globals:
  Function:
    Runtime: provided.al2023
    Environment: { Variables: { SHARED: "1" } }
Resources:
  Rows:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
      TimeToLiveSpecification: { AttributeName: gone_at, Enabled: true }
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }
      DeletionProtectionEnabled: true
      WarmThroughput: { WriteUnitsPerSecond: "4000" }
      SSESpecification: { SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: some }
  Word:
    Type: AWS::SecretsManager::Secret
    Properties: { GenerateSecretString: { PasswordLength: 20, ExcludeCharacters: "x" }, KmsKeyId: some }
  Skipped: { Type: AWS::S3::Bucket, Condition: Never }
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: work
      Timeout: 5
      Environment: { Variables: { TABLE: !Ref Rows, URL: !Sub "https://${Sockets}.execute-api.${AWS::Region}.amazonaws.com/${Stage}" } }
      Role: !GetAtt WorkRole.Arn
      LoggingConfig: { LogGroup: !Ref WorkLogs }
      ReservedConcurrentExecutions: !If [Never, 5, !Ref AWS::NoValue]
      Tags: { some: tag }
  WorkRole:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: { Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: "sts:AssumeRole" }] }
      Policies:
        - PolicyName: rows
          PolicyDocument:
            Version: "2012-10-17"
            Statement:
              - { Effect: Allow, Action: "dynamodb:GetItem", Resource: !GetAtt Rows.Arn }
              - !If
                - Never
                - { Effect: Allow, Action: "dynamodb:*", Resource: "*" }
                - !Ref AWS::NoValue
        - PolicyName: more
          PolicyDocument:
            Statement:
              - { Effect: Allow, Action: ["logs:PutLogEvents"], Resource: !GetAtt WorkLogs.Arn }
              - { Sid: Key, Effect: Allow, Action: "kms:Decrypt", Resource: "*", Condition: { StringEquals: { kms:ViaService: some } } }
  WorkLogs: { Type: AWS::Logs::LogGroup, Properties: { LogGroupName: !Sub "/aws/${Stage}", RetentionInDays: 7 } }
  Sockets:
    Type: AWS::ApiGatewayV2::Api
    Properties: { ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action }
  SocketStage: { Type: AWS::ApiGatewayV2::Stage, Properties: { ApiId: !Ref Sockets, StageName: !Ref Stage, AutoDeploy: true } }
  Decide:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Sockets
      AuthorizerType: REQUEST
      AuthorizerUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Work.Arn}/invocations
  Open:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Sockets, RouteKey: $connect, AuthorizationType: CUSTOM, AuthorizerId: !Ref Decide, Target: !Sub "integrations/${Proxy}" }
  Proxy:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Sockets
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Work.Arn}/invocations
  MayDecide:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !GetAtt Work.Arn
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Sockets}/authorizers/${Decide}
  MayProxy:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Work
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Sockets}/*/$connect
  Alive:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Sockets, RouteKey: alive, RouteResponseSelectionExpression: $default, Target: !Sub "integrations/${Fixed}" }
  AliveResponse: { Type: AWS::ApiGatewayV2::RouteResponse, Properties: { ApiId: !Ref Sockets, RouteId: !Ref Alive, RouteResponseKey: $default } }
  Fixed:
    Type: AWS::ApiGatewayV2::Integration
    Properties: { ApiId: !Ref Sockets, IntegrationType: MOCK, TemplateSelectionExpression: "200", RequestTemplates: { "200": '{"statusCode": 200}' } }
  FixedResponse:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties: { ApiId: !Ref Sockets, IntegrationId: !Ref Fixed, IntegrationResponseKey: /200/, TemplateSelectionExpression: "200", ResponseTemplates: { "200": yes } }
Outputs:
  Nothing: { Condition: Never, Value: nothing }
  Socket: { Value: !Sub "wss://${Sockets}.execute-api.${AWS::Region}.amazonaws.com/${Stage}" }
"#;

fn read_with(text: &str, given: &[(&str, &str)]) -> Result<Stack, String> {
    let parameters = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = Settings { stack: "some".to_owned(), parameters };
    let addresses = Addresses {
        http: "http://127.0.0.1:1".to_owned(),
        websocket: "ws://127.0.0.1:2".to_owned(),
        aws: "http://127.0.0.1:3".to_owned(),
    };
    read(text, &settings, &addresses).map_err(|error| error.to_string())
}

#[test]
fn a_function_has_its_globals_environment_and_policy() {
    let stack = read_with(TEMPLATE, &[]).expect("a valid template");
    let work = &stack.functions["Work"];
    assert_eq!(work.timeout.as_secs(), 5);
    assert_eq!(work.environment["SHARED"], "1");
    assert_eq!(work.environment["TABLE"], stack.tables[0].name);
    assert_eq!(work.environment["URL"], "http://127.0.0.1:2/dev");
    assert_eq!(work.log_group.as_deref(), Some("/aws/dev"));
    assert!(work.policy[0].resource[0].ends_with(&format!("table/{}", stack.tables[0].name)));
    let actions: Vec<&str> = work.policy.iter().map(|statement| statement.action[0].as_str()).collect();
    assert_eq!(actions, ["dynamodb:GetItem", "logs:PutLogEvents", "kms:Decrypt"]);
    assert!(work.policy[1].resource[0].ends_with("log-group:/aws/dev:*") && !work.policy[2].condition.is_empty());
}

#[test]
fn a_function_needs_a_role_of_the_template() {
    for (role, says) in [("!Ref WorkRole", "some-WorkRole-"), ("arn:aws:iam::1:role/other", "role/other")] {
        let error = read_with(&TEMPLATE.replace("!GetAtt WorkRole.Arn", role), &[]).expect_err("it is no role's ARN");
        assert!(error.contains("Work:") && error.contains(says), "{error}");
    }
}

#[test]
fn tables_and_secrets_are_what_the_template_says() {
    let stack = read_with(TEMPLATE, &[]).expect("a valid template");
    assert_eq!(stack.tables[0].ttl_attribute.as_deref(), Some("gone_at"));
    assert_eq!(stack.secrets[0].value, SecretValue::Generated { length: 20, exclude: "x".to_owned() });
}

#[test]
fn the_websocket_api_is_wired_to_its_functions_and_mocks() {
    let api = read_with(TEMPLATE, &[]).expect("a valid template").websocket.expect("a WebSocket API");
    assert_eq!((api.stage.as_str(), api.selector.join(".").as_str()), ("dev", "action"));
    assert_eq!(api.authorizer.expect("an authorizer").function, "Work");
    assert!(matches!(&api.routes["$connect"].integration, Integration::Function(name) if name == "Work"));
    assert!(!api.routes["$connect"].responds);
    assert!(api.routes["alive"].responds);
    assert!(matches!(&api.routes["alive"].integration, Integration::Mock(mock) if mock.body.as_deref() == Some("yes")));
}

#[test]
fn outputs_name_this_machine() {
    let stack = read_with(TEMPLATE, &[("Stage", "try")]).expect("a valid template");
    assert_eq!(stack.outputs, [("Socket".to_owned(), "ws://127.0.0.1:2/try".to_owned())]);
}

#[test]
fn a_broken_rule_says_so_in_its_own_words() {
    let error = read_with(TEMPLATE, &[("Stage", "prod")]).expect_err("the rule forbids it");
    assert!(error.contains("NotProd") && error.contains("not here"), "{error}");
}

#[test]
fn a_rule_has_only_functions_that_cloudformation_takes_there() {
    let joined = TEMPLATE.replace("!Equals [!Ref Stage, prod]", "!Equals [!Join [\"\", [!Ref Stage]], prod]");
    let error = read_with(&joined, &[]).expect_err("it is refused on AWS");
    assert!(error.contains("NotProd") && error.contains("Fn::Join"), "{error}");
}

#[test]
fn what_api_gateway_may_not_invoke_is_refused() {
    let broken = [
        ("Sockets}/*/$connect", "Sockets}/*/$default", "$connect"),
        ("Sockets}/*/$connect", "Sockets}/other/$connect", "$connect"),
        ("FunctionName: !Ref Work", "FunctionName: Werk", "$connect"),
        ("authorizers/${Decide}", "authorizers/x", "Decide"),
    ];
    for (right, wrong, invoker) in broken {
        let error = read_with(&TEMPLATE.replace(right, wrong), &[]).expect_err("nothing permits it");
        assert!(error.contains(invoker) && error.contains("may not invoke Work"), "{error}");
    }
    read_with(&TEMPLATE.replace("Sockets}/*/$connect", "Sockets}/d?v/*"), &[]).expect("it is permitted");
}

const HTTP: &str = r#"
  Web: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: HTTP } }
  WebStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      { ApiId: !Ref Web, StageName: $default, AutoDeploy: "true", DefaultRouteSettings: { ThrottlingRateLimit: 1 }, AccessLogSettings: { DestinationArn: !GetAtt WorkLogs.Arn, Format: x } }
  Page:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Web, RouteKey: "GET /pages/{page}", Target: !Sub "integrations/${PageProxy}" }
  PageProxy:
    Type: AWS::ApiGatewayV2::Integration
    Properties: { ApiId: !Ref Web, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Work.Arn, PayloadFormatVersion: "2.0" }
  MayPage:
    Type: AWS::Lambda::Permission
    Properties:
      Action: lambda:InvokeFunction
      FunctionName: !Ref Work
      Principal: apigateway.amazonaws.com
      SourceArn: !Sub arn:aws:execute-api:${AWS::Region}:${AWS::AccountId}:${Web}/$default/GET/pages/{page}
"#;

/// The template with an HTTP API too, in which `right` is replaced by `wrong`.
fn read_http(right: &str, wrong: &str) -> Result<Stack, String> {
    let http = HTTP.replace(right, wrong);
    assert_eq!(http == HTTP, right.is_empty(), "{right} is not in the template");
    read_with(&TEMPLATE.replace("\nOutputs:", &format!("{http}Outputs:")), &[])
}

#[test]
fn an_http_route_does_what_the_template_says_or_is_refused() {
    let routes = read_http("", "").expect("a valid template").http.expect("an HTTP API").routes;
    assert_eq!((routes[0].key.as_str(), routes[0].function.as_str()), ("GET /pages/{page}", "Work"));
    let broken = [
        ("/GET/pages", "/POST/pages", "may not invoke Work"),
        ("RouteKey:", "AuthorizationType: AWS_IAM, RouteKey:", "authorizer"),
        ("RouteKey:", "AuthorizerId: x, RouteKey:", "authorizer"),
        ("AWS_PROXY", "HTTP_PROXY", "HTTP_PROXY"),
        ("AWS_PROXY", "AWS_PROXY, TimeoutInMillis: 100", "TimeoutInMillis"),
        (", AutoDeploy: \"true\"", "", "AutoDeploy"),
        ("AutoDeploy: \"true\"", "AutoDeploy: false", "AutoDeploy"),
    ];
    for (right, wrong, says) in broken {
        let error = read_http(right, wrong).expect_err("it is not served");
        assert!(error.contains(says), "{error}");
    }
}

/// The HTTP API whose stage has these settings for its routes, and depends on these resources.
fn throttled(settings: &str, depends_on: &str) -> Result<Stack, String> {
    let stage = format!("WebStage:\n    DependsOn: {depends_on}\n    Type: AWS::ApiGatewayV2::Stage");
    let http = HTTP.replace("WebStage:\n    Type: AWS::ApiGatewayV2::Stage", &stage);
    let http = http.replace("AutoDeploy:", &format!("RouteSettings: {settings}, AutoDeploy:"));
    read_with(&TEMPLATE.replace("\nOutputs:", &format!("{http}Outputs:")), &[])
}

#[test]
fn a_route_is_throttled_where_the_stage_says_so_and_is_made_after_it() {
    let settings = "{ \"GET /pages/{page}\": { ThrottlingRateLimit: \"5\", ThrottlingBurstLimit: 7 } }";
    for depends_on in ["Page", "[MayPage, Page]"] {
        let http = throttled(settings, depends_on).expect("a valid template").http.expect("an HTTP API");
        assert_eq!(http.routes[0].throttle, Some(Throttle { rate: 5.0, burst: 7.0 }));
    }
    assert_eq!(throttled("{}", "Page").expect("a valid template").http.expect("an HTTP API").routes[0].throttle, None);
    for (settings, depends_on, says) in [
        (settings, "[]", "it must depend on Page"),
        ("{ GET /pages: { ThrottlingRateLimit: 5, ThrottlingBurstLimit: 7 } }", "Page", "name no route: GET /pages"),
        ("{ \"GET /pages/{page}\": { ThrottlingRateLimit: 5 } }", "Page", "ThrottlingBurstLimit"),
        ("{ \"GET /pages/{page}\": { ThrottlingRateLimit: 5, ThrottlingBurstLimit: 7, Logs: 1 } }", "Page", "Logs"),
    ] {
        let error = throttled(settings, depends_on).expect_err("AWS would not have it");
        assert!(error.contains("WebStage") && error.contains(says), "{error}");
    }
}

/// The CORS of the HTTP API with this configuration.
fn cors(configuration: &str) -> Result<Option<Cors>, String> {
    let api = format!("ProtocolType: HTTP, CorsConfiguration: {configuration}");
    read_http("ProtocolType: HTTP", &api).map(|stack| stack.http.expect("an HTTP API").cors)
}

#[test]
fn an_http_api_allows_the_origins_that_it_names() {
    let some = cors("{ AllowOrigins: [a, b], MaxAge: \"60\" }").expect("a valid template").expect("some CORS");
    assert_eq!((some.allow_origins, some.max_age), (vec!["a".to_owned(), "b".to_owned()], Some(60)));
    assert!(cors("{ AllowOrigins: [], AllowMethods: [GET] }").expect("a valid template").is_none());
    let error = cors("{ AllowOrigins: [\"*\"], AllowCredentials: true }").expect_err("AWS takes no such thing");
    assert!(error.contains("Web") && error.contains("AllowCredentials"), "{error}");
    let error = cors("{ AllowOrigin: [a] }").expect_err("it is misspelt");
    assert!(error.contains("Web") && error.contains("AllowOrigin"), "{error}");
}

const QUEUES: &str = r#"
  Jobs:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: "30"
      RedrivePolicy: { deadLetterTargetArn: !GetAtt DeadJobs.Arn, maxReceiveCount: "4" }
      SqsManagedSseEnabled: true
  DeadJobs: { Type: AWS::SQS::Queue, Properties: { QueueName: dead, MessageRetentionPeriod: 1209600, RedriveAllowPolicy: { redrivePermission: allowAll } } }
  JobsToWork:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      EventSourceArn: !GetAtt Jobs.Arn
      FunctionName: !Ref Work
      BatchSize: 10
      FunctionResponseTypes: [ReportBatchItemFailures]
      ScalingConfig: { MaximumConcurrency: 5 }
      Tags: [{ Key: some, Value: tag }]
"#;

/// The template with queues too, in which `right` is replaced by `wrong`.
fn read_queues(right: &str, wrong: &str) -> Result<Stack, String> {
    let queues = QUEUES.replace(right, wrong);
    assert_eq!(queues == QUEUES, right.is_empty(), "{right} is not in the template");
    let may = r#"- { Effect: Allow, Action: ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueue*"], Resource: !GetAtt Jobs.Arn }"#;
    let statement = "- { Effect: Allow, Action: [\"logs";
    let with_rights = TEMPLATE.replace(statement, &format!("{may}\n              {statement}"));
    let outputs =
        "Outputs:\n  Url: { Value: !Ref Jobs }\n  Again: { Value: !Sub \"${Jobs.QueueUrl} ${Jobs.QueueName}\" }";
    read_with(&with_rights.replace("\nOutputs:", &format!("{queues}{outputs}")), &[])
}

#[test]
fn a_queue_and_what_reads_it_are_what_the_template_says() {
    let stack = read_queues("", "").expect("a valid template");
    let jobs = stack.queues.iter().find(|queue| queue.logical_name == "Jobs").expect("a queue");
    assert!(jobs.name.starts_with("some-Jobs-") && jobs.arn.ends_with(&format!("123456789012:{}", jobs.name)));
    let redrive = jobs.redrive.as_ref().expect("a redrive policy");
    assert!(redrive.limit == 4 && redrive.target.ends_with(":dead"));
    let mapping = &stack.mappings[0];
    assert_eq!((mapping.queue.as_str(), mapping.function.as_str()), (jobs.name.as_str(), "Work"));
    assert_eq!((mapping.batch_size, mapping.concurrency, mapping.reports_failures), (10, Some(5), true));
    let url = format!("http://127.0.0.1:3/123456789012/{}", jobs.name);
    let outputs: BTreeMap<String, String> = stack.outputs.into_iter().collect();
    assert_eq!((&outputs["Url"], &outputs["Again"]), (&url, &format!("{url} {}", jobs.name)));
    assert!(read_queues("BatchSize: 10", "Enabled: false").expect("a valid template").mappings.is_empty());
}

#[test]
fn a_queue_that_aws_would_not_have_is_refused() {
    for (right, wrong, name, says) in [
        ("VisibilityTimeout: \"30\"", "FifoQueue: true", "Jobs", "FifoQueue"),
        ("VisibilityTimeout: \"30\"", "VisibilityTimeout: 43201", "Jobs", "43200"),
        ("VisibilityTimeout: \"30\"", "VisibilityTimeout: 4", "JobsToWork", "VisibilityTimeout of Jobs (4 s)"),
        ("maxReceiveCount: \"4\"", "maxReceiveCount: 0", "Jobs", "maxReceiveCount"),
        ("!GetAtt DeadJobs.Arn", "arn:aws:sqs:us-east-1:1:other", "Jobs", "deadLetterTargetArn"),
        ("allowAll", "denyAll", "Jobs", "RedriveAllowPolicy of DeadJobs"),
        ("allowAll", "byQueue, sourceQueueArns: [x]", "Jobs", "RedriveAllowPolicy of DeadJobs"),
        ("!GetAtt Jobs.Arn", "!GetAtt DeadJobs.Arn", "JobsToWork", "sqs:ReceiveMessage, sqs:DeleteMessage"),
        ("!GetAtt Jobs.Arn", "arn:aws:sqs:us-east-1:1:other", "JobsToWork", "EventSourceArn"),
        ("!Ref Work", "Werk", "JobsToWork", "FunctionName"),
        ("BatchSize: 10", "BatchSize: 11", "JobsToWork", "MaximumBatchingWindowInSeconds"),
        ("MaximumConcurrency: 5", "MaximumConcurrency: 1", "JobsToWork", "MaximumConcurrency"),
        ("BatchSize: 10", "FilterCriteria: {}", "JobsToWork", "FilterCriteria"),
        ("[ReportBatchItemFailures]", "[Other]", "JobsToWork", "Other"),
    ] {
        let error = read_queues(right, wrong).expect_err("AWS would not have it");
        assert!(error.contains(name) && error.contains(says), "{error}");
    }
}

const RULES: &str = r#"
  Tick:
    Type: AWS::Events::Rule
    Properties:
      Description: some
      ScheduleExpression: rate(1 minute)
      Targets: [{ Id: work, Arn: !GetAtt Work.Arn, Input: '{"a": 1}', RetryPolicy: { MaximumRetryAttempts: 3 } }]
      Tags: [{ Key: some, Value: tag }]
  MayTick:
    Type: AWS::Lambda::Permission
    Properties:
      { Action: lambda:InvokeFunction, FunctionName: !Ref Work, Principal: events.amazonaws.com, SourceArn: !GetAtt Tick.Arn }
  TickAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties: { AlarmName: some, MetricName: Errors, Dimensions: [{ Name: FunctionName, Value: !Ref Work }], Threshold: 0 }
"#;

/// The template with a rule too, in which `right` is replaced by `wrong`.
fn read_rules(right: &str, wrong: &str) -> Result<Stack, String> {
    let rules = RULES.replace(right, wrong);
    assert_eq!(rules == RULES, right.is_empty(), "{right} is not in the template");
    let invoke = "Timeout: 5\n      EventInvokeConfig: { MaximumRetryAttempts: \"1\" }";
    let outputs = "Outputs:\n  Rule: { Value: !Ref Tick }\n  Alarm: { Value: !GetAtt TickAlarm.Arn }";
    read_with(&TEMPLATE.replace("Timeout: 5", invoke).replace("\nOutputs:", &format!("{rules}{outputs}")), &[])
}

#[test]
fn a_rule_fires_the_function_that_it_may() {
    let stack = read_rules("", "").expect("a valid template");
    let rule = &stack.rules[0];
    assert_eq!((rule.name.as_str(), rule.expression_text.as_str(), rule.enabled), ("Tick", "rate(1 minute)", true));
    assert_eq!(rule.targets[0].function, "Work");
    assert_eq!(rule.targets[0].input, Some(serde_json::json!({"a": 1})));
    let outputs: BTreeMap<String, String> = stack.outputs.into_iter().collect();
    assert_eq!(rule.arn, format!("arn:aws:events:us-east-1:123456789012:rule/{}", outputs["Rule"]));
    assert_eq!(outputs["Alarm"], "arn:aws:cloudwatch:us-east-1:123456789012:alarm:some");
    let retries = stack.functions["Work"].retries;
    assert_eq!((retries.attempts, retries.max_age.as_secs()), (1, 21_600));
    let disabled = read_rules("Description: some", "State: DISABLED").expect("a valid template");
    assert!(!disabled.rules[0].enabled);
}

#[test]
fn a_rule_that_would_not_do_on_aws_what_it_says_is_refused() {
    for (right, wrong, name, says) in [
        ("rate(1 minute)", "rate(1 minutes)", "Tick", "singular"),
        ("rate(1 minute)", "cron(0 10 * * *)", "Tick", "5 fields"),
        ("ScheduleExpression: rate(1 minute)", "EventPattern: {}", "Tick", "EventPattern"),
        ("Description: some", "State: ON", "Tick", "ON"),
        ("!GetAtt Work.Arn", "arn:aws:sqs:us-east-1:1:other", "Tick", "other"),
        ("RetryPolicy: { MaximumRetryAttempts: 3 }", "DeadLetterConfig: {}", "Tick", "DeadLetterConfig"),
        ("'{\"a\": 1}'", "'{'", "Tick", "Input"),
        ("events.amazonaws.com", "apigateway.amazonaws.com", "Tick", "may not invoke Work"),
        ("!GetAtt Tick.Arn", "arn:aws:events:us-east-1:123456789012:rule/other", "Tick", "may not invoke Work"),
        ("Threshold: 0", "Treshold: 0", "TickAlarm", "Treshold"),
    ] {
        let error = read_rules(right, wrong).expect_err("it is not served");
        assert!(error.contains(name) && error.contains(says), "{error}");
    }
}

const TOPICS: &str = r#"
  News:
    Type: AWS::SNS::Topic
    Properties: { DisplayName: All news, KmsMasterKeyId: alias/some, Tags: [{ Key: some, Value: tag }] }
  NewsPolicy:
    Type: AWS::SNS::TopicPolicy
    Properties:
      Topics: [!Ref News]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: { Service: [cloudwatch.amazonaws.com, events.amazonaws.com] }
            Action: sns:Publish
            Resource: !Ref News
            Condition: { StringEquals: { aws:SourceAccount: !Ref AWS::AccountId } }
  WorkOnNews:
    Type: AWS::SNS::Subscription
    Properties:
      Protocol: lambda
      Endpoint: !GetAtt Work.Arn
      TopicArn: !Ref News
  MayWorkOnNews:
    Type: AWS::Lambda::Permission
    Properties: { Action: lambda:InvokeFunction, FunctionName: !Ref Work, Principal: sns.amazonaws.com, SourceArn: !Ref News }
  Lost: { Type: AWS::SQS::Queue }
"#;

/// The template with a topic too, in which `right` is replaced by `wrong`.
fn read_topics(right: &str, wrong: &str) -> Result<Stack, String> {
    let dead = "Timeout: 5\n      DeadLetterQueue: { Type: SQS, TargetArn: !GetAtt Lost.Arn }";
    let may = r#"- { Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt Lost.Arn }"#;
    let statement = "- { Effect: Allow, Action: [\"logs";
    let outputs = "Outputs:\n  Arn: { Value: !Ref News }\n  Name: { Value: !GetAtt News.TopicName }\n  Subscription: { Value: !Ref WorkOnNews }";
    let whole = TEMPLATE
        .replace("Timeout: 5", dead)
        .replace(statement, &format!("{may}\n              {statement}"))
        .replace("\nOutputs:", &format!("{TOPICS}{outputs}"));
    let changed = whole.replace(right, wrong);
    assert_eq!(changed == whole, right.is_empty(), "{right} is not in the template");
    read_with(&changed, &[])
}

#[test]
fn a_topic_and_who_subscribes_to_it_are_what_the_template_says() {
    let stack = read_topics("", "").expect("a valid template");
    let (topic, work) = (&stack.topics[0], &stack.functions["Work"]);
    assert!(topic.name.starts_with("some-News-") && topic.display_name == "All news");
    assert_eq!(topic.arn, format!("arn:aws:sns:us-east-1:123456789012:{}", topic.name));
    let subscription = &topic.subscriptions[0];
    assert_eq!((subscription.function.as_str(), &subscription.endpoint), ("Work", &work.arn));
    assert_eq!(subscription.arn.strip_prefix(&topic.arn).map(str::len), Some(37));
    assert_eq!(work.dead_letters.as_ref(), Some(&stack.queues[0].name));
    let outputs: BTreeMap<String, String> = stack.outputs.into_iter().collect();
    assert_eq!((&outputs["Arn"], &outputs["Name"]), (&topic.arn, &topic.name));
    assert_eq!(outputs["Subscription"], subscription.arn);
    let named = read_topics("DisplayName: All news", "TopicName: news").expect("a valid template");
    assert_eq!(named.topics[0].name, "news");
}

#[test]
fn a_topic_that_would_not_do_on_aws_what_it_says_is_refused() {
    let may = r#"- { Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt Lost.Arn }"#;
    for (right, wrong, name, says) in [
        ("DisplayName: All news", "FifoTopic: true", "News", "FifoTopic"),
        ("Protocol: lambda", "Protocol: sqs", "WorkOnNews", "sqs"),
        ("Protocol: lambda", "Protocol: lambda\n      FilterPolicy: {}", "WorkOnNews", "FilterPolicy"),
        ("Endpoint: !GetAtt Work.Arn", "Endpoint: arn:other", "WorkOnNews", "arn:other"),
        ("TopicArn: !Ref News", "TopicArn: arn:other", "WorkOnNews", "arn:other"),
        ("TopicArn: !Ref News", "TopicArn: !Ref Nothing", "WorkOnNews", "Nothing"),
        ("Principal: sns.amazonaws.com", "Principal: events.amazonaws.com", "WorkOnNews", "may not invoke Work"),
        ("SourceArn: !Ref News", "SourceArn: arn:other", "WorkOnNews", "may not invoke Work"),
        ("Protocol: lambda", "Protocol: lambda\n      RedrivePolicy: {}", "WorkOnNews", "RedrivePolicy"),
        ("Topics: [!Ref News]", "Topics: [arn:other]", "NewsPolicy", "arn:other"),
        ("Action: sns:Publish", "Action: sns:*", "NewsPolicy", "sns:*"),
        ("Resource: !Ref News", "Resource: \"*\"", "NewsPolicy", "its Resource *"),
        ("{ Service: [cloudwatch.amazonaws.com, events.amazonaws.com] }", "some", "NewsPolicy", "Principal"),
        ("{ Type: SQS, ", "{ Type: SNS, ", "Work", "SNS"),
        ("Type: SQS, TargetArn: !GetAtt Lost.Arn", "Type: SQS, TargetArn: arn:other", "Work", "arn:other"),
        (may, "", "Work", "sqs:SendMessage"),
    ] {
        let error = read_topics(right, wrong).expect_err("AWS would not have it");
        assert!(error.contains(name) && error.contains(says), "{error}");
    }
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    let kind = read_with("Resources:\n  Files: { Type: AWS::S3::Bucket }", &[]).expect_err("an unknown type");
    assert!(kind.contains("Files") && kind.contains("AWS::S3::Bucket"), "{kind}");
    let broken = [
        ("Timeout: 5", "Timeout: 5\n      Tracing: Active", "Work", "Tracing"),
        ("Timeout: 5", "Timeout: 5\n      Policies: []", "Work", "Policies"),
        ("Timeout: 5", "Timeout: 5\n      KmsKeyArn: some", "Work", "KmsKeyArn"),
        (
            "AssumeRolePolicyDocument",
            "ManagedPolicyArns: [some]\n      AssumeRolePolicyDocument",
            "WorkRole",
            "ManagedPolicyArns",
        ),
        ("RetentionInDays: 7", "LogGroupClass: x", "WorkLogs", "LogGroupClass"),
        ("!Sub \"/aws/${Stage}\"", "!Sub \"/aws/${WorkX}\"", "WorkLogs", "LogGroupName"),
        ("PointInTimeRecoveryEnabled: true", "Enabled: true", "Rows", "Enabled"),
        ("WriteUnitsPerSecond", "UnitsPerSecond", "Rows", "UnitsPerSecond"),
        ("WriteUnitsPerSecond: \"4000\"", "WriteUnitsPerSecond: many", "Rows", "many"),
        ("DeletionProtectionEnabled: true", "TableClass: STANDARD", "Rows", "TableClass"),
        ("ExcludeCharacters: \"x\"", "ExcludePunctuation: true", "Word", "ExcludePunctuation"),
        ("ProtocolType: WEBSOCKET", "ProtocolType: WEBSOCKET, CorsConfiguration: {}", "Sockets", "CorsConfiguration"),
        (
            "ProtocolType: WEBSOCKET",
            "ProtocolType: WEBSOCKET, DisableExecuteApiEndpoint: true",
            "Sockets",
            "DisableExecute",
        ),
        ("StageName: !Ref Stage", "StageName: !Ref Stage, DefaultRouteSettings: { Rate: 1 }", "SocketStage", "Rate"),
        (
            "StageName: !Ref Stage",
            "StageName: !Ref Stage, RouteSettings: { ping: { ThrottlingRateLimit: 1, ThrottlingBurstLimit: 1 } }",
            "SocketStage",
            "RouteSettings are served here for an HTTP API only",
        ),
    ];
    for (right, wrong, name, says) in broken {
        let changed = TEMPLATE.replace(right, wrong);
        assert_ne!(changed, TEMPLATE, "{right} is not in the template");
        let error = read_with(&changed, &[]).expect_err("it is not served");
        assert!(error.contains(name) && error.contains(says), "{error}");
    }
}

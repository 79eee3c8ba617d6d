"""Replaces the parts of the built template that the emulator lacks. Everything else is deployed as it was built."""

from samcli.yamlhelper import yaml_dump, yaml_parse

# Refused as unknown types: created over the API once the stack stands.
UNKNOWN_TYPES = ("AWS::ApiGatewayV2::IntegrationResponse", "AWS::ApiGatewayV2::RouteResponse")


def adapt(template_path, adapted_path, emulator):
    """Writes the adapted template, and gives what `complete` is to do."""
    with open(template_path) as file:
        template = yaml_parse(file.read())
    resources = template["Resources"]
    left_out = [resources.pop(name) for name in list(resources) if resources[name]["Type"] in UNKNOWN_TYPES]
    # Deployed too, but without effect.
    left_out.append(resources["HttpApi"])
    # The emulator has one port for all hosts, and no names for them.
    path = "/_aws/execute-api/${WebSocketApi}/${Stage}"
    for resource in resources.values():
        variables = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
        if "MANAGEMENT_ENDPOINT" in variables:
            variables["MANAGEMENT_ENDPOINT"] = {"Fn::Sub": emulator + path}
        if "WEBSOCKET_URL" in variables:
            variables["WEBSOCKET_URL"] = {"Fn::Sub": emulator.replace("http", "ws", 1) + path}
        for statement in statements(resource):
            if statement.get("Resource") in ({"Ref": "TokenSecret"}, {"Ref": "VapidSecret"}):
                # It is the ARN on AWS, and here the name.
                secret = "${" + statement["Resource"]["Ref"] + "}"
                arn = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:" + secret + "-*"
                statement["Resource"] = {"Fn::Sub": arn}
            actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
            if "sqs:SendMessage" in actions:
                # A right to batches too on AWS, which has none of this name.
                statement["Action"] = [*actions, "sqs:SendMessageBatch"]
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            # A parameter's number is a text to it, which it then cannot compare: the parameter's default.
            resource["Properties"]["ScalingConfig"]["MaximumConcurrency"] = 10
        if resource["Type"] == "AWS::ApiGatewayV2::Authorizer":
            # Left out, it is the header Authorization here, and a handshake without that is refused.
            resource["Properties"]["IdentitySource"] = []
    with open(adapted_path, "w") as file:
        file.write(yaml_dump(template))
    return left_out


def statements(resource):
    """The unconditional statements of a role."""
    policies = resource["Properties"]["Policies"] if resource["Type"] == "AWS::IAM::Role" else []
    for policy in policies:
        yield from (statement for statement in policy["PolicyDocument"]["Statement"] if "Effect" in statement)


def complete(left_out, resources, client):
    """Does over API Gateway's API what `adapt` left out, and what the emulator overlooks in a template.

    `resources`: physical ids by logical names.
    """

    def settled(value):
        # The emulator's ids of routes have their API's before a slash.
        return resources[value["Ref"]].split("/")[-1] if isinstance(value, dict) and "Ref" in value else value

    for resource in left_out:
        # Of the API, only what says nothing of a parameter is looked at.
        is_api = resource["Type"].endswith("::Api")
        given = {"CorsConfiguration": resource["Properties"]["CorsConfiguration"]} if is_api else resource["Properties"]
        properties = {name: settled(value) for name, value in given.items()}
        match resource["Type"].rsplit("::", 1)[-1]:
            case "IntegrationResponse":
                client.create_integration_response(**properties)
            case "RouteResponse":
                client.create_route_response(**properties)
            case "Api":
                _, cors, _ = properties["CorsConfiguration"]["Fn::If"]
                # The parameter's default.
                cors = cors | {"AllowOrigins": ["*"]}
                client.update_api(ApiId=resources["HttpApi"], CorsConfiguration=cors)

// A function with the clients that `send` has, as Lambda's own runtime for Node.js would run it: less than that does.
import { request } from "node:http";
import { ApiGatewayManagementApiClient } from "@aws-sdk/client-apigatewaymanagementapi";
import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { SQSClient } from "@aws-sdk/client-sqs";

const dynamodb = new DynamoDBClient({});
const clients = [dynamodb, new SQSClient({}), new ApiGatewayManagementApiClient({ endpoint: process.env.MANAGEMENT_ENDPOINT })];

async function handle() {
  const Key = { channel: { S: "user:alice" }, seq: { N: "1" } };
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName: process.env.NOTIFICATIONS_TABLE, Key }));
  return { clients: clients.length, found: Item !== undefined };
}

function call(method, path, body) {
  const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, method, path: `/2018-06-01/runtime/invocation/${path}` }, (answer) => {
      answer.resume().on("end", () => resolve(answer.headers["lambda-runtime-aws-request-id"]));
    });
    asked.on("error", reject).end(body);
  });
}

for (;;) {
  const id = await call("GET", "next");
  await call("POST", `${id}/response`, JSON.stringify(await handle()));
}

// As the samples do it: one client, one promise a connection, all at once.
import { createInterface } from "node:readline";
import { ApiGatewayManagementApiClient, PostToConnectionCommand } from "@aws-sdk/client-apigatewaymanagementapi";

const client = new ApiGatewayManagementApiClient({ endpoint: process.argv[2], region: process.env.AWS_REGION });
const body = "x".repeat(1024);

function keys(count) {
  const all = [];
  for (let n = 0n; n < BigInt(count); n++) {
    all.push(`Kx7tRc${n.toString().padStart(7, "0")}oAMCJ5w=`);
  }
  return all;
}

console.log("ready");
for await (const order of createInterface({ input: process.stdin })) {
  const posts = keys(Number(order)).map((ConnectionId) =>
    client.send(new PostToConnectionCommand({ ConnectionId, Data: body })),
  );
  const failed = (await Promise.allSettled(posts)).filter(({ status }) => status === "rejected");
  console.log(failed.length === 0 ? "done" : `failed: ${failed[0].reason}`);
}

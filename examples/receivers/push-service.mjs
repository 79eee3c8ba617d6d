// Stands in for a browser and its push service, on http://127.0.0.1:9001: docs/guides/web-push.md. It prints the subscription that the
// browser would make, then each push to it, and needs only Node.
//
//     node push-service.mjs
import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { buffer } from "node:stream/consumers";

const browser = createECDH("prime256v1");
browser.generateKeys();
const auth = randomBytes(16);

// RFC 8291 on top of RFC 8188: salt, record size, the sender's public key, one record.
function decrypt(body) {
  const [salt, sender, record] = [body.subarray(0, 16), body.subarray(21, 86), body.subarray(86)];
  const info = Buffer.concat([Buffer.from("WebPush: info\0"), browser.getPublicKey(), sender]);
  const secret = hkdfSync("sha256", browser.computeSecret(sender), auth, info, 32);
  const derive = (label, length) => Buffer.from(hkdfSync("sha256", secret, salt, `Content-Encoding: ${label}\0`, length));
  const cipher = createDecipheriv("aes-128-gcm", derive("aes128gcm", 16), derive("nonce", 12));
  cipher.setAuthTag(record.subarray(-16));
  const text = Buffer.concat([cipher.update(record.subarray(0, -16)), cipher.final()]);
  // Behind the text there is a 2, and perhaps zeros.
  return text.subarray(0, text.lastIndexOf(2)).toString();
}

createServer(async (request, response) => {
  const body = await buffer(request);
  const { ttl, urgency, topic } = request.headers;
  console.log(JSON.stringify({ ttl, urgency, topic }), decrypt(body));
  response.writeHead(201).end();
}).listen(9001, "127.0.0.1");

const keys = { p256dh: browser.getPublicKey("base64url"), auth: auth.toString("base64url") };
console.log(JSON.stringify({ endpoint: "http://127.0.0.1:9001/s/1", keys }));

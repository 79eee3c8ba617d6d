// A web server of an application's own files.

import { once } from "node:events";
import { createServer } from "node:http";

/** Serves texts, each with its type, by their paths on a port of this machine, as long as the script runs. Returns its address. */
export async function serve(files) {
  const server = createServer((request, response) => {
    const [type, text] = files[request.url] ?? [];
    response.writeHead(text === undefined ? 404 : 200, { "content-type": type ?? "text/plain" }).end(text);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return `http://127.0.0.1:${server.address().port}`;
}

// A receiver of webhooks that verifies with the stock library for Node and nothing else.
//
// It listens on a free port of 127.0.0.1 and prints {"port":…}; then one line for each POST. The secret is in
// WEBHOOK_SECRET, or in the file that WEBHOOK_SECRET_FILE names, which may be written after the start.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const secret = () => process.env.WEBHOOK_SECRET ?? readFileSync(process.env.WEBHOOK_SECRET_FILE, "utf8").trim();

const readBody = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
};

const server = createServer(async (request, response) => {
  const id = request.headers["webhook-id"] ?? null;
  try {
    const event = new Webhook(secret()).verify(await readBody(request), request.headers);
    print({ verified: true, id, type: event.type, object: event.data?.id ?? null });
    response.writeHead(204).end();
  } catch (error) {
    print({ verified: false, id, reason: String(error.message ?? error) });
    response.writeHead(400).end();
  }
});

server.listen(0, "127.0.0.1", () => print({ port: server.address().port }));

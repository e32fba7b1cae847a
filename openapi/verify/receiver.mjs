// A receiver of webhooks that verifies with the stock library for Node, and Ed25519 with Node's own, and nothing else.
//
// It listens on a free port of 127.0.0.1 and prints {"port":…}; then one line for each POST. The secret is in
// WEBHOOK_SECRET, or in the file that WEBHOOK_SECRET_FILE names, which may be written after the start. Where
// WEBHOOK_PUBLIC_KEY_FILE names a file, with the webhook's publicKey, that key has to have signed too.

import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const secret = () => process.env.WEBHOOK_SECRET ?? readFileSync(process.env.WEBHOOK_SECRET_FILE, "utf8").trim();

const isSignedByKey = (body, headers) => {
  const raw = Buffer.from(readFileSync(process.env.WEBHOOK_PUBLIC_KEY_FILE, "utf8").trim().replace("whpk_", ""), "base64");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: raw.toString("base64url") }, format: "jwk" });
  const signed = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
  const signatures = headers["webhook-signature"].split(" ").filter((one) => one.startsWith("v1a,"));
  return signatures.some((one) => verify(null, signed, key, Buffer.from(one.slice(4), "base64")));
};

const readBody = async (request) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
};

const server = createServer(async (request, response) => {
  const id = request.headers["webhook-id"] ?? null;
  try {
    const body = await readBody(request);
    const event = new Webhook(secret()).verify(body, request.headers);
    if (process.env.WEBHOOK_PUBLIC_KEY_FILE && !isSignedByKey(body, request.headers)) {
      throw new Error("no signature is by the key");
    }
    print({ verified: true, id, type: event.type, object: event.data?.id ?? null });
    response.writeHead(204).end();
  } catch (error) {
    print({ verified: false, id, reason: String(error.message ?? error) });
    response.writeHead(400).end();
  }
});

server.listen(0, "127.0.0.1", () => print({ port: server.address().port }));

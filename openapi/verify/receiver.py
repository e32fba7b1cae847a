"""A receiver of webhooks that verifies with the stock library for Python, and Ed25519 with `cryptography`, and nothing else.

It listens on a free port of 127.0.0.1 and prints {"port":…}; then one line for each POST. The secret is in
WEBHOOK_SECRET, or in the file that WEBHOOK_SECRET_FILE names, which may be written after the start. Where
WEBHOOK_PUBLIC_KEY_FILE names a file, with the webhook's publicKey, that key has to have signed too.
"""

import base64
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook


def secret() -> str:
    return os.environ.get("WEBHOOK_SECRET") or Path(os.environ["WEBHOOK_SECRET_FILE"]).read_text().strip()


def is_signed_by_key(body: bytes, headers: dict) -> bool:
    raw = base64.b64decode(Path(os.environ["WEBHOOK_PUBLIC_KEY_FILE"]).read_text().strip().removeprefix("whpk_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    for signature in headers["webhook-signature"].split(" "):
        if not signature.startswith("v1a,"):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signature[4:]), signed)
            return True
        except InvalidSignature:
            continue
    return False


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        event_id = self.headers.get("webhook-id")
        try:
            event = Webhook(secret()).verify(body, dict(self.headers))
            if "WEBHOOK_PUBLIC_KEY_FILE" in os.environ and not is_signed_by_key(body, self.headers):
                raise InvalidSignature("no signature is by the key")
            line = {"verified": True, "id": event_id, "type": event["type"], "object": event["data"].get("id")}
        except Exception as error:  # Whatever went wrong, it was not verified.
            line = {"verified": False, "id": event_id, "reason": str(error)}
        # In one write: requests are answered by several threads.
        print(json.dumps(line) + "\n", end="", flush=True)
        self.send_response(204 if line["verified"] else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """stdout has the lines; there is nothing else to tell."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    print(json.dumps({"port": server.server_port}), flush=True)
    server.serve_forever()

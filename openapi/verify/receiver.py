"""A receiver of webhooks that verifies with the stock library for Python and nothing else.

It listens on a free port of 127.0.0.1 and prints {"port":…}; then one line for each POST. The secret is in
WEBHOOK_SECRET, or in the file that WEBHOOK_SECRET_FILE names, which may be written after the start.
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from standardwebhooks import Webhook


def secret() -> str:
    return os.environ.get("WEBHOOK_SECRET") or Path(os.environ["WEBHOOK_SECRET_FILE"]).read_text().strip()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        event_id = self.headers.get("webhook-id")
        try:
            event = Webhook(secret()).verify(body, dict(self.headers))
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

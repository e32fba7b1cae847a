"""Registers a webhook for each receiver, creates contacts, and expects each receiver to verify each event, by the secret and by the Ed25519
key; then rotates both, and expects the old ones and the new ones to verify.

Exits with 0 when all were verified and forgeries were refused, else with 1 and the reason.
"""

import base64
import hashlib
import hmac
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

HERE = Path(__file__).parent
RECEIVERS = {"node": ["node", "receiver.mjs"], "python": [sys.executable, "receiver.py"]}
CONTACTS = 3
# Seconds until the last delivery of a stack that has nothing else to do.
PATIENCE = 60


class Failed(Exception):
    """Something was not as it has to be."""


class Api:
    def __init__(self, dev: dict) -> None:
        self.base = dev["apiUrl"].rstrip("/") + "/api/v1"
        self.key = dev["apiKey"]

    def call(self, method: str, path: str, body: object = None) -> dict:
        headers = {"Authorization": f"Bearer {self.key}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            raise Failed(f"{method} {path}: {error.code} {error.read().decode()}") from None
        except OSError as error:
            raise Failed(f"{method} {path}: {error}") from None
        return json.loads(text)["data"] if text else {}


class Receiver:
    """A receiver's process, the lines that it prints, and the webhook that is registered for it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.secret_file = folder / f"{name}.secret"
        environment = {key: value for key, value in os.environ.items() if key != "WEBHOOK_SECRET"}
        environment["WEBHOOK_SECRET_FILE"] = str(self.secret_file)
        self.key_file = folder / f"{name}.key"
        environment["WEBHOOK_PUBLIC_KEY_FILE"] = str(self.key_file)
        self.process = subprocess.Popen(
            RECEIVERS[name], cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True
        )
        self.lines: queue.Queue = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.next_line(time.monotonic() + PATIENCE)['port']}/"
        self.webhook = None

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(json.loads(line))
        self.lines.put(None)

    def next_line(self, deadline: float) -> dict:
        try:
            line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise Failed(f"{self.name}: nothing came within {PATIENCE} s") from None
        if line is None:
            raise Failed(f"{self.name}: the receiver ended with {self.process.wait()}")
        return line

    def register(self, api: Api) -> None:
        wanted = {"url": self.url, "events": ["contact.created"], "ed25519": True}
        self.webhook = api.call("POST", "/webhooks", wanted)
        self.trust(self.webhook["secret"], self.webhook["publicKey"])

    def trust(self, secret: str, key: str) -> None:
        self.secret_file.write_text(secret)
        self.key_file.write_text(key)

    def rotate(self, api: Api) -> dict:
        """Makes another secret and key, which the receiver does not know yet."""
        return api.call("POST", f"/webhooks/{self.webhook['id']}/rotate-secret", {})

    def expect_refusals(self) -> None:
        """A receiver that verifies anything would prove nothing: a wrong secret, no key, and a wrong key are refused."""
        body, at = b'{"type":"x","data":{}}', str(int(time.time()))
        secret = base64.b64decode(self.webhook["secret"].removeprefix("whsec_"))
        mac = hmac.new(secret, f"evt_forged.{at}.".encode() + body, hashlib.sha256).digest()
        by_secret = f"v1,{base64.b64encode(mac).decode()}"
        nothing = {length: base64.b64encode(bytes(length)).decode() for length in (32, 64)}
        for signatures in (f"v1,{nothing[32]}", by_secret, f"{by_secret} v1a,{nothing[64]}"):
            self.expect_refusal(body, at, signatures)

    def expect_refusal(self, body: bytes, at: str, signatures: str) -> None:
        headers = {
            "Content-Type": "application/json",
            "webhook-id": "evt_forged",
            "webhook-timestamp": at,
            "webhook-signature": signatures,
        }
        request = urllib.request.Request(self.url, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                status = response.status
        except urllib.error.HTTPError as error:
            status = error.code
        line = self.next_line(time.monotonic() + PATIENCE)
        if status != 400 or line["verified"]:
            raise Failed(f"{self.name}: a forged delivery got {status}: {line}")

    def expect_all(self, contacts: set) -> None:
        missing = set(contacts)
        deadline = time.monotonic() + PATIENCE
        while missing:
            line = self.next_line(deadline)
            if not line["verified"]:
                raise Failed(f"{self.name}: refused {line['id']}: {line['reason']}")
            if line["type"] != "contact.created":
                raise Failed(f"{self.name}: got {line['type']}, which nobody asked for")
            missing.discard(line["object"])
            print(f"{self.name}: verified {line['id']}")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


def verify(api: Api, receivers: list, contacts: set) -> None:
    for receiver in receivers:
        receiver.register(api)
        receiver.expect_refusals()
    expect(api, receivers, contacts, CONTACTS)
    rotated = [receiver.rotate(api) for receiver in receivers]
    # By what a receiver has still, and then by what it is given.
    expect(api, receivers, contacts, 1)
    for receiver, new in zip(receivers, rotated):
        receiver.trust(new["secret"], new["publicKey"])
    expect(api, receivers, contacts, 1)


def expect(api: Api, receivers: list, contacts: set, count: int) -> None:
    """Creates so many contacts, of which each receiver is told and verifies it."""
    created = set()
    for _ in range(count):
        # Text beyond ASCII: bytes are signed, not characters.
        name = f"Vérification ✓ {len(contacts) + 1}"
        contact = {"name": name, "email": f"verify-{uuid.uuid4().hex}@example.com"}
        created.add(api.call("POST", "/connection/contacts", contact)["id"])
        contacts |= created
    for receiver in receivers:
        receiver.expect_all(created)


def clean_up(api: Api, receivers: list, contacts: set) -> list:
    """Leaves the stack as it was; says what could not be removed."""
    paths = [f"/webhooks/{receiver.webhook['id']}" for receiver in receivers if receiver.webhook]
    paths += [f"/connection/contacts/{contact}" for contact in contacts]
    problems = []
    for path in paths:
        try:
            api.call("DELETE", path)
        except Failed as failure:
            problems.append(str(failure))
    for receiver in receivers:
        receiver.stop()
    return problems


def main() -> int:
    api = Api(json.loads(Path(sys.argv[1]).read_text()))
    receivers: list = []
    contacts: set = set()
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for name in RECEIVERS:
                receivers.append(Receiver(name, Path(folder)))
            verify(api, receivers, contacts)
        except Failed as failure:
            problems.append(str(failure))
        finally:
            problems += clean_up(api, receivers, contacts)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

"""One of the two daemons: asks, and keeps what it answered under the name of the step."""

import base64
import http.client
import json
import re
import socket
import struct
import subprocess
import time

from normal import Names

API = "/v1.41"

# Seconds that an answer may take.
PATIENCE = 60

# Headers that clients read.
HEADERS = ("Content-Type", "Api-Version", "Docker-Experimental", "Ostype", "Server", "Connection", "Upgrade")


class CannotRun(Exception):
    """This machine lets dockerd run no containers."""


class Connection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("docker", timeout=PATIENCE)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self.path)


class Answer:
    """What a daemon answered to one call."""

    def __init__(self, status, headers, raw):
        self.status, self.raw = status, raw
        self.headers = {name: headers[name] for name in HEADERS if headers.get(name)}
        self.body = parse(self.headers.get("Content-Type", ""), raw)
        stat = headers.get("X-Docker-Container-Path-Stat")
        self.stat = json.loads(base64.b64decode(stat)) if stat else None


class Side:
    """A daemon, what it was asked and what it said."""

    def __init__(self, name, path, folder):
        self.name, self.path, self.folder = name, path, folder
        self.names = Names(folder)
        self.records = {}

    def keep(self, step, value):
        """Keeps what a step gave, in words that both daemons have in common."""
        if step in self.records:
            raise AssertionError(f"two steps are called {step}")
        self.records[step] = value

    def ask(self, method, path, body=None, headers=None):
        """Asks without keeping the answer."""
        return self.begin(method, path, body, headers)()

    def begin(self, method, path, body=None, headers=None):
        """Sends a request; what is returned reads the answer."""
        connection = Connection(self.path)
        headers = dict(headers or {})
        if isinstance(body, (dict, list)):
            body, headers = json.dumps(body), {"Content-Type": "application/json", **headers}
        connection.request(method, path.removeprefix("!") if path.startswith("!") else API + path, body, headers)

        def end():
            answer = connection.getresponse()
            raw = answer.read()
            connection.close()
            return Answer(answer.status, answer.headers, raw)

        return end

    def call(self, step, method, path, body=None, headers=None):
        """Asks, and keeps the answer under the step's name."""
        answer = self.ask(method, path, body, headers)
        self.keep_answer(step, answer)
        return answer

    def keep_answer(self, step, answer):
        self.keep(step, {"status": answer.status, "headers": answer.headers, "body": answer.body})

    def hijack(self, step, path, body=None, send=b"", upgrade=True, half_close=True):
        """A call whose connection becomes a stream; what is returned keeps the head and the demultiplexed output."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(self.path)
        text = json.dumps(body) if body is not None else ""
        more = "Connection: Upgrade\r\nUpgrade: tcp\r\n" if upgrade else ""
        kind = "Content-Type: application/json\r\n" if body is not None else ""
        head = f"POST {API}{path} HTTP/1.1\r\nHost: docker\r\n{more}{kind}Content-Length: {len(text)}\r\n\r\n{text}"
        connection.sendall(head.encode())
        buffer = b""
        while b"\r\n\r\n" not in buffer:
            part = connection.recv(4096)
            if not part:
                break
            buffer += part
        head, _, rest = buffer.partition(b"\r\n\r\n")

        def end(more=b""):
            if send or more:
                connection.sendall(send + more)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            data = rest
            while part := connection.recv(65536):
                data += part
            connection.close()
            lines = head.decode().split("\r\n")
            headers = http.client.HTTPMessage()
            for line in lines[1:]:
                name, _, value = line.partition(": ")
                headers[name] = value
            status = int(lines[0].split(" ")[1])
            self.keep_answer(step, Answer(status, headers, data))

        return end

    def cli(self, step, *args, stdin=b"", keep=True):
        """Runs docker's command line; keeps status, stdout and stderr."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "DOCKER_HOST": "unix://" + self.path,
            "DOCKER_API_VERSION": API[2:],
            "DOCKER_CONFIG": self.folder + "/config",
            "DOCKER_BUILDKIT": "0",
            "DOCKER_CLI_HINTS": "false",
            "HOME": self.folder,
        }
        done = subprocess.run(["docker", *args], input=stdin, capture_output=True, env=environment, timeout=PATIENCE)
        text = done.stdout.decode(errors="replace")
        if keep:
            # Columns are as wide as what is in them.
            lines = [re.sub(" {2,}", "  ", line) for line in text.splitlines()]
            stderr = done.stderr.decode(errors="replace").splitlines()
            self.keep(step, {"status": done.returncode, "stdout": lines, "stderr": stderr})
        return text.strip()

    def name_it(self, text, word):
        """What this daemon calls `text` is called `word` in comparisons."""
        self.names.add(text, word)
        return text

    def until(self, path, condition):
        """Waits until what is at `path` fulfils a condition; gives it."""
        end = time.monotonic() + PATIENCE
        while True:
            answer = self.ask("GET", path)
            if answer.status == 200 and condition(answer.body):
                return answer.body
            if time.monotonic() > end:
                raise AssertionError(f"{self.name}: {path} did not become what was waited for: {answer.body}")
            time.sleep(0.02)

    def until_running(self, name):
        """Waits for the first output of a container."""
        end = time.monotonic() + PATIENCE
        while b"waiting" not in self.ask("GET", f"/containers/{name}/logs?stdout=1").raw:
            if time.monotonic() > end:
                raise AssertionError(f"{self.name}: {name} does not run")
            time.sleep(0.02)


def parse(kind, raw):
    """A body as JSON values, as a list of them, or as text by stream."""
    if kind.startswith("application/json"):
        text = raw.decode(errors="replace")
        try:
            return json.loads(text) if text.strip() else None
        except json.JSONDecodeError:
            return lines(text)
    if kind.startswith("application/vnd.docker.") or raw[1:4] == b"\0\0\0":
        return streams(raw)
    return raw.decode(errors="replace") if len(raw) < 4096 else f"{len(raw)} bytes"


def lines(text):
    decoder, values, at = json.JSONDecoder(), [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            return text
        values.append(value)
    return values


def streams(raw):
    """Frames, joined by stream; or the text if they are none."""
    if not raw:
        return ""
    found, at = {}, 0
    while at < len(raw):
        if len(raw) < at + 8 or raw[at] > 2 or raw[at + 1 : at + 4] != b"\0\0\0":
            return raw.decode(errors="replace")
        size = struct.unpack(">I", raw[at + 4 : at + 8])[0]
        name = ("stdin", "stdout", "stderr")[raw[at]]
        found[name] = found.get(name, "") + raw[at + 8 : at + 8 + size].decode(errors="replace")
        at += 8 + size
    return found

"""Docker's API fuzzed from its specification with schemathesis, against DOCKER_HOST. Run it with pytest.

SPRAT_TEST_IMAGE is an image whose program waits for its standard input to end; SPRAT_TEST_SEED another seed than 1.

Requests that fit the specification, and some that don't, meet containers in each state, and one of everything else that
there is. Whatever is sent: no answer is the daemon's own failure, none fails to come, and every refusal says why.
"""

import collections
import io
import json
import os
import random
import re
import tarfile
import time
from pathlib import Path

import hypothesis
import pytest
import requests
import schemathesis
import yaml
from docker.transport import UnixHTTPAdapter
from hypothesis import HealthCheck, Phase
from schemathesis.config import SchemathesisConfig

SPECIFICATION = Path(__file__).with_name("docker-engine-api-v1.51.yaml")
BASE = "http://localhost/v1.51"
IMAGE = os.environ["SPRAT_TEST_IMAGE"]
SEED = int(os.environ.get("SPRAT_TEST_SEED", "1"))
# Seconds without a byte after which a request counts as hanging; waiting for a stop's timeout is none.
PATIENCE = 30
# Requests of an operation, beside those that try each limit of its parameters.
EXAMPLES = 15
# Nobody listens there, so registries fail at once.
NO_REGISTRY = "127.0.0.1:1"

# Answers of these go on until somebody ends them.
ENDLESS = {
    "ContainerAttach", "ContainerAttachWebsocket", "ContainerLogs", "ContainerStats", "ContainerWait", "ExecStart", "SystemEvents",
}
# These ask a registry.
REGISTRY = {"DistributionInspect", "ImageCreate", "ImagePush", "SystemAuth"}
# Nothing but a refusal is to be expected of these: there is no registry, no terminal, no upgrade, or no such offer.
REFUSED = {"ContainerAttachWebsocket", "DistributionInspect", "ExecResize", "ImagePush", "ImageSearch", "Session", "SystemAuth", "VolumeUpdate"}
# What a swarm has, and plugins: one answer for all, whatever the body, so one request each will do.
NO_SWARM = r"^/(swarm|nodes|services|tasks|secrets|configs|plugins)"

NAMES = ["fuzz-created", "fuzz-running", "fuzz-paused", "fuzz-exited"]


class Stage:
    """What the requests meet. Whatever they change is made again."""

    def __init__(self):
        self.session = requests.Session()
        self.session.trust_env = False
        socket = os.environ["DOCKER_HOST"].removeprefix("unix://")
        self.session.mount("http://", UnixHTTPAdapter(socket, timeout=PATIENCE))
        self.archive = self.send("GET", f"/images/{IMAGE}/get").content
        config = self.send("GET", f"/images/{IMAGE}/json").json()["Config"]
        self.program = (config.get("Entrypoint") or []) + (config.get("Cmd") or [])
        self.exec = ""
        self.chance = random.Random(SEED)
        self.changed = True
        # Statuses of each operation.
        self.answers = collections.defaultdict(collections.Counter)

    def send(self, method, path, expected=range(200, 400), **more):
        answer = self.session.request(method, BASE + path, timeout=PATIENCE, **more)
        assert expected is None or answer.status_code in expected, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def set_up(self):
        """Makes again what is missing or in another state than its name says."""
        if not self.changed:
            return
        self.changed = False
        if self.send("GET", f"/images/{IMAGE}/json", None).status_code != 200:
            self.send("POST", "/images/load", data=self.archive, headers={"Content-Type": "application/x-tar"})
        here = {name[1:]: item["State"] for item in self.send("GET", "/containers/json?all=1").json() for name in item["Names"]}
        for name in NAMES:
            if here.get(name) != name.removeprefix("fuzz-"):
                self.make(name, name in here)
        for kind, name in [("networks", "fuzz-network"), ("volumes", "fuzz-volume")]:
            if self.send("GET", f"/{kind}/{name}", None).status_code != 200:
                self.send("POST", f"/{kind}/create", json={"Name": name})
        self.send("POST", f"/images/{IMAGE}/tag?repo={NO_REGISTRY}/fuzz&tag=latest")
        exec = self.send("GET", f"/exec/{self.exec or 'none'}/json", None).json()
        if exec.get("Running", True) or exec["ExitCode"] is not None:
            asked = {"Cmd": self.program, "AttachStdin": True, "AttachStdout": True}
            self.exec = self.send("POST", "/containers/fuzz-running/exec", json=asked).json()["Id"]

    def make(self, name, is_there):
        if is_there:
            self.send("DELETE", f"/containers/{name}?force=1")
        body = {"Image": IMAGE, "OpenStdin": name != "fuzz-exited"}
        self.send("POST", f"/containers/create?name={name}", json=body)
        if name != "fuzz-created":
            self.send("POST", f"/containers/{name}/start")
        if name == "fuzz-paused":
            self.send("POST", f"/containers/{name}/pause")
        if name == "fuzz-exited":
            self.send("POST", f"/containers/{name}/wait")

    def clear(self):
        """Removes what requests made."""
        for item in self.send("GET", "/containers/json?all=1").json():
            if item["Names"][0][1:] not in NAMES:
                self.send("DELETE", f"/containers/{item['Id']}?force=1&v=1", None)
        self.send("POST", "/networks/prune")
        self.send("POST", '/volumes/prune?filters={"all":["true"]}')
        self.changed = True

    def start(self, id):
        """Starts what was made of a request: what was taken must not fail now."""
        answer = self.send("POST", f"/containers/{id}/start", None)
        self.send("DELETE", f"/containers/{id}?force=1&v=1", None)
        return answer

    def one_of(self, things):
        """Any; None as often as any other: what was made up is sent then."""
        return self.chance.choice([*things, None])

    def new_name(self):
        return f"fuzz-{self.chance.randrange(1 << 32)}"


@schemathesis.serializer("application/x-tar")
def as_it_is(context, value):
    return value if isinstance(value, bytes) else str(value).encode()


def tar(name="Dockerfile", text=f"FROM {IMAGE}\nLABEL fuzzed=yes\n"):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def narrowed(body, chance):
    """One of what was asked for: one wrong value hides all others."""
    if not body:
        return {}
    key = chance.choice(list(body))
    value = body[key]
    if key in ("HostConfig", "IPAM") and isinstance(value, dict):
        value = narrowed(value, chance)
    return {key: value}


def aim(stage, operation, case):
    """Names what is there, so that not all requests end at a missing container."""
    for place, things in [
        ("/containers/{id}", NAMES),
        ("/exec/{id}", [stage.exec]),
        ("/images/{name}", [IMAGE, f"{IMAGE}:latest"]),
        ("/networks/{id}", ["fuzz-network", "bridge"]),
        ("/volumes/{name}", ["fuzz-volume"]),
    ]:
        thing = stage.one_of(things) if case.path.startswith(place) else None
        if thing is not None:
            case.path_parameters = dict.fromkeys(case.path_parameters or {}, thing)
    if operation in ("DistributionInspect", "ImagePush"):
        # Anything else is a host, which would be asked.
        case.path_parameters = {"name": f"{NO_REGISTRY}/fuzz"}
    query = case.query if isinstance(case.query, dict) else {}
    if operation in ("ContainerCreate", "NetworkCreate") and isinstance(case.body, dict) and stage.one_of([1, 2, 3]):
        query["name"] = stage.new_name()
        case.body = {**narrowed(case.body, stage.chance), "Name": query["name"]}
    body = case.body if isinstance(case.body, dict) else {}
    for of, part, key, things in [
        ("ContainerCreate", body, "Image", [IMAGE] * 4),
        ("NetworkConnect", body, "Container", NAMES),
        ("NetworkDisconnect", body, "Container", NAMES),
        ("ImageCommit", query, "container", NAMES),
        ("ImageCreate", query, "fromSrc", ["-"]),
        ("ContainerRename", query, "name", [stage.new_name()]),
        ("ImageGetAll", query, "names", [IMAGE]),
        ("ContainerArchive", query, "path", ["/", "/etc"]),
        ("ContainerArchiveInfo", query, "path", ["/", "/etc"]),
        ("PutContainerArchive", query, "path", ["/", "/etc"]),
    ]:
        thing = stage.one_of(things) if of == operation else None
        if thing is not None:
            part[key] = thing
    if operation == "ContainerExec" and stage.one_of([1]):
        case.path_parameters = {"id": "fuzz-running"}
        case.body = {"Cmd": stage.program, **narrowed(body, stage.chance)}
    if operation == "ImageTag" and stage.one_of([1]):
        query.update(repo="fuzz-tag", tag="latest")
    if operation == "SystemAuth" and isinstance(case.body, dict):
        # Anything else is a host, which would be asked; none is Docker's own.
        case.body = {**body, "serveraddress": NO_REGISTRY}
    if operation == "ImageCreate" and "fromImage" in query:
        if query.get("fromSrc") == "-":
            del query["fromImage"]
        else:
            query["fromImage"] = f"{NO_REGISTRY}/{query['fromImage']}"


def upload(stage, operation, request):
    """Real archives for those that take one."""
    archives = {
        "ImageBuild": [tar(), tar(text="FROM scratch\nCOPY Dockerfile /\n")],
        "ImageLoad": [stage.archive, tar()],
        "PutContainerArchive": [tar("note", "text")],
        "ImageCreate": [tar("note", "text")],
    }
    archive = stage.one_of(archives[operation]) if operation in archives else None
    if archive is not None:
        request.pop("json", None)
        request["data"] = archive
        request["headers"]["Content-Type"] = "application/x-tar"
        if operation == "ImageBuild" and isinstance(request.get("params"), dict):
            request["params"].pop("remote", None)


def check(operation, method, documented, status, body):
    if status < 400:
        assert status in documented, f"status {status} is not among {documented}"
        return
    if method == "HEAD":
        assert status < 500
        return
    refusal = json.loads(body)
    assert isinstance(refusal, dict) and isinstance(refusal.get("message"), str) and refusal["message"], refusal
    if status >= 500:
        code = refusal.get("code")
        expected = (
            (status == 501 and code == "unsupported")
            or (status == 503 and (code == "no_swarm" or operation in REGISTRY))
            # As docker has it.
            or (status == 500 and code == "port_taken")
        )
        assert expected, f"{status}: {refusal}"


def read(operation, answer):
    """Reads to the end what has one."""
    if operation in ENDLESS and answer.status_code < 400:
        return b""
    begin = time.monotonic()
    kept = b""
    for chunk in answer.iter_content(1 << 16):
        kept += chunk if len(kept) < 1 << 20 else b""
        assert time.monotonic() - begin < PATIENCE, "the answer does not end"
    return kept


CONFIG = SchemathesisConfig.from_dict({
    "seed": SEED,
    "generation": {"max-examples": EXAMPLES, "mode": "all", "no-shrink": True, "database": "none"},
    "phases": {"stateful": {"enabled": False}},
})
DOCUMENT = yaml.safe_load(SPECIFICATION.read_text())
schema = schemathesis.openapi.from_path(SPECIFICATION, config=CONFIG)


@pytest.fixture(scope="session")
def everything():
    return Stage()


@pytest.fixture
def stage(everything):
    yield everything
    # The daemon is up, and nothing hangs.
    everything.send("GET", "/_ping")
    everything.clear()


@schema.exclude(path_regex=NO_SWARM).parametrize()
@hypothesis.settings(
    deadline=None,
    max_examples=EXAMPLES,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers(case, stage):
    described = DOCUMENT["paths"].get(case.operation.path, {}).get(case.operation.method.lower(), {})
    operation = described.get("operationId", "")
    documented = {int(status) for status in described.get("responses", {})}
    stage.set_up()
    aim(stage, operation, case)
    request = case.as_transport_kwargs(base_url=BASE)
    upload(stage, operation, request)
    shown = f"{request['method']} {request['url']} {request.get('params')} {str(request.get('json', request.get('data')))[:2000]}"
    try:
        answer = stage.session.request(**request, timeout=PATIENCE, stream=True, allow_redirects=False)
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError):
        # No client can send it.
        return
    except requests.exceptions.Timeout as error:
        raise AssertionError(f"no answer within {PATIENCE} s: {shown}") from error
    with answer:
        stage.answers[operation][answer.status_code] += 1
        stage.changed |= answer.ok and request["method"] != "GET"
        try:
            body = read(operation, answer)
            check(operation, request["method"], documented, answer.status_code, body)
            if operation == "ContainerCreate" and answer.status_code == 201:
                started = stage.start(json.loads(body)["Id"])
                check("ContainerStart", "POST", {204}, started.status_code, started.content)
        except Exception as error:
            raise AssertionError(f"{error!r}\non {shown}\n{answer.status_code} {answer.headers}") from error


def status_of(path):
    """What is answered where nothing is offered: a look for a plugin finds none, and what would bring one, or a swarm, is refused."""
    if path in ("/swarm/init", "/swarm/join"):
        return 501
    if path.startswith("/plugins"):
        return 404 if path.endswith("/json") else 501
    return 503


@pytest.mark.parametrize("path", [path for path in DOCUMENT["paths"] if re.match(NO_SWARM, path)])
def test_what_is_not_offered_says_so(path, everything):
    for method in DOCUMENT["paths"][path]:
        for body in ({}, [], None):
            answer = everything.send(method.upper(), path.format(id="x", name="x"), None, json=body)
            if (method, path) == ("get", "/plugins"):
                assert answer.json() == []
                continue
            assert answer.status_code == status_of(path)
            assert answer.json()["message"]


def test_requests_reached_what_is_offered(everything):
    """Runs last: where nothing ever succeeds, nothing is tested."""
    for operation, statuses in everything.answers.items():
        print(operation, dict(statuses))
    print(sum(sum(statuses.values()) for statuses in everything.answers.values()), "requests")
    reached = {operation for operation, statuses in everything.answers.items() if min(statuses) < 400}
    assert everything.answers.keys() - reached - REFUSED == set()

"""Images: built, listed, inspected, tagged, saved, loaded, imported, removed, pruned."""

import io
import json
import re
import tarfile
from pathlib import Path
from urllib.parse import quote

DOCKERFILE = """FROM scratch
LABEL maker=judge kind="plain one"
ENV A=1 B="two words"
COPY probe /bin/probe
COPY data /data
WORKDIR /work
EXPOSE 8080 9/udp
VOLUME /data
STOPSIGNAL SIGTERM
ENTRYPOINT ["/bin/probe"]
CMD ["say", "out", "err"]
"""

RICH = """FROM probe
ARG WHO=nobody
LABEL who=$WHO
USER 1000:1000
HEALTHCHECK --interval=100ms --timeout=20s --retries=2 CMD ["/bin/probe", "test", "/bin/probe"]
ONBUILD COPY x /x
SHELL ["/bin/probe"]
CMD ["wait"]
"""


def context(files):
    """A tar of a build's context."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, content in files.items():
            content = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), 0o755, 1700000000
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


# What dockerd tells of the containers it builds in, and of the images between two steps.
BETWEEN = re.compile(r"Removing intermediate container| ---> (Running in )?[0-9a-f]{12}$")

TAR = {"Content-Type": "application/x-tar"}


def run(side):
    side.call("images.none", "GET", "/images/json")
    probe = Path(side.probe).read_bytes()
    files = {"Dockerfile": DOCKERFILE, "probe": probe, "data/seed": "seed\n"}
    built(side, "build", "t=probe&q=0&version=1", files)
    image = side.ask("GET", "/images/probe/json").body["Id"]
    side.name_it(image, "probe id")
    build_arguments = quote(json.dumps({"WHO": "me"}))
    labels = quote(json.dumps({"late": "yes"}))
    built(side, "build.rich", f"t=rich:1&t=rich:2&buildargs={build_arguments}&labels={labels}", {"Dockerfile": RICH})
    side.name_it(side.ask("GET", "/images/rich:1/json").body["Id"], "rich id")
    quiet = context({"Dockerfile": "FROM probe\nLABEL quiet=yes\n"})
    side.call("build.quiet", "POST", "/build?t=quiet&q=1&rm=1", quiet, TAR)
    side.name_it(side.ask("GET", "/images/quiet/json").body["Id"], "quiet id")
    failures(side)
    shown(side)
    moved(side)
    removed(side)


def built(side, step, query, files):
    """Builds; the texts are joined, since each daemon cuts them where it likes."""
    answer = side.ask("POST", f"/build?{query}&rm=1&forcerm=1", context(files), TAR)
    if isinstance(answer.body, list):
        text = "".join(message.get("stream", "") for message in answer.body)
        rest = [message for message in answer.body if "stream" not in message]
        answer.body = {"text": [line for line in text.splitlines() if not BETWEEN.match(line)], "rest": rest}
    side.keep_answer(step, answer)


def failures(side):
    for name, dockerfile in {
        "unknown instruction": "FROM probe\nFROB x\n",
        "empty": "",
        "no from": "LABEL a=b\n",
        "missing source": "FROM probe\nCOPY nothing /nothing\n",
        "missing base": "FROM nowhere.invalid/nothing\n",
        "bad copy": "FROM probe\nCOPY x\n",
        "run fails": 'FROM probe\nRUN ["/bin/probe", "exit", "3"]\n',
        "unknown flag": "FROM probe\nCOPY --frob=1 a /a\n",
        "unknown stage": "FROM probe\nCOPY --from=nobody /a /a\n",
        "bad env": "FROM probe\nENV\n",
    }.items():
        built(side, f"build.fails: {name}", "t=bad", {"Dockerfile": dockerfile})
    side.call("build.fails: no Dockerfile", "POST", "/build?t=bad", context({"x": "y"}), TAR)
    side.call("build.fails: bad tag", "POST", "/build?t=UPPER", context({"Dockerfile": "FROM probe\n"}), TAR)
    side.call("build.fails: no tar", "POST", "/build?t=bad", b"this is no tar archive" * 50, TAR)
    side.call("build.fails: unknown target", "POST", "/build?t=bad&target=t", context({"Dockerfile": "FROM probe\n"}), TAR)


def shown(side):
    listed(side, "images.list", "/images/json")
    listed(side, "images.list digests", "/images/json?digests=1")
    for name, filters in {
        "label": {"label": ["who=me"]},
        "reference": {"reference": ["ri*"]},
        "before": {"before": ["rich:1"]},
        "since": {"since": ["probe"]},
        "dangling": {"dangling": ["true"]},
        "unknown": {"frob": ["x"]},
        "since nothing": {"since": ["nothing-here"]},
        "dangling maybe": {"dangling": ["maybe"]},
    }.items():
        listed(side, f"images.list {name}", f"/images/json?filters={quote(json.dumps(filters))}")
    side.call("image.inspect", "GET", "/images/probe/json")
    side.call("image.inspect rich", "GET", "/images/rich:1/json")
    side.call("image.history", "GET", "/images/probe/history")
    side.call("image.history rich", "GET", "/images/rich:1/history")
    for what in ("json", "history", "get"):
        side.call(f"image.{what} missing", "GET", f"/images/nothing-here:9/{what}")
    side.call("image.inspect bad name", "GET", "/images/UPPER/json")
    side.call("distribution missing", "GET", "/distribution/127.0.0.1:1/nothing/json")
    side.call("build.prune", "POST", "/build/prune")


def listed(side, step, path):
    """Images of one second come in any order."""
    answer = side.ask("GET", path)
    if answer.status == 200:
        answer.body.sort(key=lambda image: image["RepoTags"])
    side.keep_answer(step, answer)


def moved(side):
    side.call("image.tag", "POST", "/images/probe/tag?repo=127.0.0.1:1/team/probe&tag=v1")
    side.call("image.tag missing", "POST", "/images/nothing-here/tag?repo=x&tag=y")
    side.call("image.tag bad", "POST", "/images/probe/tag?repo=UPPER&tag=y")
    side.call("image.tag bad tag", "POST", "/images/probe/tag?repo=x&tag=a:b")
    side.call("image.push unreachable", "POST", "/images/127.0.0.1:1/team/probe/push?tag=v1", None, {"X-Registry-Auth": "e30="})
    side.call("image.push missing", "POST", "/images/127.0.0.1:1/other/push?tag=v1", None, {"X-Registry-Auth": "e30="})
    side.call("image.pull unreachable", "POST", "/images/create?fromImage=127.0.0.1:1/x&tag=1")
    side.call("image.pull bad name", "POST", "/images/create?fromImage=UPPER&tag=1")
    side.call("image.pull no name", "POST", "/images/create?fromImage=&tag=1")
    side.call("image.search", "GET", "/images/search?term=")
    saved = side.ask("GET", "/images/get?names=probe&names=rich:1")
    side.keep("image.save", {"status": saved.status, "headers": saved.headers, "files": sorted(archive(saved.raw))})
    one = side.ask("GET", "/images/rich:1/get")
    side.keep("image.save one", {"status": one.status, "manifest": archive(one.raw).get("manifest.json")})
    side.call("image.load", "POST", "/images/load?quiet=1", one.raw, TAR)
    side.call("image.load verbose", "POST", "/images/load?quiet=0", one.raw, TAR)
    side.call("image.load nonsense", "POST", "/images/load?quiet=1", b"nonsense" * 200, TAR)
    tar = context({"bin/probe": Path(side.probe).read_bytes()})
    made = side.ask("POST", '/images/create?fromSrc=-&repo=imported&tag=1&message=by+hand&changes=CMD+%5B%22/bin/probe%22%5D', tar, TAR)
    side.keep_answer("image.import", made)
    side.call("image.inspect imported", "GET", "/images/imported:1/json")
    side.call("image.history imported", "GET", "/images/imported:1/history")


def archive(raw):
    """Kinds of files in an archive of images, and the manifest's shape."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        for entry in tar:
            if entry.name == "manifest.json":
                text = json.loads(tar.extractfile(entry).read())
                found[entry.name] = [{"RepoTags": one["RepoTags"], "layers": len(one["Layers"])} for one in text]
            elif "/" not in entry.name:
                found[entry.name if not entry.name.endswith(".json") else "<config>.json"] = True
    return found


def removed(side):
    side.call("image.untag", "DELETE", "/images/127.0.0.1:1/team/probe:v1")
    parent(side)
    side.call("image.delete quiet", "DELETE", "/images/quiet")
    side.call("image.delete imported", "DELETE", "/images/imported:1")
    side.call("image.delete missing", "DELETE", "/images/nothing-here")
    side.call("image.delete bad name", "DELETE", "/images/UPPER")
    side.call("image.delete one of two names", "DELETE", "/images/rich:2")
    many = side.ask("GET", "/images/rich:1/json").body["Id"]
    side.ask("POST", "/images/rich:1/tag?repo=other&tag=1")
    side.call("image.delete id of two names", "DELETE", "/images/" + many.removeprefix("sha256:")[:12])
    side.ask("DELETE", "/images/other:1")
    side.ask("POST", "/build?rm=1", context({"Dockerfile": "FROM probe\nLABEL loose=yes\n"}), TAR)
    side.call("images.prune", "POST", "/images/prune")
    side.call("images.prune unknown filter", "POST", "/images/prune?filters=" + quote('{"frob":["x"]}'))


def parent(side):
    side.ask("POST", "/build?t=parent&rm=1", context({"Dockerfile": "FROM probe\nLABEL generation=1\n"}), TAR)
    side.ask("POST", "/build?t=child&rm=1", context({"Dockerfile": "FROM parent\nLABEL generation=2\n"}), TAR)
    image = side.name_it(side.ask("GET", "/images/parent/json").body["Id"], "parent id")
    side.call("image.delete parent", "DELETE", f"/images/{image}")
    side.ask("DELETE", "/images/child")
    side.ask("DELETE", "/images/parent")

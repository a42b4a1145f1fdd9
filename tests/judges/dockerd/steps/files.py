"""Files of containers: archives in and out, changes, export, commit."""

import io
import tarfile

from .images import TAR, context


def run(side):
    stat(side, "archive.stat", "plain", "/bin/probe")
    stat(side, "archive.stat folder", "plain", "/bin")
    stat(side, "archive.stat root", "plain", "/")
    stat(side, "archive.stat missing", "plain", "/nothing")
    stat(side, "archive.stat nobody", "nobody", "/")
    side.call("archive.put", "PUT", "/containers/plain/archive?path=/work", context({"note.txt": "hello\n"}), TAR)
    side.call("archive.put to nowhere", "PUT", "/containers/plain/archive?path=/nowhere", context({"x": "y"}), TAR)
    side.call("archive.put to a file", "PUT", "/containers/plain/archive?path=/bin/probe", context({"x": "y"}), TAR)
    side.call("archive.put nobody", "PUT", "/containers/nobody/archive?path=/", context({"x": "y"}), TAR)
    side.call("archive.put nonsense", "PUT", "/containers/plain/archive?path=/work", b"nonsense" * 100, TAR)
    side.call("archive.put no path", "PUT", "/containers/plain/archive", context({"x": "y"}), TAR)
    over = context({"bin": "a file"})
    side.call("archive.put file over folder", "PUT", "/containers/plain/archive?path=/&noOverwriteDirNonDir=1", over, TAR)
    stat(side, "archive.stat note", "plain", "/work/note.txt")
    got = side.ask("GET", "/containers/plain/archive?path=/work/note.txt")
    side.keep("archive.get", {"status": got.status, "headers": got.headers, "files": entries(got.raw)})
    got = side.ask("GET", "/containers/plain/archive?path=/work/.")
    side.keep("archive.get content", {"status": got.status, "files": entries(got.raw)})
    got = side.ask("GET", "/containers/plain/archive?path=/data")
    side.keep("archive.get volume", {"status": got.status, "files": entries(got.raw)})
    side.call("archive.get missing", "GET", "/containers/plain/archive?path=/nothing")
    side.call("archive.get no path", "GET", "/containers/plain/archive")
    side.call("archive.get nobody", "GET", "/containers/nobody/archive?path=/")
    changes = side.ask("GET", "/containers/plain/changes")
    changes.body.sort(key=lambda change: change["Path"])
    side.keep_answer("changes", changes)
    side.call("changes nobody", "GET", "/containers/nobody/changes")
    export = side.ask("GET", "/containers/plain/export")
    names = [name for name in entries(export.raw) if not name.startswith(("dev", "etc", "proc", "sys", ".dockerenv"))]
    side.keep("export", {"status": export.status, "headers": export.headers, "files": names})
    side.call("export nobody", "GET", "/containers/nobody/export")
    commit(side)


def entries(raw):
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        return sorted(f"{one.name} {one.mode & 0o7777:o} {one.type.decode()} {one.uid}:{one.gid}" for one in tar)


def stat(side, step, container, path):
    answer = side.ask("HEAD", f"/containers/{container}/archive?path={path}")
    side.keep(step, {"status": answer.status, "stat": answer.stat})


def commit(side):
    query = "container=plain&repo=committed&tag=1&author=Judge&comment=by+hand&changes=ENV+C=3&changes=CMD+%5B%22read%22%5D"
    side.call("commit", "POST", f"/commit?{query}", {})
    side.call("commit.inspect", "GET", "/images/committed:1/json")
    side.call("commit.history", "GET", "/images/committed:1/history")
    body = {"Env": ["FROM=body"], "Labels": {"from": "body"}, "ExposedPorts": {"1/tcp": {}}}
    side.call("commit.body", "POST", "/commit?container=plain&repo=committed&tag=2", body)
    side.call("commit.body inspect", "GET", "/images/committed:2/json")
    side.call("commit.nobody", "POST", "/commit?container=nobody", {})
    side.call("commit.bad name", "POST", "/commit?container=plain&repo=UPPER", {})
    side.call("commit.bad change", "POST", "/commit?container=plain&changes=FROB+x", {})
    side.call("commit.no container", "POST", "/commit", {})
    side.call("commit.delete", "DELETE", "/images/committed:1")
    side.call("commit.delete body", "DELETE", "/images/committed:2")

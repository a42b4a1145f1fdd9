"""A day's work with docker-py, against DOCKER_HOST. Usage: docker_py.py IMAGE TOOLBOX FOLDER

IMAGE greets and ends; TOOLBOX has a shell; FOLDER is a build context. It ends with "ok", or with what went wrong.
"""

import io
import sys
import tarfile
import threading

import docker
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound


def expect(what, condition):
    if not condition:
        raise AssertionError(what)


def raises(kind, call, *args, **named):
    try:
        call(*args, **named)
    except kind as error:
        return error
    raise AssertionError(f"{call.__name__} should have raised {kind.__name__}")


def system(client):
    expect("ping", client.ping())
    version = client.version()
    expect("API version", tuple(map(int, version["ApiVersion"].split("."))) >= (1, 44))
    info = client.info()
    expect("info", info["OSType"] == "linux" and info["Containers"] >= 0)
    client.df()


def containers(client, image, toolbox):
    output = client.containers.run(image, remove=True)
    expect("the greeting", output.startswith(b"Hello"))
    error = raises(ContainerError, client.containers.run, toolbox, ["sh", "-c", "echo no >&2; exit 3"], remove=True)
    expect("the status and stderr", error.exit_status == 3 and b"no" in error.stderr)
    raises(ImageNotFound, client.images.get, "nowhere/nothing:1")
    raises(NotFound, client.containers.get, "nobody")

    box = client.containers.run(
        toolbox, ["sleep", "1000"], detach=True, name="box", labels={"who": "docker-py"},
        environment={"A": "1"}, mem_limit="64m",
    )
    expect("running", box.status in ("created", "running") and client.containers.get("box").status == "running")
    expect("found by its label", [c.id for c in client.containers.list(filters={"label": "who=docker-py"})] == [box.id])
    raises(APIError, client.containers.create, image, name="box")

    status, output = box.exec_run(["sh", "-c", "echo $A; echo err >&2; exit 4"], demux=True)
    expect("exec", status == 4 and output == (b"1\n", b"err\n"))
    streamed = b"".join(box.exec_run(["sh", "-c", "for i in 1 2 3; do echo $i; done"], stream=True).output)
    expect("a streamed exec", streamed == b"1\n2\n3\n")
    expect("a user of its own", box.exec_run(["touch", "/bin/mine"], user="1000").exit_code != 0)
    expect("root", box.exec_run(["touch", "/bin/mine"]).exit_code == 0)

    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        entry = tarfile.TarInfo("note.txt")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"hello"))
    expect("put_archive", box.put_archive("/tmp", data.getvalue()))
    expect("cat", box.exec_run(["cat", "/tmp/note.txt"]).output == b"hello")
    chunks, stat = box.get_archive("/tmp/note.txt")
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
        expect("get_archive", tar.extractfile("note.txt").read() == b"hello" and stat["size"] == 5)
    expect("diff", any(change["Path"] == "/tmp/note.txt" for change in box.diff()))

    stats = box.stats(stream=False)
    expect("stats", stats["memory_stats"]["limit"] == 64 << 20)
    top = box.top()
    expect("top", any("sleep" in " ".join(row) for row in top["Processes"]))
    box.pause()
    box.reload()
    expect("paused", box.status == "paused")
    box.unpause()
    box.rename("crate")
    expect("renamed", client.containers.get("crate").id == box.id)
    made = box.commit(repository="boxed", tag="1", changes=["CMD [\"cat\", \"/tmp/note.txt\"]"])
    expect("committed", client.containers.run(made.tags[0], remove=True) == b"hello")
    box.update(restart_policy={"Name": "on-failure", "MaximumRetryCount": 2})
    box.stop(timeout=1)
    expect("its status", box.wait()["StatusCode"] in (137, 143))
    box.update(mem_limit="128m", memswap_limit="256m")
    box.start()
    box.restart(timeout=1)
    box.kill()
    exported = b"".join(box.export())
    expect("export", len(exported) > 1024)
    box.remove(force=True, v=True)
    raises(NotFound, box.reload)
    client.images.remove("boxed:1")


def logs(client, toolbox):
    box = client.containers.run(toolbox, ["sh", "-c", "echo one; echo two >&2; sleep 1; echo three"], detach=True)
    lines = [line.strip() for line in box.logs(stream=True, follow=True)]
    expect("followed", sorted(lines) == [b"one", b"three", b"two"])
    expect("stderr alone", box.logs(stdout=False) == b"two\n")
    expect("the tail", box.logs(tail=1, stderr=False) == b"three\n")
    expect("time stamps", box.logs(timestamps=True).split()[0].endswith(b"Z"))
    box.remove()


def events(client, image):
    seen = []
    started = threading.Event()
    stream = client.events(decode=True, filters={"type": "container"})

    def watch():
        started.set()
        for event in stream:
            seen.append(event["Action"])
            if event["Action"] == "destroy":
                break

    watcher = threading.Thread(target=watch)
    watcher.start()
    started.wait()
    client.containers.run(image, remove=True)
    watcher.join(20)
    stream.close()
    for action in ("create", "start", "die", "destroy"):
        expect(f"the event {action} in {seen}", action in seen)


def images(client, image, folder):
    built, lines = client.images.build(path=folder, tag="built:1", rm=True)
    expect("built", "built:1" in built.tags and any("Step" in line.get("stream", "") for line in lines))
    expect("listed", any("built:1" in i.tags for i in client.images.list()))
    expect("its history", built.history())
    expect("tagged", built.tag("built", "2"))
    saved = b"".join(built.save(named=True))
    client.images.remove("built:2")
    client.images.remove("built:1", force=True)
    expect("loaded", any("built:1" in i.tags for i in client.images.load(saved)))
    client.images.remove("built:1")
    client.images.prune()


def volumes(client, toolbox):
    volume = client.volumes.create("kept", labels={"who": "docker-py"})
    client.containers.run(toolbox, ["sh", "-c", "echo data > /v/file"], volumes={"kept": {"bind": "/v", "mode": "rw"}}, remove=True)
    output = client.containers.run(toolbox, ["cat", "/v/file"], volumes={"kept": {"bind": "/v", "mode": "ro"}}, remove=True)
    expect("the volume's file", output == b"data\n")
    expect("listed", [v.name for v in client.volumes.list(filters={"label": "who=docker-py"})] == ["kept"])
    volume.remove()
    raises(NotFound, client.volumes.get, "kept")


def networks(client, toolbox):
    pool = docker.types.IPAMPool(subnet="10.77.0.0/24", gateway="10.77.0.1")
    network = client.networks.create("net-a", labels={"who": "docker-py"}, ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    box = client.containers.create(toolbox, ["sleep", "1000"], network="net-a", name="member")
    box.start()
    box.reload()
    address = box.attrs["NetworkSettings"]["Networks"]["net-a"]["IPAddress"]
    expect(f"its address {address}", address.startswith("10.77.0."))
    network.reload()
    expect("its member", [c.name for c in network.containers] == ["member"])
    raises(APIError, network.remove)
    other = client.networks.create("net-b")
    other.connect(box, aliases=["friend"])
    box.reload()
    expect("connected", set(box.attrs["NetworkSettings"]["Networks"]) == {"net-a", "net-b"})
    other.disconnect(box)
    box.remove(force=True)
    network.remove()
    other.remove()
    raises(NotFound, client.networks.get, "net-a")


def main():
    image, toolbox, folder = sys.argv[1:4]
    client = docker.from_env(timeout=60)
    parts = {
        "system": lambda: system(client),
        "containers": lambda: containers(client, image, toolbox),
        "logs": lambda: logs(client, toolbox),
        "events": lambda: events(client, image),
        "images": lambda: images(client, image, folder),
        "volumes": lambda: volumes(client, toolbox),
        "networks": lambda: networks(client, toolbox),
    }
    wanted = sys.argv[4:] or parts
    for name in wanted:
        parts[name]()
        print(name, "ok", flush=True)


if __name__ == "__main__":
    main()

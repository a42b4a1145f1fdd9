"""The list of containers and its filters."""

import json
from urllib.parse import quote

from .containers import create


def run(side):
    create(side, "lasting", {"Image": "probe", "Cmd": ["wait"], "Labels": {"in": "list"}, "HostConfig": {"PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}]}}})
    side.ask("POST", "/containers/lasting/start")
    side.until_running("lasting")
    port = side.ask("GET", "/containers/lasting/json").body["NetworkSettings"]["Ports"]["8080/tcp"][0]["HostPort"]
    side.port = int(port)
    answer = side.ask("GET", "/containers/json?all=1")
    for container in answer.body:
        for one in container["Ports"]:
            if one.get("PublicPort") == side.port:
                one["PublicPort"] = -1
    side.keep_answer("list", answer)
    sized = side.ask("GET", "/containers/json?size=1&limit=1").body
    side.keep("list with size", sorted(sized[0]))
    for name, filters in {
        "running": {"status": ["running"]},
        "exited": {"status": ["exited"]},
        "created": {"status": ["created"]},
        "odd status": {"status": ["frob"]},
        "label": {"label": ["in=list"]},
        "label missing": {"label": ["in=other"]},
        "name": {"name": ["last"]},
        "name regex": {"name": ["^/last.*g$"]},
        "id": {"id": [side.ask("GET", "/containers/lasting/json").body["Id"][:10]]},
        "ancestor": {"ancestor": ["probe"]},
        "ancestor rich": {"ancestor": ["rich:1"]},
        "ancestor missing": {"ancestor": ["nothing-here"]},
        "before": {"before": ["lasting"]},
        "since": {"since": ["full"]},
        "since missing": {"since": ["nobody"]},
        "exit code": {"exited": ["0"]},
        "odd exit code": {"exited": ["frob"]},
        "volume": {"volume": ["named"]},
        "volume by path": {"volume": ["/data"]},
        "network": {"network": ["bridge"]},
        "network missing": {"network": ["nothing"]},
        "publish": {"publish": ["8080"]},
        "publish some": {"publish": [port]},
        "expose": {"expose": ["7070/tcp"]},
        "expose range": {"expose": ["7000-7100/tcp"]},
        "health": {"health": ["none"]},
        "odd health": {"health": ["frob"]},
        "isolation": {"isolation": ["default"]},
        "is task": {"is-task": ["true"]},
        "unknown": {"frob": ["x"]},
        "odd publish": {"publish": ["frob"]},
    }.items():
        names(side, f"list {name}", f"/containers/json?all=1&filters={quote(json.dumps(filters))}")
    names(side, "list not all", "/containers/json")
    names(side, "list limit", "/containers/json?limit=2")
    side.call("list odd limit", "GET", "/containers/json?limit=frob")
    side.call("list odd filters", "GET", "/containers/json?filters=frob")
    side.call("container.remove lasting", "DELETE", "/containers/lasting?force=1&v=1")
    side.call("containers.prune unknown filter", "POST", "/containers/prune?filters=" + quote('{"frob":["x"]}'))
    side.call("containers.prune label", "POST", "/containers/prune?filters=" + quote('{"label":["com.example.who=judge"]}'))
    pruned = side.ask("POST", "/containers/prune")
    pruned.body["ContainersDeleted"] = len(pruned.body["ContainersDeleted"] or [])
    side.keep_answer("containers.prune", pruned)
    side.call("containers.prune none", "POST", "/containers/prune")
    side.call("list none", "GET", "/containers/json?all=1")


def names(side, step, path):
    answer = side.ask("GET", path)
    if answer.status == 200:
        side.keep(step, [container["Names"] for container in answer.body])
    else:
        side.keep_answer(step, answer)

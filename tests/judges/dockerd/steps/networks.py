"""Networks: made, shown, joined, left, pruned."""

import json
import time
from urllib.parse import quote

from .containers import create
from .life import events

SEA = {
    "Name": "sea",
    "CheckDuplicate": True,
    "Driver": "bridge",
    "Labels": {"l": "1"},
    "Options": {"o": "2"},
    "IPAM": {"Config": [{"Subnet": "10.83.0.0/24", "Gateway": "10.83.0.1"}]},
}


def run(side):
    begin = time.time()
    made(side, "network.create", SEA)
    made(side, "network.create plain", {"Name": "lake"})
    made(side, "network.create internal", {"Name": "pond", "Internal": True, "Attachable": True})
    side.call("network.inspect", "GET", "/networks/sea")
    side.call("network.inspect verbose", "GET", "/networks/sea?verbose=1&scope=local")
    side.call("network.inspect bridge", "GET", "/networks/bridge")
    side.call("network.inspect host", "GET", "/networks/host")
    side.call("network.inspect none", "GET", "/networks/none")
    networks = side.ask("GET", "/networks").body
    side.keep("network.list", sorted(networks, key=lambda network: network["Name"]))
    for name, filters in {
        "name": {"name": ["se"]},
        "driver": {"driver": ["bridge"]},
        "type": {"type": ["custom"]},
        "label": {"label": ["l=1"]},
        "dangling": {"dangling": ["true"]},
        "unknown": {"frob": ["x"]},
        "odd type": {"type": ["frob"]},
    }.items():
        answer = side.ask("GET", f"/networks?filters={quote(json.dumps(filters))}")
        if answer.status == 200:
            side.keep(f"network.list {name}", sorted(network["Name"] for network in answer.body))
        else:
            side.keep_answer(f"network.list {name}", answer)
    refused(side)
    joined(side)
    for name in ("sea", "lake", "pond"):
        side.call(f"network.remove {name}", "DELETE", f"/networks/{name}")
    made(side, "network.create to be pruned", {"Name": "puddle"})
    side.call("network.prune", "POST", "/networks/prune")
    events(side, "networks", begin, {"type": ["network"]})


def made(side, step, body):
    answer = side.call(step, "POST", "/networks/create", body)
    if answer.status == 201:
        side.name_it(answer.body["Id"], f"{body['Name']} id")


def refused(side):
    for name, body in {
        "taken": SEA,
        "no name": {},
        "odd name": {"Name": "/"},
        "predefined": {"Name": "host"},
        "second host": {"Name": "x1", "Driver": "host"},
        "subnet": {"Name": "x1", "IPAM": {"Config": [{"Subnet": "frob"}]}},
        "overlap": {"Name": "x1", "IPAM": {"Config": [{"Subnet": "10.83.0.0/25"}]}},
        "gateway": {"Name": "x1", "IPAM": {"Config": [{"Subnet": "10.84.0.0/24", "Gateway": "10.85.0.1"}]}},
    }.items():
        answer = side.call(f"network.create {name}", "POST", "/networks/create", body)
        if answer.status == 201:
            side.ask("DELETE", f"/networks/{answer.body['Id']}")
    side.call("network.inspect missing", "GET", "/networks/nothing")
    side.call("network.remove missing", "DELETE", "/networks/nothing")
    side.call("network.remove bridge", "DELETE", "/networks/bridge")
    side.call("network.connect nobody", "POST", "/networks/sea/connect", {"Container": "nobody"})
    side.call("network.connect to nothing", "POST", "/networks/nothing/connect", {"Container": "plain"})
    side.call("network.disconnect nobody", "POST", "/networks/sea/disconnect", {"Container": "nobody"})
    side.call("network.disconnect from nothing", "POST", "/networks/nothing/disconnect", {"Container": "plain"})


def joined(side):
    endpoint = {"Aliases": ["db"], "IPAMConfig": {"IPv4Address": "10.83.0.77"}}
    body = {"Image": "probe", "Cmd": ["wait"], "HostConfig": {"NetworkMode": "sea"}}
    create(side, "member", {**body, "NetworkingConfig": {"EndpointsConfig": {"sea": endpoint}}})
    side.call("container.inspect member created", "GET", "/containers/member/json")
    side.ask("POST", "/containers/member/start")
    side.until_running("member")
    side.call("network.connect", "POST", "/networks/lake/connect", {"Container": "member", "EndpointConfig": {"Aliases": ["other"]}})
    side.call("network.connect again", "POST", "/networks/lake/connect", {"Container": "member"})
    side.call("network.inspect member", "GET", "/networks/sea")
    shown = side.ask("GET", "/containers/member/json").body["NetworkSettings"]
    side.keep("container.networks", shown)
    create(side, "outsider", {"Image": "probe"})
    for name, address in {"outside": "10.99.0.1", "taken address": "10.83.0.77"}.items():
        asked = {"Container": "outsider", "EndpointConfig": {"IPAMConfig": {"IPv4Address": address}}}
        side.call(f"network.connect {name}", "POST", "/networks/sea/connect", asked)
    side.ask("DELETE", "/containers/outsider?v=1")
    side.call("network.connect host", "POST", "/networks/host/connect", {"Container": "member"})
    side.call("network.remove in use", "DELETE", "/networks/sea")
    side.call("network.disconnect", "POST", "/networks/lake/disconnect", {"Container": "member"})
    side.call("network.disconnect again", "POST", "/networks/lake/disconnect", {"Container": "member"})
    side.call("container.remove member", "DELETE", "/containers/member?force=1&v=1")
    create(side, "published", {"Image": "probe", "Cmd": ["wait"], "HostConfig": {"PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": "0"}]}, "PublishAllPorts": False}})
    side.ask("POST", "/containers/published/start")
    side.until_running("published")
    ports = side.ask("GET", "/containers/published/json").body["NetworkSettings"]["Ports"]
    ports["8080/tcp"][0]["HostPort"] = "a free one"
    side.keep("container.ports", ports)
    side.ask("DELETE", "/containers/published?force=1&v=1")
    create(side, "unconnected", {"Image": "probe", "HostConfig": {"NetworkMode": "no-such-network"}})
    side.call("start unconnected", "POST", "/containers/unconnected/start")
    side.ask("DELETE", "/containers/unconnected?force=1&v=1")

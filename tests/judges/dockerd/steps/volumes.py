"""Volumes: made, shown, used, removed, pruned."""

import json
import time
from urllib.parse import quote

from .life import events


def run(side):
    begin = time.time()
    side.call("volume.create", "POST", "/volumes/create", {"Name": "mine", "Labels": {"l": "1"}, "DriverOpts": {}})
    side.call("volume.create again", "POST", "/volumes/create", {"Name": "mine"})
    unnamed = side.call("volume.create unnamed", "POST", "/volumes/create", {})
    side.call("volume.remove unnamed", "DELETE", f"/volumes/{unnamed.body['Name']}")
    side.call("volume.inspect", "GET", "/volumes/mine")
    side.call("volume.inspect missing", "GET", "/volumes/nothing")
    for name, body in {
        "odd name": {"Name": "-x"},
        "short name": {"Name": "x"},
        "options": {"Name": "mine3", "DriverOpts": {"frob": "1"}},
    }.items():
        side.call(f"volume.create {name}", "POST", "/volumes/create", body)
    side.call("volume.remove in use", "DELETE", "/volumes/named")
    side.call("volume.remove missing", "DELETE", "/volumes/nothing")
    side.call("volume.remove missing by force", "DELETE", "/volumes/nothing?force=1")
    for name, filters in {
        "all": {},
        "name": {"name": ["min"]},
        "label": {"label": ["l=1"]},
        "dangling": {"dangling": ["true"]},
        "driver": {"driver": ["local"]},
        "unknown": {"frob": ["x"]},
        "odd dangling": {"dangling": ["maybe"]},
    }.items():
        answer = side.ask("GET", f"/volumes?filters={quote(json.dumps(filters))}")
        if answer.status == 200:
            volumes = answer.body["Volumes"]
            answer.body["Volumes"] = volumes and sorted(side.names.text(volume["Name"]) for volume in volumes)
        side.keep_answer(f"volume.list {name}", answer)
    side.call("volume.remove", "DELETE", "/volumes/mine")
    side.ask("POST", "/volumes/create", {"Name": "loose"})
    pruned = side.ask("POST", "/volumes/prune?filters=" + quote('{"label!":["l"]}'))
    pruned.body["VolumesDeleted"].sort(key=lambda name: (len(name), name))
    side.keep_answer("volume.prune", pruned)
    events(side, "volumes", begin, {"type": ["volume"]})

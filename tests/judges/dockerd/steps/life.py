"""The life of a container, the errors of each of its states, and the events it leaves."""

import json
import time
from urllib.parse import quote

from .containers import create


def run(side):
    begin = time.time()
    create(side, "lively", {"Image": "probe", "Cmd": ["wait"], "Labels": {"l": "1"}, "HostConfig": {"Binds": ["kept:/kept"]}})
    for verb in ("stop", "kill", "pause", "unpause"):
        side.call(f"{verb} created", "POST", f"/containers/lively/{verb}")
    side.call("start", "POST", "/containers/lively/start")
    side.until_running("lively")
    side.call("start again", "POST", "/containers/lively/start")
    side.call("container.inspect running", "GET", "/containers/lively/json")
    side.call("unpause running", "POST", "/containers/lively/unpause")
    side.call("remove running", "DELETE", "/containers/lively")
    top = side.ask("GET", "/containers/lively/top")
    commands = top.body["Titles"].index("CMD")
    top.body["Processes"] = [process[commands] for process in top.body["Processes"]]
    side.keep_answer("top", top)
    side.call("top odd", "GET", "/containers/lively/top?ps_args=frob")
    side.call("stats", "GET", "/containers/lively/stats?stream=0")
    side.call("stats one shot", "GET", "/containers/lively/stats?stream=0&one-shot=1")
    side.call("pause", "POST", "/containers/lively/pause")
    side.call("pause again", "POST", "/containers/lively/pause")
    side.call("container.inspect paused", "GET", "/containers/lively/json")
    side.call("start paused", "POST", "/containers/lively/start")
    side.call("remove paused", "DELETE", "/containers/lively")
    side.call("unpause", "POST", "/containers/lively/unpause")
    side.call("rename running", "POST", "/containers/lively/rename?name=livelier")
    side.call("update running", "POST", "/containers/livelier/update", {"RestartPolicy": {"Name": "no"}})
    side.call("restart", "POST", "/containers/livelier/restart?t=5")
    side.until_running("livelier")
    side.call("kill odd", "POST", "/containers/livelier/kill?signal=FROB")
    side.call("stop", "POST", "/containers/livelier/stop?t=5")
    side.call("stop again", "POST", "/containers/livelier/stop")
    side.call("kill ended", "POST", "/containers/livelier/kill")
    side.call("pause ended", "POST", "/containers/livelier/pause")
    side.call("top ended", "GET", "/containers/livelier/top")
    side.call("stats ended", "GET", "/containers/livelier/stats?stream=0")
    side.call("container.inspect stopped", "GET", "/containers/livelier/json")
    side.ask("POST", "/containers/livelier/start")
    side.call("kill", "POST", "/containers/livelier/kill?signal=KILL")
    side.ask("POST", "/containers/livelier/wait")
    side.call("container.inspect killed", "GET", "/containers/livelier/json")
    side.call("remove", "DELETE", "/containers/livelier?v=1")
    side.call("remove again", "DELETE", "/containers/livelier")
    events(side, "lively", begin, {"container": ["lively", "livelier"]})
    ends(side)
    health(side)
    missing(side)


def events(side, name, begin, filters):
    """The events since `begin`, in words of both."""
    time.sleep(0.1)
    query = f"since={begin:.9f}&until={time.time():.9f}&filters={quote(json.dumps(filters))}"
    answer = side.ask("GET", f"/events?{query}")
    found = answer.body if isinstance(answer.body, list) else [answer.body]
    side.keep(f"events {name}", {"status": answer.status, "headers": answer.headers, "events": found})


def ends(side):
    begin = time.time()
    create(side, "failing", {"Image": "probe", "Cmd": ["exit", "3"]})
    side.call("start failing", "POST", "/containers/failing/start")
    side.call("wait failing", "POST", "/containers/failing/wait")
    side.call("container.inspect failed", "GET", "/containers/failing/json")
    side.call("remove failing", "DELETE", "/containers/failing?v=1")
    create(side, "removed", {"Image": "probe", "Entrypoint": ["/bin/nothing"], "HostConfig": {"AutoRemove": True}})
    wait = side.begin("POST", "/containers/removed/wait?condition=removed")
    side.call("start removed", "POST", "/containers/removed/start")
    side.keep_answer("wait removed after a failed start", wait())
    create(side, "absent", {"Image": "probe", "Entrypoint": ["/bin/nothing"]})
    side.call("start absent", "POST", "/containers/absent/start")
    side.call("container.inspect absent", "GET", "/containers/absent/json")
    side.call("remove absent", "DELETE", "/containers/absent?v=1")
    create(side, "data", {"Image": "probe", "Entrypoint": ["/data/seed"]})
    side.call("start data", "POST", "/containers/data/start")
    side.call("remove data", "DELETE", "/containers/data?v=1")
    create(side, "brief", {"Image": "probe", "HostConfig": {"AutoRemove": True}})
    wait = side.begin("POST", "/containers/brief/wait?condition=removed")
    side.call("start brief", "POST", "/containers/brief/start")
    side.keep_answer("wait removed", wait())
    create(side, "again", {"Image": "probe", "Cmd": ["exit", "4"], "HostConfig": {"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 1}}})
    side.ask("POST", "/containers/again/start")
    side.until("/containers/again/json", lambda body: body["RestartCount"] == 1 and body["State"]["Status"] == "exited")
    side.call("container.inspect restarted", "GET", "/containers/again/json")
    side.call("remove by force", "DELETE", "/containers/again?force=1&v=1")
    events(side, "ends", begin, {"type": ["container"]})


def health(side):
    begin = time.time()
    side.call("start healthy", "POST", "/containers/healthy/start")
    side.until("/containers/healthy/json", lambda body: body["State"]["Health"]["Status"] == "healthy")
    healthy = side.ask("GET", "/containers/healthy/json").body["State"]["Health"]
    healthy["Log"] = healthy["Log"][:1]
    side.keep("health", healthy)
    side.call("container.inspect in the list", "GET", "/containers/json?filters=" + quote('{"health":["healthy"]}'))
    side.call("stop healthy", "POST", "/containers/healthy/stop?t=5")
    side.call("remove healthy", "DELETE", "/containers/healthy?v=1")
    events(side, "health", begin, {"type": ["container"], "event": ["health_status", "start", "die", "stop", "destroy"]})


def missing(side):
    for verb in ("start", "stop", "restart", "kill", "pause", "unpause"):
        side.call(f"{verb} nobody", "POST", f"/containers/nobody/{verb}")
    for what in ("json", "top", "stats?stream=0"):
        side.call(f"{what} nobody", "GET", f"/containers/nobody/{what}")
    side.call("start with a body", "POST", "/containers/plain/start", {"Binds": ["a:/b"]})

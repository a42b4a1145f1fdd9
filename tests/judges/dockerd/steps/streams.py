"""Streams of containers: attach, logs, resize, wait, and what a terminal changes."""

import time

from side import CannotRun

from .containers import create


def run(side):
    attached(side)
    logs(side)
    terminal(side)
    refused(side)


def attached(side):
    create(side, "echo", {"Image": "probe", "Cmd": ["cat"], "OpenStdin": True, "StdinOnce": True, "AttachStdin": True})
    end = side.hijack("attach", "/containers/echo/attach?stream=1&stdin=1&stdout=1&stderr=1", send=b"typed\n")
    wait = side.begin("POST", "/containers/echo/wait?condition=next-exit")
    started = side.call("start echo", "POST", "/containers/echo/start")
    if side.name == "docker" and started.status >= 500:
        raise CannotRun(started.body["message"])
    end()
    side.keep_answer("wait", wait())
    side.call("wait ended", "POST", "/containers/echo/wait")
    end = side.hijack("attach without upgrade", "/containers/echo/attach?stream=1&stdin=1&stdout=1", send=b"again\n", upgrade=False)
    side.ask("POST", "/containers/echo/start")
    end()
    side.ask("POST", "/containers/echo/wait")
    side.hijack("attach to logs", "/containers/echo/attach?logs=1&stdout=1&stderr=1")()
    side.call("container.inspect ended", "GET", "/containers/echo/json")


def logs(side):
    create(side, "speaker", {"Image": "probe", "Cmd": ["say", "to out", "to err"]})
    side.call("logs before start", "GET", "/containers/speaker/logs?stdout=1&stderr=1")
    side.call("start speaker", "POST", "/containers/speaker/start")
    side.ask("POST", "/containers/speaker/wait")
    create(side, "counter", {"Image": "probe", "Cmd": ["lines", "1", "2", "3"]})
    side.ask("POST", "/containers/counter/start")
    side.ask("POST", "/containers/counter/wait")
    for tail in ("2", "0", "all", "-1", "frob"):
        side.call(f"logs tail {tail}", "GET", f"/containers/counter/logs?stdout=1&stderr=1&tail={tail}")
    for name, query in {
        "both": "stdout=1&stderr=1",
        "out": "stdout=1",
        "err": "stderr=1",
        "times": "stdout=1&timestamps=1",
        "since the future": f"stdout=1&since={int(time.time()) + 1000}",
        "until the past": "stdout=1&until=1000",
        "since odd": "stdout=1&since=frob",
        "follow": "stdout=1&follow=1",
        "details": "stdout=1&details=1",
        "no stream": "",
    }.items():
        side.call(f"logs {name}", "GET", f"/containers/speaker/logs?{query}")
    side.call("logs nobody", "GET", "/containers/nobody/logs?stdout=1")
    create(side, "silent", {"Image": "probe", "Cmd": ["say", "a", "b"], "HostConfig": {"LogConfig": {"Type": "none"}}})
    side.ask("POST", "/containers/silent/start")
    side.ask("POST", "/containers/silent/wait")
    side.call("logs of driver none", "GET", "/containers/silent/logs?stdout=1")
    side.call("remove silent", "DELETE", "/containers/silent")


def terminal(side):
    end = side.hijack("attach terminal", "/containers/terminal/attach?stream=1&stdin=1&stdout=1&stderr=1", half_close=False)
    side.call("resize stopped", "POST", "/containers/terminal/resize?h=24&w=80")
    side.ask("POST", "/containers/terminal/start")
    side.call("resize", "POST", "/containers/terminal/resize?h=24&w=80")
    side.call("resize odd", "POST", "/containers/terminal/resize?h=frob&w=80")
    end(b"typed\n\x04")
    side.call("wait terminal", "POST", "/containers/terminal/wait")
    side.call("logs terminal", "GET", "/containers/terminal/logs?stdout=1&stderr=1")
    side.call("container.remove terminal", "DELETE", "/containers/terminal?v=1")


def refused(side):
    side.call("attach nobody", "POST", "/containers/nobody/attach?stream=1&stdout=1")
    side.call("attach odd keys", "POST", "/containers/speaker/attach?stream=1&detachKeys=frob-x")
    side.call("wait nobody", "POST", "/containers/nobody/wait")
    side.call("wait odd", "POST", "/containers/speaker/wait?condition=frob")
    side.call("resize nobody", "POST", "/containers/nobody/resize?h=1&w=1")

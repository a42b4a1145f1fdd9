"""Processes in running containers."""

import time

from .containers import create
from .life import events


def run(side):
    create(side, "host", {"Image": "probe", "Cmd": ["wait"]})
    side.call("exec in created", "POST", "/containers/host/exec", {"Cmd": ["/bin/probe"]})
    side.ask("POST", "/containers/host/start")
    side.until_running("host")
    begin = time.time()
    made = made_exec(side, "exec", Cmd=["/bin/probe", "cat"], AttachStdin=True, AttachStdout=True, AttachStderr=True, Env=["X=1"])
    side.call("exec.inspect", "GET", f"/exec/{made}/json")
    side.hijack("exec.start", f"/exec/{made}/start", {"Detach": False, "Tty": False}, send=b"typed\n")()
    side.until(f"/exec/{made}/json", lambda body: not body["Running"])
    side.call("exec.inspect ended", "GET", f"/exec/{made}/json")
    side.call("exec.start again", "POST", f"/exec/{made}/start", {"Detach": False, "Tty": False})
    failing = made_exec(side, "exec.failing", Cmd=["/bin/probe", "exit", "5"], AttachStdout=True)
    side.call("exec.start failing", "POST", f"/exec/{failing}/start", {})
    side.until(f"/exec/{failing}/json", lambda body: not body["Running"])
    side.call("exec.inspect failed", "GET", f"/exec/{failing}/json")
    absent = made_exec(side, "exec.absent", Cmd=["/bin/nothing"], AttachStdout=True)
    side.hijack("exec.start absent", f"/exec/{absent}/start", {"Detach": False, "Tty": False})()
    side.call("exec.inspect absent", "GET", f"/exec/{absent}/json")
    away = made_exec(side, "exec.detached", Cmd=["/bin/probe", "write", "/tmp-by-exec", "x"], User="0", WorkingDir="/")
    side.call("exec.start detached", "POST", f"/exec/{away}/start", {"Detach": True})
    side.until(f"/exec/{away}/json", lambda body: not body["Running"])
    events(side, "exec", begin, {"container": ["host"], "event": ["exec_create", "exec_start", "exec_die"]})
    for name, body in {
        "no command": {},
        "empty command": {"Cmd": []},
        "odd user": {"Cmd": ["/bin/probe"], "User": "nobody-here"},
        "odd keys": {"Cmd": ["/bin/probe"], "DetachKeys": "frob-x"},
    }.items():
        answer = side.call(f"exec {name}", "POST", "/containers/host/exec", body)
        if answer.status == 201:
            side.name_it(answer.body["Id"], f"exec {name}")
            side.call(f"exec.start {name}", "POST", f"/exec/{answer.body['Id']}/start", {"Detach": False})
    side.call("exec nobody", "POST", "/containers/nobody/exec", {"Cmd": ["/bin/probe"]})
    for what, method in {"json": "GET", "start": "POST", "resize?h=1&w=1": "POST"}.items():
        side.call(f"exec.{what} missing", method, f"/exec/missing/{what}", {} if what == "start" else None)
    side.call("exec.resize ended", "POST", f"/exec/{failing}/resize?h=1&w=1")
    side.ask("POST", "/containers/host/pause")
    side.call("exec paused", "POST", "/containers/host/exec", {"Cmd": ["/bin/probe"]})
    side.ask("POST", "/containers/host/unpause")
    side.ask("DELETE", "/containers/host?force=1&v=1")


def made_exec(side, step, **body):
    answer = side.call(f"{step}.create", "POST", "/containers/host/exec", body)
    return side.name_it(answer.body["Id"], f"{step} id")

"""Containers: made with everything that can be asked for, shown, renamed, removed."""

# What clients send most: nearly nothing.
PLAIN = {"Image": "probe"}

# All that holds for both kinds of containers.
FULL = {
    "Image": "probe",
    "Hostname": "full-host",
    "Domainname": "example.org",
    "User": "0:0",
    "AttachStdin": True,
    "AttachStdout": True,
    "AttachStderr": True,
    "OpenStdin": True,
    "StdinOnce": True,
    "Tty": False,
    "Env": ["A=asked", "NEW=1"],
    "Cmd": ["wait"],
    "Entrypoint": ["/bin/probe"],
    "Labels": {"com.example.who": "judge", "kind": "mine"},
    "WorkingDir": "/tmp",
    "StopSignal": "SIGINT",
    "StopTimeout": 7,
    "ExposedPorts": {"7070/tcp": {}},
    "Volumes": {"/anonymous": {}},
    "Healthcheck": {
        "Test": ["CMD", "/bin/probe", "test", "/bin/probe"],
        "Interval": 1000000000,
        "Timeout": 20000000000,
        "Retries": 3,
        "StartPeriod": 1000000,
    },
    "HostConfig": {
        "Binds": ["named:/named", "readable:/readable:ro"],
        "Memory": 134217728,
        "MemoryReservation": 67108864,
        "NanoCpus": 500000000,
        "PidsLimit": 100,
        "PortBindings": {"8080/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]},
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "2"}},
        "ReadonlyRootfs": False,
        "Tmpfs": {"/scratch": "size=1m"},
        "ExtraHosts": ["db:10.0.0.9"],
        "Dns": ["9.9.9.9"],
        "DnsSearch": ["example.org"],
        "DnsOptions": ["ndots:1"],
        "Mounts": [{"Type": "volume", "Source": "by-mount", "Target": "/by-mount", "ReadOnly": True}],
        "Ulimits": [{"Name": "nofile", "Soft": 100, "Hard": 200}],
        "ShmSize": 1048576,
    },
}


def run(side):
    create(side, "plain", PLAIN)
    side.call("container.inspect plain", "GET", "/containers/plain/json")
    create(side, "full", FULL)
    side.call("container.inspect full", "GET", "/containers/full/json")
    side.call("container.inspect full with size", "GET", "/containers/full/json?size=1")
    create(side, "terminal", {"Image": "probe", "Tty": True, "OpenStdin": True, "Cmd": ["cat"]})
    side.call("container.inspect terminal", "GET", "/containers/terminal/json")
    create(side, "healthy", {"Image": "rich:1"})
    side.call("container.inspect healthy", "GET", "/containers/healthy/json")
    create(side, "no entrypoint", {"Image": "probe", "Entrypoint": [], "Cmd": ["/bin/probe", "say", "a", "b"]}, "bare")
    side.call("container.inspect bare", "GET", "/containers/bare/json")
    create(side, "shell form", {"Image": "probe", "Cmd": "one string", "Entrypoint": "/bin/probe"}, "shelled")
    side.call("container.inspect shelled", "GET", "/containers/shelled/json")
    create(side, "hostly", {"Image": "probe", "HostConfig": {"NetworkMode": "host"}})
    side.call("container.inspect hostly", "GET", "/containers/hostly/json")
    create(side, "lonely", {"Image": "probe", "HostConfig": {"NetworkMode": "none"}, "NetworkDisabled": False})
    side.call("container.inspect lonely", "GET", "/containers/lonely/json")
    refused(side)
    renamed(side)
    limited(side)
    removed(side)


def create(side, step, body, name=None):
    name = name or step
    answer = side.call(f"container.create {step}", "POST", f"/containers/create?name={name}", body)
    if answer.status == 201:
        side.name_it(answer.body["Id"], f"{name} id")
    return answer


def refused(side):
    side.call("container.create taken name", "POST", "/containers/create?name=plain", PLAIN)
    for name, path, body in [
        ("bad name", "?name=-x", PLAIN),
        ("short name", "?name=x", PLAIN),
        ("no image", "", {}),
        ("unknown image", "", {"Image": "nothing-here:1"}),
        ("bad image", "", {"Image": "UPPER"}),
        ("no body", "", None),
        ("bad bind", "", {"Image": "probe", "HostConfig": {"Binds": ["aa:relative"]}}),
        ("bad bind mode", "", {"Image": "probe", "HostConfig": {"Binds": ["aa:/a:frob"]}}),
        ("double mount", "", {"Image": "probe", "HostConfig": {"Binds": ["aa:/a", "bb:/a"]}}),
        ("missing bind", "", bound("/nowhere/at/all")),
        ("relative workdir", "", {"Image": "probe", "WorkingDir": "relative"}),
        ("small memory", "", {"Image": "probe", "HostConfig": {"Memory": 1024}}),
        ("bad cpus", "", {"Image": "probe", "HostConfig": {"NanoCpus": -1}}),
        ("bad restart", "", {"Image": "probe", "HostConfig": {"RestartPolicy": {"Name": "frob"}}}),
        ("retries with always", "", {"Image": "probe", "HostConfig": {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 2}}}),
        ("auto remove and restart", "", {"Image": "probe", "HostConfig": {"AutoRemove": True, "RestartPolicy": {"Name": "always"}}}),
        ("bad port", "", {"Image": "probe", "HostConfig": {"PortBindings": {"99999/tcp": [{"HostPort": ""}]}}}),
        ("bad host port", "", {"Image": "probe", "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "frob"}]}}}),
        ("bad log option", "", {"Image": "probe", "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"frob": "1"}}}}),
        ("bad stop signal", "", {"Image": "probe", "StopSignal": "FROB"}),
        ("bad env", "", {"Image": "probe", "Env": ["=x"]}),
        ("bad health", "", {"Image": "probe", "Healthcheck": {"Test": ["FROB"]}}),
        ("negative health", "", {"Image": "probe", "Healthcheck": {"Test": ["CMD", "x"], "Interval": -1}}),
        ("tiny health", "", {"Image": "probe", "Healthcheck": {"Test": ["CMD", "x"], "Interval": 5}}),
        ("bad mount type", "", mounted(Type="frob", Target="/x")),
        ("mount without target", "", mounted(Type="volume", Source="x")),
        ("bind mount without source", "", mounted(Type="bind", Target="/x")),
        ("tmpfs with source", "", mounted(Type="tmpfs", Source="x", Target="/x")),
        ("links on a network mode", "", {"Image": "probe", "HostConfig": {"Links": ["nobody:x"]}}),
        ("ports with host network", "", {"Image": "probe", "HostConfig": {"NetworkMode": "host", "PortBindings": {"80/tcp": [{"HostPort": ""}]}}}),
        ("volumes from nobody", "", {"Image": "probe", "HostConfig": {"VolumesFrom": ["nobody"]}}),
        ("unknown isolation", "", {"Image": "probe", "HostConfig": {"Isolation": "frob"}}),
        ("bad extra host", "", {"Image": "probe", "HostConfig": {"ExtraHosts": ["frob"]}}),
        ("bad dns", "", {"Image": "probe", "HostConfig": {"Dns": ["frob"]}}),
        ("bad ip", "", {"Image": "probe", "NetworkingConfig": {"EndpointsConfig": {"bridge": {"IPAMConfig": {"IPv4Address": "frob"}}}}}),
        ("bad mac", "", {"Image": "probe", "MacAddress": "frob"}),
    ]:
        answer = side.call(f"container.create {name}", "POST", f"/containers/create{path}", body)
        if answer.status == 201:
            gone = side.ask("DELETE", f"/containers/{answer.body['Id']}?v=1")
            if gone.status != 204:
                raise AssertionError(f"{name}: {gone.body}")
    # Docker made this one before it refused.
    side.ask("DELETE", "/volumes/aa")
    side.call("container.create no json", "POST", "/containers/create", b"{", {"Content-Type": "application/json"})
    side.call("container.create other type", "POST", "/containers/create", b"{}", {"Content-Type": "text/plain"})
    side.call("container.create wrong type", "POST", "/containers/create", {"Image": 5})


def bound(source):
    return {"Image": "probe", "HostConfig": {"Mounts": [{"Type": "bind", "Source": source, "Target": "/x"}]}}


def mounted(**mount):
    return {"Image": "probe", "HostConfig": {"Mounts": [mount]}}


def renamed(side):
    side.call("container.rename", "POST", "/containers/bare/rename?name=naked")
    side.call("container.rename to itself", "POST", "/containers/naked/rename?name=naked")
    side.call("container.rename taken", "POST", "/containers/naked/rename?name=plain")
    side.call("container.rename bad", "POST", "/containers/naked/rename?name=-x")
    side.call("container.rename empty", "POST", "/containers/naked/rename?name=")
    side.call("container.rename missing", "POST", "/containers/nobody/rename?name=x1")


def limited(side):
    side.call("container.update", "POST", "/containers/naked/update", {"Memory": 67108864, "MemorySwap": 134217728, "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 4}})
    side.call("container.update missing", "POST", "/containers/nobody/update", {"Memory": 67108864})
    side.call("container.update small", "POST", "/containers/naked/update", {"Memory": 100})
    side.call("container.update bad policy", "POST", "/containers/naked/update", {"RestartPolicy": {"Name": "frob"}})
    side.call("container.inspect updated", "GET", "/containers/naked/json")


def removed(side):
    for name in ("naked", "shelled", "hostly", "lonely"):
        side.call(f"container.remove {name}", "DELETE", f"/containers/{name}?v=1")
    side.call("container.remove missing", "DELETE", "/containers/nobody")
    side.call("container.remove a link", "DELETE", "/containers/plain?link=1")

"""The daemon itself, and what needs a swarm."""


def run(side):
    for method in ("GET", "HEAD"):
        side.call(f"ping {method}", method, "!/_ping")
    side.call("ping with a version", "GET", "/_ping")
    side.call("version", "GET", "/version")
    side.call("info", "GET", "/info")
    side.call("df", "GET", "/system/df")
    side.call("auth without a body", "POST", "/auth")
    side.call("auth unreachable", "POST", "/auth", {"username": "a", "password": "b", "serveraddress": "127.0.0.1:1"})
    side.call("events of the past", "GET", "/events?since=1&until=2")
    side.call("events odd since", "GET", "/events?since=frob&until=2")
    side.call("events odd filter", "GET", "/events?since=1&until=2&filters=%7B%22frob%22:%5B%22x%22%5D%7D")
    for path in ("swarm", "nodes", "services", "tasks", "secrets", "configs"):
        side.call(path, "GET", f"/{path}")
    for path in ("swarm/leave", "services/create", "secrets/create", "configs/create", "swarm/update?version=1"):
        side.call(path, "POST", f"/{path}", {})
    side.call("nodes/x", "GET", "/nodes/x")
    side.call("services/x", "GET", "/services/x")
    side.call("swarm/unlockkey", "GET", "/swarm/unlockkey")
    for path in ("swarm/init", "swarm/join", "plugins/pull?remote=x", "session", "grpc", "build/cancel?id=x"):
        side.call(path.partition("?")[0], "POST", f"/{path}", {} if path.startswith("swarm") else None)
    side.call("checkpoints", "GET", "/containers/nobody/checkpoints")
    side.call("plugins", "GET", "/plugins")
    side.call("plugins/x/json", "GET", "/plugins/x/json")

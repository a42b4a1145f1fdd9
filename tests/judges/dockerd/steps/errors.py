"""What is no call at all."""


def run(side):
    side.call("no such page", "GET", "/frob")
    side.call("no such page without version", "GET", "!/frob")
    side.call("method", "PATCH", "/containers/json")
    side.call("method of create", "GET", "/containers/create")
    side.call("too new", "GET", "!/v9.99/info")
    side.call("too old", "GET", "!/v1.1/info")
    side.call("no version", "GET", "!/v1/info")
    side.call("options", "OPTIONS", "/info")
    side.call("trailing slash", "GET", "/containers/json/")
    side.call("bad json", "POST", "/volumes/create", b"{", {"Content-Type": "application/json"})
    side.call("json of another type", "POST", "/networks/create", {"Name": 5})
    side.call("two jsons", "POST", "/volumes/create", b"{} {}", {"Content-Type": "application/json"})

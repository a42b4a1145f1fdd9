"""What only a plugin could do. dockerd looks for it for 15 seconds, so all are asked for at once and read at the end."""

ASKED = {
    "container.create bad log driver": ("/containers/create", {"Image": "probe", "HostConfig": {"LogConfig": {"Type": "frob"}}}),
    "network.create driver": ("/networks/create", {"Name": "x1", "Driver": "frob"}),
    "network.create ipam driver": ("/networks/create", {"Name": "x2", "IPAM": {"Driver": "frob"}}),
    "volume.create driver": ("/volumes/create", {"Name": "mine2", "Driver": "frob"}),
}


def begin(side):
    side.begun = {step: side.begin("POST", path, body) for step, (path, body) in ASKED.items()}


def end(side):
    for step, read in side.begun.items():
        side.keep_answer(step, read())

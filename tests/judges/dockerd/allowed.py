"""The differences that are meant, each with its reason.

A difference that no rule covers is new, and fails; so does a rule that covers nothing any more. The reasons that concern users
stand in docs/docker-compatibility.md too.
"""

from compare import Rule

NEWER = "Sprat answers as newer versions of Docker do"
STATUS = "what the client got wrong is 400, as in the API's specification, where 20.10 says 500"
WORDS = "Sprat's message says more, or the parser's own words"
WASM = "there is no Linux below a guest: nothing stands behind this"
STORE = "layers lie in Sprat's own store, and images have no parents in it, as with BuildKit"
SIZES = "the programs differ in size"
ITSELF = "what the installation is"
RUNC = "the words of runc and of its absence"
REGISTRY = "the words of another HTTP client; 503, since not the daemon failed"
BUILDER = "Sprat builds without containers, and writes steps as BuildKit does"

# 20.10 says 500.
BETTER_STATUS = [
    "archive.put file over folder", "archive.put nonsense", "archive.put to a file", "auth without a body",
    "build.fails: bad tag", "build.fails: no Dockerfile", "build.fails: no tar", "commit.bad name",
    "container.create bad bind", "container.create bad bind mode", "container.create no body",
    "container.create no json", "container.create unknown isolation", "container.create wrong type",
    "container.remove a link", "events odd since", "exec odd keys", "image.pull no name", "image.tag bad",
    "image.tag bad tag", "list odd exit code", "list odd filters", "list odd limit", "list odd publish",
    "list since missing", "logs since odd", "network.create gateway", "network.create no name", "network.create subnet",
    "network.disconnect again", "network.list odd type", "top odd", "unpause created", "unpause running",
]

OTHER_WORDS = [
    "archive.get no path", "archive.put file over folder", "archive.put no path", "archive.put nonsense",
    "auth without a body", "bad json", "build.fails: bad copy", "build.fails: bad env", "build.fails: bad tag",
    "build.fails: empty", "build.fails: no Dockerfile", "build.fails: no from", "build.fails: no tar",
    "build.fails: unknown flag", "build.fails: unknown instruction", "build.fails: unknown target", "commit.bad change",
    "commit.bad name", "commit.no container", "container.create bad bind", "container.create bad bind mode",
    "container.create bad cpus", "container.create bad image", "container.create bad ip",
    "container.create bad log driver", "container.create bad port", "container.create bad restart",
    "container.create no body", "container.create no image", "container.create no json", "container.create other type",
    "container.create retries with always", "container.create unknown isolation", "container.create wrong type",
    "container.remove a link", "container.rename bad", "container.update bad policy", "events odd since",
    "exec odd keys", "exec paused", "image.delete bad name", "image.get missing", "image.inspect bad name",
    "image.json missing", "image.pull bad name", "image.pull no name", "image.tag bad", "image.tag bad tag",
    "images.list dangling maybe", "json of another type", "list odd exit code", "list odd filters", "list odd health",
    "list odd limit", "list odd publish", "list since missing", "logs of driver none", "logs since odd",
    "network.create gateway", "network.create no name", "network.create overlap", "network.create predefined",
    "network.create subnet", "network.disconnect again", "network.remove in use", "remove paused", "remove running",
    "resize odd", "top odd", "volume.create options", "volume.list odd dangling",
]

# The kernel, its cgroups, and parts that Docker is made of; and what went from the API with 1.42 and 1.50.
OWN_FACTS = [
    "BridgeNfIp*tables", "CPUSet", "CPUShares", "SwapLimit", "OomKillDisable", "KernelMemory*", "Cgroup*", "ContainerdCommit.*",
    "RuncCommit.*", "InitCommit.*", "InitBinary", "DefaultRuntime", "Runtimes.*", "Driver", "DriverStatus*", "ID", "Isolation",
    "LiveRestoreEnabled", "NFd", "NGoroutines", "OSVersion", "Plugins.Log", "Plugins.Network", "RegistryConfig.AllowNondistributable*",
    "RegistryConfig.InsecureRegistryCIDRs", "SecurityOptions*", "ServerVersion", "Warnings",
]
OWN_VERSION = [
    "ApiVersion", "MinAPIVersion", "BuildTime", "Components", "GitCommit", "GoVersion", "Platform.Name", "Version",
]

RULES = [
    # Everywhere.
    Rule("*", "headers.Api-Version", "value", "the header names the newest version served"),
    Rule("*", "body.code|body.hint|body.rest.*.code", "extra", "a stable code, and what to do: clients ignore both"),
    Rule("method|method of create|no such page*|trailing slash|no version|too *|attach nobody|attach odd keys", "headers.*", "extra", "every answer has the headers"),
    Rule("attach without upgrade", "headers.*", "extra", "the headers that are sent with Upgrade too"),
    Rule("exec.start|exec.start absent", "headers.*", "missing", "an upgraded connection has the headers of the attach"),

    # Requests that are wrong.
    Rule("|".join(BETTER_STATUS), "status", "value", STATUS),
    Rule("|".join(OTHER_WORDS), "body.message", "value", WORDS),
    Rule("events odd filter|wait odd|two jsons", "status|headers*|body*", "any", "refused, where 20.10 overlooks it"),
    Rule("container.create bad dns|container.create bad mac", "status|body*", "any", "refused at create; 20.10 finds out at the start"),
    Rule("network.connect outside|network.connect to nothing|network.disconnect from nothing", "status|headers*|body*", "any", "refused at once; 20.10 notes it for a start that will fail"),
    Rule("attach nobody|attach odd keys", "headers.Content-Type|body", "any", "errors are JSON everywhere"),
    Rule("options", "*", "any", "pages of other origins are not served"),
    Rule("too old|no version|too new", "headers.Content-Type|body*", "any", "errors are JSON everywhere; other versions are served"),
    Rule("exec.start again|exec.resize ended", "status|headers*|body*", "any", NEWER + ": 409"),
    Rule("image.load nonsense", "status|body*", "any", "refused with a status, where 20.10 says 200 and tells it in the stream"),

    # Programs.
    Rule("start absent|start removed|docker run of nothing", "body.message|stderr.*", "value", RUNC),
    Rule("container.inspect absent", "body.State.Error", "value", RUNC),
    Rule("container.inspect absent", "body.State.FinishedAt", "value", "a failed start is an end"),
    Rule("exec.start absent|docker exec of nothing", "body.stdout|stdout.*", "value", RUNC),
    Rule("exec.inspect absent|docker exec of nothing", "body.ExitCode|status", "value", NEWER + ": 127 for a missing program"),
    Rule("start data|docker run of data", "status|headers*|body*|std*", "any", "what is no wasm is found out at the start: 126"),
    Rule("docker run in a folder", "stdout.*", "value", "WASI 0.1 tells no working folder"),
    Rule("events ends", "events", "length", "what is no wasm never starts, and so does not die"),
    Rule("events exec", "events", "length", "what could not be started was not started"),
    Rule("events networks", "events", "length", "a disconnect that failed is no event"),
    Rule("events volumes", "events", "length", "each removal of a prune is an event; making a volume that is there is none"),

    # Containers in full.
    Rule("container.inspect*|docker inspect|commit.inspect|commit.body inspect|image.inspect*", "body.Config.Env|stdout.*|body.Config.Env.*", "any", "a guest has the variables it was given: no PATH of Docker's"),
    Rule("container.inspect hostly", "body.Config.Hostname", "value", "a guest's name is its own on the host's network too"),
    Rule("container.inspect*", "body.Driver", "value", STORE),
    Rule("container.inspect*|image.inspect*|commit.*", "body.GraphDriver.*", "any", STORE),
    Rule(
        "container.inspect*",
        "body.HostConfig.MaskedPaths|body.HostConfig.ReadonlyPaths|body.HostConfig.CgroupnsMode|body.HostConfig.OomKillDisable",
        "any", WASM,
    ),
    Rule("container.inspect*", "body.HostConfig.MemorySwap", "value", "linear memory is not swapped"),
    Rule("container.inspect*", "body.HostConfig.RestartPolicy.Name", "value", NEWER + ": no is the name of no policy"),
    Rule("container.inspect*", "body.HostConfig.Runtime", "any", ITSELF),
    Rule("container.inspect*", "body.HostnamePath|body.HostsPath|body.ResolvConfPath", "value", "names are resolved without files"),
    Rule("container.inspect*", "body.LogPath", "value", "the log file lies elsewhere"),
    Rule("container.inspect full*", "body.Mounts", "length", "a tmpfs asked for by HostConfig.Tmpfs is shown too"),
    Rule("container.inspect*", "body.Mounts.*.Mode", "value", "there are no SELinux labels"),
    Rule("list|container.inspect in the list", "body.*.Mounts*", "any", "shown as in inspect"),
    Rule("container.inspect*|container.networks", "body.NetworkSettings.Egress|Egress", "extra", "what leaves the machine"),
    Rule("container.inspect*|container.networks", "body.NetworkSettings.Sandbox*|Sandbox*", "value", "networks lie in the worker's memory"),
    Rule("container.inspect absent", "body.NetworkSettings.Networks.bridge.NetworkID", "value", "it never was on the network"),
    Rule("container.inspect running|container.inspect paused", "body.State.Pid", "value", "the process is the worker"),
    Rule("container.inspect full with size|archive.stat", "body.SizeRootFs|stat.size", "value", SIZES),
    Rule("list with size", "", "length", "nothing written is 0 bytes, where Docker leaves it out"),
    Rule("container.create full|container.update", "body.Warnings", "any", "what has no effect on a guest is said"),
    Rule("update running", "body.Warnings", "type", "a list, if it is empty too"),
    Rule("wait*", "body.Error", "missing", NEWER + ": no error is left out"),
    Rule("exec.inspect*", "body.Pid", "value", "a process that ended has none"),
    Rule("logs *", "headers.Content-Type", "extra", NEWER + ": the stream's type is named"),
    Rule("resize stopped", "status|headers*|body*", "any", "a size given before the start holds for it"),
    Rule("containers.prune", "body.SpaceReclaimed", "value", "all of a container's folder is counted"),

    # Statistics.
    Rule("stats*", "body.memory_stats.*|body.*cpu_stats.*|body.networks.*|body.pids_stats.*", "value", "measured"),
    # Which of them Docker has depends on the kernel's cgroups.
    Rule("stats*", "body.memory_stats.*|body.*cpu_stats.cpu_usage.percpu_usage|body.pids_stats.*", "missing", "the kernel's own counters"),
    Rule("stats*", "body.blkio_stats.*", "any", "what block devices do for a guest is not counted"),

    # Images and builds.
    Rule("*", "body.Architecture|body.Os", "value", "an image is for wasi/wasm"),
    Rule("image.inspect*|commit.*", "body.Container|body.ContainerConfig*|body.Config.Hostname|body.Config.Image", "any", BUILDER),
    Rule("image.inspect*|commit.*", "body.DockerVersion|body.Parent|body.Metadata.LastTagTime", "value", STORE),
    Rule("image.inspect imported", "body.Config.Env", "type", "an empty list"),
    Rule("image.inspect*|commit.*", "body.Size|body.VirtualSize", "value", SIZES),
    Rule("images.list*", "body.*.Size|body.*.VirtualSize", "value", SIZES),
    Rule("images.list*", "body.*.ParentId", "value", STORE),
    Rule("images.list*", "body.*.RepoDigests", "type", NEWER + ": an empty list"),
    Rule("image.history*|commit.history|docker history", "body.*.CreatedBy|stdout.*", "value", BUILDER),
    Rule("image.history*|commit.history", "body.*.Id|body.*.Tags", "any", "only the newest step is an image, as with BuildKit"),
    Rule("image.history*|commit.history", "body.*.Size", "value", SIZES),
    Rule("image.delete parent", "status|body", "any", "layers are shared, so an image needs no other"),
    Rule("commit.delete body", "body", "length", STORE),
    Rule("images.prune", "body.SpaceReclaimed", "value", "the configuration's bytes are counted"),
    Rule("image.load verbose", "body", "type", "layers that are there are told too"),
    Rule("image.save", "files", "length", "an archive that both formats' readers understand"),
    Rule("build.fails: *", "body.rest.*", "value", "the line of the Dockerfile is named; " + REGISTRY),
    Rule("distribution missing|image.pull unreachable|auth unreachable|docker login nowhere|docker pull nowhere", "status|body.message|stderr.*", "value", REGISTRY),
    Rule("image.push unreachable", "body.*.error*", "value", REGISTRY),
    Rule("image.push *", "body.*.code|body.*.hint", "extra", "a stable code, and what to do: clients ignore both"),
    Rule("image.search", "status|body.message", "value", "there is no index"),

    # Networks and volumes.
    Rule("network.inspect bridge|network.list", "*IPAM.Config.*.Gateway", "extra", NEWER + ": the default network's gateway is shown"),
    Rule("volume.create unnamed", "body.Labels|body.Options", "type", NEWER + ": what nobody named is labelled so"),
    Rule("docker volume*|docker rm running", "stderr.*", "value", WORDS),

    # The daemon.
    Rule("info", "|".join("body." + field for field in OWN_FACTS), "any", ITSELF),
    Rule("version", "|".join("body." + field for field in OWN_VERSION), "any", ITSELF),
    Rule("df", "body.BuildCache", "type", NEWER + ": an empty list"),
    Rule("swarm/init|swarm/join|plugins/pull|session|grpc", "status|headers*|body*", "any", "not offered, and said so: 501"),
    Rule("build/cancel", "headers.Content-Type|body", "any", "an empty answer has no type"),
    Rule("checkpoints", "body.message", "value", WORDS),
    Rule("docker exec paused", "stderr.*", "value", "by its id"),
]

//! The table of a service.

use super::Shape::{self, Any, Bool, Keys, List, Map, Maybe, Number, OneOf, Scalar, Text, Whole};
use super::tables::{COMMAND, GRANTS, HOSTS, PAIRS, TEXT_OR_LIST, TEXTS, ULIMITS};

const BUILD: Shape = OneOf(&[
    Text,
    Keys(&[
        ("additional_contexts", PAIRS),
        ("args", PAIRS),
        ("cache_from", TEXTS),
        ("cache_to", TEXTS),
        ("context", Text),
        ("dockerfile", Text),
        ("dockerfile_inline", Text),
        ("entitlements", TEXTS),
        ("extra_hosts", HOSTS),
        ("isolation", Text),
        ("labels", PAIRS),
        ("network", Text),
        ("no_cache", Bool),
        ("platforms", TEXTS),
        ("privileged", Bool),
        ("provenance", OneOf(&[Text, Bool])),
        ("pull", Bool),
        ("sbom", OneOf(&[Text, Bool])),
        ("secrets", GRANTS),
        ("shm_size", Number),
        ("ssh", PAIRS),
        ("tags", TEXTS),
        ("target", Text),
        ("ulimits", ULIMITS),
    ]),
]);

/// With capitals in the canonical form, which may be read again.
const RATES: Shape = List(&Keys(&[("Path", Text), ("Rate", Number), ("path", Text), ("rate", Number)]));
const WEIGHTS: Shape = List(&Keys(&[("Path", Text), ("Weight", Number), ("path", Text), ("weight", Number)]));

const UPDATE: Shape = Keys(&[
    ("delay", Text),
    ("failure_action", Text),
    ("max_failure_ratio", Number),
    ("monitor", Text),
    ("order", Text),
    ("parallelism", Whole),
]);

const DEVICES: Shape = List(&Keys(&[
    ("capabilities", TEXTS),
    ("count", Whole),
    ("device_ids", TEXTS),
    ("driver", Text),
    ("options", PAIRS),
]));

const GENERIC: Shape = List(&Keys(&[("discrete_resource_spec", Keys(&[("kind", Text), ("value", Number)]))]));

const DEPLOY: Shape = Maybe(&Keys(&[
    ("endpoint_mode", Text),
    ("labels", PAIRS),
    ("mode", Text),
    (
        "placement",
        Keys(&[
            ("constraints", TEXTS),
            ("max_replicas_per_node", Whole),
            ("preferences", List(&Keys(&[("spread", Text)]))),
        ]),
    ),
    ("replicas", Whole),
    (
        "resources",
        Keys(&[
            ("limits", Keys(&[("cpus", Number), ("memory", Text), ("pids", Whole)])),
            (
                "reservations",
                Keys(&[("cpus", Number), ("devices", DEVICES), ("generic_resources", GENERIC), ("memory", Text)]),
            ),
        ]),
    ),
    ("restart_policy", Keys(&[("condition", Text), ("delay", Text), ("max_attempts", Whole), ("window", Text)])),
    ("rollback_config", UPDATE),
    ("update_config", UPDATE),
]));

const HEALTH: Shape = Keys(&[
    ("disable", Bool),
    ("interval", Text),
    ("retries", Number),
    ("start_interval", Text),
    ("start_period", Text),
    ("test", TEXT_OR_LIST),
    ("timeout", Text),
]);

const HOOKS: Shape = List(&Keys(&[
    ("command", COMMAND),
    ("environment", PAIRS),
    ("privileged", Bool),
    ("user", Text),
    ("working_dir", Text),
]));

const NETWORKS: Shape = OneOf(&[
    TEXTS,
    Map(&Maybe(&Keys(&[
        ("aliases", TEXTS),
        ("driver_opts", Map(&Scalar)),
        ("gw_priority", Number),
        ("interface_name", Text),
        ("ipv4_address", Text),
        ("ipv6_address", Text),
        ("link_local_ips", TEXTS),
        ("mac_address", Text),
        ("priority", Number),
    ]))),
]);

const PORT: Shape = OneOf(&[
    Text,
    Whole,
    Keys(&[
        ("app_protocol", Text),
        ("host_ip", Text),
        ("mode", Text),
        ("name", Text),
        ("protocol", Text),
        ("published", Whole),
        ("target", Whole),
    ]),
]);

const MOUNT: Shape = OneOf(&[
    Text,
    Keys(&[
        ("bind", Keys(&[("create_host_path", Bool), ("propagation", Text), ("recursive", Text), ("selinux", Text)])),
        ("consistency", Text),
        ("image", Keys(&[("subpath", Text)])),
        ("read_only", Bool),
        ("source", Text),
        ("target", Text),
        ("tmpfs", Keys(&[("mode", Number), ("size", Number)])),
        ("type", Text),
        ("volume", Keys(&[("labels", PAIRS), ("nocopy", Bool), ("subpath", Text)])),
    ]),
]);

const DEPENDS: Shape = OneOf(&[TEXTS, Map(&Keys(&[("condition", Text), ("required", Bool), ("restart", Bool)]))]);

const ENV_FILE: Shape =
    OneOf(&[Text, List(&OneOf(&[Text, Keys(&[("format", Text), ("path", Text), ("required", Bool)])]))]);

/// A service.
pub(super) const SERVICE: Shape = Keys(&[
    ("annotations", PAIRS),
    ("attach", Bool),
    (
        "blkio_config",
        Keys(&[
            ("device_read_bps", RATES),
            ("device_read_iops", RATES),
            ("device_write_bps", RATES),
            ("device_write_iops", RATES),
            ("weight", Whole),
            ("weight_device", WEIGHTS),
        ]),
    ),
    ("build", BUILD),
    ("cap_add", TEXTS),
    ("cap_drop", TEXTS),
    ("cgroup", Text),
    ("cgroup_parent", Text),
    ("command", COMMAND),
    ("configs", GRANTS),
    ("container_name", Text),
    ("cpu_count", Whole),
    ("cpu_percent", Number),
    ("cpu_period", Number),
    ("cpu_quota", Number),
    ("cpu_rt_period", Number),
    ("cpu_rt_runtime", Number),
    ("cpu_shares", Number),
    ("cpus", Number),
    ("cpuset", Text),
    ("credential_spec", Keys(&[("config", Text), ("file", Text), ("registry", Text)])),
    ("depends_on", DEPENDS),
    ("deploy", DEPLOY),
    ("develop", Any),
    ("device_cgroup_rules", TEXTS),
    ("devices", List(&OneOf(&[Text, Keys(&[("permissions", Text), ("source", Text), ("target", Text)])]))),
    ("dns", TEXT_OR_LIST),
    ("dns_opt", TEXTS),
    ("dns_search", TEXT_OR_LIST),
    ("domainname", Text),
    ("entrypoint", COMMAND),
    ("env_file", ENV_FILE),
    ("environment", PAIRS),
    ("expose", List(&Number)),
    ("extends", OneOf(&[Text, Keys(&[("file", Text), ("service", Text)])])),
    ("external_links", TEXTS),
    ("extra_hosts", HOSTS),
    ("gpus", Any),
    ("group_add", List(&Number)),
    ("healthcheck", HEALTH),
    ("hostname", Text),
    ("image", Text),
    ("init", Bool),
    ("ipc", Text),
    ("isolation", Text),
    ("label_file", TEXT_OR_LIST),
    ("labels", PAIRS),
    ("links", TEXTS),
    ("logging", Keys(&[("driver", Text), ("options", Map(&Scalar))])),
    ("mac_address", Text),
    ("mem_limit", Number),
    ("mem_reservation", Number),
    ("mem_swappiness", Number),
    ("memswap_limit", Number),
    ("models", Any),
    ("network_mode", Text),
    ("networks", NETWORKS),
    ("oom_kill_disable", Bool),
    ("oom_score_adj", Whole),
    ("pid", Maybe(&Text)),
    ("pids_limit", Number),
    ("platform", Text),
    ("ports", List(&PORT)),
    ("post_start", HOOKS),
    ("pre_stop", HOOKS),
    ("privileged", Bool),
    ("profiles", TEXTS),
    ("provider", Any),
    ("pull_policy", Text),
    ("pull_refresh_after", Text),
    ("read_only", Bool),
    ("restart", Text),
    ("runtime", Text),
    ("scale", Whole),
    ("secrets", GRANTS),
    ("security_opt", TEXTS),
    ("shm_size", Number),
    ("stdin_open", Bool),
    ("stop_grace_period", Text),
    ("stop_signal", Text),
    ("storage_opt", Map(&Scalar)),
    ("sysctls", PAIRS),
    ("tmpfs", TEXT_OR_LIST),
    ("tty", Bool),
    ("ulimits", ULIMITS),
    ("use_api_socket", Bool),
    ("user", Text),
    ("userns_mode", Text),
    ("uts", Text),
    ("volumes", List(&MOUNT)),
    ("volumes_from", TEXTS),
    ("working_dir", Text),
]);

//! The tables beside those of services.

use super::Shape::{self, Any, Bool, Keys, List, Map, Maybe, Number, OneOf, Scalar, Text, Whole};
use super::service::SERVICE;

/// A list of text.
pub(super) const TEXTS: Shape = List(&Text);
/// Text, or a list of it.
pub(super) const TEXT_OR_LIST: Shape = OneOf(&[Text, TEXTS]);
/// `KEY: value` or `- KEY=value`.
pub(super) const PAIRS: Shape = OneOf(&[Map(&Scalar), TEXTS]);
/// A command: words or a list.
pub(super) const COMMAND: Shape = Maybe(&TEXT_OR_LIST);
/// Hosts: `name: address`, `name: [address]` or `- name=address`.
pub(super) const HOSTS: Shape = OneOf(&[Map(&TEXT_OR_LIST), TEXTS]);
/// Limits: `nofile: 10` or `nofile: {soft, hard}`.
pub(super) const ULIMITS: Shape = Map(&OneOf(&[Whole, Keys(&[("hard", Whole), ("soft", Whole)])]));
/// References to configs and secrets.
pub(super) const GRANTS: Shape =
    List(&OneOf(&[Text, Keys(&[("gid", Text), ("mode", Number), ("source", Text), ("target", Text), ("uid", Text)])]));

const EXTERNAL: Shape = OneOf(&[Bool, Text, Keys(&[("name", Text)])]);

const INCLUDE: Shape =
    OneOf(&[Text, Keys(&[("env_file", TEXT_OR_LIST), ("path", TEXT_OR_LIST), ("project_directory", Text)])]);

const NETWORK: Shape = Keys(&[
    ("attachable", Bool),
    ("driver", Text),
    ("driver_opts", Map(&Scalar)),
    ("enable_ipv4", Bool),
    ("enable_ipv6", Bool),
    ("external", EXTERNAL),
    ("internal", Bool),
    (
        "ipam",
        Keys(&[
            (
                "config",
                List(&Keys(&[("aux_addresses", Map(&Text)), ("gateway", Text), ("ip_range", Text), ("subnet", Text)])),
            ),
            ("driver", Text),
            ("options", Map(&Text)),
        ]),
    ),
    ("labels", PAIRS),
    ("name", Text),
]);

const VOLUME: Shape =
    Keys(&[("driver", Text), ("driver_opts", Map(&Scalar)), ("external", EXTERNAL), ("labels", PAIRS), ("name", Text)]);

const SECRET: Shape = Keys(&[
    ("content", Text),
    ("driver", Text),
    ("driver_opts", Map(&Scalar)),
    ("environment", Text),
    ("external", EXTERNAL),
    ("file", Text),
    ("labels", PAIRS),
    ("name", Text),
    ("template_driver", Text),
]);

/// A Compose file.
pub(super) const FILE: Shape = Keys(&[
    ("configs", Map(&SECRET)),
    ("include", List(&INCLUDE)),
    ("models", Map(&Any)),
    ("name", Text),
    ("networks", Maybe(&Map(&Maybe(&NETWORK)))),
    ("secrets", Map(&SECRET)),
    ("services", Map(&SERVICE)),
    ("version", Scalar),
    ("volumes", Maybe(&Map(&Maybe(&VOLUME)))),
]);

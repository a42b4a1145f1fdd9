//! [`ServiceSpec`]: the limits of an HTTP service.

use serde::{Deserialize, Serialize};

/// The limits of an HTTP service, beside those that every container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceSpec {
    /// Instances, and so requests, at once. Default 100.
    pub instances: u32,
    /// Requests that may wait for an instance. Default 1000. Further ones are answered with 503.
    pub queue: u32,
    /// How long a request may wait for an instance, in milliseconds. Default 5 s. Past it the answer is 503.
    pub queue_ms: u64,
    /// How long nothing may happen before the answer's head is there, in milliseconds; what comes of the request's body
    /// counts. Default 60 s. Past it the answer is 504.
    pub answer_ms: u64,
    /// How long nothing may come of an answer's body, in milliseconds. Default 300 s. Past it the answer is cut.
    pub stall_ms: u64,
    /// Bytes of a request's body; 0 is no limit. Default 100 MiB. Past it the answer is 413.
    pub body_bytes: u64,
    /// Requests that one instance answers, one after the other. Default 1: a fresh instance each.
    pub reuse: u32,
    /// Instances that are made before a request comes. Default 0.
    pub ready: u32,
    /// Connections at once; further ones wait in the backlog. Default 4096.
    pub connections: u32,
}

impl Default for ServiceSpec {
    fn default() -> Self {
        Self {
            instances: 100,
            queue: 1000,
            queue_ms: 5_000,
            answer_ms: 60_000,
            stall_ms: 300_000,
            body_bytes: 100 << 20,
            reuse: 1,
            ready: 0,
            connections: 4096,
        }
    }
}

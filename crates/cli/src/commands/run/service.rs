//! The flags of `run` and `create` about programs that are HTTP services.

use clap::Args;

/// Limits of a program that is an HTTP service. Each is the annotation `dev.sprat.NAME` for docker's own tools.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// Requests that it answers at once, each with an instance of its own (default 100)
    #[arg(long, value_name = "NUMBER")]
    pub instances: Option<String>,
    /// Requests that may wait for an instance (default 1000); further ones are answered with 503
    #[arg(long, value_name = "NUMBER")]
    pub queue: Option<String>,
    /// How long a request may wait for an instance (default 5s)
    #[arg(long, value_name = "DURATION")]
    pub queue_timeout: Option<String>,
    /// How long an answer may take to begin (default 60s)
    #[arg(long, value_name = "DURATION")]
    pub request_timeout: Option<String>,
    /// How long nothing may come of an answer that began (default 5m)
    #[arg(long, value_name = "DURATION")]
    pub stream_timeout: Option<String>,
    /// Most bytes of a request's body (default 100m; 0: no limit)
    #[arg(long, value_name = "BYTES")]
    pub body_limit: Option<String>,
    /// Requests that one instance answers, one after the other (default 1: a fresh instance each)
    #[arg(long, value_name = "NUMBER")]
    pub reuse: Option<String>,
    /// Instances that are made before a request comes (default 0)
    #[arg(long, value_name = "NUMBER")]
    pub ready: Option<String>,
    /// Connections that may be open at once (default 4096)
    #[arg(long, value_name = "NUMBER")]
    pub connections: Option<String>,
}

impl ServiceArgs {
    /// The annotations that say the same.
    pub(crate) fn annotations(&self) -> impl Iterator<Item = (String, String)> {
        let flags = [
            ("instances", &self.instances),
            ("queue", &self.queue),
            ("queue-timeout", &self.queue_timeout),
            ("request-timeout", &self.request_timeout),
            ("stream-timeout", &self.stream_timeout),
            ("body-limit", &self.body_limit),
            ("reuse", &self.reuse),
            ("ready", &self.ready),
            ("connections", &self.connections),
        ];
        flags.into_iter().filter_map(|(name, value)| Some((format!("dev.sprat.{name}"), value.clone()?)))
    }
}

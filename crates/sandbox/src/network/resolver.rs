//! [`Resolvers`]: names of the world, asked of name servers.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use parking_lot::Mutex;

use super::code::{Result, SocketError};

/// The port of name servers.
const PORT: u16 = 53;

/// Different lists of name servers that are remembered with what they answered.
const MAX_RESOLVERS: usize = 16;

/// Servers of one list that are asked, as in `resolv.conf`.
pub(crate) const MAX_SERVERS: usize = 3;

/// How long a server may take for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often a server is asked.
const ATTEMPTS: usize = 2;

/// Answers that one list of servers remembers.
const CACHE: u64 = 1024;

/// Addresses of one name that are used.
const MAX_ADDRESSES: usize = 64;

/// Asks name servers, each list of them with a memory of its own.
#[derive(Default)]
pub(super) struct Resolvers {
    resolvers: Mutex<HashMap<Vec<SocketAddr>, TokioResolver>>,
}

impl std::fmt::Debug for Resolvers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolvers").finish_non_exhaustive()
    }
}

impl Resolvers {
    /// The addresses of a name, at most [`MAX_ADDRESSES`].
    pub(super) async fn resolve(&self, servers: &[IpAddr], name: &str) -> Result<Vec<IpAddr>> {
        let servers = servers.iter().take(MAX_SERVERS).map(|server| SocketAddr::new(*server, PORT)).collect();
        self.resolve_at(servers, name).await
    }

    async fn resolve_at(&self, servers: Vec<SocketAddr>, name: &str) -> Result<Vec<IpAddr>> {
        let resolver = self.resolver(servers)?;
        // With the dot at its end it is whole: nothing is tried behind it.
        match resolver.lookup_ip(format!("{name}.")).await {
            Ok(found) => {
                let addresses: Vec<_> = found.iter().take(MAX_ADDRESSES).collect();
                if addresses.is_empty() { Err(SocketError::NameUnresolvable) } else { Ok(addresses) }
            }
            Err(error) if error.is_nx_domain() || error.is_no_records_found() => Err(SocketError::NameUnresolvable),
            Err(error) => {
                tracing::debug!(name, %error, "name servers failed");
                Err(SocketError::TemporaryResolverFailure)
            }
        }
    }

    fn resolver(&self, servers: Vec<SocketAddr>) -> Result<TokioResolver> {
        let mut resolvers = self.resolvers.lock();
        if let Some(resolver) = resolvers.get(&servers) {
            return Ok(resolver.clone());
        }
        let config = servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        let config = ResolverConfig::from_name_servers(config.collect());
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let options = builder.options_mut();
        options.timeout = TIMEOUT;
        options.attempts = ATTEMPTS;
        options.cache_size = CACHE;
        // A guest has its own.
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = builder.build().map_err(|_| SocketError::PermanentResolverFailure)?;
        if resolvers.len() >= MAX_RESOLVERS {
            resolvers.clear();
        }
        resolvers.insert(servers, resolver.clone());
        Ok(resolver)
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::UdpSocket;

    use super::*;

    /// Answers one question: with this address, or that there is no such name. Whether it asked for an IPv4 address.
    async fn answer(server: &UdpSocket, address: Option<[u8; 4]>) -> bool {
        let mut question = [0; 512];
        let (len, from) = server.recv_from(&mut question).await.unwrap();
        let mut reply = question[..len].to_vec();
        // The question ends with type and class; what may follow (EDNS) is left out.
        let end = 12 + reply[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
        let is_v4 = reply[end - 3] == 1;
        reply.truncate(end);
        reply[2..4].copy_from_slice(&[0x81, if address.is_some() { 0x80 } else { 0x83 }]);
        let found = address.filter(|_| is_v4);
        reply[6..12].copy_from_slice(&[0, u8::from(found.is_some()), 0, 0, 0, 0]);
        if let Some(address) = found {
            reply.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            reply.extend_from_slice(&address);
        }
        server.send_to(&reply, from).await.unwrap();
        is_v4
    }

    /// Asks this often for a name, of a server that answers so; how often it was asked for an IPv4 address, and what came.
    async fn ask(times: usize, address: Option<[u8; 4]>) -> (u32, Vec<Result<Vec<IpAddr>>>) {
        let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (at, resolvers) = (server.local_addr().unwrap(), Resolvers::default());
        let (mut asked, mut found) = (0, Vec::new());
        let serve = async {
            loop {
                asked += u32::from(answer(&server, address).await);
            }
        };
        let ask = async {
            for _ in 0..times {
                found.push(resolvers.resolve_at(vec![at], "a.example").await);
            }
        };
        tokio::select! {
            () = ask => {}
            () = serve => {}
        }
        (asked, found)
    }

    #[tokio::test]
    async fn a_server_is_asked_and_its_answer_remembered() {
        let expected = Ok(vec!["10.1.2.3".parse().unwrap()]);
        assert_eq!(ask(3, Some([10, 1, 2, 3])).await, (1, vec![expected.clone(), expected.clone(), expected]));
    }

    #[tokio::test]
    async fn a_name_that_is_not_there_is_told_as_such() {
        assert_eq!(ask(1, None).await.1, [Err(SocketError::NameUnresolvable)]);
    }
}

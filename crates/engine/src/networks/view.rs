//! A container's networks as doors show them.

use std::net::IpAddr;

use super::join::names;
use crate::core::Core;
use crate::record::Record;
use crate::{Endpoint, EndpointView};

impl Core {
    /// A container's networks. What only a run has is left out while it does not run, as docker does.
    pub(crate) fn network_views(&self, record: &Record) -> Vec<EndpointView> {
        let live = record.life().row.state.is_live();
        let name = record.name();
        let view = |(network, mut endpoint): (String, Endpoint)| {
            let known = self.networks.by_id(&endpoint.network_id);
            let names = match &known {
                Some(known) if known.is_user_defined() => names(record, &name, &endpoint),
                _ => Vec::new(),
            };
            let mut view = EndpointView {
                network,
                endpoint: Endpoint::default(),
                prefix_v4: 0,
                prefix_v6: 0,
                gateway_v4: None,
                gateway_v6: None,
                names,
            };
            if !live {
                endpoint =
                    Endpoint { request: endpoint.request, network_id: endpoint.network_id, ..Endpoint::default() };
            } else if let Some(known) = known {
                for pool in &known.pools {
                    let gateway = (!known.internal).then_some(pool.gateway);
                    match (pool.subnet.addr(), gateway) {
                        (IpAddr::V4(_), gateway) if endpoint.v4.is_some() => {
                            view.prefix_v4 = pool.subnet.prefix_len();
                            view.gateway_v4 =
                                gateway.and_then(|ip| if let IpAddr::V4(ip) = ip { Some(ip) } else { None });
                        }
                        (IpAddr::V6(_), gateway) if endpoint.v6.is_some() => {
                            view.prefix_v6 = pool.subnet.prefix_len();
                            view.gateway_v6 =
                                gateway.and_then(|ip| if let IpAddr::V6(ip) = ip { Some(ip) } else { None });
                        }
                        _ => {}
                    }
                }
            }
            view.endpoint = endpoint;
            view
        };
        Self::endpoints(record).into_iter().map(view).collect()
    }
}

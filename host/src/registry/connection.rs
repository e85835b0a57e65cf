//! Connections: one set for each way a request can go.

use std::sync::{Arc, PoisonError};

use ureq::Agent;

use super::address::Own;
use super::proxy::Forwarding;
use super::{Registry, Security};
use crate::types::registries::Url;

/// Which connections a request can go over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// To the registry itself.
    own: bool,
    https: bool,
    proxied: bool,
}

impl Registry {
    /// The connections that requests to this URL go over.
    pub(super) fn agent(&self, url: &Url, own: bool, proxy: Option<&ureq::Proxy>) -> Agent {
        let access = &self.0.access;
        let way = Way { own, https: url.scheme == "https", proxied: proxy.is_some() };
        let mut agents = self.0.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = agents.iter().find(|(known, _)| *known == way) {
            return agent.clone();
        }
        // Who is shown to the registry is nobody else's business.
        let certificates = &access.certificates;
        let shown = if own && way.https { certificates.clone() } else { certificates.without_client() };
        let connector = shown.connector(access.security == Security::Verified);
        let config = |proxy: Option<&ureq::Proxy>| {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .proxy(proxy.cloned())
                .user_agent(concat!("consign/", env!("CARGO_PKG_VERSION")))
                .accept_encoding("identity")
                .timeout_resolve(Some(access.patience.connect))
                .timeout_connect(Some(access.patience.connect))
                .timeout_recv_response(Some(access.patience.idle))
                .timeout_per_read(Some(access.patience.idle))
                .timeout_per_write(Some(access.patience.idle))
                .max_idle_connections(32)
                .max_idle_connections_per_host(16)
                .input_buffer_size(128 << 10)
                .output_buffer_size(128 << 10)
                .build()
        };
        let agent = match proxy {
            None if own => Agent::with_parts(config(None), connector, Own(self.0.addresses.clone())),
            None => Agent::with_parts(config(None), connector, self.foreign()),
            // The proxy's name alone is looked up here, and where the proxy is says nothing of the registry.
            Some(_) if way.https => Agent::with_parts(config(proxy), connector, Own(Arc::default())),
            Some(through) => {
                let forwarding = Forwarding { proxy: through.clone(), config: config(None), connector };
                Agent::with_parts(config(proxy), forwarding, Own(Arc::default()))
            }
        };
        agents.push((way, agent.clone()));
        agent
    }
}

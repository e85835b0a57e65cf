//! Connections: one set for each way a request can go.

use std::sync::PoisonError;

use ureq::Agent;
use ureq::tls::TlsConfig;
use ureq::unversioned::transport::DefaultConnector;

use super::address::Own;
use super::url::port;
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
    pub(super) fn agent(&self, url: &Url, own: bool) -> Agent {
        let access = &self.0.access;
        let proxy = access.proxies.of(&url.scheme, &url.host, port(url));
        let way = Way { own, https: url.scheme == "https", proxied: proxy.is_some() };
        let mut agents = self.0.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = agents.iter().find(|(known, _)| *known == way) {
            return agent.clone();
        }
        let tls = match (way.https, own) {
            (false, _) => TlsConfig::default(),
            (true, own) => {
                // Who is shown to the registry is nobody else's business.
                let certificates = &access.certificates;
                let shown = if own { certificates.clone() } else { certificates.without_client() };
                shown.config(access.security == Security::Verified)
            }
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(proxy)
            .tls_config(tls)
            .user_agent(concat!("consign/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(access.patience.connect))
            .timeout_connect(Some(access.patience.connect))
            .timeout_per_read(Some(access.patience.idle))
            .timeout_per_write(Some(access.patience.idle))
            .max_idle_connections(32)
            .max_idle_connections_per_host(16)
            .input_buffer_size(128 << 10)
            .output_buffer_size(128 << 10)
            .build();
        let agent = if own {
            Agent::with_parts(config, DefaultConnector::default(), Own(self.0.addresses.clone()))
        } else {
            Agent::with_parts(config, DefaultConnector::default(), self.foreign())
        };
        agents.push((way, agent.clone()));
        agent
    }
}

//! Registries as this machine is configured to reach them: registries.conf, `certs.d`, credentials, proxies.

use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result};

use consign::pull::Place;
use consign::registries_conf::{Endpoint, Registries};
use consign::registry::{
    Access, Certificates, Credentials, Patience, Proxies, Registry, Repository, Security, is_loopback,
};
use consign::resolve::name;
use consign::transport::registry::RegistryImage;
use consign::types::ImageName;
use consign::types::registries::Url;

use super::args::Reached;
use super::certificates;
use super::credentials::{self, Keepers};
use super::failure::Failure;
use super::registries;
use super::session::Session;

/// Has names looked up by the C library's own means, `/etc/hosts` and DNS, whatever nsswitch.conf says: the other
/// means are shared libraries, and loading those into a static executable works with the very C library it
/// was linked with, if at all.
#[cfg(linked_statically)]
pub fn look_up_without_libraries() {
    use std::ffi::{c_char, c_int};
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }
    // SAFETY: both are strings that end in a zero byte, of which the function keeps what it needs; no thread
    // looks names up yet. Where it fails nsswitch.conf counts as before.
    unsafe {
        __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr());
    }
}

#[cfg(not(linked_statically))]
pub fn look_up_without_libraries() {}

/// What one invocation knows of registries.
#[derive(Default)]
pub struct Remote {
    registries: OnceLock<Registries>,
    system: OnceLock<Certificates>,
    made: Mutex<Vec<Made>>,
}

/// A registry, for whoever reaches it in the same way: connections and tokens are shared.
struct Made {
    host: String,
    security: Security,
    credentials: Option<Credentials>,
    registry: Registry,
}

impl Remote {
    /// What registries.conf says.
    pub fn registries(&self, session: &Session) -> Result<&Registries> {
        if let Some(registries) = self.registries.get() {
            return Ok(registries);
        }
        let registries = registries::load(session)?;
        Ok(self.registries.get_or_init(|| registries))
    }

    /// Where an image is pulled from, in order.
    pub fn places(&self, session: &Session, image: &ImageName, reached: &Reached) -> Result<Vec<Place>> {
        let endpoints = self.registries(session)?.endpoints(session.sandbox(), image)?;
        let place = |endpoint: &Endpoint| {
            let repository = self.repository(session, &endpoint.name, endpoint.insecure, reached)?;
            Ok(Place { repository, name: endpoint.name.clone(), trust: None })
        };
        endpoints.iter().map(place).collect()
    }

    /// The repository of a name, at its own place: what is written to, listed and deleted from.
    pub fn own(
        &self,
        session: &Session,
        image: &ImageName,
        reached: &Reached,
    ) -> Result<(Repository, ImageName)> {
        let endpoints = self.registries(session)?.endpoints(session.sandbox(), image)?;
        let endpoint = endpoints.into_iter().next_back().context("a name has no place")?;
        let repository = self.repository(session, &endpoint.name, endpoint.insecure, reached)?;
        Ok((repository, endpoint.name))
    }

    /// The image in a registry that a name means, read in place.
    pub fn image(&self, session: &Session, image: &ImageName, reached: &Reached) -> Result<RegistryImage> {
        self.found(session, image, reached).map(|(found, _)| found)
    }

    /// The same, and the place it is at.
    pub fn found(
        &self,
        session: &Session,
        image: &ImageName,
        reached: &Reached,
    ) -> Result<(RegistryImage, Place)> {
        let mut failures = Vec::new();
        for place in self.places(session, image, reached)? {
            match RegistryImage::open(place.repository.clone(), &place.name, session.sandbox(), None) {
                Ok(Some(found)) => return Ok((found.called(image.clone()), place)),
                Ok(None) => {
                    failures.push(Failure::no(format!("`{}` is not there", name(&place.name))).into());
                }
                Err(error) => {
                    let error = anyhow::Error::new(error);
                    failures.push(error.context(format!("reading `docker://{}`", name(&place.name))));
                }
            }
        }
        match failures.len() {
            1 => Err(failures.remove(0)),
            _ => Err(super::failure::Failures::all(failures).err().context("a name has no place")?),
        }
    }

    fn repository(
        &self,
        session: &Session,
        image: &ImageName,
        insecure: bool,
        reached: &Reached,
    ) -> Result<Repository> {
        let credentials = match &reached.creds {
            Some(text) => Some(credentials::written(text)?),
            None if reached.no_creds => None,
            None => {
                let keepers =
                    Keepers { named: reached.authfile.as_deref(), registries: self.registries(session)? };
                credentials::find(&keepers, &image.domain, &image.path)?
            }
        };
        let registry = self.registry(session, &image.domain, insecure, reached, credentials)?;
        Ok(registry.repository(&image.path)?)
    }

    /// A registry, as it is reached.
    pub fn registry(
        &self,
        session: &Session,
        host: &str,
        insecure: bool,
        reached: &Reached,
        credentials: Option<Credentials>,
    ) -> Result<Registry> {
        let security = match reached.tls_verify {
            Some(true) => Security::Verified,
            Some(false) => Security::Unverified,
            None if is_loopback(host) => Security::Local,
            None if insecure => Security::Unverified,
            None => Security::Verified,
        };
        self.reach(session, host, security, reached, credentials)
    }

    /// A server that is no registry, as the scheme of its URL says; nobody in particular asks.
    pub fn server(&self, session: &Session, url: &Url, reached: &Reached) -> Result<Registry> {
        let security = match (url.scheme.as_str(), reached.tls_verify) {
            ("http", _) => Security::Plain,
            (_, Some(false)) => Security::Unverified,
            _ => Security::Verified,
        };
        let host = match url.port {
            Some(port) => format!("{}:{port}", url.host),
            None => url.host.clone(),
        };
        self.reach(session, &host, security, reached, None)
    }

    fn reach(
        &self,
        session: &Session,
        host: &str,
        security: Security,
        reached: &Reached,
        credentials: Option<Credentials>,
    ) -> Result<Registry> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_empty() {
            look_up_without_libraries();
        }
        let known = made.iter().find(|known| {
            known.host == host && known.security == security && known.credentials == credentials
        });
        if let Some(known) = known {
            return Ok(known.registry.clone());
        }
        let mut certificates = match security {
            Security::Verified => self.system()?.clone(),
            _ => Certificates::default(),
        };
        if let Some(found) = certificates::of_host(host, reached.cert_dir.as_deref())? {
            certificates.extend(found);
        }
        let patience = Patience { retries: reached.retry, ..Patience::default() };
        let access = Access {
            security,
            certificates,
            credentials: credentials.clone(),
            proxies: proxies()?,
            patience,
        };
        let registry = Registry::new(host, access, session.sandbox_handle())?;
        made.push(Made { host: host.to_owned(), security, credentials, registry: registry.clone() });
        Ok(registry)
    }

    /// The authorities this system trusts.
    fn system(&self) -> Result<&Certificates> {
        if let Some(system) = self.system.get() {
            return Ok(system);
        }
        let found = certificates::system()?;
        Ok(self.system.get_or_init(|| found))
    }
}

/// The proxies that the environment names, as Go reads it; `ALL_PROXY`, which Go does not know, where no other is named. In the
/// environment of a CGI program `HTTP_PROXY` comes from a request, and does not count.
fn proxies() -> Result<Proxies> {
    let variable = |names: [&'static str; 2]| {
        let value = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        names.into_iter().find_map(|name| Some((name, value(name)?)))
    };
    let cgi = std::env::var_os("REQUEST_METHOD").is_some();
    let all = variable(["ALL_PROXY", "all_proxy"]);
    let http =
        variable([if cgi { "http_proxy" } else { "HTTP_PROXY" }, "http_proxy"]).or_else(|| all.clone());
    let https = variable(["HTTPS_PROXY", "https_proxy"]).or(all);
    let exceptions = variable(["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default();
    Ok(Proxies::new(
        https.as_ref().map(|(name, value)| (*name, value.as_str())),
        http.as_ref().map(|(name, value)| (*name, value.as_str())),
        &exceptions,
    )?)
}

//! Certificates: whom a registry has to show itself as, and who is shown to it.

use std::io::Read as _;

use cap_std::fs::Dir;
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, RootCerts, TlsConfig, parse_pem};

use super::RegistryError;

/// Bytes of a file of certificates or keys.
const FILE_LIMIT: u64 = 8 << 20;

/// Certificates for one registry.
#[derive(Clone, Default)]
pub struct Certificates {
    authorities: Vec<Certificate<'static>>,
    client: Option<ClientCert>,
}

impl std::fmt::Debug for Certificates {
    /// Without keys.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificates")
            .field("authorities", &self.authorities.len())
            .field("client", &self.client.is_some())
            .finish()
    }
}

impl Certificates {
    /// The certificates of a bundle in PEM, taken as authorities. What is not a certificate is passed over.
    pub fn authorities(bundle: &[u8]) -> Certificates {
        let certificates = parse_pem(bundle).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        Certificates { authorities: certificates.collect(), client: None }
    }

    /// How many authorities there are.
    pub fn authority_count(&self) -> usize {
        self.authorities.len()
    }

    /// Takes these in as well; a client's certificate in place of the one that is here.
    pub fn extend(&mut self, other: Certificates) {
        self.authorities.extend(other.authorities);
        self.client = other.client.or(self.client.take());
    }

    /// Reads a registry's directory below a `certs.d` (containers-certs.d(5); Docker's is the same): `*.crt`
    /// are authorities, `NAME.cert` with `NAME.key` is who is shown to the registry, of several the last by
    /// name. `path` is what errors call the directory.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Certificate`] for a file that cannot be read or has nothing of the kind, and for a
    /// `.cert` without its `.key` or the other way round.
    pub fn read_directory(directory: &Dir, path: &str) -> Result<Certificates, RegistryError> {
        let failed = |file: &str, error: std::io::Error| wrong(file, error.to_string());
        let mut names = Vec::new();
        for entry in directory.entries().map_err(|error| failed(path, error))? {
            let entry = entry.map_err(|error| failed(path, error))?;
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        let mut all = Certificates::default();
        for name in &names {
            let file = format!("{path}/{name}");
            if name.ends_with(".crt") {
                let found = Certificates::authorities(&read(directory, name, &file)?);
                if found.authorities.is_empty() {
                    return Err(wrong(&file, "wanted certificates in PEM, found none".into()));
                }
                all.extend(found);
            } else if let Some(stem) = name.strip_suffix(".cert") {
                let key = format!("{stem}.key");
                if !names.contains(&key) {
                    return Err(wrong(&file, format!("wanted `{key}` beside it, found none")));
                }
                let key_file = format!("{path}/{key}");
                let chain = Certificates::authorities(&read(directory, name, &file)?).authorities;
                if chain.is_empty() {
                    return Err(wrong(&file, "wanted certificates in PEM, found none".into()));
                }
                let key = PrivateKey::from_pem(&read(directory, &key, &key_file)?)
                    .map_err(|_| wrong(&key_file, "wanted a private key in PEM, found none".into()))?;
                all.client = Some(ClientCert::new_with_certs(&chain, key));
            } else if let Some(stem) = name.strip_suffix(".key")
                && !names.contains(&format!("{stem}.cert"))
            {
                return Err(wrong(&file, format!("wanted `{stem}.cert` beside it, found none")));
            }
        }
        Ok(all)
    }

    /// The configuration of connections that these are for; `verified`: that have to show one of the
    /// authorities.
    pub(super) fn config(&self, verified: bool) -> TlsConfig {
        TlsConfig::builder()
            .root_certs(RootCerts::from(self.authorities.iter().cloned()))
            .client_cert(self.client.clone())
            .disable_verification(!verified)
            .build()
    }

    /// The same authorities, and nobody shown.
    pub(super) fn without_client(&self) -> Certificates {
        Certificates { authorities: self.authorities.clone(), client: None }
    }
}

fn read(directory: &Dir, name: &str, file: &str) -> Result<Vec<u8>, RegistryError> {
    let failed = |error: std::io::Error| wrong(file, error.to_string());
    let mut bytes = Vec::new();
    let opened = directory.open(name).map_err(failed)?;
    opened.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(wrong(file, format!("wanted at most {FILE_LIMIT} bytes, found more")));
    }
    Ok(bytes)
}

fn wrong(file: &str, reason: String) -> RegistryError {
    RegistryError::Certificate { file: file.to_owned(), reason }
}

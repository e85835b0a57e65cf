//! Certificates: whom a registry has to show itself as, and who is shown to it.

use std::collections::BTreeMap;
use std::io;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CertificateError, InconsistentKeys, InvalidMessage, RootCertStore};
use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, parse_pem};

use super::RegistryError;

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

    /// The files of a registry's directory below a `certs.d` (containers-certs.d(5); Docker's is the same), by their names:
    /// `*.crt` are authorities, `NAME.cert` with `NAME.key` is who is shown to the registry, of several the last by
    /// name. `path` is what errors call the directory.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Certificate`] for a file that has nothing of the kind, for a `.cert` without its `.key` or
    /// the other way round, and for a key that is another certificate's.
    pub fn of_directory(
        path: &str,
        files: &BTreeMap<String, Vec<u8>>,
    ) -> Result<Certificates, RegistryError> {
        let mut all = Certificates::default();
        for (name, bytes) in files {
            let file = format!("{path}/{name}");
            if name.ends_with(".crt") {
                all.extend(Certificates::read_authorities(&file, bytes)?);
            } else if let Some(stem) = name.strip_suffix(".cert") {
                let key = format!("{stem}.key");
                let Some(key_bytes) = files.get(&key) else {
                    return Err(wrong(&file, format!("wanted `{key}` beside it, found none")));
                };
                all.extend(Certificates::shown((&file, bytes), (&format!("{path}/{key}"), key_bytes))?);
            } else if let Some(stem) = name.strip_suffix(".key")
                && !files.contains_key(&format!("{stem}.cert"))
            {
                return Err(wrong(&file, format!("wanted `{stem}.cert` beside it, found none")));
            }
        }
        Ok(all)
    }

    /// The certificates of a file in PEM, taken as authorities.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Certificate`] where there is none that can be one.
    pub fn read_authorities(file: &str, bytes: &[u8]) -> Result<Certificates, RegistryError> {
        let found = Certificates::authorities(bytes);
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(found.authority_ders()).0 == 0 {
            return Err(wrong(file, "wanted certificates in PEM, found none".into()));
        }
        Ok(found)
    }

    /// Who is shown where that is asked for: a certificate, with those between it and its authority, and its key; both are
    /// files in PEM, with what errors call them.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Certificate`] where one of them is no such thing, or the key is another certificate's.
    pub fn shown(chain: (&str, &[u8]), key: (&str, &[u8])) -> Result<Certificates, RegistryError> {
        let ((file, bytes), (key_file, key_bytes)) = (chain, key);
        let chain = Certificates::authorities(bytes).authorities;
        if chain.is_empty() {
            return Err(wrong(file, "wanted certificates in PEM, found none".into()));
        }
        let no_key = || wrong(key_file, "wanted a private key in PEM, found none".into());
        let key = PrivateKey::from_pem(key_bytes).map_err(|_| no_key())?;
        let ders = chain.iter().map(|found| CertificateDer::from(found.der().to_vec())).collect();
        let key_der = PrivateKeyDer::try_from(key.der().to_vec()).map_err(|_| no_key())?;
        // What cannot be held against each other is tried all the same.
        match CertifiedKey::from_der(ders, key_der, &ring::default_provider()) {
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                return Err(wrong(key_file, format!("wanted the key of `{file}`, found another")));
            }
            Err(rustls::Error::InvalidCertificate(_)) => {
                return Err(wrong(file, "wanted certificates in PEM, found none".into()));
            }
            Err(_) => return Err(no_key()),
            Ok(_) => {}
        }
        Ok(Certificates { authorities: Vec::new(), client: Some(ClientCert::new_with_certs(&chain, key)) })
    }

    pub(super) fn authority_ders(&self) -> impl Iterator<Item = CertificateDer<'static>> {
        self.authorities.iter().map(|found| CertificateDer::from(found.der().to_vec()))
    }

    /// Who is shown, if somebody is.
    pub(super) fn client_der(&self) -> Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
        let client = self.client.as_ref()?;
        let chain = client.certs().iter().map(|part| CertificateDer::from(part.der().to_vec())).collect();
        Some((chain, PrivateKeyDer::try_from(client.private_key().der().to_vec()).ok()?))
    }

    /// The same authorities, and nobody shown.
    pub(super) fn without_client(&self) -> Certificates {
        Certificates { authorities: self.authorities.clone(), client: None }
    }
}

fn wrong(file: &str, reason: String) -> RegistryError {
    RegistryError::Certificate { file: file.to_owned(), reason }
}

/// Why a connection failed, where that is because of certificates.
pub(crate) fn refusal(error: &io::Error) -> Option<String> {
    let reason = match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(error) => {
            let reason = match error {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    "it is not valid yet"
                }
                CertificateError::UnknownIssuer => "it is of no authority that is known here",
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    "it is for another name"
                }
                CertificateError::BadSignature => "its signature is not its authority's",
                CertificateError::Revoked => "it was revoked",
                CertificateError::BadEncoding => "it cannot be read",
                other => return Some(format!("its certificate is not accepted: {other}")),
            };
            return Some(format!("its certificate is not accepted: {reason}"));
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "it wants to be shown a client's certificate, and there is none for it"
        }
        rustls::Error::AlertReceived(
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied,
        ) => "it does not accept the client's certificate, or wants one",
        _ => return None,
    };
    Some(reason.to_owned())
}

/// A failure of TLS in words, where the other side speaks something else.
pub(super) fn spoken(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            io::Error::new(error.kind(), "it does not speak TLS")
        }
        _ => error,
    }
}

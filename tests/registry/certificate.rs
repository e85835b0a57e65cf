//! Certificates for tests, made as they are wanted: X.509 version 3 (RFC 5280), signed by ECDSA P-256.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

/// A certificate and its key.
pub struct Certificate {
    name: String,
    pub der: Vec<u8>,
    pub key: Vec<u8>,
}

/// What is to be certified.
pub struct Wanted<'a> {
    pub name: &'a str,
    /// Whether it may certify others.
    pub is_authority: bool,
    /// `dNSName`s; what is an address is an `iPAddress`.
    pub names: &'a [&'a str],
    /// From and to, in days from today.
    pub days: (i64, i64),
}

impl Certificate {
    /// One that certifies itself, as authorities do.
    pub fn authority(name: &str) -> Certificate {
        Certificate::new(&Wanted { name, is_authority: true, names: &[], days: (-1, 30) }, None)
    }

    /// One by this authority for these hosts; or for a client.
    pub fn by(&self, name: &str, names: &[&str]) -> Certificate {
        Certificate::new(&Wanted { name, is_authority: false, names, days: (-1, 30) }, Some(self))
    }

    pub fn new(wanted: &Wanted<'_>, by: Option<&Certificate>) -> Certificate {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key = key.as_ref().to_vec();
        let pair =
            |key: &[u8]| EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key, &random).unwrap();
        let by_name = by.map_or(wanted.name, |by| &by.name);
        let mut serial = [0; 8];
        ring::rand::SecureRandom::fill(&random, &mut serial).unwrap();
        serial[0] = 1;
        // ecdsa-with-SHA256
        let algorithm = sequence(&[&[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]]);
        // id-ecPublicKey, prime256v1
        let kind = sequence(&[
            &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1],
            &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        ]);
        let public = [&[0], pair(&key).public_key().as_ref()].concat();
        let to_be_signed = sequence(&[
            &value(0xa0, &value(0x02, &[2])),
            &value(0x02, &serial),
            &algorithm,
            &distinguished(by_name),
            &sequence(&[&time(wanted.days.0), &time(wanted.days.1)]),
            &distinguished(wanted.name),
            &sequence(&[&kind, &value(0x03, &public)]),
            &value(0xa3, &sequence(&extensions(wanted).iter().map(Vec::as_slice).collect::<Vec<_>>())),
        ]);
        let by_key = by.map_or(&key, |by| &by.key);
        let signature = pair(by_key).sign(&random, &to_be_signed).unwrap();
        let signature = value(0x03, &[&[0], signature.as_ref()].concat());
        let der = sequence(&[&to_be_signed, &algorithm, &signature]);
        Certificate { name: wanted.name.to_owned(), der, key }
    }

    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.key)
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", lines.join("\n"))
}

/// Tag, length, content.
fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut all = match length {
        0..128 => vec![tag, length as u8],
        128..256 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    all.extend_from_slice(content);
    all
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    value(0x30, &parts.concat())
}

/// A name of one part, `commonName`.
fn distinguished(name: &str) -> Vec<u8> {
    let part = sequence(&[&[0x06, 3, 0x55, 4, 3], &value(0x0c, name.as_bytes())]);
    sequence(&[&value(0x31, &part)])
}

fn time(days: i64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let then = jiff::Timestamp::from_second(i64::try_from(now).unwrap() + days * 86_400).unwrap();
    value(0x18, then.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
}

fn extensions(wanted: &Wanted<'_>) -> Vec<Vec<u8>> {
    let basic: &[u8] = if wanted.is_authority { &[0x30, 3, 0x01, 1, 0xff] } else { &[0x30, 0] };
    let mut all = vec![sequence(&[&[0x06, 3, 0x55, 0x1d, 19], &[0x01, 1, 0xff], &value(0x04, basic)])];
    if !wanted.names.is_empty() {
        let name = |name: &&str| match name.parse() {
            Ok(std::net::IpAddr::V4(address)) => value(0x87, &address.octets()),
            Ok(std::net::IpAddr::V6(address)) => value(0x87, &address.octets()),
            Err(_) => value(0x82, name.as_bytes()),
        };
        let names: Vec<u8> = wanted.names.iter().flat_map(name).collect();
        all.push(sequence(&[&[0x06, 3, 0x55, 0x1d, 17], &value(0x04, &value(0x30, &names))]));
    }
    all
}

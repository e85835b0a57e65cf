//! What the sandbox costs: documents read through the component, and natively beside it.
//!
//! `cargo bench --bench guest`; the figures that count are ratios within one run.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;

use consign::sandbox::Sandbox;
use consign::types::Rules;
use consign::types::references::Reading;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Deserialize;

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An index as a native reader would have it: typed and owned.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Index {
    schema_version: u32,
    media_type: Option<String>,
    manifests: Vec<Descriptor>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    artifact_type: Option<String>,
}

#[derive(Deserialize)]
#[allow(dead_code)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
    #[serde(rename = "os.version")]
    os_version: Option<String>,
    #[serde(rename = "os.features", default)]
    os_features: Vec<String>,
}

/// An index of about this many bytes, its entries as builders write them: every other one an attestation.
fn index(bytes: usize) -> String {
    let mut text = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":["#);
    let mut number = 0;
    while text.len() < bytes {
        let comma = if number == 0 { "" } else { "," };
        let image = format!("{number:064x}");
        write!(
            text,
            r#"{comma}{{"mediaType":"{OCI_MANIFEST}","digest":"sha256:{image}","size":{},"#,
            500 + number
        )
        .unwrap();
        if number % 2 == 0 {
            text.push_str(r#""platform":{"architecture":"arm","os":"linux","variant":"v7"}}"#);
        } else {
            write!(
                text,
                r#""annotations":{{"vnd.docker.reference.digest":"sha256:{:064x}","vnd.docker.reference.type":"attestation-manifest"}},"platform":{{"architecture":"unknown","os":"unknown"}}}}"#,
                number - 1
            )
            .unwrap();
        }
        number += 1;
    }
    text.push_str("]}");
    text
}

fn manifests(criterion: &mut Criterion) {
    let sandbox = Sandbox::new(Default::default()).unwrap();
    for (name, bytes) in [("4 KiB index", 4 << 10), ("1 MiB index", 1 << 20)] {
        let text = index(bytes);
        let bytes = text.as_bytes();
        sandbox.parse_manifest(bytes, Some(OCI_INDEX)).unwrap().unwrap();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("serde_json, native", |bencher| {
            bencher.iter(|| serde_json::from_slice::<Index>(black_box(bytes)).unwrap());
        });
        group.bench_function("guest, native", |bencher| {
            bencher.iter(|| consign_guest::manifest::parse(black_box(bytes), Some(OCI_INDEX)).unwrap());
        });
        group.bench_function("guest, component", |bencher| {
            bencher.iter(|| sandbox.parse_manifest(black_box(bytes), Some(OCI_INDEX)).unwrap().unwrap());
        });
        group.finish();
    }
}

fn references(criterion: &mut Criterion) {
    let sandbox = Sandbox::new(Default::default()).unwrap();
    let digest = format!("sha256:{:064x}", 1);
    for (name, text) in [
        ("familiar", "debian".to_owned()),
        ("full", format!("registry.example.com:5000/some/path:1.2.3@{digest}")),
    ] {
        let mut group = criterion.benchmark_group(format!("reference, {name}"));
        group.bench_function("guest, native", |bencher| {
            bencher.iter(|| {
                consign_guest::name::parse(
                    black_box(&text),
                    consign_guest::wit::exports::consign::image::references::Reading::Any,
                    consign_guest::wit::consign::image::types::Rules::Docker,
                )
                .unwrap()
            });
        });
        group.bench_function("guest, component", |bencher| {
            bencher.iter(|| {
                sandbox.parse_reference(black_box(&text), Reading::Any, Rules::Docker).unwrap().unwrap()
            });
        });
        group.finish();
    }
}

criterion_group!(benches, references, manifests);
criterion_main!(benches);

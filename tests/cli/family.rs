//! A family of images: `base`, two that go on from it, and one without a name.

use serde_json::{Value, json};

use crate::archive::{Layout, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST, digest, gzip, layer};
use crate::place::Place;

/// A member: its name, contents of its layers, labels, and when it was created.
struct Member<'a> {
    name: Option<&'a str>,
    layers: &'a [&'a str],
    labels: Value,
    created: &'a str,
}

/// Loads the family.
pub fn family() -> Place {
    let members = [
        Member {
            name: Some("example.com/base:1"),
            layers: &["base"],
            labels: json!({"kind": "base", "Team": "x"}),
            created: "2020-01-01T00:00:00Z",
        },
        Member {
            name: Some("example.com/app:1"),
            layers: &["base", "app one"],
            labels: json!({"kind": "app", "empty": ""}),
            created: "2021-01-01T00:00:00Z",
        },
        Member {
            name: Some("docker.io/library/app:2"),
            layers: &["base", "app one", "app two"],
            labels: json!({"kind": "app"}),
            created: "2022-01-01T00:00:00.5+01:00",
        },
        Member {
            name: None,
            layers: &["base", "other"],
            labels: Value::Null,
            created: "2023-01-01T00:00:00Z",
        },
    ];
    let mut layout = Layout::default();
    for member in &members {
        let (name, manifest) = (member.name, image(&mut layout, member));
        layout.root(manifest, name);
    }
    let place = Place::new();
    let archive = place.file("family.tar", &layout.tar());
    place.run(&["load", "-q", &archive]).ok();
    place
}

fn image(layout: &mut Layout, member: &Member<'_>) -> Value {
    let layers: Vec<Vec<u8>> = member.layers.iter().map(|content| layer(content)).collect();
    let mut history = vec![json!({"created": "2020-01-01T00:00:00Z", "created_by": "ADD base"})];
    for content in &member.layers[1..] {
        history.push(json!({"created_by": format!("COPY {content}\t/file"), "comment": "copied"}));
        let command = format!("CMD [\"{content}\", \"{}\"]", "x".repeat(40));
        history.push(json!({"created_by": command, "empty_layer": true}));
    }
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "created": member.created,
        "config": {"Labels": member.labels, "Cmd": ["/x", "y z"], "Env": ["A=b", "C=d"], "ExposedPorts": {"80/tcp": {}}},
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| digest(layer)).collect::<Vec<_>>()},
        "history": history,
    });
    let config = layout.json(OCI_CONFIG, &config);
    let layers: Vec<Value> =
        layers.iter().map(|layer| layout.blob(&format!("{OCI_LAYER}+gzip"), &gzip(layer))).collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config,
        "layers": layers,
        "annotations": {"org.example.note": "kept"},
    });
    layout.json(OCI_MANIFEST, &manifest)
}

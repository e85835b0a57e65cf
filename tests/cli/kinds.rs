//! An image of every kind that registries have.

use serde_json::{Value, json};

use crate::archive::{Layout, OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST, Tar, digest, gzip, layer};

const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const DOCKER_FOREIGN: &str = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";

/// What is special about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One image.
    Image,
    /// An index, one of its images is linux/amd64.
    Index,
    /// An index with attestations beside the images.
    Attested,
    /// No image at all.
    Artifact,
    /// An image with a layer that is elsewhere, by URL.
    Foreign,
}

pub struct Kind {
    pub name: &'static str,
    pub form: Form,
    pub layout: Layout,
    target: Value,
    /// The ID of its image for linux/amd64.
    pub id: String,
}

impl Kind {
    /// Of its index or manifest.
    pub fn digest(&self) -> &str {
        self.target["digest"].as_str().unwrap()
    }

    /// What it is called in the store.
    pub fn stored(&self) -> String {
        format!("example.com/kinds/{}:1", self.name)
    }

    /// Whether skopeo copies all of it: it wants every manifest to be an image's, and its layers to be there.
    pub fn skopeo_copies(&self) -> bool {
        matches!(self.form, Form::Image | Form::Index)
    }

    /// Whether podman can have it: it fetches layers that are elsewhere from there.
    pub fn podman_pulls(&self) -> bool {
        !matches!(self.form, Form::Artifact | Form::Foreign)
    }
}

/// Compressed as one frame.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// How a document and its parts are called.
#[derive(Clone, Copy)]
struct Types {
    manifest: &'static str,
    config: &'static str,
    layer: &'static str,
    list: &'static str,
    compress: fn(&[u8]) -> Vec<u8>,
}

const OCI: Types = Types {
    manifest: OCI_MANIFEST,
    config: OCI_CONFIG,
    layer: "application/vnd.oci.image.layer.v1.tar+gzip",
    list: OCI_INDEX,
    compress: gzip,
};

const DOCKER: Types = Types {
    manifest: DOCKER_MANIFEST,
    config: DOCKER_CONFIG,
    layer: DOCKER_LAYER,
    list: DOCKER_LIST,
    compress: gzip,
};

impl Types {
    /// An image, and its ID.
    fn image(self, layout: &mut Layout, architecture: &str, layers: &[Vec<u8>]) -> (Value, String) {
        let stored = layers.iter().map(|plain| layout.blob(self.layer, &(self.compress)(plain))).collect();
        let diff_ids: Vec<String> = layers.iter().map(|plain| digest(plain)).collect();
        self.manifest(layout, architecture, stored, &diff_ids)
    }

    fn manifest(
        self,
        layout: &mut Layout,
        architecture: &str,
        layers: Vec<Value>,
        diff_ids: &[String],
    ) -> (Value, String) {
        let steps = diff_ids.iter().map(|id| json!({"created_by": format!("COPY {id}")}));
        let history: Vec<Value> =
            steps.chain([json!({"created_by": "CMD [\"x\"]", "empty_layer": true})]).collect();
        let config = json!({
            "architecture": architecture, "os": "linux", "created": "2020-01-02T03:04:05Z",
            "config": {"Cmd": ["x"]}, "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history,
        });
        let config = layout.json(self.config, &config);
        let id = config["digest"].as_str().unwrap().to_owned();
        let manifest =
            json!({"schemaVersion": 2, "mediaType": self.manifest, "config": config, "layers": layers});
        (layout.json(self.manifest, &manifest), id)
    }

    /// An index of images for several platforms, and the ID of the one for linux/amd64.
    fn index(self, layout: &mut Layout, name: &str) -> (Vec<Value>, String) {
        let (mut entries, mut own) = (Vec::new(), String::new());
        for architecture in ["arm64", "amd64", "riscv64"] {
            let content = layer(&format!("{name} for {architecture}"));
            let (mut entry, id) = self.image(layout, architecture, &[content]);
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            if architecture == "amd64" {
                own = id;
            }
            entries.push(entry);
        }
        (entries, own)
    }

    fn list(self, layout: &mut Layout, entries: &[Value]) -> Value {
        let list = json!({"schemaVersion": 2, "mediaType": self.list, "manifests": entries});
        layout.json(self.list, &list)
    }
}

/// All of them.
pub fn kinds() -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut add = |name: &'static str, form, make: &dyn Fn(&mut Layout) -> (Value, String)| {
        let mut layout = Layout::default();
        let (target, id) = make(&mut layout);
        layout.root(target.clone(), None);
        kinds.push(Kind { name, form, layout, target, id });
    };
    let several = |name: &str| [layer(name), layer(&format!("{name} more"))];
    add("gzip", Form::Image, &|layout| OCI.image(layout, "amd64", &several("gzip")));
    let with_zstd = Types { layer: "application/vnd.oci.image.layer.v1.tar+zstd", compress: zstd, ..OCI };
    add("zstd", Form::Image, &|layout| with_zstd.image(layout, "amd64", &several("zstd")));
    let plain = Types { layer: OCI_LAYER, compress: |bytes| bytes.to_vec(), ..OCI };
    add("plain", Form::Image, &|layout| plain.image(layout, "amd64", &several("plain")));
    add("docker", Form::Image, &|layout| DOCKER.image(layout, "amd64", &several("docker")));
    // One that changes nothing, several times.
    let nothing = Tar::default().end();
    add("empty", Form::Image, &|layout| {
        OCI.image(layout, "amd64", &[nothing.clone(), layer("empty"), nothing.clone(), nothing.clone()])
    });
    let many: Vec<Vec<u8>> = (0..127).map(|number| layer(&format!("layer {number}"))).collect();
    add("many", Form::Image, &|layout| OCI.image(layout, "amd64", &many));
    add("index", Form::Index, &|layout| {
        let (entries, id) = OCI.index(layout, "index");
        (OCI.list(layout, &entries), id)
    });
    add("list", Form::Index, &|layout| {
        let (entries, id) = DOCKER.index(layout, "list");
        (DOCKER.list(layout, &entries), id)
    });
    add("attested", Form::Attested, &|layout| {
        let (mut entries, id) = OCI.index(layout, "attested");
        for number in 0..entries.len() {
            let of = entries[number]["digest"].clone();
            let statement =
                json!({"_type": "https://in-toto.io/Statement/v0.1", "subject": [of]}).to_string();
            let statement = layout.blob("application/vnd.in-toto+json", statement.as_bytes());
            let diff_id = statement["digest"].as_str().unwrap().to_owned();
            let (mut entry, _) = OCI.manifest(layout, "unknown", vec![statement], &[diff_id]);
            entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
            entry["annotations"] = json!({
                "vnd.docker.reference.digest": of, "vnd.docker.reference.type": "attestation-manifest",
            });
            entries.push(entry);
        }
        (OCI.list(layout, &entries), id)
    });
    add("artifact", Form::Artifact, &|layout| {
        let config = layout.blob("application/vnd.example.chart.config.v1+json", br#"{"chart": 1}"#);
        let content = layout.blob("application/vnd.example.chart.v1", b"no tar, no layer");
        let manifest = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example.chart",
            "config": config, "layers": [content], "annotations": {"org.example": "x"},
        });
        (layout.json(OCI_MANIFEST, &manifest), String::new())
    });
    add("foreign", Form::Foreign, &|layout| {
        let (base, top) = (layer("elsewhere"), layer("here"));
        let mut elsewhere = crate::archive::descriptor(DOCKER_FOREIGN, &gzip(&base));
        elsewhere["urls"] = json!(["https://example.com/layer"]);
        let here = layout.blob(DOCKER_LAYER, &gzip(&top));
        DOCKER.manifest(layout, "amd64", vec![elsewhere, here], &[digest(&base), digest(&top)])
    });
    kinds
}

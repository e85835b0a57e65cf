use super::*;

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const SCHEMA_1: &str = "application/vnd.docker.distribution.manifest.v1+json";
const SCHEMA_1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

fn digest() -> String {
    format!("sha256:{}", "0123456789abcdef".repeat(4))
}

/// A descriptor with these members after the three it must have.
fn descriptor(media_type: &str, more: &str) -> String {
    format!(r#"{{"mediaType":"{media_type}","digest":"{}","size":7{more}}}"#, digest())
}

fn index(media_type: &str, more: &str) -> String {
    let entry = descriptor(OCI_MANIFEST, "");
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{entry}]{more}}}"#)
}

fn manifest(media_type: &str, more: &str) -> String {
    let (config, layer) = (descriptor("a/config", ""), descriptor("a/layer", ""));
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{config},"layers":[{layer}]{more}}}"#)
}

/// An index whose one entry is this text.
fn entry(entry: &str) -> String {
    format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{entry}]}}"#)
}

fn kind(text: &str, announced: Option<&str>) -> Kind {
    match parse(text.as_bytes(), announced) {
        Ok(Document::Index(index)) => index.kind,
        Ok(Document::Manifest(manifest)) => manifest.kind,
        Err(error) => panic!("{text}: {error:?}"),
    }
}

fn problem(text: &str, announced: Option<&str>) -> ManifestProblem {
    match parse(text.as_bytes(), announced) {
        Err(error) => error.problem,
        Ok(_) => panic!("read: {text}"),
    }
}

fn one_entry(text: &str) -> Descriptor {
    match parse(entry(text).as_bytes(), None).unwrap() {
        Document::Index(mut index) => index.entries.remove(0),
        Document::Manifest(_) => panic!("a manifest"),
    }
}

#[test]
fn the_four_kinds_are_told_by_their_media_type_announced_or_not() {
    for (text, wanted) in [
        (index(OCI_INDEX, ""), Kind::OciIndex),
        (index(DOCKER_LIST, ""), Kind::DockerList),
        (manifest(OCI_MANIFEST, ""), Kind::OciManifest),
        (manifest(DOCKER_MANIFEST, ""), Kind::DockerManifest),
    ] {
        assert_eq!(kind(&text, None), wanted);
        assert_eq!(kind(&text, Some(media_type(wanted))), wanted);
        assert_eq!(kind(&text, Some("application/json")), wanted);
        let unnamed = text.replace(&format!(r#""mediaType":"{}","#, media_type(wanted)), "");
        assert_eq!(kind(&unnamed, Some(media_type(wanted))), wanted);
        for null in [r#""mediaType":null,"#, r#""mediaType":"","#] {
            let text = unnamed.replacen('{', &format!("{{{null}"), 1);
            assert_eq!(kind(&text, Some(media_type(wanted))), wanted);
        }
    }
}

#[test]
fn a_document_that_does_not_say_is_ocis() {
    let list = index(OCI_INDEX, "").replacen(&format!(r#""mediaType":"{OCI_INDEX}","#), "", 1);
    assert_eq!(kind(&list, None), Kind::OciIndex);
    let image = manifest(OCI_MANIFEST, "").replacen(&format!(r#""mediaType":"{OCI_MANIFEST}","#), "", 1);
    assert_eq!(kind(&image, None), Kind::OciManifest);
    // Docker's manifests have to say what they are.
    let docker = image.replace("a/config", "application/vnd.docker.container.image.v1+json");
    assert_eq!(problem(&docker, None), ManifestProblem::Missing("mediaType".into()));
    assert_eq!(kind(&docker, Some(DOCKER_MANIFEST)), Kind::DockerManifest);
    assert_eq!(kind(&docker, Some(OCI_MANIFEST)), Kind::OciManifest);
}

#[test]
fn media_types_that_contradict_are_refused() {
    let mismatch =
        |wanted: &str, found: &str| ManifestProblem::MediaTypeMismatch((wanted.to_owned(), found.to_owned()));
    for (text, announced, found) in [
        (manifest(OCI_MANIFEST, ""), OCI_INDEX, OCI_MANIFEST),
        (index(OCI_INDEX, ""), OCI_MANIFEST, OCI_INDEX),
        (manifest(OCI_MANIFEST, ""), DOCKER_MANIFEST, OCI_MANIFEST),
        (index(DOCKER_LIST, ""), OCI_INDEX, DOCKER_LIST),
    ] {
        assert_eq!(problem(&text, Some(announced)), mismatch(announced, found));
    }
    // What it is called and what it has.
    assert_eq!(problem(&index(OCI_MANIFEST, ""), None), mismatch(OCI_MANIFEST, OCI_INDEX));
    assert_eq!(problem(&manifest(OCI_INDEX, ""), None), mismatch(OCI_INDEX, OCI_MANIFEST));
    assert_eq!(problem(&manifest(DOCKER_LIST, ""), None), mismatch(DOCKER_LIST, OCI_MANIFEST));
    let unnamed = index("", "");
    assert_eq!(problem(&unnamed, Some(OCI_MANIFEST)), mismatch(OCI_MANIFEST, OCI_INDEX));
}

#[test]
fn a_document_that_can_be_read_as_two_kinds_is_refused() {
    for (text, members) in [
        (index(OCI_INDEX, r#","config":null"#), "`manifests` and `config`"),
        (index(OCI_INDEX, r#","layers":[]"#), "`manifests` and `layers`"),
        (manifest(OCI_MANIFEST, r#","manifests":[]"#), "`manifests` and `config` and `layers`"),
        (manifest(OCI_MANIFEST, r#","manifests":null"#), "`manifests` and `config` and `layers`"),
        (manifest(DOCKER_MANIFEST, r#","fsLayers":[]"#), "`config` and `layers` and `fsLayers`"),
        (manifest(DOCKER_MANIFEST, r#","history":[]"#), "`config` and `layers` and `history`"),
        (index(DOCKER_LIST, r#","fsLayers":[]"#), "`manifests` and `fsLayers`"),
    ] {
        for announced in [None, Some(OCI_INDEX), Some(OCI_MANIFEST)] {
            assert_eq!(problem(&text, announced), ManifestProblem::Ambiguous(members.into()), "{text}");
        }
    }
}

#[test]
fn other_kinds_are_refused_by_name() {
    let unsupported = |name: &str| ManifestProblem::Unsupported(name.into());
    let schema1 = r#"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}"#;
    assert_eq!(problem(schema1, None), unsupported(SCHEMA_1));
    assert_eq!(problem(schema1, Some("text/plain")), unsupported(SCHEMA_1));
    assert_eq!(problem(&schema1.replace("]}", "],\"signatures\":[]}"), None), unsupported(SCHEMA_1_SIGNED));
    assert_eq!(problem("{}", Some(SCHEMA_1_SIGNED)), unsupported(SCHEMA_1_SIGNED));
    let config = "application/vnd.oci.image.config.v1+json";
    for text in [
        r#"{"architecture":"a","os":"b","config":{"Env":[]},"rootfs":{"type":"layers"},"history":[{}]}"#,
        r#"{"architecture":"a","os":"b","rootfs":{"type":"layers"},"history":[]}"#,
        r#"{"architecture":"a","os":"b","rootfs":{"type":"layers"}}"#,
        r#"{"architecture":"a","os":"b","config":null,"rootfs":{"type":"layers"},"history":[]}"#,
    ] {
        assert_eq!(problem(text, None), unsupported(config), "{text}");
    }
    assert_eq!(problem(&manifest(config, ""), None), unsupported(config));
    assert_eq!(problem(&manifest("a/b", ""), None), unsupported("a/b"));
    let artifact = "application/vnd.oci.artifact.manifest.v1+json";
    assert_eq!(problem(&format!(r#"{{"mediaType":"{artifact}","blobs":[]}}"#), None), unsupported(artifact));
    for nothing in ["{}", r#"{"schemaVersion":2}"#, r#"{"a":1}"#] {
        assert!(matches!(problem(nothing, None), ManifestProblem::Unsupported(_)));
    }
}

#[test]
fn a_member_that_is_there_twice_or_in_another_case_is_refused() {
    let duplicate = |name: &str| ManifestProblem::Duplicate(name.into());
    assert_eq!(problem(&index(OCI_INDEX, r#","manifests":[]"#), None), duplicate("manifests"));
    assert_eq!(problem(&index(OCI_INDEX, r#","Manifests":[]"#), None), duplicate("manifests"));
    assert_eq!(problem(&index(OCI_INDEX, r#","manifest\u017f":[]"#), None), duplicate("manifests"));
    assert_eq!(problem(&index(OCI_INDEX, r#","m\u0061nifests":[]"#), None), duplicate("manifests"));
    assert_eq!(problem(&index(OCI_INDEX, r#","schemaversion":1"#), None), duplicate("schemaVersion"));
    assert_eq!(problem(&manifest(OCI_MANIFEST, r#","CONFIG":{}"#), None), duplicate("config"));
    for more in [r#","digest":"x""#, r#","SIZE":1"#, r#","mediaType":"a""#] {
        let name = more.split('"').nth(1).unwrap().replace("SIZE", "size");
        let problem = problem(&entry(&descriptor(OCI_MANIFEST, more)), None);
        assert_eq!(problem, duplicate(&format!("manifests[0].{name}")));
    }
    for platform in [r#"{"os":"a","os":"b"}"#, r#"{"os":"a","Os":"b"}"#, r#"{"OS":"a","os":"b"}"#] {
        let text = entry(&descriptor(OCI_MANIFEST, &format!(r#","platform":{platform}"#)));
        assert_eq!(problem(&text, None), duplicate("manifests[0].platform.os"));
    }
    let text = entry(&descriptor(OCI_MANIFEST, r#","annotations":{"a":"1","a":"2"}"#));
    assert_eq!(problem(&text, None), duplicate("manifests[0].annotations.a"));
    // Readers that ignore case would see an index, others an image.
    assert_eq!(
        problem(&manifest(OCI_MANIFEST, r#","Manifests":[]"#), None),
        invalid_key("manifests", "Manifests")
    );
    let text = entry(&descriptor(OCI_MANIFEST, r#","Platform":{}"#));
    assert_eq!(problem(&text, None), invalid_key("manifests[0].platform", "Platform"));
    // Names nobody reads may come as they like.
    assert_eq!(kind(&index(OCI_INDEX, r#","x":1,"x":2,"X":3"#), None), Kind::OciIndex);
}

fn invalid_key(way: &str, found: &str) -> ManifestProblem {
    let name = way.rsplit('.').next().unwrap();
    ManifestProblem::Invalid((way.into(), format!("the key `{name}`"), format!("`{found}`")))
}

#[test]
fn sizes_and_digests_are_checked_and_must_be_there() {
    let good = descriptor(OCI_MANIFEST, "");
    for size in
        ["-1", "-0", "1.5", "7.0", "1e3", "9223372036854775808", "1e400", "\"7\"", "true", "{}", "[7]"]
    {
        let text = entry(&good.replace(":7", &format!(":{size}")));
        let ManifestProblem::Invalid((name, _, _)) = problem(&text, None) else { panic!("{text}") };
        assert_eq!(name, "manifests[0].size");
    }
    assert_eq!(one_entry(&good.replace(":7", ":9223372036854775807")).size, (1 << 63) - 1);
    assert_eq!(one_entry(&good.replace(":7", ":0")).size, 0);
    let hex = "0123456789abcdef".repeat(4);
    for bad in [
        String::new(),
        "sha256".into(),
        "sha256:".into(),
        hex.clone(),
        format!("sha256:{}", &hex[1..]),
        format!("sha256:{hex}0"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("SHA256:{hex}"),
        format!("sha512:{hex}"),
        format!("md5:{}", &hex[..32]),
        format!("sha256:../../../../../../../../{}", &hex[..39]),
        format!("sha256+b64:{hex}"),
        format!("sha256:{}é", &hex[2..]),
    ] {
        let text = entry(&good.replace(&digest(), &bad));
        let ManifestProblem::Invalid((name, _, _)) = problem(&text, None) else { panic!("{text}") };
        assert_eq!(name, "manifests[0].digest");
    }
    for (algorithm, times) in [("sha384", 6), ("sha512", 8)] {
        let digest_of = format!("{algorithm}:{}", "0123456789abcdef".repeat(times));
        assert_eq!(one_entry(&good.replace(&digest(), &digest_of)).digest, digest_of);
    }
    for member in ["mediaType", "digest", "size"] {
        for text in [
            entry(&good.replace(&format!("\"{member}\""), "\"other\"")),
            entry(&format!(
                r#"{{"{member}":null{}"#,
                good.replace(&format!("\"{member}\""), "\"other\"").replacen('{', ",", 1)
            )),
        ] {
            assert_eq!(problem(&text, None), ManifestProblem::Missing(format!("manifests[0].{member}")));
        }
    }
    let text = manifest(OCI_MANIFEST, "").replacen("a/layer", "", 1);
    assert_eq!(problem(&text, None), ManifestProblem::Missing("layers[0].mediaType".into()));
}

#[test]
fn a_manifest_needs_its_members() {
    let missing = |name: &str| ManifestProblem::Missing(name.into());
    for (text, name) in [
        (index(OCI_INDEX, "").replace("manifests", "other"), "manifests"),
        (manifest(OCI_MANIFEST, "").replace("config\":", "other\":"), "config"),
        (manifest(OCI_MANIFEST, "").replace("layers", "other"), "layers"),
        (manifest(OCI_MANIFEST, "").replace("schemaVersion", "other"), "schemaVersion"),
        (index(OCI_INDEX, "").replace("schemaVersion\":2", "schemaVersion\":null"), "schemaVersion"),
    ] {
        assert_eq!(problem(&text, None), missing(name), "{text}");
    }
    for version in ["1", "3", "-2", "0"] {
        let text = index(OCI_INDEX, "").replace(":2,", &format!(":{version},"));
        assert!(
            matches!(problem(&text, None), ManifestProblem::Invalid((name, _, _)) if name == "schemaVersion")
        );
    }
}

#[test]
fn null_is_the_same_as_absent_and_empty_is_empty() {
    for list in ["[]", "null"] {
        let text = format!(r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":{list}}}"#);
        assert!(
            matches!(parse(text.as_bytes(), None), Ok(Document::Index(index)) if index.entries.is_empty())
        );
        let config = descriptor("a/b", "");
        let text = format!(r#"{{"schemaVersion":2,"config":{config},"layers":{list}}}"#);
        assert!(
            matches!(parse(text.as_bytes(), None), Ok(Document::Manifest(image)) if image.layers.is_empty())
        );
    }
    let nulls = r#","platform":null,"annotations":null,"artifactType":null,"urls":null,"data":null"#;
    let read = one_entry(&descriptor(OCI_MANIFEST, nulls));
    assert_eq!((read.platform, read.annotations, read.artifact_type), (None, vec![], None));
    let nulls =
        r#","platform":{"os":null,"architecture":null,"variant":null,"os.version":"","os.features":null}"#;
    let read = one_entry(&descriptor(OCI_MANIFEST, nulls)).platform.unwrap();
    assert_eq!((read.os.as_str(), read.variant, read.os_version, read.os_features), ("", None, None, vec![]));
    assert_eq!(
        problem(&entry("null"), None),
        ManifestProblem::Invalid(("manifests[0]".into(), "an object".into(), "`null`".into()))
    );
}

#[test]
fn everything_that_is_said_is_kept_in_its_order() {
    let platform = r#"{"architecture":"amd64","os":"windows","os.version":"10.0","os.features":["win32k","win32k"],"variant":"v2","features":["sse4"]}"#;
    let more = format!(
        r#","platform":{platform},"annotations":{{"z":"1","a":"é\n"}},"artifactType":"t","urls":["https://x"],"data":"e30=""#
    );
    let read = one_entry(&descriptor(OCI_MANIFEST, &more));
    assert_eq!(
        read,
        Descriptor {
            media_type: OCI_MANIFEST.into(),
            digest: digest(),
            size: 7,
            platform: Some(crate::types::Platform {
                os: "windows".into(),
                architecture: "amd64".into(),
                variant: Some("v2".into()),
                os_version: Some("10.0".into()),
                os_features: vec!["win32k".into(), "win32k".into()],
            }),
            annotations: vec![("z".into(), "1".into()), ("a".into(), "é\n".into())],
            artifact_type: Some("t".into()),
        }
    );
    let more = format!(
        r#","artifactType":"t","subject":{},"annotations":{{"b":"1","a":"2"}}"#,
        descriptor("a/subject", "")
    );
    for text in [index(OCI_INDEX, &more), manifest(OCI_MANIFEST, &more)] {
        let (artifact_type, subject, annotations) = match parse(text.as_bytes(), None).unwrap() {
            Document::Index(index) => (index.artifact_type, index.subject, index.annotations),
            Document::Manifest(image) => (image.artifact_type, image.subject, image.annotations),
        };
        assert_eq!(artifact_type.as_deref(), Some("t"));
        assert_eq!(subject.unwrap().media_type, "a/subject");
        assert_eq!(annotations, [("b".into(), "1".into()), ("a".into(), "2".into())]);
    }
}

#[test]
fn limits_hold() {
    let too_large = |what: &str, limit: usize, found: usize| {
        ManifestProblem::TooLarge((what.into(), limit as u64, found as u64))
    };
    let spaces = " ".repeat(MAX_MANIFEST);
    assert_eq!(problem(&format!("{spaces} "), None), too_large("bytes", MAX_MANIFEST, MAX_MANIFEST + 1));
    let text = index(OCI_INDEX, "");
    assert_eq!(kind(&format!("{text}{}", &spaces[text.len()..]), None), Kind::OciIndex);

    let one = descriptor("a", "");
    let many = |count: usize| vec![one.as_str(); count].join(",");
    assert_eq!(
        match parse(entry(&many(MAX_ENTRIES)).as_bytes(), None).unwrap() {
            Document::Index(index) => index.entries.len(),
            Document::Manifest(_) => 0,
        },
        MAX_ENTRIES
    );
    assert_eq!(
        problem(&entry(&many(MAX_ENTRIES + 1)), None),
        too_large("manifests", MAX_ENTRIES, MAX_ENTRIES + 1)
    );
    let layers = format!(r#"{{"schemaVersion":2,"config":{one},"layers":[{}]}}"#, many(MAX_LAYERS + 1));
    assert_eq!(problem(&layers, None), too_large("layers", MAX_LAYERS, MAX_LAYERS + 1));
    let pairs: Vec<String> = (0..=MAX_ANNOTATIONS).map(|key| format!("\"{key}\":\"\"")).collect();
    let text = index(OCI_INDEX, &format!(",\"annotations\":{{{}}}", pairs.join(",")));
    assert_eq!(problem(&text, None), too_large("annotations", MAX_ANNOTATIONS, MAX_ANNOTATIONS + 1));

    for open in ["[", "{\"a\":"] {
        for more in
            [format!(",\"x\":{}", open.repeat(500_000)), format!(",\"annotations\":{}", open.repeat(200))]
        {
            assert!(parse(index(OCI_INDEX, &more).as_bytes(), None).is_err());
        }
    }
    let deep = format!(",\"x\":{}{}", "[".repeat(128), "]".repeat(128));
    assert_eq!(problem(&index(OCI_INDEX, &deep), None), too_large("depth", 128, 129));
    assert_eq!(kind(&index(OCI_INDEX, &deep.replacen("[]", "", 1)), None), Kind::OciIndex);
}

#[test]
fn what_is_not_json_is_said_with_its_byte() {
    let text = index(OCI_INDEX, "");
    for end in 0..text.len() {
        let error = parse(&text.as_bytes()[..end], None).unwrap_err();
        assert!(matches!(error.problem, ManifestProblem::Syntax(_)), "{}: {error:?}", &text[..end]);
        assert!(error.offset <= end as u64);
    }
    for (text, offset) in [
        ("", 0),
        ("not json", 0),
        (r#"{"schemaVersion":2,}"#, 19),
        (r#"{"schemaVersion":02}"#, 18),
        (r#"{"manifests":[}"#, 14),
        ("{}{}", 2),
        ("{\"a\":\"\u{0}\"}", 6),
        ("\u{feff}{}", 0),
    ] {
        let error = parse(text.as_bytes(), None).unwrap_err();
        assert!(matches!(error.problem, ManifestProblem::Syntax(_)), "{text}: {error:?}");
        assert_eq!(error.offset, offset, "{text}");
    }
    let error = parse(b"{\"a\":\"\xff\"}", None).unwrap_err();
    assert_eq!(error, ManifestError { offset: 6, problem: ManifestProblem::Syntax("UTF-8".into()) });
    for other in ["null", "[]", "1", "\"x\"", "true"] {
        assert!(matches!(problem(other, None), ManifestProblem::Invalid(_)));
    }
}

#[test]
fn an_error_points_at_the_value() {
    let text = manifest(OCI_MANIFEST, "");
    let at = text.rfind(":7").unwrap() + 1;
    let text = text[..at].to_owned() + "-7" + &text[at + 1..];
    let error = parse(text.as_bytes(), None).unwrap_err();
    let wanted = ("layers[0].size".to_owned(), "bytes from 0 to 2^63 - 1".to_owned(), "`-7`".to_owned());
    assert_eq!(error, ManifestError { offset: at as u64, problem: ManifestProblem::Invalid(wanted) });
}

#[test]
fn any_bytes_get_an_answer() {
    // Bytes of a good document replaced one at a time by those that mean something in JSON.
    let text =
        index(OCI_INDEX, &format!(r#","subject":{}"#, descriptor("a", r#","platform":{"os":"\u00e9"}"#)));
    for at in 0..text.len() {
        for byte in *b"{}[]\",:\\0-nt\xff \0" {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = byte;
            drop(parse(&bytes, None));
            drop(crate::config::parse(&bytes));
            drop(crate::archive::parse_manifest_json(&bytes));
            drop(crate::archive::parse_repositories(&bytes));
        }
    }
}

use super::*;

fn descriptor(digest: &str, size: u64) -> Descriptor {
    Descriptor {
        media_type: "application/vnd.oci.image.layer.v1.tar".into(),
        digest: digest.into(),
        size,
        platform: None,
        annotations: Vec::new(),
        artifact_type: None,
    }
}

#[test]
fn the_manifest_given_to_an_archive_is_the_one_skopeo_prints() {
    let config = descriptor("sha256:542c10569326e2e105aa4199162e8347d5e68930119ea45e42636bab644d170e", 861);
    let layers = [
        descriptor("sha256:4ab27ccbf6b6fd26ed3e8b9b4ded6acc398949d250eda65001b3b571e1acab20", 121375232),
        descriptor("sha256:66489161ba18782504602972654d045fe8ac6da533bcc83ae645573a94997f6a", 46608384),
        descriptor("sha256:44b1f3031e04192c6deb3f0ec59b0c1d831dcbf679ca75d5897941ee64b0395a", 46954496),
    ];
    let manifest = docker_manifest(&config, &layers);
    // `skopeo inspect --format '{{.Digest}}' docker-archive:…` of an archive with these.
    let wanted = "sha256:807f2844c1b1a5a25f35de18fad925a4c1fc67a5fafd836b306c74dabbd75d0c";
    let algorithm = crate::wit::exports::consign::image::digests::Algorithm::Sha256;
    assert_eq!(crate::digest::compute(algorithm, &manifest), wanted);
    assert!(crate::manifest::parse(&manifest, None).is_ok());
}

#[test]
fn an_image_without_layers_gets_a_manifest_with_none() {
    let manifest = docker_manifest(&descriptor("sha256:0", 2), &[]);
    assert!(manifest.ends_with(br#""digest":"sha256:0"},"layers":[]}"#));
}

#[test]
fn manifest_json_is_read_as_docker_and_podman_write_it() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let text = format!(
        r#"[{{"Config":"a.json","RepoTags":null,"Layers":null}},
            {{"config":"b.json","RepoTags":["x:1","y"],"Layers":["1/layer.tar","2.tar"],"Parent":"{digest}",
              "LayerSources":{{"{digest}":{{"size":1}}}},"Other":[1]}},
            {{"Config":"c.json","RepoTags":[],"Parent":"{}"}}]"#,
        "a".repeat(64)
    );
    let images = parse_manifest_json(text.as_bytes()).unwrap();
    assert_eq!(images.len(), 3);
    assert_eq!(
        images[0],
        ArchiveImage { config: "a.json".into(), repo_tags: vec![], layers: vec![], parent: None }
    );
    assert_eq!(images[1].repo_tags, ["x:1", "y"]);
    assert_eq!(images[1].layers, ["1/layer.tar", "2.tar"]);
    assert_eq!(images[1].parent, Some(digest));
    assert_eq!(images[2].parent, None, "a legacy ID is no parent that could be found");
    assert_eq!(parse_manifest_json(b"[]").unwrap(), []);
}

#[test]
fn manifest_json_that_could_mean_two_things_is_refused() {
    let problem = |text: &str| parse_manifest_json(text.as_bytes()).unwrap_err().problem;
    for text in [
        r#"[{"Config":"a","Config":"b"}]"#,
        r#"[{"Config":"a","config":"b"}]"#,
        r#"[{"Config":"a","Layers":[],"layer\u017f":["x"]}]"#,
    ] {
        assert!(matches!(problem(text), ManifestProblem::Duplicate(_)), "{text}");
    }
    assert_eq!(problem(r#"[{"Config":"a"},{"RepoTags":[]}]"#), ManifestProblem::Missing("[1].Config".into()));
    assert!(matches!(problem(r#"[{"Config":"a"}]]"#), ManifestProblem::Syntax(_)));
    for text in ["null", "{}", "[null]", "[1]", r#"[{"Config":1}]"#, r#"[{"Config":"a","Layers":"b"}]"#] {
        assert!(matches!(problem(text), ManifestProblem::Invalid(_)), "{text}");
    }
    let layers = format!(r#"[{{"Config":"a","Layers":[{}""]}}]"#, "\"\",".repeat(10_000));
    assert_eq!(problem(&layers), ManifestProblem::TooLarge(("layers".into(), 10_000, 10_001)));
    let error = parse_manifest_json(&vec![b' '; MAX_LIST + 1]).unwrap_err();
    let (limit, found) = (MAX_LIST as u64, MAX_LIST as u64 + 1);
    assert_eq!(error.problem, ManifestProblem::TooLarge(("bytes".into(), limit, found)));
}

#[test]
fn repositories_come_in_order() {
    let text = r#"{"b":{"2":"y","1":"x"},"a":{"3":"z"},"c":{},"d":null}"#;
    let tags = parse_repositories(text.as_bytes()).unwrap();
    let tags: Vec<_> = tags.iter().map(|tag| format!("{}:{}={}", tag.repository, tag.tag, tag.id)).collect();
    assert_eq!(tags, ["a:3=z", "b:1=x", "b:2=y"]);
    for wrong in [r#"{"a":{},"a":{}}"#, r#"{"a":{"1":"x","1":"x"}}"#, r#"{"a":{"1":1}}"#, r#"{"a":[]}"#, "[]"]
    {
        assert!(parse_repositories(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

#[test]
fn repositories_without_names_are_counted_too() {
    let text = |count: usize| {
        let members: Vec<String> = (0..count).map(|number| format!("\"r{number}\":null")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert_eq!(parse_repositories(text(MAX_IMAGES).as_bytes()).unwrap(), []);
    let error = parse_repositories(text(MAX_IMAGES + 1).as_bytes()).unwrap_err();
    assert!(matches!(error.problem, ManifestProblem::TooLarge((_, 65_536, 65_537))), "{error:?}");
}

#[test]
fn a_layout_is_version_1_0_0() {
    assert_eq!(parse_layout(b"{\"imageLayoutVersion\": \"1.0.0\", \"x\": 1}\n").unwrap(), "1.0.0");
    let error = parse_layout(br#"{"imageLayoutVersion":"2.0.0"}"#).unwrap_err();
    let wanted = ("imageLayoutVersion".to_owned(), "`1.0.0`".to_owned(), "`2.0.0`".to_owned());
    assert_eq!(error, ManifestError { offset: 22, problem: ManifestProblem::Invalid(wanted) });
    for wrong in
        ["", "{}", "\"1.0.0\"", r#"{"imageLayoutVersion":null}"#, r#"{"imagelayoutversion":"1.0.0"}"#]
    {
        assert!(parse_layout(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

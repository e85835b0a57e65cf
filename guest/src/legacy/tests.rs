use super::*;
use crate::wit::exports::consign::image::manifests::ManifestProblem;

/// The `json` documents, and what `skopeo copy` makes of them as the history of a schema 1 manifest.
struct Migrated {
    jsons: [&'static str; 2],
    config: &'static str,
}

const DIFF_IDS: [&str; 2] = [
    "sha256:8cc01224a5c024d006d843ecfae04d0dbc547bb87f95a40b1b90a8d9f5e92fd7",
    "sha256:18e30f978c03cd99a0493efad2924547eb0a487af29c1b20b4a306d484756111",
];

/// Written before 1.8.3: the members are written anew.
const OLD: Migrated = Migrated {
    jsons: [
        r##"{"id": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "created": "2014-01-01T00:00:00.500Z", "container_config": {"Cmd": ["/bin/sh", "-c", "#(nop) ADD <x> & y"]}, "author": "A <a@b>", "docker_version": "0.9.1", "architecture": "amd64", "os": "linux", "Size": 5}"##,
        r##" { "id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "parent":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" , "created":"2014-01-01T01:02:03.120000000+00:00","container":"c0","comment":"é\u2028","container_config":{"Hostname":"h","Memory":0,"PortSpecs":null,"ExposedPorts":{"80/tcp":{},"22/tcp":{}},"Env":["A=1"],"Cmd":["single"],"Volumes":{},"OnBuild":null},"config":{"Hostname":"","User":"u","ExposedPorts":{},"Cmd":null,"Labels":{"z":"1","a":"<2>"},"Entrypoint":[],"Healthcheck":{"Test":["CMD","x"],"Interval":5,"Retries":3},"StopTimeout":0,"Shell":["a"],"ArgsEscaped":true,"NetworkDisabled":true,"StopSignal":"9"},"docker_version":"1.8.2","architecture":"amd64","os":"linux","unknown":1,"Size":7}"##,
    ],
    config: r##"{"architecture":"amd64","comment":"é\u2028","config":{"Hostname":"","Domainname":"","User":"u","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Healthcheck":{"Test":["CMD","x"],"Interval":5,"Retries":3},"ArgsEscaped":true,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":[],"NetworkDisabled":true,"OnBuild":null,"Labels":{"a":"\u003c2\u003e","z":"1"},"StopSignal":"9","StopTimeout":0,"Shell":["a"]},"container":"c0","container_config":{"Hostname":"h","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"ExposedPorts":{"22/tcp":{},"80/tcp":{}},"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":["A=1"],"Cmd":["single"],"Image":"","Volumes":{},"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null},"created":"2014-01-01T01:02:03.12Z","docker_version":"1.8.2","history":[{"created":"2014-01-01T00:00:00.5Z","author":"A \u003ca@b\u003e","created_by":"/bin/sh -c #(nop) ADD \u003cx\u003e \u0026 y"},{"created":"2014-01-01T01:02:03.12Z","created_by":"single","comment":"é\u2028"}],"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:8cc01224a5c024d006d843ecfae04d0dbc547bb87f95a40b1b90a8d9f5e92fd7","sha256:18e30f978c03cd99a0493efad2924547eb0a487af29c1b20b4a306d484756111"]}}"##,
};

/// Written since: the members stay as they are.
const NEW: Migrated = Migrated {
    jsons: [
        r##"{"id": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "created": "2014-01-01T00:00:00.500Z", "container_config": {"Cmd": ["/bin/sh", "-c", "#(nop) ADD <x> & y"]}, "author": "A <a@b>", "docker_version": "0.9.1", "architecture": "amd64", "os": "linux", "Size": 5}"##,
        r##" { "id":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "parent":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" , "created":"2014-01-01T01:02:03.120000000+00:00","container":"c0","comment":"é\u2028","container_config":{"Hostname":"h","Memory":0,"PortSpecs":null,"ExposedPorts":{"80/tcp":{},"22/tcp":{}},"Env":["A=1"],"Cmd":["single"],"Volumes":{},"OnBuild":null},"config":{"Hostname":"","User":"u","ExposedPorts":{},"Cmd":null,"Labels":{"z":"1","a":"<2>"},"Entrypoint":[],"Healthcheck":{"Test":["CMD","x"],"Interval":5,"Retries":3},"StopTimeout":0,"Shell":["a"],"ArgsEscaped":true,"NetworkDisabled":true,"StopSignal":"9"},"docker_version":"17.06.0-ce","architecture":"amd64","os":"linux","unknown" : [ 1 , "<a b>" ], "layer_id":"x", "parent_id":"y", "zé":null,"A":1.50e3,"Size":7}"##,
    ],
    config: r##"{"A":1.50e3,"architecture":"amd64","comment":"é\u2028","config":{"Hostname":"","User":"u","ExposedPorts":{},"Cmd":null,"Labels":{"z":"1","a":"\u003c2\u003e"},"Entrypoint":[],"Healthcheck":{"Test":["CMD","x"],"Interval":5,"Retries":3},"StopTimeout":0,"Shell":["a"],"ArgsEscaped":true,"NetworkDisabled":true,"StopSignal":"9"},"container":"c0","container_config":{"Hostname":"h","Memory":0,"PortSpecs":null,"ExposedPorts":{"80/tcp":{},"22/tcp":{}},"Env":["A=1"],"Cmd":["single"],"Volumes":{},"OnBuild":null},"created":"2014-01-01T01:02:03.120000000+00:00","docker_version":"17.06.0-ce","history":[{"created":"2014-01-01T00:00:00.5Z","author":"A \u003ca@b\u003e","created_by":"/bin/sh -c #(nop) ADD \u003cx\u003e \u0026 y"},{"created":"2014-01-01T01:02:03.12Z","created_by":"single","comment":"é\u2028"}],"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:8cc01224a5c024d006d843ecfae04d0dbc547bb87f95a40b1b90a8d9f5e92fd7","sha256:18e30f978c03cd99a0493efad2924547eb0a487af29c1b20b4a306d484756111"]},"unknown":[1,"\u003ca b\u003e"],"zé":null}"##,
};

fn jsons(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn diff_ids() -> Vec<String> {
    DIFF_IDS.iter().map(|diff_id| (*diff_id).to_owned()).collect()
}

#[test]
fn the_config_is_byte_for_byte_what_skopeo_makes() {
    for Migrated { jsons: texts, config: wanted } in [OLD, NEW] {
        let made = config(&jsons(&texts), &diff_ids()).unwrap();
        assert_eq!(String::from_utf8(made).unwrap(), wanted);
    }
}

#[test]
fn the_config_made_can_be_read() {
    let made = config(&jsons(&OLD.jsons), &diff_ids()).unwrap();
    let read = crate::config::parse(&made).unwrap();
    assert_eq!(read.diff_ids, diff_ids());
    assert_eq!(read.history.len(), 2);
    assert_eq!(read.platform.os, "linux");
    assert_eq!(read.parent, None);
}

#[test]
fn there_is_one_json_for_each_layer() {
    let problem = |texts: &[&str], diff_ids: &[String]| config(&jsons(texts), diff_ids).unwrap_err().problem;
    for wrong in
        [problem(&[], &[]), problem(&OLD.jsons, &diff_ids()[..1]), problem(&OLD.jsons[..1], &diff_ids())]
    {
        assert!(matches!(wrong, ManifestProblem::Invalid((name, _, _)) if name == "diff-ids"));
    }
}

#[test]
fn an_error_says_in_which_json_it_is() {
    let error = config(&jsons(&[OLD.jsons[0], r#"{"id":"x","os":1}"#]), &diff_ids()).unwrap_err();
    let wanted = ("jsons[1].os".to_owned(), "a string".to_owned(), "a number".to_owned());
    assert_eq!(error.problem, ManifestProblem::Invalid(wanted));
    assert_eq!(error.offset, 15);
}

#[test]
fn a_legacy_image_has_an_id_and_maybe_a_parent() {
    let image = parse(OLD.jsons[1].as_bytes()).unwrap();
    assert_eq!((image.id, image.parent), ("b".repeat(64), Some("a".repeat(64))));
    let image = parse(br#"{"id":"x","parent":""}"#).unwrap();
    assert_eq!((image.id.as_str(), image.parent), ("x", None));
    for wrong in ["", "{}", "[]", "null", r#"{"id":""}"#, r#"{"id":"x","ID":"y"}"#, r#"{"id":"x"} x"#] {
        assert!(parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

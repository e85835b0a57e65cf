use super::*;
use crate::wit::exports::consign::image::manifests::{Healthcheck, ManifestProblem};

fn good(text: &str) -> ImageConfig {
    match parse(text.as_bytes()) {
        Ok(config) => config,
        Err(error) => panic!("{text}: {error:?}"),
    }
}

fn problem(text: &str) -> ManifestProblem {
    match parse(text.as_bytes()) {
        Err(error) => error.problem,
        Ok(_) => panic!("read: {text}"),
    }
}

#[test]
fn docker_takes_a_config_with_nothing_but_a_rootfs() {
    let config = good(r#"{"comment": "abc", "rootfs": {"type": "layers"}}"#);
    assert_eq!(config.comment.as_deref(), Some("abc"));
    assert_eq!(config.rootfs_type, "layers");
    assert_eq!(config.diff_ids, [""; 0]);
    assert_eq!(config.platform.os, "");
    assert!(config.config.is_none() && config.history.is_empty());
    good(r#"{"rootfs":{}}"#);
    good(r#"{"ROOTFS":{"DIFF_IDS":null}}"#);
}

#[test]
fn a_config_without_a_rootfs_is_none() {
    for text in ["{}", r#"{"rootfs":null}"#, r#"{"os":"linux","architecture":"amd64"}"#] {
        assert_eq!(problem(text), ManifestProblem::Missing("rootfs".into()));
    }
    for text in ["", "invalid", r#"{"rootfs":{}"#, r#"{"rootfs":{}}}"#] {
        assert!(matches!(problem(text), ManifestProblem::Syntax(_)), "{text}");
    }
    for text in ["null", "[]", "\"\"", r#"{"rootfs":[]}"#, r#"{"rootfs":"layers"}"#] {
        assert!(matches!(problem(text), ManifestProblem::Invalid(_)), "{text}");
    }
}

#[test]
fn everything_docker_writes_is_read() {
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let text = format!(
        r#"{{
        "architecture":"arm","os":"linux","variant":"v7","os.version":"1","os.features":["a","b"],
        "created":"2024-01-02T03:04:05.678Z","author":"me","container":"c1","docker_version":"24.0.7","comment":"hi",
        "parent":"{parent}","id":"old","Size":12,
        "container_config":{{"Cmd":["/bin/sh","-c","x"]}},
        "config":{{
          "Hostname":"h","Domainname":"d","User":"1000:1000","AttachStdin":true,"AttachStdout":true,"AttachStderr":true,
          "ExposedPorts":{{"80/tcp":{{}},"443/tcp":{{}}}},"Tty":true,"OpenStdin":true,"StdinOnce":true,
          "Env":["A=1","B"],"Cmd":["run"],"Entrypoint":"/start","Image":"sha256:x","Volumes":{{"/b":{{}},"/a":null}},
          "WorkingDir":"/w","NetworkDisabled":true,"MacAddress":"m","OnBuild":["RUN x"],"Labels":{{"z":"1","a":"2"}},
          "StopSignal":"SIGINT","StopTimeout":30,"Shell":["/bin/bash","-c"],"ArgsEscaped":true,
          "Healthcheck":{{"Test":["CMD","true"],"Interval":1,"Timeout":2,"StartPeriod":3,"StartInterval":4,"Retries":5}},
          "Memory":0,"PortSpecs":null}},
        "rootfs":{{"type":"layers","diff_ids":["{one}","{two}"]}},
        "history":[{{"created":"2024-01-01T00:00:00Z","created_by":"ADD","author":"a","comment":"c"}},
                   {{"empty_layer":true}},{{}},null]}}"#,
        parent = digest("a"),
        one = digest("1"),
        two = digest("2"),
    );
    let config = good(&text);
    assert_eq!(config.platform.variant.as_deref(), Some("v7"));
    assert_eq!(config.platform.os_version.as_deref(), Some("1"));
    assert_eq!(config.platform.os_features, ["a", "b"]);
    assert_eq!(config.created.as_deref(), Some("2024-01-02T03:04:05.678Z"));
    assert_eq!(config.parent, Some(digest("a")));
    assert_eq!(config.diff_ids, [digest("1"), digest("2")]);
    assert_eq!(config.container.as_deref(), Some("c1"));
    assert_eq!(config.docker_version.as_deref(), Some("24.0.7"));
    assert_eq!(config.history.len(), 4);
    assert_eq!(config.history[0].created_by.as_deref(), Some("ADD"));
    assert!(!config.history[0].empty_layer && config.history[1].empty_layer);
    let built_in = config.container_config.unwrap();
    assert_eq!(built_in.cmd.unwrap(), ["/bin/sh", "-c", "x"]);
    let run = config.config.unwrap();
    assert!(run.attach_stdin && run.attach_stdout && run.attach_stderr && run.tty && run.open_stdin);
    assert!(run.stdin_once && run.network_disabled && run.args_escaped);
    assert_eq!(run.exposed_ports.unwrap(), ["443/tcp", "80/tcp"]);
    assert_eq!(run.volumes.unwrap(), ["/a", "/b"]);
    assert_eq!(run.entrypoint.unwrap(), ["/start"]);
    assert_eq!(run.labels.unwrap(), [("a".into(), "2".into()), ("z".into(), "1".into())]);
    assert_eq!(run.stop_timeout, Some(30));
    assert_eq!(
        run.healthcheck.unwrap(),
        Healthcheck {
            test: Some(vec!["CMD".into(), "true".into()]),
            interval: 1,
            timeout: 2,
            start_period: 3,
            start_interval: 4,
            retries: 5
        }
    );
    assert_eq!(run.env.unwrap(), ["A=1", "B"]);
    assert_eq!(run.shell.unwrap(), ["/bin/bash", "-c"]);
    assert_eq!((run.hostname.as_str(), run.stop_signal.as_str()), ("h", "SIGINT"));
}

#[test]
fn empty_and_absent_lists_are_told_apart() {
    let run = |text: &str| good(&format!(r#"{{"rootfs":{{}},"config":{text}}}"#)).config.unwrap();
    assert_eq!(run("{}"), empty_container_config());
    assert_eq!(run(r#"{"Env":null,"Cmd":null,"Labels":null,"Volumes":null}"#), empty_container_config());
    let empty = run(r#"{"Env":[],"Cmd":[],"Labels":{},"Volumes":{}}"#);
    assert_eq!(
        (empty.env, empty.cmd, empty.labels, empty.volumes),
        (Some(vec![]), Some(vec![]), Some(vec![]), Some(vec![]))
    );
    assert_eq!(run(r#"{"Env":["a",null]}"#).env.unwrap(), ["a", ""]);
}

#[test]
fn keys_match_in_any_case_but_only_once() {
    let config =
        good(r#"{"OS":"linux","Architecture":"arm64","RootFS":{"Type":"layers"},"Config":{"env":["a"]}}"#);
    assert_eq!((config.platform.os.as_str(), config.platform.architecture.as_str()), ("linux", "arm64"));
    assert_eq!(config.config.unwrap().env.unwrap(), ["a"]);
    for (text, name) in [
        (r#"{"rootfs":{},"os":"a","os":"b"}"#, "os"),
        (r#"{"rootfs":{},"os":"a","OS":"b"}"#, "os"),
        (r#"{"rootfs":{},"OS":"a","o\u017f":"b"}"#, "os"),
        (r#"{"rootfs":{},"rootfs":{}}"#, "rootfs"),
        (r#"{"rootfs":{"diff_ids":[],"Diff_IDs":[]}}"#, "rootfs.diff_ids"),
        (r#"{"rootfs":{},"config":{"Env":[],"env":[]}}"#, "config.Env"),
        (r#"{"rootfs":{},"config":{"Labels":{"a":"1","a":"2"}}}"#, "config.Labels.a"),
        (r#"{"rootfs":{},"variant":null,"variant":"v7"}"#, "variant"),
    ] {
        assert_eq!(problem(text), ManifestProblem::Duplicate(name.into()), "{text}");
    }
    assert_eq!(
        good(r#"{"rootfs":{},"config":{"Labels":{"a":"1","A":"2"}}}"#).config.unwrap().labels.unwrap().len(),
        2
    );
}

#[test]
fn wrong_types_digests_and_times_are_refused() {
    for (member, name) in [
        (r#""os":1"#, "os"),
        (r#""created":"yesterday""#, "created"),
        (r#""created":"""#, "created"),
        (r#""created":5"#, "created"),
        (r#""history":{}"#, "history"),
        (r#""history":[{"created":"x"}]"#, "history[0].created"),
        (r#""history":[{},{"empty_layer":"true"}]"#, "history[1].empty_layer"),
        (r#""config":[]"#, "config"),
        (r#""config":{"Env":"A=1"}"#, "config.Env"),
        (r#""config":{"Env":[1]}"#, "config.Env[0]"),
        (r#""config":{"Cmd":{}}"#, "config.Cmd"),
        (r#""config":{"Volumes":["/a"]}"#, "config.Volumes"),
        (r#""config":{"ExposedPorts":{"80":1}}"#, "config.ExposedPorts.80"),
        (r#""config":{"Labels":{"a":1}}"#, "config.Labels.a"),
        (r#""config":{"Healthcheck":{"Interval":"30s"}}"#, "config.Healthcheck.Interval"),
        (r#""config":{"Healthcheck":{"Retries":1.5}}"#, "config.Healthcheck.Retries"),
        (r#""os.features":"a""#, "os.features"),
    ] {
        let text = format!(r#"{{"rootfs":{{}},{member}}}"#);
        assert!(matches!(problem(&text), ManifestProblem::Invalid((found, _, _)) if found == name), "{text}");
    }
    for diff_id in ["\"\"", "\"sha256:x\"", "\"foo\"", "1", "null", "{}"] {
        let text = format!(r#"{{"rootfs":{{"diff_ids":[{diff_id}]}}}}"#);
        let ManifestProblem::Invalid((name, _, _)) = problem(&text) else { panic!("{text}") };
        assert_eq!(name, "rootfs.diff_ids[0]");
    }
    assert_eq!(good(r#"{"rootfs":{},"parent":"not a digest"}"#).parent, None);
}

#[test]
fn bytes_that_are_not_text_are_replaced_in_strings_as_go_does() {
    let config = parse(b"{\"rootfs\":{},\"author\":\"J\xf6rg\xff\"}").unwrap();
    assert_eq!(config.author.as_deref(), Some("J\u{fffd}rg\u{fffd}"));
    let error = parse(b"{\"rootfs\":{},\"author\":\"J\xf6rg\xff\",\"os\":1}").unwrap_err();
    assert_eq!(error.offset, 35);
    assert!(matches!(parse(b"\xff{\"rootfs\":{}}").unwrap_err().problem, ManifestProblem::Syntax(_)));
}

#[test]
fn limits_hold() {
    let error = parse(&vec![b' '; MAX_CONFIG + 1]).unwrap_err();
    assert!(matches!(error.problem, ManifestProblem::TooLarge((what, _, _)) if what == "bytes"));
    let steps = vec!["{}"; MAX_HISTORY + 1].join(",");
    let text = format!(r#"{{"rootfs":{{}},"history":[{steps}]}}"#);
    assert!(matches!(problem(&text), ManifestProblem::TooLarge((what, _, _)) if what == "history"));
    let text = format!(r#"{{"rootfs":{{}},"x":{}"#, "{\"a\":[".repeat(100_000));
    assert!(matches!(problem(&text), ManifestProblem::TooLarge((what, _, _)) if what == "depth"));
}

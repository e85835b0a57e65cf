use super::*;

fn changed(changes: &[&str]) -> Config {
    let mut config = Config::default();
    for change in changes {
        config.change(change).unwrap();
    }
    config
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn commands_are_arrays_or_for_the_shell() {
    for (text, wanted) in [
        (r#"CMD ["/bin/a", "b c"]"#, &["/bin/a", "b c"][..]),
        (r#"cmd=["/bin/a"]"#, &["/bin/a"]),
        ("CMD echo \"a  b\" $HOME", &["/bin/sh", "-c", "echo \"a  b\" $HOME"]),
        ("CMD ['a']", &["/bin/sh", "-c", "['a']"]),
        ("CMD []", &[]),
    ] {
        assert_eq!(changed(&[text]).cmd, Some(strings(wanted)), "{text}");
    }
    assert_eq!(changed(&["ENTRYPOINT /init"]).entrypoint, Some(strings(&["/bin/sh", "-c", "/init"])));
    assert_eq!(changed(&["ENTRYPOINT /init", "ENTRYPOINT []"]).entrypoint, None);
}

#[test]
fn variables_are_set_in_both_ways_and_used_later() {
    let config = changed(&[
        "ENV A=1 B=\"two words\" C='$A'",
        "ENV D the rest of \"the line\"",
        "ENV A=x A2=$A",
        "LABEL \"com.example.a b\"=$B version=$A-${D}",
        "LABEL old way of labelling",
        "USER $A:root",
        "WORKDIR /srv",
        "WORKDIR $A/./y/..",
    ]);
    let env: Vec<String> = config.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(env, ["A=x", "B=two words", "C=$A", "D=the rest of the line", "A2=1"]);
    let labels: Vec<(&str, &str)> =
        config.labels.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let wanted = [
        ("com.example.a b", "two words"),
        ("old", "way of labelling"),
        ("version", "x-the rest of the line"),
    ];
    assert_eq!(labels, wanted);
    assert_eq!((config.user.as_str(), config.working_dir.as_str()), ("x:root", "/srv/x"));
}

#[test]
fn ports_volumes_signals_and_triggers_are_taken() {
    let config = changed(&[
        "EXPOSE 80 53/UDP 8000-8002/tcp",
        "VOLUME /a /b",
        r#"VOLUME ["/c d"]"#,
        "STOPSIGNAL SIGRTMIN+3",
        "ONBUILD RUN make $X",
        "ONBUILD COPY . /src",
    ]);
    let ports: Vec<&str> = config.exposed_ports.iter().map(String::as_str).collect();
    assert_eq!(ports, ["53/udp", "80/tcp", "8000/tcp", "8001/tcp", "8002/tcp"]);
    assert_eq!(config.volumes.into_iter().collect::<Vec<_>>(), ["/a", "/b", "/c d"]);
    assert_eq!(config.stop_signal, "SIGRTMIN+3");
    assert_eq!(config.on_build, ["RUN make $X", "COPY . /src"]);
}

#[test]
fn health_checks_have_options_and_a_command() {
    let check = |text: &str| changed(&[text]).healthcheck.unwrap();
    let found =
        check("HEALTHCHECK --interval=1m --timeout=2s --retries=3 --start-period=5s CMD curl -f x || exit 1");
    assert_eq!(found.test, ["CMD-SHELL", "curl -f x || exit 1"]);
    let times = (found.interval, found.timeout, found.start_period, found.retries);
    assert_eq!(times, (60_000_000_000, 2_000_000_000, 5_000_000_000, 3));
    assert_eq!(check(r#"HEALTHCHECK CMD ["/check", "-q"]"#).test, ["CMD", "/check", "-q"]);
    assert_eq!(check("HEALTHCHECK NONE").test, ["NONE"]);
}

#[test]
fn what_cannot_be_followed_is_named_and_changes_nothing() {
    let mut config = changed(&["ENV A=1", "CMD x"]);
    let before = config.clone();
    for change in [
        "RUN make",
        "FOO",
        "",
        "CMDX y",
        "ENV",
        "ENV A",
        "ENV =x",
        "ENV A=1 B",
        "ENV A=\"open",
        "LABEL a",
        "EXPOSE 0x50",
        "EXPOSE 80/icmp",
        "EXPOSE 90-80",
        "EXPOSE 70000",
        "EXPOSE +80",
        "HEALTHCHECK",
        "HEALTHCHECK CMD",
        "HEALTHCHECK NONE x",
        "HEALTHCHECK --interval=1s NONE",
        "HEALTHCHECK --interval=1 CMD x",
        "HEALTHCHECK --retries=0 CMD x",
        "HEALTHCHECK --what=1 CMD x",
        "HEALTHCHECK CMD []",
        "ONBUILD ONBUILD RUN x",
        "ONBUILD FROM x",
        "STOPSIGNAL SIGWHAT",
        "STOPSIGNAL 65",
        "USER a b",
        "VOLUME [\" \"]",
        "WORKDIR",
    ] {
        let error = config.change(change).unwrap_err().to_string();
        assert!(error.contains("wanted ") && error.contains("found "), "{change}: {error}");
    }
    assert_eq!(config, before);
    let error = config.change("RUN make").unwrap_err().to_string();
    assert!(error.ends_with("`VOLUME`, `WORKDIR`, found `RUN`"), "{error}");
}

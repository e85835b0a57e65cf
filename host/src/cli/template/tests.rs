#![allow(clippy::unwrap_used)]

use serde_json::json;

use super::*;

const MAPS: [&str; 2] = ["Labels", "ExposedPorts"];
const LISTS: [&str; 2] = ["Cmd", "RepoTags"];

fn data() -> Value {
    json!({
        "Id": "sha256:0123456789abcdef",
        "Size": 1234,
        "Virtual": true,
        "Parent": "",
        "RepoTags": ["a:1", "b/c:2"],
        "Config": {"Cmd": null, "Env": ["PATH=/bin", "X=y"], "Labels": {"b": "2", "a": "1"}, "ExposedPorts": null, "Healthcheck": null},
    })
}

fn said(template: &str) -> String {
    let data = data();
    let template = Template::parse(template).unwrap();
    template.execute(Data { value: &data, maps: &MAPS, lists: &LISTS }).unwrap()
}

fn fault(text: &str) -> (usize, String) {
    let data = data();
    let executed = |template: Template| template.execute(Data { value: &data, maps: &MAPS, lists: &LISTS });
    let error = Template::parse(text).and_then(executed).unwrap_err();
    (error.offset, error.message)
}

#[test]
fn what_scripts_use_says_what_docker_says() {
    for (template, wanted) in [
        ("{{.Id}}", "sha256:0123456789abcdef"),
        ("{{ .Id }} {{.Size}}\n", "sha256:0123456789abcdef 1234\n"),
        ("{{json .Config.Env}}", r#"["PATH=/bin","X=y"]"#),
        ("{{json .Config.Cmd}}", "null"),
        ("{{.Config.Cmd}} {{.Config.ExposedPorts}} {{.Config.Healthcheck}}", "[] map[] <nil>"),
        ("{{.RepoTags}} {{.Config.Labels}}", "[a:1 b/c:2] map[a:1 b:2]"),
        ("{{range .Config.Env}}{{println .}}{{end}}", "PATH=/bin\nX=y\n"),
        ("{{range $i, $tag := .RepoTags}}{{if $i}}, {{end}}{{$tag}}{{end}}", "a:1, b/c:2"),
        ("{{range $key, $value := .Config.Labels}}{{$key}}={{$value}};{{end}}", "a=1;b=2;"),
        ("{{range .Config.Cmd}}x{{else}}none{{end}}", "none"),
        ("{{.Config.Labels.a}} {{.Config.Labels.nosuch}}", "1 <no value>"),
        (r#"{{index .Config.Labels "b"}}{{index .Config.Labels "nosuch"}}"#, "2"),
        (r#"{{index .RepoTags 0}} {{index (split (index .RepoTags 1) ":") 1}}"#, "a:1 2"),
        (
            r#"{{join .RepoTags ", "}} {{.Id | upper}} {{len .RepoTags}}"#,
            "a:1, b/c:2 SHA256:0123456789ABCDEF 2",
        ),
        (r#"{{with .Config}}{{index .Env 1}}{{end}}{{with .Parent}}no{{else}}none{{end}}"#, "X=ynone"),
        (r#"{{if and .Virtual (gt .Size 1000)}}large{{else}}small{{end}}"#, "large"),
        (r#"{{if eq .Size 1 2}}a{{else if eq .Size 3 1234}}b{{else}}c{{end}}"#, "b"),
        (r#"{{if not .Parent}}{{$x := "v"}}{{$x}}{{end}}"#, "v"),
        (r#"{{$n := 0}}{{range .RepoTags}}{{$n = len .}}{{end}}{{$n}}"#, "5"),
        ("a  {{- /* left */ -}}  b {{- `c` -}} d", "abcd"),
        (r#"{{printf "%-5s|%5d|%05d|%q|%v" "ab" 7 -7 "x" true}}"#, r#"ab   |    7|-0007|"x"|true"#),
        (r#"{{printf "%.12s" .Id}} {{slice .Id 7 11}} {{truncate .Id 6}}"#, "sha256:01234 0123 sha256"),
        (r#"{{pad "x" 1 2}}| {{title "ab cd"}} {{lower "AB"}}"#, " x  | Ab Cd ab"),
        (r#"{{print "a" 1 2 "b"}} {{println 1 2}}"#, "a1 2b 1 2\n"),
        ("{{range .RepoTags}}{{if eq . `b/c:2`}}{{break}}{{end}}{{.}}{{end}}", "a:1"),
        ("{{range .RepoTags}}{{if eq . `a:1`}}{{continue}}{{end}}{{.}}{{end}}", "b/c:2"),
        (
            r#"{{(index .RepoTags 0)}} {{$.Size}} {{0x10}} {{1_000}} {{1.5}} {{nil}}"#,
            "a:1 1234 16 1000 1.5 <nil>",
        ),
        (r#"{{"a\tb\u00e9\x21"}}"#, "a\tbé!"),
        ("plain } }} text", "plain } }} text"),
    ] {
        assert_eq!(said(template), wanted, "{template}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (template, at, wanted) in [
        ("{{.Nosuch}}", 2, "wanted one of the members Id Size"),
        ("x {{.Config.Nosuch}}", 11, "found `Nosuch`"),
        ("{{.Id.x}}", 5, "found a text"),
        ("{{.Id", 5, "found the end"),
        ("{{nosuch .Id}}", 2, "wanted a function"),
        ("{{if .Id}}x", 11, "for the `if` at byte 0"),
        ("{{end}}", 2, "nothing is open"),
        ("{{.Id .Size}}", 2, "wanted a function before arguments"),
        ("{{$x}}", 2, "wanted a variable"),
        ("{{$x = 1}}", 2, "wanted a variable"),
        ("{{range .Id}}{{end}}", 8, "wanted a list or a map to range over, found a text"),
        ("{{index .RepoTags 9}}", 2, "wanted an index below 2, found 9"),
        ("{{json}}", 2, "wanted 1 arguments for `json`"),
        (r#"{{"a"#, 2, "wanted the end of the text"),
        (r#"{{"\z"}}"#, 3, "wanted an escape"),
        ("{{define \"x\"}}{{end}}", 2, "found `define`"),
        ("{{break}}", 2, "within a `range`"),
        ("{{/* x", 2, "wanted `*/`"),
        ("{{.Id | }}", 8, "wanted a value, found"),
        ("{{.Id | .Size}}", 8, "wanted a function after `|`"),
        ("{{(.Id}}", 6, "wanted `)`"),
        ("{{lt .Id .Size}}", 2, "of one type"),
        ("{{1.2.3}}", 2, "wanted a number"),
        ("{{é?}}", 4, "wanted"),
        ("{{range 2000000}}{{end}}", 8, "at most 1048576"),
        ("{{pad .Id 1000000000 1}}", 2, "from 0 to 10000"),
    ] {
        let (offset, message) = fault(template);
        assert!(message.contains(wanted), "{template}: {message}");
        assert_eq!(offset, at, "{template}: {message}");
    }
    let deep = format!("{}1{}", "{{".to_owned() + &"(".repeat(100), ")".repeat(100) + "}}");
    assert!(fault(&deep).1.contains("at most 64"));
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_template_or_an_error(text in r#"(\{\{|\}\}|[-.$|() "`:=a]|range |if |end|else|.){0,24}"#) {
        let data = data();
        if let Ok(template) = Template::parse(&text) {
            let _ = template.execute(Data { value: &data, maps: &MAPS, lists: &LISTS });
        }
    }
}

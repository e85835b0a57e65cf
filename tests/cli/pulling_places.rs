//! Where images are pulled from: mirrors, archives, directories; and whom registries may send a client to.

use crate::archive::{Layout, digest};
use crate::place::Place;
use crate::pulling::asked;
use crate::server::{Response, Server};
use crate::shelved::{Shelved, index, machine, small};

/// The command with a registries.conf of its own.
pub fn configured(place: &Place, configuration: &str, arguments: &[&str]) -> crate::place::Outcome {
    let file = place.file("registries.conf", configuration.as_bytes());
    let mut command = place.command(arguments);
    command.env("CONTAINERS_REGISTRIES_CONF", file).env("HOME", place.path("home"));
    place.outcome_of(command)
}

#[test]
fn mirrors_are_asked_first_and_every_failure_is_told() {
    let (place, mirror, own) = (Place::new(), Shelved::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    mirror.put(&layout, "1", &image);
    own.put(&layout, "2", &image);
    let configuration = format!(
        "[[registry]]\nprefix = 'r.example.com/team'\nlocation = '{}/moved'\ninsecure = true\n
         [[registry.mirror]]\nlocation = '{}/mirrored'\ninsecure = true\n
         [[registry]]\nlocation = 'bad.example.com'\nblocked = true\n",
        own.server.name(),
        mirror.server.name()
    );
    let run = |arguments: &[&str]| configured(&place, &configuration, arguments);
    run(&["pull", "-q", "r.example.com/team/app:1"]).ok();
    assert!(own.server.log().is_empty());
    assert!(mirror.server.asked()[0].ends_with("/v2/mirrored/app/manifests/1"));
    run(&["pull", "-q", "r.example.com/team/app:2"]).ok();
    assert!(own.server.asked()[0].ends_with("/v2/moved/app/manifests/2"));
    let failed = run(&["pull", "r.example.com/team/app:3"]).failed(1);
    for place in [mirror.name("mirrored/app:3"), own.name("moved/app:3")] {
        assert!(failed.stderr.contains(&format!("`{place}` is not there")), "{}", failed.stderr);
    }
    let failed = run(&["pull", "bad.example.com/x:1"]).failed(2);
    assert!(failed.stderr.contains("may not be pulled"), "{}", failed.stderr);
    let names = place.run(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok();
    assert_eq!(names.text(), "r.example.com/team/app:1\nr.example.com/team/app:2\n");
    run(&["inspect", "docker://r.example.com/team/app:2"]).ok();
}

#[test]
fn images_in_a_registry_are_read_where_they_are() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = index(&mut layout);
    registry.put(&layout, "1", &image);
    let name = format!("docker://{}", registry.name("a/b:1"));
    let inspected = place.run(&["inspect", &name]).ok().json();
    assert_eq!(inspected[0]["Architecture"], machine());
    assert_eq!(asked(&registry.server), (0, 2, 1));
    let resolved =
        place.run(&["resolve", "--format", "json", "--platform", "linux/s390x", &name]).ok().json();
    assert_eq!(resolved["platform"]["architecture"], "s390x");
    assert_eq!(digest(&place.run(&["inspect", "--raw", &name]).ok().stdout), image["digest"]);
    place.run(&["history", &name]).ok();
    assert_eq!(place.run(&["cat", &name, "file"]).ok().text(), format!("for {}", machine()));
    place.run(&["resolve", &format!("docker://{}", registry.name("a/b:2"))]).failed(1);
    place.assert_empty();
}

#[test]
fn archives_and_directories_are_pulled_by_podman_s_names() {
    let place = Place::new();
    place.run(&["pull", "-q", "docker-archive:several.docker.tar"]).ok();
    place.run(&["pull", "-q", "oci-archive:multi.oci.tar"]).ok();
    let names = place.run(&["images", "--format", "{{.Repository}}:{{.Tag}}"]).ok();
    assert!(
        names.text().contains("example.com/multi:1") && names.text().contains("localhost/single-amd64:1")
    );
    let directory = place.path("d");
    place
        .run(&[
            "save",
            "-q",
            "--format",
            "docker-dir",
            "-o",
            directory.to_str().unwrap(),
            "localhost/single-amd64:1",
        ])
        .ok();
    let other = Place::new();
    let pulled = other.run(&["pull", &format!("dir:{}", directory.display())]).ok();
    assert!(
        pulled
            .text()
            .starts_with(&format!("Pulled image: localhost{}:latest", directory.display()).to_lowercase())
            || pulled.text().starts_with("Pulled image: "),
        "{}",
        pulled.text()
    );
    assert_eq!(other.images().len(), 1);
}

#[test]
fn tags_are_listed() {
    let (place, registry) = (Place::new(), Shelved::new());
    let mut layout = Layout::default();
    let image = small(&mut layout, "x");
    for tag in ["1", "2", "latest"] {
        registry.put(&layout, tag, &image);
    }
    let name = registry.name("a/b");
    assert_eq!(place.run(&["tags", "list", "-q", &name]).ok().text(), "1\n2\nlatest\n");
    let some =
        place.run(&["tags", "list", "--limit", "2", "--format", "json", &format!("docker://{name}")]).ok();
    assert_eq!(some.json()["Tags"], serde_json::json!(["1", "2"]));
    assert_eq!(some.json()["more"], true);
    place.run(&["tags", "list", "oci:x"]).failed(2);
}

#[test]
fn a_realm_on_this_machine_is_not_gone_to_for_a_registry_that_is_elsewhere() {
    // The address this machine is reached at by others; no packet is sent to find it out.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let address = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let Some(address) = address.ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
    else {
        println!("not tried: this machine has no address but its loopback's");
        return;
    };
    let inner = Server::start(|_| Response::new(200).bytes("{\"token\":\"t\"}"));
    for attack in ["realm", "redirect"] {
        for target in [inner.url("/token"), inner.url("/token").replace("127.0.0.1", "localhost")] {
            let server = Server::start_at(&format!("{address}:0"), move |_| match attack {
                "realm" => Response::new(401)
                    .header("www-authenticate", format!("Bearer realm=\"{target}\",service=\"x\"")),
                _ => Response::new(307).header("location", &target),
            });
            let place = Place::new();
            let name = format!("{}/a/b:1", server.name());
            let failed =
                place.run(&["pull", "--tls-verify=false", "--creds", "user:hunter2", &name]).failed(2);
            assert!(failed.stderr.contains("this machine's"), "{}", failed.stderr);
            assert!(!failed.stderr.contains("hunter2"));
        }
    }
    assert!(inner.log().is_empty(), "{:?}", inner.asked());
}

#[test]
fn a_registry_has_to_show_a_certificate() {
    let (place, registry) = (Place::new(), Shelved::new());
    let failed = place.run(&["pull", "--tls-verify", "--retry", "0", &registry.name("a/b:1")]).failed(2);
    assert!(failed.stderr.contains("no answer"), "{}", failed.stderr);
    assert!(registry.server.log().is_empty());
}

//! The digests skopeo reports are the ones consign reports.

use std::process::Command;

use crate::{fixture, open_fixture};

/// What `skopeo inspect` says the digest is; `None` where there is no skopeo.
fn skopeo(image: &str) -> Option<String> {
    let output = Command::new("skopeo").args(["inspect", "--format", "{{.Digest}}", image]).output();
    let Ok(output) = output else {
        assert!(std::env::var_os("CONSIGN_REQUIRE_PEERS").is_none(), "skopeo is not installed");
        eprintln!("not compared: skopeo is not installed");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn images_of_a_docker_archive_have_the_digests_skopeo_gives_them() {
    let source = open_fixture("several.docker.tar");
    let path = fixture("several.docker.tar");
    for (position, root) in source.roots().iter().enumerate() {
        let image = format!("docker-archive:{}:@{position}", path.display());
        let Some(wanted) = skopeo(&image) else { return };
        assert_eq!(root.descriptor.digest, wanted);
    }
}

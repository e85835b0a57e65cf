use crate::place::Place;
use crate::transcript::Transcript;

#[test]
fn names_are_given_moved_and_taken_away() {
    let place = Place::with(&["multi.oci.tar", "several.docker.tar"]);
    Transcript::new(&place)
        .run("tag localhost/single-amd64:1 base example.com/base:2")
        .run("tag e0455d1b base --format json")
        .run("tag example.com/multi:1 all")
        .run("images --digests")
        .run("resolve all -q --platform linux/s390x")
        .run("tag nosuch x")
        .run("tag base UPPER")
        .run("tag base x@sha256:07f640cb8759772bacafb264ee210c96df6833a47e723c2b9c4b9eb3382c2bf9")
        .run("tag oci-archive:multi.oci.tar x")
        .run("untag all base")
        .run("untag example.com/base:2 --format json")
        .run("untag base")
        .run("untag localhost/single-amd64:1 nosuch")
        .run("images")
        .assert("names");
}

#[test]
fn a_tagged_image_has_a_last_tag_time() {
    let place = Place::with(&["several.docker.tar"]);
    let time = |image: &str| {
        place.run(&["inspect", image]).ok().json()[0]["Metadata"]["LastTagTime"].as_str().map(str::to_owned)
    };
    assert_eq!(time("localhost/single-amd64:1"), None);
    place.run(&["tag", "localhost/single-amd64:1", "x"]).ok();
    assert!(time("x").is_some_and(|time| time.ends_with('Z')));
    assert_eq!(time("localhost/single-arm64v8:1"), None);
}

#[test]
fn the_last_name_takes_the_image_with_it() {
    let place = Place::with(&["several.docker.tar"]);
    Transcript::new(&place)
        .run("rm localhost/multi-amd64")
        .run("images")
        .run("rm localhost/single-amd64:1")
        .run("images")
        .run("rm localhost/single-amd64:1")
        .run("rm -f localhost/single-amd64:1")
        .run("rm nosuch localhost/single-arm64v8:1 UPPER")
        .run("rm oci-archive:multi.oci.tar")
        .run("images")
        .run("check")
        .assert("rm_by_name");
}

#[test]
fn an_image_with_names_in_several_repositories_is_not_removed_by_id_alone() {
    let place = Place::with(&["several.docker.tar"]);
    Transcript::new(&place)
        .run("rm 07f640cb8759")
        .run("rm --force 07f640cb8759")
        .run("tag localhost/single-arm64v8:1 localhost/single-arm64v8:2")
        .run("rm e0455d1b9bc5 --format json")
        .run("images")
        .run("check")
        .assert("rm_by_id");
}

#[test]
fn removing_one_platform_by_id_leaves_the_others_their_name() {
    let place = Place::with(&["multi.oci.tar"]);
    Transcript::new(&place)
        .run("rm a35a31bf0c41")
        .run("images")
        .run("resolve example.com/multi:1 --platform linux/s390x")
        .run("resolve example.com/multi:1 --platform linux/arm/v6 -q")
        .run("check")
        .run("load -q multi.oci.tar --platform linux/s390x")
        .run("resolve example.com/multi:1 --platform linux/s390x -q")
        .run("rm example.com/multi:1")
        .run("check")
        .assert("rm_one_platform");
    assert_eq!(place.images(), [] as [&str; 0]);
}

#[test]
fn a_removed_index_keeps_what_other_names_need() {
    let place = Place::with(&["multi.oci.tar", "attested.oci.tar", "several.docker.tar"]);
    place.run(&["rm", "example.com/multi:1", "example.com/attested:1"]).ok();
    let report = place.check();
    assert_eq!((&report["images"], &report["problems"]), (&2.into(), &serde_json::json!([])), "{report}");
    place
        .run(&["rm", "localhost/single-amd64:1", "localhost/multi-amd64", "localhost/single-arm64v8:1"])
        .ok();
    let report = place.check();
    assert_eq!((&report["blobs"], &report["problems"]), (&0.into(), &serde_json::json!([])), "{report}");
}

#[test]
fn whether_an_image_is_there_is_told_by_the_exit_code_alone() {
    let place = Place::with(&["several.docker.tar"]);
    let id = place.images()[0].clone();
    for there in
        ["localhost/single-amd64:1", &id, "docker-archive:several.docker.tar:localhost/single-amd64:1"]
    {
        let found = place.run(&["exists", there]).ok();
        assert_eq!((found.text(), &*found.stderr), ("", ""), "{there}");
    }
    place.run(&["exists", "--lookup", "podman", "single-amd64:1"]).ok();
    for absent in ["nosuch", "localhost/single-amd64:2"] {
        for order in ["docker", "podman"] {
            let found = place.run(&["exists", "--lookup", order, absent]);
            assert_eq!((found.code, found.text(), &*found.stderr), (Some(1), "", ""), "{absent}");
        }
    }
    assert!(!place.run(&["exists", "UPPER"]).failed(2).stderr.is_empty());
}

#[test]
fn the_group_for_images_has_the_same_commands() {
    let place = Place::with(&["several.docker.tar"]);
    let images = place.run(&["images"]).ok();
    for list in ["ls", "list", "images"] {
        assert_eq!(place.run(&["image", list]).ok().text(), images.text());
    }
    place.run(&["image", "exists", "localhost/single-amd64:1"]).ok();
    let inspect = ["inspect", "--type", "image", "localhost/single-amd64:1"];
    let shown = place.run(&[&["image"], &inspect[..]].concat()).ok().json();
    assert_eq!(shown, place.run(&inspect).ok().json());
    place.run(&["image", "nosuch"]).failed(2);
}

#[test]
fn the_names_an_image_has_had_are_kept_the_newest_first() {
    let place = Place::with(&["several.docker.tar"]);
    place.run(&["tag", "localhost/single-amd64:1", "a", "b"]).ok();
    place.run(&["untag", "a"]).ok();
    let rows = place.run(&["images", "--history", "b", "--format", "json"]).ok().json();
    let had: Vec<&str> =
        rows[0]["history"].as_array().unwrap().iter().filter_map(|name| name.as_str()).collect();
    assert_eq!(had[..2], ["docker.io/library/a:latest", "docker.io/library/b:latest"], "{had:?}");
    assert!(had.contains(&"localhost/single-amd64:1"), "{had:?}");
    let table = place.run(&["images", "--history", "b"]).ok();
    assert!(table.text().lines().next().unwrap().ends_with("HISTORY"), "{}", table.text());
    let text = place.run(&["images", "--history", "b", "--format", "{{.History}}"]).ok();
    assert_eq!(text.text().trim_end(), had.join(", "));
    assert!(place.run(&["images", "b", "--format", "json"]).ok().json()[0].get("history").is_none());
}

use serde_json::json;

use crate::family::family;
use crate::place::Place;
use crate::transcript::Transcript;

#[test]
fn history_names_the_images_that_the_steps_end_with() {
    let place = family();
    Transcript::new(&place)
        .run("history app:2")
        .run("history app:2 --no-trunc --human=false")
        .run("history -q -H app:2")
        .run("history app:2 -q")
        .run("history app:2 --format {{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}")
        .run("history example.com/base:1 --format json")
        .run("history nosuch")
        .run("history app:2 --format {{")
        .assert("history");
}

#[test]
fn an_archive_has_a_history_too() {
    let place = Place::with(&["multi.oci.tar"]);
    let stored = place.run(&["history", "--format", "json", "example.com/multi:1"]).ok().json();
    let read = place.run(&["history", "--format", "json", "oci-archive:multi.oci.tar"]).ok().json();
    for member in ["id", "createdBy", "chainID"] {
        assert_eq!(stored[0][member], read[0][member], "{member}");
    }
    // Uncompressed where that is known, as it lies there otherwise.
    assert_eq!(stored[0]["size"], json!(3072));
    assert!(read[0]["size"].as_u64().unwrap() < 3072);
}

#[test]
fn trees_show_what_an_image_stands_on_and_what_stands_on_it() {
    let place = family();
    Transcript::new(&place)
        .run("tree app:2")
        .run("tree --whatrequires example.com/base:1")
        .run("tree --whatrequires app:2")
        .run("tree example.com/base:1 --format json")
        .run("tree nosuch")
        .run("tree oci-archive:multi.oci.tar")
        .assert("tree");
}

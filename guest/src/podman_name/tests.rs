use super::*;
use crate::wit::exports::consign::image::podman_names::MatchError;

#[test]
fn a_name_of_many_thousand_bytes_is_an_error_with_its_place() {
    let long = "a".repeat(10_000);
    let error = decompose(&long).unwrap_err();
    assert_eq!(error.text.len(), 10_000);
    let slashes = "a/".repeat(5_000);
    assert!(decompose(&slashes).is_err() && normalized_tag(&slashes).is_err());
    assert!(!is_image_uri(&format!("{long}\u{7f}")));
}

#[test]
fn what_no_name_has_most_of_is_ambiguous_and_lists_them() {
    let names = ["q.io/a/c:1".to_owned(), "q.io/b/c:1".to_owned(), "q.io/c:2".to_owned()];
    assert_eq!(
        match_repo_tag("c:1", &names),
        Err(MatchError::Ambiguous(vec![names[0].clone(), names[1].clone()]))
    );
    assert_eq!(match_repo_tag("q.io/c:2", &names), Ok(names[2].clone()));
    assert_eq!(match_repo_tag("d:3", &names), Err(MatchError::NotFound));
}

#[test]
fn a_uri_is_judged_by_its_host_and_its_fragment() {
    for good in ["q.io:5000/a", "user:word@q.io/a", "q.io?%zz", "a#b%2f", "Q.IO"] {
        assert!(is_image_uri(good), "{good}");
    }
    for bad in ["", "a#B", "a#%41", "a/%4", "a:1:2", "[::1]", "a b@q.io", "q%41.io", "a\nb"] {
        assert!(!is_image_uri(bad), "{bad}");
    }
}

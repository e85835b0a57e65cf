use super::*;
use crate::types::Platform;
use crate::wit::exports::consign::image::short_names::{Configuration, Mode};

fn platform(architecture: &str) -> Platform {
    Platform {
        os: "linux".into(),
        architecture: architecture.into(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    }
}

fn image(id: &str, architecture: &str, names: &[&str]) -> LocalImage {
    LocalImage {
        id: format!("{id:0<64}"),
        names: names.iter().map(|name| (*name).into()).collect(),
        digests: vec![format!("sha256:{id:f<64}")],
        platform: platform(architecture),
    }
}

fn criteria(order: Order, wanted: Option<&str>) -> Criteria {
    Criteria {
        order,
        configuration: Configuration {
            aliases: vec![("app".into(), "q.io/aliased/app".into())],
            search_registries: vec!["q.io".into()],
            mode: Mode::Enforcing,
        },
        platform: wanted.map(platform),
        host: platform("amd64"),
    }
}

fn found(text: &str, images: &[LocalImage], criteria: &Criteria) -> Result<(usize, String), FindError> {
    find(text, images, criteria).found.map(|found| (found.position as usize, found.resolved))
}

#[test]
fn a_name_that_looks_like_an_id_comes_before_the_id() {
    let images = [image("abc", "amd64", &[]), image("123", "amd64", &["localhost/abc:latest"])];
    let podman = criteria(Order::Podman, None);
    assert_eq!(found("abc", &images, &podman), Ok((1, "localhost/abc:latest".into())));
    // Podman 1.x looked at IDs before it thought of `localhost`.
    assert_eq!(found("abc", &images, &criteria(Order::PodmanOne, None)), Ok((0, "abc".into())));
    assert_eq!(found("ab", &images, &podman), Ok((0, "ab".into())));
}

#[test]
fn ids_that_start_alike_are_listed() {
    let images = [image("abc", "amd64", &[]), image("abd", "amd64", &[])];
    let ids: Vec<String> = images.iter().map(|image| image.id.clone()).collect();
    for order in [Order::Podman, Order::PodmanOne] {
        let criteria = criteria(order, None);
        assert_eq!(found("ab", &images, &criteria), Err(FindError::Ambiguous(ids.clone())));
        assert_eq!(found("abd", &images, &criteria), Ok((1, "abd".into())));
    }
}

#[test]
fn names_that_end_alike_are_listed_where_podman_one_would_not_choose() {
    let images = [image("1", "amd64", &["q.io/a/same:1"]), image("2", "amd64", &["r.io/b/same:1"])];
    let listed = vec!["q.io/a/same:1".to_owned(), "r.io/b/same:1".to_owned()];
    assert_eq!(
        found("same:1", &images, &criteria(Order::PodmanOne, None)),
        Err(FindError::Ambiguous(listed))
    );
    assert_eq!(found("same:1", &images, &criteria(Order::Podman, None)), Ok((0, "q.io/a/same:1".into())));
}

#[test]
fn what_is_for_another_platform_is_passed_over_and_told() {
    let images =
        [image("1", "amd64", &["q.io/aliased/app:latest"]), image("2", "arm64", &["localhost/app:latest"])];
    assert_eq!(
        found("app", &images, &criteria(Order::Podman, None)),
        Ok((0, "q.io/aliased/app:latest".into()))
    );
    let arm = criteria(Order::Podman, Some("arm64"));
    assert_eq!(found("app", &images, &arm), Ok((1, "localhost/app:latest".into())));
    let other = find("app", &images, &arm).tried.remove(0).1;
    assert!(matches!(other, Attempted::OtherPlatform(found) if found == platform("amd64")));
    assert_eq!(
        found("app", &images, &criteria(Order::Podman, Some("s390x"))),
        Err(FindError::NotFound("app".into()))
    );
}

#[test]
fn of_the_images_of_one_name_the_one_for_the_platform_is_meant() {
    let images = [image("1", "arm64", &["q.io/many:1"]), image("2", "amd64", &["q.io/many:1"])];
    for (wanted, position) in [(None, 1), (Some("arm64"), 0)] {
        assert_eq!(
            found("q.io/many:1", &images, &criteria(Order::Podman, wanted)),
            Ok((position, "q.io/many:1".into()))
        );
    }
}

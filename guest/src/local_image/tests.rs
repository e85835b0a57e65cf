use super::*;
use crate::wit::exports::consign::image::short_names::{Configuration, Mode};

/// `platform` is of the machine, or is asked for, where it ends in `*`.
fn image(id: &str, platform: &str, names: &[&str]) -> LocalImage {
    LocalImage {
        id: format!("{id:0<64}"),
        names: names.iter().map(|name| (*name).into()).collect(),
        digests: vec![format!("sha256:{id:f<64}")],
        platform: platform.trim_end_matches('*').into(),
        fits: platform.ends_with('*'),
    }
}

fn criteria(order: Order, platform_asked: bool) -> Criteria {
    Criteria {
        order,
        configuration: Configuration {
            aliases: vec![("app".into(), "q.io/aliased/app".into())],
            search_registries: vec!["q.io".into()],
            mode: Mode::Enforcing,
        },
        platform_asked,
    }
}

fn found(text: &str, images: &[LocalImage], criteria: &Criteria) -> Result<(usize, String), FindError> {
    find(text, images, criteria).found.map(|found| (found.position as usize, found.resolved))
}

#[test]
fn a_name_that_looks_like_an_id_comes_before_the_id() {
    let images = [image("abc", "amd64*", &[]), image("123", "amd64*", &["localhost/abc:latest"])];
    let podman = criteria(Order::Podman, false);
    assert_eq!(found("abc", &images, &podman), Ok((1, "localhost/abc:latest".into())));
    // Podman 1.x looked at IDs before it thought of `localhost`.
    assert_eq!(found("abc", &images, &criteria(Order::PodmanOne, false)), Ok((0, "abc".into())));
    assert_eq!(found("ab", &images, &podman), Ok((0, "ab".into())));
}

#[test]
fn ids_that_start_alike_are_listed() {
    let images = [image("abc", "amd64*", &[]), image("abd", "amd64*", &[])];
    let ids: Vec<String> = images.iter().map(|image| image.id.clone()).collect();
    for order in [Order::Podman, Order::PodmanOne] {
        let criteria = criteria(order, false);
        assert_eq!(found("ab", &images, &criteria), Err(FindError::Ambiguous(ids.clone())));
        assert_eq!(found("abd", &images, &criteria), Ok((1, "abd".into())));
    }
}

#[test]
fn names_that_end_alike_are_listed_where_podman_one_would_not_choose() {
    let images = [image("1", "amd64*", &["q.io/a/same:1"]), image("2", "amd64*", &["r.io/b/same:1"])];
    let listed = vec!["q.io/a/same:1".to_owned(), "r.io/b/same:1".to_owned()];
    assert_eq!(
        found("same:1", &images, &criteria(Order::PodmanOne, false)),
        Err(FindError::Ambiguous(listed))
    );
    assert_eq!(found("same:1", &images, &criteria(Order::Podman, false)), Ok((0, "q.io/a/same:1".into())));
}

#[test]
fn what_is_for_another_platform_is_passed_over_and_told() {
    let images = |app: &str, local: &str| {
        [image("1", app, &["q.io/aliased/app:latest"]), image("2", local, &["localhost/app:latest"])]
    };
    let asked = criteria(Order::Podman, true);
    let aliased = Ok((0, "q.io/aliased/app:latest".into()));
    assert_eq!(found("app", &images("amd64", "arm64*"), &criteria(Order::Podman, false)), aliased);
    assert_eq!(found("app", &images("amd64", "arm64*"), &asked), Ok((1, "localhost/app:latest".into())));
    let other = find("app", &images("amd64", "arm64*"), &asked).tried.remove(0).1;
    assert_eq!(other, Attempted::OtherPlatform("amd64".into()));
    assert_eq!(found("app", &images("amd64", "arm64"), &asked), Err(FindError::NotFound("app".into())));
    // Whoever gives an ID knows what it is for.
    assert_eq!(found("1", &images("amd64", "arm64"), &asked), Ok((0, "1".into())));
}

#[test]
fn of_the_images_of_one_name_the_one_for_the_platform_is_meant() {
    let images = [image("1", "arm64", &["q.io/many:1"]), image("2", "amd64*", &["q.io/many:1"])];
    for asked in [true, false] {
        let many = found("q.io/many:1", &images, &criteria(Order::Podman, asked));
        assert_eq!(many, Ok((1, "q.io/many:1".into())));
    }
}

use consign::load::{LoadError, Options};
use consign::source::{Selector, SourceError, select};
use consign::types::ImageName;

use crate::archive::Layout;
use crate::{Place, open, open_fixture};

fn name(domain: &str, path: &str, tag: Option<&str>) -> ImageName {
    ImageName { domain: domain.into(), path: path.into(), tag: tag.map(Into::into), digest: None }
}

fn layout(ref_names: &[Option<&str>]) -> Vec<u8> {
    let mut layout = Layout::default();
    for (position, ref_name) in ref_names.iter().enumerate() {
        let image = layout.plain_image("amd64", &position.to_string());
        layout.root(image, *ref_name);
    }
    layout.tar()
}

fn loaded(ref_names: &[Option<&str>], given: Option<ImageName>) -> Result<Vec<Vec<ImageName>>, LoadError> {
    let options = Options { name: given, ..Options::default() };
    let loaded = Place::new().load(&*open(&layout(ref_names))?, &options)?;
    Ok(loaded.roots.into_iter().map(|root| root.names).collect())
}

#[test]
fn names_in_a_layout_are_read_as_podman_load_reads_them() {
    let cases = [
        (Some("v1"), vec![name("localhost", "v1", Some("latest"))]),
        (Some("app:2"), vec![name("localhost", "app", Some("2"))]),
        (Some("org/app"), vec![name("localhost", "org/app", Some("latest"))]),
        (Some("docker.io/library/app:2"), vec![name("docker.io", "library/app", Some("2"))]),
        (Some("localhost/app:2"), vec![name("localhost", "app", Some("2"))]),
        (Some("not a name!"), vec![]),
        (None, vec![]),
    ];
    for (ref_name, wanted) in cases {
        assert_eq!(loaded(&[ref_name], None).unwrap(), [wanted], "{ref_name:?}");
    }
}

#[test]
fn a_given_name_is_for_what_has_none() {
    let given = || Some(name("example.com", "app", None));
    let named = |tag| vec![name("example.com", "app", Some(tag))];
    assert_eq!(loaded(&[None], given()).unwrap(), [named("latest")]);
    assert_eq!(loaded(&[Some("v1"), Some("v2")], given()).unwrap(), [named("v1"), named("v2")]);
    let own = vec![name("localhost", "org/app", Some("1"))];
    assert_eq!(loaded(&[Some("org/app:1"), None], given()).unwrap(), [own, named("latest")]);
    let tagged = Some(name("example.com", "app", Some("3")));
    assert_eq!(loaded(&[Some("v1")], tagged).unwrap(), [named("3")]);
    assert!(matches!(loaded(&[None, None], given()), Err(LoadError::NameForSeveral { found: 2 })));
}

#[test]
fn an_image_is_selected_by_position_and_by_name() {
    let source = open_fixture("several.docker.tar");
    let by_name = |text: &str, path: &str, tag: &str| {
        let name = Some(name("localhost", path, Some(tag)));
        select(&*source, &Selector::Name { text: text.into(), name })
    };
    assert_eq!(by_name("localhost/single-arm64v8:1", "single-arm64v8", "1").unwrap(), 1);
    assert_eq!(select(&*source, &Selector::Position(0)).unwrap(), 0);
    let error = by_name("localhost/other:1", "other", "1").unwrap_err();
    assert!(matches!(&error, SourceError::NoSuchImage { known, .. } if known.len() == 2), "{error}");
    assert!(matches!(select(&*source, &Selector::Position(2)), Err(SourceError::NoSuchImage { .. })));
    assert!(matches!(select(&*source, &Selector::Only), Err(SourceError::SeveralImages { .. })));
    let source = open(&layout(&[Some("v1"), Some("v2")])).unwrap();
    let selector = Selector::Name { text: "v2".into(), name: None };
    assert_eq!(select(&*source, &selector).unwrap(), 1);
}

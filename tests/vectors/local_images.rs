//! Finding images as podman 1.9.3 does, and as libimage does.

use serde_json::{Value, json};

use super::api::local_images::*;
use super::api::platforms::{Matcher, Platform, matches};
use super::api::short_names::{Configuration, Mode};
use super::short_names::configuration;
use crate::harness;

fn platform(os: &str, architecture: &str, variant: &str) -> Platform {
    Platform {
        os: os.into(),
        architecture: architecture.into(),
        variant: Some(variant.to_owned()).filter(|variant| !variant.is_empty()),
        os_version: None,
        os_features: Vec::new(),
    }
}

/// The images of a case's store, in its order.
fn store(case: &Value) -> Vec<LocalImage> {
    let wanted = case.get("platform").map_or_else(
        || platform("linux", "amd64", ""),
        |wanted| {
            let text = |key: &str| wanted[key].as_str().unwrap_or_default();
            platform(text("os"), text("architecture"), text("variant"))
        },
    );
    let image = |image: &Value| {
        let text = |key: &str| image[key].as_str().unwrap_or_default();
        LocalImage {
            id: text("id").into(),
            names: serde_json::from_value::<Option<_>>(image["names"].clone()).unwrap().unwrap_or_default(),
            digests: image["digest"].as_str().into_iter().map(str::to_owned).collect(),
            platform: String::new(),
            fits: matches(
                &Matcher::Exact(wanted.clone()),
                &platform(text("os"), text("architecture"), text("variant")),
                "linux",
            ),
        }
    };
    case["store"].as_array().unwrap().iter().map(image).collect()
}

fn criteria(order: Order, configuration: Configuration, case: &Value) -> Criteria {
    Criteria { order, configuration, platform_asked: case.get("platform").is_some() }
}

/// What is found among all images is found among those that can matter, too.
fn find_narrowed(input: &str, images: &[LocalImage], criteria: &Criteria) -> Result<Outcome, String> {
    let all = find(input, images, criteria);
    let narrowing = narrow(input, criteria);
    let few: Vec<LocalImage> = images.iter().filter(|image| matters(image, &narrowing)).cloned().collect();
    let narrowed = find(input, &few, criteria);
    let image = |outcome: &Outcome, images: &[LocalImage]| match &outcome.found {
        Ok(found) => format!("{} {:?}", images[found.position as usize].id, found.name),
        Err(error) => format!("{error:?}"),
    };
    let (all_found, narrowed) = (image(&all, images), image(&narrowed, &few));
    if all_found == narrowed {
        Ok(all)
    } else {
        Err(format!("of all images {all_found}, of {narrowing:?} {narrowed}"))
    }
}

/// What a store has to hand over.
fn matters(image: &LocalImage, narrowing: &Narrowing) -> bool {
    let split = |name: &str| {
        let (name, digest) = match name.split_once('@') {
            Some((name, digest)) => (name.to_owned(), Some(digest.to_owned())),
            None => (name.to_owned(), None),
        };
        match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => {
                (repository.to_owned(), Some(tag.to_owned()), digest)
            }
            _ => (name, None, digest),
        }
    };
    let has = |digest: &Option<String>| digest.as_ref().is_some_and(|digest| image.digests.contains(digest));
    let by_id = narrowing.id_prefix.as_ref().is_some_and(|prefix| image.id.starts_with(prefix));
    by_id
        || image.names.iter().map(|name| split(name)).any(|(repository, tag, digest)| {
            narrowing.names.iter().any(|wanted| {
                let same = (wanted.tag == tag && wanted.digest == digest) || has(&wanted.digest);
                format!("{}/{}", wanted.domain, wanted.path) == repository && same
            }) || narrowing.suffix.as_ref().is_some_and(|suffix| {
                let referred = (tag.is_some() && tag == narrowing.tag)
                    || (tag.is_none() && narrowing.digested)
                    || has(&narrowing.digest);
                repository.ends_with(suffix) && referred
            })
        })
}

fn key(case: &Value) -> String {
    let ids: Vec<_> = case["store"].as_array().unwrap().iter().map(|image| &image["id"]).collect();
    format!("{} for {} in {} of {}", case["input"], case["platform"], json!(ids), case["registries_conf"])
}

#[test]
fn libimage_lookup() {
    harness::run("libimage_lookup.jsonl", key, |case| {
        let images = store(case);
        let configuration = configuration(case["registries_conf"].as_str().unwrap())?;
        let criteria = criteria(Order::Podman, configuration, case);
        let wanted = &case["result"];
        let outcome = find_narrowed(case["input"].as_str().unwrap(), &images, &criteria)?;
        let found = outcome.found.as_ref();
        harness::same("ok", &wanted["ok"], &json!(found.is_ok()))
            .map_err(|wrong| format!("{wrong}: {outcome:?}"))?;
        let (unknown, part) = match found {
            Ok(found) => {
                let id = &images[found.position as usize].id;
                harness::same("id", &wanted["id"], &json!(id))?;
                return harness::same("resolved_name", &wanted["resolved_name"], &json!(found.resolved));
            }
            Err(FindError::Unreadable(_)) => (false, "parsing reference"),
            Err(FindError::NotAnId(_)) => (false, "no 64-byte hexadecimal value"),
            // That is another store, which had no images when this was observed.
            Err(FindError::Transport(transport))
                if format!("{transport:?}").contains("ContainersStorage") =>
            {
                (true, "")
            }
            Err(FindError::Transport(_)) => (false, "unsupported transport"),
            Err(FindError::UnreadableInFull(_) | FindError::NotFound(_) | FindError::Ambiguous(_)) => {
                (true, "")
            }
        };
        harness::same("is_ErrImageUnknown", &wanted["is_ErrImageUnknown"], &json!(unknown))?;
        let message = wanted["error"].as_str().unwrap();
        if message.contains(part) { Ok(()) } else { Err(format!("{found:?}, but `{message}`")) }
    });
}

#[test]
fn podman_get_local_image() {
    let none = Configuration { aliases: Vec::new(), search_registries: Vec::new(), mode: Mode::Permissive };
    harness::run("podman_get_local_image.jsonl", key, |case| {
        let images = store(case);
        let criteria = criteria(Order::PodmanOne, none.clone(), case);
        let wanted = &case["result"];
        let outcome = find_narrowed(case["input"].as_str().unwrap(), &images, &criteria)?;
        let found = outcome.found.as_ref();
        harness::same("ok", &wanted["ok"], &json!(found.is_ok()))
            .map_err(|wrong| format!("{wrong}: {outcome:?}"))?;
        let message = wanted["error"].as_str().unwrap_or_default();
        let cause = match found {
            Ok(found) => {
                let id = &images[found.position as usize].id;
                harness::same("id", &wanted["id"], &json!(id))?;
                return harness::same("name", &wanted["name"], &json!(found.resolved));
            }
            Err(FindError::NotFound(_) | FindError::Ambiguous(_)) => json!("ErrNoSuchImage"),
            Err(_) => Value::Null,
        };
        harness::same("cause", &wanted["cause"], &cause)?;
        // Of IDs that start alike the peer says nothing.
        let several =
            matches!(found, Err(FindError::Ambiguous(all)) if all.iter().any(|one| one.contains('/')));
        harness::same("several", &json!(message.contains("found multiple")), &json!(several))
    });
}

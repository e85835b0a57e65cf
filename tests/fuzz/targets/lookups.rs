#![no_main]

use consign_guest::wit::exports::consign::image::local_images::{Criteria, FindError, LocalImage, Order};
use consign_guest::wit::exports::consign::image::pull_goals::Wanted;
use consign_guest::wit::exports::consign::image::short_names::{Configuration, Mode, Purpose};
use consign_guest::{local_image, podman_name, pull_goal, short_name};
use libfuzzer_sys::fuzz_target;

// The first line is what a user types, the second a registry, the third an alias and what it stands for; the
// others are names, each of an image of its own.
fuzz_target!(|text: &str| {
    let mut lines = text.split('\n').map(str::to_owned);
    let mut next = || lines.next().unwrap_or_default();
    let (input, registry, alias) = (next(), next(), next());
    let names: Vec<String> = lines.take(8).collect();
    let (alias, value) = alias.split_once('=').unwrap_or((&alias, ""));
    let mut configuration = Configuration {
        aliases: vec![(alias.to_owned(), value.to_owned())],
        search_registries: vec![registry.clone()],
        mode: Mode::Permissive,
    };
    if !short_name::check(&configuration).is_empty() {
        (configuration.aliases, configuration.search_registries) = (Vec::new(), Vec::new());
    }
    for purpose in [Purpose::Pull, Purpose::Local] {
        for docker_hub in [false, true] {
            if let Ok(found) = short_name::complete(&input, purpose, docker_hub, &configuration) {
                // Whatever it means is a name in full, and means itself.
                assert!(!found.candidates.is_empty());
                for candidate in found.candidates {
                    assert!(candidate.tag.is_some() || candidate.digest.is_some());
                    assert_eq!(short_name::normalized(&short_name::written(&candidate)), Ok(candidate));
                }
            }
        }
    }

    let image = |(at, name): (usize, &String)| LocalImage {
        id: format!("{at:x}").repeat(64),
        names: vec![name.clone()],
        digests: vec![format!("sha256:{}", format!("{at:x}").repeat(64))],
        platform: String::new(),
        fits: at % 2 == 0,
    };
    let images: Vec<LocalImage> = names.iter().enumerate().map(image).collect();
    for order in [Order::Podman, Order::PodmanOne] {
        for platform_asked in [false, true] {
            let criteria = Criteria { order, configuration: configuration.clone(), platform_asked };
            let _ = local_image::narrow(&input, &criteria);
            match local_image::find(&input, &images, &criteria).found {
                Ok(found) => assert!((found.position as usize) < images.len()),
                Err(FindError::Ambiguous(several)) => assert!(several.len() > 1),
                Err(FindError::Unreadable(error) | FindError::UnreadableInFull(error)) => {
                    assert!(error.offset as usize <= error.text.len());
                }
                Err(_) => {}
            }
        }
    }

    if let Ok(name) = podman_name::match_repo_tag(&input, &names) {
        assert!(names.contains(&name));
    }
    if let Ok(name) = podman_name::normalized_tag(&input) {
        // A name that is given is kept as it is.
        assert_eq!(podman_name::normalized_tag(&short_name::written(&name)), Ok(name));
    }
    let _ = podman_name::repositories(&names);
    let _ = podman_name::is_image_uri(&input);
    let _ = podman_name::save_name(&"a".repeat(64), &names, &input);
    for wanted in [
        Wanted::Name((input.clone(), vec![registry.clone()])),
        Wanted::Source((input.clone(), None)),
        Wanted::Pair((input.clone(), registry)),
    ] {
        if let Ok(goal) = pull_goal::goal_of(wanted) {
            assert!(goal.searched.is_some() || goal.pairs.len() == 1);
        }
    }
});

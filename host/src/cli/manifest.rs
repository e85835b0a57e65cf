//! `consign manifest`: indexes made and changed by hand, as `podman manifest` makes them.

mod members;

use anyhow::{Result, anyhow};
use serde_json::json;

use consign::document::empty_index;
use consign::image_index::{self, IndexError, NamedIndex, add, annotate, change};
use consign::resolve::name;
use consign::store::StoreError;
use consign::types::manifests::{Index, Kind};
use consign::types::{Descriptor, ImageName};

use super::args::{
    Format, ManifestAdd, ManifestAnnotate, ManifestCommand, ManifestCreate, ManifestExists, ManifestInspect,
    ManifestPush, ManifestRemove, ManifestRm, Stated,
};
use super::failure::{Failure, Failures};
use super::name::new_name;
use super::refusal::{self, with_hint};
use super::session::Session;
use super::{document, image, output, push};

pub fn run(session: &Session, command: &ManifestCommand) -> Result<()> {
    match command {
        ManifestCommand::Create(arguments) => create(session, arguments),
        ManifestCommand::Add(arguments) => add_images(session, arguments),
        ManifestCommand::Annotate(arguments) => say(session, arguments),
        ManifestCommand::Remove(arguments) => remove_images(session, arguments),
        ManifestCommand::Rm(arguments) => remove(session, arguments),
        ManifestCommand::Push(arguments) => push_list(session, arguments),
        ManifestCommand::Inspect(arguments) => inspect(session, arguments),
        ManifestCommand::Exists(arguments) => exists(session, arguments),
    }
}

fn create(session: &Session, arguments: &ManifestCreate) -> Result<()> {
    let list = new_name(session, &arguments.list)?;
    let annotations = pairs(&arguments.annotation)?;
    let store = session.store()?;
    let amended = arguments.amend && store.names().get(&list)?.is_some();
    if !amended && store.names().get(&list)?.is_some() {
        return Err(taken(&list));
    }
    let subject = arguments.subject.as_deref();
    let subject = subject.map(|text| members::subject(session, text)).transpose()?;
    let entries = members::all(session, &arguments.members, &arguments.images)?;
    let fill = |index: &mut Index| {
        add(index, &entries);
        annotate(&mut index.annotations, &annotations);
        index.artifact_type = arguments.artifact_type.clone().or(index.artifact_type.take());
        index.subject = subject.clone().or(index.subject.take());
        Ok::<_, IndexError>(())
    };
    let made = if amended {
        change(&store, session.sandbox(), &list, fill)
    } else {
        let mut index = empty_index(arguments.kind.into());
        fill(&mut index).and_then(|()| image_index::create(&store, session.sandbox(), &list, index))
    };
    match made {
        Err(IndexError::Store(StoreError::TagTaken { .. })) => Err(taken(&list)),
        made => show(&told(made)?, arguments.format),
    }
}

fn taken(list: &ImageName) -> anyhow::Error {
    let failure = Failure::no(format!("wanted a name nothing has, found `{}`", name(list)));
    failure.hint("--amend adds to an index that is there").into()
}

fn add_images(session: &Session, arguments: &ManifestAdd) -> Result<()> {
    let list = new_name(session, &arguments.list)?;
    let stated = &arguments.stated;
    let annotations = pairs(&stated.annotation)?;
    let store = session.store()?;
    // Before anything is fetched for it.
    let absent = || StoreError::UnknownName { name: name(&list) };
    let known = told(image_index::find(&store, session.sandbox(), &list))?.ok_or_else(absent)?;
    leave_features_out(stated, &known.index)?;
    let mut entries = members::all(session, &arguments.members, &arguments.images)?;
    if entries.len() > 1 && is_of_one(stated) {
        let found = entries.len();
        return Err(Failure::usage(format!("wanted one image to say something of, found {found}"))
            .hint("add them one by one, or use `consign manifest annotate` afterwards")
            .into());
    }
    for entry in &mut entries {
        restate(entry, stated);
        annotate(&mut entry.annotations, &annotations);
    }
    let changed = change(&store, session.sandbox(), &list, |index| {
        add(index, &entries);
        Ok::<_, IndexError>(())
    });
    show(&told(changed)?, arguments.format)
}

/// Whether this is said of one platform, and can so be of one image only.
fn is_of_one(stated: &Stated) -> bool {
    let texts = [&stated.os, &stated.arch, &stated.variant, &stated.os_version];
    texts.iter().any(|text| text.is_some()) || !stated.os_features.is_empty()
}

/// Features of processors: taken for OCI's indexes, which have no place for them, as podman takes them; a Docker list has
/// one, and would be told something else than what was said.
fn leave_features_out(stated: &Stated, index: &Index) -> Result<()> {
    if stated.features.is_empty() {
        return Ok(());
    }
    if index.kind == Kind::DockerList {
        return Err(Failure::usage(
            "wanted an OCI index, found a Docker list, whose `features` are not kept here",
        )
        .hint("`--os-features` are")
        .into());
    }
    output::note("`--features` are left out: an OCI index has no place for features of processors");
    Ok(())
}

/// Puts what is stated in place of what an entry says of its platform.
fn restate(entry: &mut Descriptor, stated: &Stated) {
    if !is_of_one(stated) {
        return;
    }
    let platform = entry.platform.get_or_insert_with(|| consign::types::Platform {
        os: String::new(),
        architecture: String::new(),
        variant: None,
        os_version: None,
        os_features: Vec::new(),
    });
    let optional = |text: &Option<String>, known: &mut Option<String>| {
        if let Some(text) = text {
            *known = Some(text.clone()).filter(|text| !text.is_empty());
        }
    };
    platform.os = stated.os.clone().unwrap_or(std::mem::take(&mut platform.os));
    platform.architecture = stated.arch.clone().unwrap_or(std::mem::take(&mut platform.architecture));
    optional(&stated.variant, &mut platform.variant);
    optional(&stated.os_version, &mut platform.os_version);
    if !stated.os_features.is_empty() {
        platform.os_features = stated.os_features.clone();
    }
}

fn say(session: &Session, arguments: &ManifestAnnotate) -> Result<()> {
    let list = new_name(session, &arguments.list)?;
    let stated = &arguments.stated;
    let annotations = pairs(&stated.annotation)?;
    let store = session.store()?;
    if let Some(known) = told(image_index::find(&store, session.sandbox(), &list))? {
        leave_features_out(stated, &known.index)?;
    }
    let subject = arguments.subject.as_deref();
    let subject = subject.map(|text| members::subject(session, text)).transpose()?;
    let changed = change(&store, session.sandbox(), &list, |index| {
        let Some(text) = &arguments.image else {
            annotate(&mut index.annotations, &annotations);
            index.artifact_type = arguments.artifact_type.clone().or(index.artifact_type.take());
            index.subject = subject.clone().or(index.subject.take());
            return Ok::<_, anyhow::Error>(());
        };
        let position = members::position(session, arguments.looked_up.lookup, index, text)?;
        if let Some(entry) = index.entries.get_mut(position) {
            restate(entry, stated);
            annotate(&mut entry.annotations, &annotations);
        }
        Ok(())
    });
    show(&refused(changed)?, arguments.format)
}

fn remove_images(session: &Session, arguments: &ManifestRemove) -> Result<()> {
    let list = new_name(session, &arguments.list)?;
    let changed = change(&*session.store()?, session.sandbox(), &list, |index| {
        for text in &arguments.images {
            let position = members::position(session, arguments.looked_up.lookup, index, text)?;
            index.entries.remove(position);
        }
        Ok::<_, anyhow::Error>(())
    });
    show(&refused(changed)?, arguments.format)
}

fn remove(session: &Session, arguments: &ManifestRm) -> Result<()> {
    let store = session.store()?;
    let (mut gone, mut failures) = (Vec::new(), Vec::new());
    for text in &arguments.lists {
        let removed = new_name(session, text)
            .and_then(|list| told(image_index::remove(&store, session.sandbox(), &list)));
        match removed {
            Ok(removed) => gone.push(removed),
            Err(error) => failures.push(error),
        }
    }
    match arguments.format {
        Format::Table => output::lines(gone.iter().map(|index| format!("Untagged: {}", name(&index.name))))?,
        Format::Json => output::json(&gone.iter().map(entry).collect::<Vec<_>>())?,
    }
    Failures::all(failures)
}

fn push_list(session: &Session, arguments: &ManifestPush) -> Result<()> {
    let list = new_name(session, &arguments.push.image)?;
    let store = session.store()?;
    let absent = || StoreError::UnknownName { name: name(&list) };
    told(image_index::find(&store, session.sandbox(), &list))?.ok_or_else(absent)?;
    let some = arguments.push.sparse || arguments.push.wanted.platform.is_some();
    push::push(session, &arguments.push, !some)?;
    if arguments.rm {
        told(image_index::remove(&store, session.sandbox(), &list))?;
    }
    Ok(())
}

fn inspect(session: &Session, arguments: &ManifestInspect) -> Result<()> {
    let lookup = arguments.looked_up.lookup;
    let options = session.options_for(lookup)?;
    let opened = image::open_by(session, &arguments.image, lookup, &options, &arguments.reached)
        .map_err(refusal::looked_up)?;
    let target = opened.target(session, &options).map_err(|error| with_hint(error, &opened))?;
    let bytes = image::content(&opened, &target)?;
    let parsed = session.sandbox().parse_manifest(&bytes, None)?;
    parsed.map_err(|problem| anyhow!("`{}`: {}", target.digest, consign::resolve::document(&problem)))?;
    output::bytes(&document::indented(&bytes))
}

fn exists(session: &Session, arguments: &ManifestExists) -> Result<()> {
    let list = new_name(session, &arguments.list)?;
    let found = image_index::find(&*session.store()?, session.sandbox(), &list);
    match found {
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(IndexError::NotAnIndex { .. }) => {
            Err(Failure::no(format!("no such index: `{}`", name(&list))).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Keys and values, as they are written.
fn pairs(texts: &[String]) -> Result<Vec<(String, String)>> {
    let pair = |text: &String| match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Failure::usage(format!("wanted KEY=VALUE, found `{text}`")).into()),
    };
    texts.iter().map(pair).collect()
}

/// With what there is to do about it.
fn told<T>(result: Result<T, IndexError>) -> Result<T> {
    refused(result.map_err(anyhow::Error::from))
}

fn refused<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| {
        let hint = match error.downcast_ref::<IndexError>() {
            Some(IndexError::Unwritable) => "an index made with `--type oci` has a place for them",
            Some(IndexError::NotAnIndex { .. }) => "`consign manifest create` makes indexes",
            _ => return error,
        };
        Failure::usage(error.to_string()).hint(hint).into()
    })
}

fn show(index: &NamedIndex, format: Format) -> Result<()> {
    match format {
        Format::Table => output::lines([index.target.digest.to_string()]),
        Format::Json => output::json(&entry(index)),
    }
}

/// An index, with stable names.
fn entry(index: &NamedIndex) -> serde_json::Value {
    json!({
        "name": name(&index.name),
        "target": document::descriptor(&Descriptor::from(&index.target)),
        "manifests": index.index.entries.iter().map(document::descriptor).collect::<Vec<_>>(),
    })
}

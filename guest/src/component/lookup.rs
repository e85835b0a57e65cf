use super::Component;
use super::resolution::Resolving;
use crate::name;
use crate::prelude::*;
use crate::resolve::machine::{Machine, World, drive};
use crate::resolve::{as_looked_up, id_prefix, only_one, resolve};
use crate::types::{ContentError, Descriptor, ImageName, Rules};
use crate::wit::consign::image::content;
use crate::wit::exports::consign::image::lookup::{
    Guest, LocateError, Located, Options, Resolution, Subject,
};
use crate::wit::exports::consign::image::references::{Reading, Reference};
use crate::wit::exports::consign::image::resolution::Matched;

/// The host's content.
struct Imported;

impl World for Imported {
    fn find(&mut self, name: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        content::find(name)
    }

    fn search(&mut self, prefix: &str) -> Result<Vec<Descriptor>, ContentError> {
        content::search(prefix)
    }

    fn read(&mut self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        content::read(target)
    }

    fn indexes(&mut self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        content::indexes(config)
    }

    fn manifests(&mut self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        content::manifests(config)
    }
}

impl Guest for Component {
    fn resolve(subject: Subject, options: Options) -> Resolution {
        let mut machine = Machine::start(|ask| resolve(ask, subject, options));
        drive(&mut Imported, &mut machine);
        Resolution::new(Resolving::from(machine))
    }

    fn locate(input: String, rules: Rules) -> Result<Located, LocateError> {
        match name::parse(&input, Reading::Any, rules).map_err(LocateError::Name)? {
            Reference::Digest(digest) => {
                let found = content::search(&digest).map_err(LocateError::Content)?;
                match found.into_iter().find(|found| found.digest == digest) {
                    Some(target) => Ok(Located { matched: Matched::Digest(digest), target }),
                    None => Err(LocateError::NotFound(digest)),
                }
            }
            Reference::Named(named) => {
                let wanted = as_looked_up(named);
                if let Some(target) = content::find(&wanted).map_err(LocateError::Content)? {
                    return Ok(Located { matched: Matched::Name(wanted), target });
                }
                let found = match id_prefix(&input) {
                    Some(prefix) => {
                        let found = content::search(prefix).map_err(LocateError::Content)?;
                        only_one(found, prefix).map_err(LocateError::Ambiguous)?
                    }
                    None => None,
                };
                match found {
                    Some(target) => Ok(Located { matched: Matched::Prefix(target.digest.clone()), target }),
                    None => Err(LocateError::NotFound(name::format(&Reference::Named(wanted)))),
                }
            }
        }
    }
}

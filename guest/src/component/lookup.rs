use super::Component;
use super::resolution::Resolving;
use crate::resolve::machine::{Machine, World, drive};
use crate::resolve::{locate, resolve};
use crate::types::{ContentError, Descriptor, ImageName, Rules};
use crate::wit::consign::image::content;
use crate::wit::exports::consign::image::lookup::{
    Guest, LocateError, Located, Options, Resolution, Subject,
};
use crate::wit::exports::consign::image::resolution::ResolveError;

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
        let mut machine = Machine::start(|ask| locate(ask, input, rules));
        drive(&mut Imported, &mut machine);
        match machine.finish() {
            Ok((matched, target)) => Ok(Located { matched, target }),
            Err(ResolveError::Name(error)) => Err(LocateError::Name(error)),
            Err(ResolveError::Ambiguous(found)) => Err(LocateError::Ambiguous(found)),
            Err(ResolveError::Content(error)) => Err(LocateError::Content(error)),
            Err(ResolveError::NotFound(name)) => Err(LocateError::NotFound(name)),
            // Locating reads nothing and compares nothing, so there is nothing else to go wrong.
            Err(_) => Err(LocateError::NotFound(String::new())),
        }
    }
}

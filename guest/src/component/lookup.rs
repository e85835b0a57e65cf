use super::Component;
use crate::resolve::machine::{Machine, World, drive};
use crate::resolve::{locate, resolve};
use crate::wit::consign::image::content;
use crate::wit::consign::image::types::{ContentError, Descriptor, ImageName, Rules};
use crate::wit::exports::consign::image::lookup::{Guest, Located, Options, ResolveError, Resolved, Subject};

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
    fn resolve(subject: Subject, options: Options) -> Result<Resolved, ResolveError> {
        drive(&mut Imported, Machine::start(|ask| resolve(ask, subject, options)))
    }

    fn locate(input: String, rules: Rules) -> Result<Located, ResolveError> {
        drive(&mut Imported, Machine::start(|ask| locate(ask, input, rules)))
    }
}

use super::Component;
use crate::resolve::machine::{World, drive};
use crate::wit::consign::image::content;
use crate::wit::consign::image::types::{ContentError, Descriptor, ImageName};
use crate::wit::exports::consign::image::lookup::{Guest, Options, ResolveError, Resolved, Subject};

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
        drive(&mut Imported, subject, options)
    }
}

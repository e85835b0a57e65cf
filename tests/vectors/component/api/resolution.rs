use std::sync::Arc;

use super::sandbox;
use consign::content::{Content, ContentError};
pub use consign::types::resolution::*;
pub use consign::types::{Descriptor, ImageName, Platform, Rules};

/// A world that never fails.
pub trait Answers: Send + Sync + 'static {
    fn find(&self, name: &ImageName) -> Option<Descriptor>;
    fn search(&self, prefix: &str) -> Vec<Descriptor>;
    fn read(&self, target: &Descriptor) -> Option<Vec<u8>>;
    fn indexes(&self, config: &str) -> Vec<Descriptor>;
    fn manifests(&self, config: &str) -> Vec<Descriptor>;
}

struct Asked<A>(A);

impl<A: Answers> Content for Asked<A> {
    fn find(&self, name: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        Ok(self.0.find(name))
    }

    fn search(&self, prefix: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.search(prefix))
    }

    fn read(&self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        Ok(self.0.read(target))
    }

    fn indexes(&self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.indexes(config))
    }

    fn manifests(&self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.manifests(config))
    }
}

pub fn resolve(world: impl Answers, subject: Subject, options: Options) -> Result<Resolved, ResolveError> {
    sandbox().resolve(Arc::new(Asked(world)), &subject, &options).unwrap().0
}

use embed::content::Host;
pub use embed::resolution::*;
use embed::types::ContentError;
pub use embed::types::{Descriptor, ImageName, Platform, Rules};

use super::INSTANCE;

/// A world that never fails.
pub trait Answers: Send + Sync + 'static {
    fn find(&self, name: &ImageName) -> Option<Descriptor>;
    fn search(&self, prefix: &str) -> Vec<Descriptor>;
    fn read(&self, target: &Descriptor) -> Option<Vec<u8>>;
    fn indexes(&self, config: &str) -> Vec<Descriptor>;
    fn manifests(&self, config: &str) -> Vec<Descriptor>;
}

struct Asked<A>(A);

impl<A: Answers> Host for Asked<A> {
    fn find(&mut self, name: ImageName) -> Result<Option<Descriptor>, ContentError> {
        Ok(self.0.find(&name))
    }

    fn search(&mut self, prefix: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.search(&prefix))
    }

    fn read(&mut self, target: Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        Ok(self.0.read(&target))
    }

    fn indexes(&mut self, config: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.indexes(&config))
    }

    fn manifests(&mut self, config: String) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.manifests(&config))
    }
}

pub fn resolve(world: impl Answers, subject: Subject, options: Options) -> Result<Resolved, ResolveError> {
    INSTANCE.with_borrow_mut(|instance| instance.resolve(Asked(world), &subject, &options)).unwrap().0
}

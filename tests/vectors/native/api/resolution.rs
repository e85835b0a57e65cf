use consign_guest::resolve::machine::{Machine, World, drive};
pub use consign_guest::types::{ContentError, Descriptor, ImageName, Platform, Rules};
pub use consign_guest::wit::exports::consign::image::resolution::*;

/// A world that never fails.
pub trait Answers: Send + Sync + 'static {
    fn find(&self, name: &ImageName) -> Option<Descriptor>;
    fn search(&self, prefix: &str) -> Vec<Descriptor>;
    fn read(&self, target: &Descriptor) -> Option<Vec<u8>>;
    fn indexes(&self, config: &str) -> Vec<Descriptor>;
    fn manifests(&self, config: &str) -> Vec<Descriptor>;
}

struct Driven<A>(A);

impl<A: Answers> World for Driven<A> {
    fn find(&mut self, name: &ImageName) -> Result<Option<Descriptor>, ContentError> {
        Ok(self.0.find(name))
    }

    fn search(&mut self, prefix: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.search(prefix))
    }

    fn read(&mut self, target: &Descriptor) -> Result<Option<Vec<u8>>, ContentError> {
        Ok(self.0.read(target))
    }

    fn indexes(&mut self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.indexes(config))
    }

    fn manifests(&mut self, config: &str) -> Result<Vec<Descriptor>, ContentError> {
        Ok(self.0.manifests(config))
    }
}

pub fn resolve(world: impl Answers, subject: Subject, options: Options) -> Result<Resolved, ResolveError> {
    let mut machine = Machine::start(|ask| consign_guest::resolve::resolve(ask, subject, options));
    drive(&mut Driven(world), &mut machine);
    machine.finish()
}

//! Files of a server that is no registry, or not only one.

use super::auth::Scope;
use super::exchange::Ask;
use super::{Registry, RegistryError};

impl Registry {
    /// The file with this path, which begins with `/`; at most so many bytes. `None`: it is not there.
    ///
    /// # Errors
    ///
    /// [`RegistryError::TooLarge`] for more bytes; any other where it could not be had.
    pub fn get_file(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        let answer = self.send(Ask::get(path.to_owned(), Scope::none()))?;
        if answer.status() == 404 {
            answer.done();
            return Ok(None);
        }
        answer.expect(&[200])?.bytes(limit).map(Some)
    }
}

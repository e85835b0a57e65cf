//! Signatures a registry keeps itself (OpenShift's extension of the distribution-spec).

use super::exchange::Ask;
use super::url::shown;
use super::{RegistryError, Repository};
use crate::digest::Digest;
use crate::types::signatures::ListedSignature;

/// Bytes of a list, as many as the peers read.
const LIMIT: u64 = 4 << 20;
/// What a registry says that has the extension.
const HEADER: &str = "x-registry-supports-signatures";

impl Repository {
    /// The signatures of the manifest with this digest, in the registry's order, at most 128. `None`: the registry
    /// does not say that it keeps any.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Answer`] for what is no list of signatures; any other where it could not be told.
    pub fn signatures(&self, digest: &Digest) -> Result<Option<Vec<ListedSignature>>, RegistryError> {
        let answer = match self.registry.send(Ask::get("/v2/".to_owned(), self.pulling())) {
            // Some answer so whoever may not log in, and give images to everybody.
            Err(RegistryError::Unauthorized { .. }) => return Ok(None),
            // A failure would be taken for that there are no signatures.
            answer => answer?.expect(&[200, 403, 404])?,
        };
        let has_extension = answer.header(HEADER) == Some("1");
        answer.done();
        if !has_extension {
            return Ok(None);
        }
        let target = format!("/extensions/v2/{}/signatures/{digest}", self.path);
        let answer = self.registry.send(Ask::get(target, self.pulling()))?.expect(&[200])?;
        let url = shown(answer.url());
        match self.registry.sandbox().read_signature_list(&answer.bytes(LIMIT)?)? {
            Ok(list) => Ok(Some(list)),
            Err(problem) => {
                let reason = format!("byte {}: {}", problem.offset, problem.reason);
                Err(RegistryError::Answer { url, reason })
            }
        }
    }
}

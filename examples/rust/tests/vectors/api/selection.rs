pub use embed::selection::*;

use super::call;

pub fn choose(entries: &[Descriptor], criteria: &Criteria) -> Choice {
    call(|component, store| component.consign_image_selection().call_choose(store, entries, criteria))
}

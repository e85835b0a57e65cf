use super::Component;
use crate::prelude::*;
use crate::select;
use crate::wit::exports::consign::image::selection::{Choice, Criteria, Descriptor, Guest};

impl Guest for Component {
    fn choose(entries: Vec<Descriptor>, criteria: Criteria) -> Choice {
        select::choose(&entries, &criteria)
    }
}

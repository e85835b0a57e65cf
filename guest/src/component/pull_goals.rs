use super::Component;
use crate::pull_goal;
use crate::wit::exports::consign::image::pull_goals::{Goal, GoalError, Guest, Wanted};

impl Guest for Component {
    fn goal_of(wanted: Wanted) -> Result<Goal, GoalError> {
        pull_goal::goal_of(wanted)
    }
}

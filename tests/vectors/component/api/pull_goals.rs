use super::sandbox;
pub use consign::types::pull_goals::*;

pub fn goal_of(wanted: &Wanted) -> Result<Goal, GoalError> {
    sandbox().pull_goal(wanted).unwrap()
}

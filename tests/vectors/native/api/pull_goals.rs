use consign_guest::component::Component;
pub use consign_guest::wit::exports::consign::image::pull_goals::*;

pub fn goal_of(wanted: &Wanted) -> Result<Goal, GoalError> {
    <Component as Guest>::goal_of(wanted.clone())
}

//! The plan's tables of `sundown.toml`: `[[sunset]]`, `[[sunset.brownout]]`, `[[exception]]`, `[[preview]]`,
//! `[[cohort]]`.
//!
//! Unknown keys are errors. [`PlanTables::build`] turns tables into a [`Plan`](crate::Plan) or says all that
//! is wrong with them, each with the key, its place in the file and the remedy.

mod build;
mod names;
mod tables;
mod template;
mod when;

pub use names::did_you_mean;
pub use tables::{
    BrownoutTable, CohortTable, ExceptionTable, FloorValue, InlineFloor, PlanTables, PreviewTable,
    SunsetTable,
};
pub use template::template;
pub use when::{Length, When};

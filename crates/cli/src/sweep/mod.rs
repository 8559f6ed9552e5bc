//! Sweeps: many points, each an experiment of its own, whose common work is done once.
//!
//! A point with a seed is a [`Unit`]: an ensemble whose members are trained, exported and evaluated. Every step is a [`Job`] with
//! inputs and outputs that are files in the [`Store`], named by the hash of what they are made from: points that differ in
//! encryption share trained members, and points that differ in rounding share the float phase of training.
//! [`run()`] does all jobs in one process; [`Work`] does one of them, for engines that spread jobs over machines.

mod jobs;
mod records;
mod run;
mod store;
mod units;
mod work;

pub use jobs::{Graph, Job, JobKind};
pub use records::PointState;
pub use run::{Summary, run, run_job};
pub use store::Store;
pub use units::{DataSets, Unit, units};
pub use work::Work;

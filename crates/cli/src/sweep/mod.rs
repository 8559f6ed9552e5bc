/*!
Sweeps: many points, each of which is an experiment, with shared work done once.

A point with one seed is a unit ([`units`]): an ensemble whose members are trained, exported and evaluated. The files of
every step lie in the [`store`], each named by the hash of everything that it is made from. So points that differ only in
encryption share trained members, and points that differ only in rounding share the float phase of training.

[`steps`] does the steps of a unit. [`run`] does all steps in one process, or one job. [`jobs`] lists the jobs with their
inputs and outputs, for workflow engines that run them on several machines. [`sweep_records`] writes `sweep.json`,
`table.csv` and the records of every point.
*/

pub mod jobs;
pub mod run;
pub mod steps;
pub mod store;
pub mod sweep_records;
pub mod units;

/*!
A run: one experiment with its data, its folder and its records.

[`folder`] names the files, [`record`] writes `run.json`, [`results`] holds what the stages computed, and
[`experiment_run`] puts experiment, data and folder together. A sweep writes the same records for each of its points.
*/

pub mod experiment_run;
pub mod folder;
pub mod record;
pub mod results;

/*!
The stages of a run. Each stage makes the files that are missing, from the files of the stage before it.

A file carries a hash of everything that it was made from. A stage that finds its files with the right hash leaves them
unchanged, so an interrupted run resumes, and a changed experiment is run again.

The order is [`data`], [`train`], [`export`], [`evaluate`], [`logit_ranges`], [`elapsed`], [`csv_records`]. [`outlook`]
estimates what is left to do.
*/

pub mod cache;
pub mod csv_records;
pub mod data;
pub mod download_reporter;
pub mod elapsed;
pub mod evaluate;
pub mod export;
pub mod logit_ranges;
pub mod outlook;
pub mod train;

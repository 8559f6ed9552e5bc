//! The records of a run: rows of its CSV files, and the encryption parameters and logit range in its JSON files. Columns are stable,
//! because scripts and charts read them by name.

pub(crate) mod csv_file;
pub(crate) mod latency;
pub(crate) mod noise_row;
pub(crate) mod parameter_record;
pub(crate) mod run_rows;
pub(crate) mod setting_rows;

pub use csv_file::{RecordError, encode_rows, read_rows, write_rows};
pub use latency::{FormLatency, LatencyRow};
pub use noise_row::NoiseRow;
pub use parameter_record::{ParameterRecord, RangeRecord};
pub use run_rows::{BitsRow, ElapsedRow, SizeRow};
pub use setting_rows::{AccuracyRow, Domain, LabelRow, LayerRow, PairRow, RecallRow, Setting, ValidationRow};
pub use sottovoce_bfv::planner::EvaluationForm;

//! Charts, tables and verdicts: the content of reports, made from `data` with the tools in `drawing`.

pub(crate) mod charts;
pub(crate) mod sweep_charts;
pub(crate) mod tables;
pub(crate) mod verdicts;

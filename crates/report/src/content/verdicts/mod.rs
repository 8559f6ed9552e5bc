//! Verdicts on the paper's claims and on this project's targets, judged from the records only.

pub(crate) mod claims;
pub(crate) mod evidence;
mod exactness;
pub(crate) mod targets;
pub(crate) mod verdict;

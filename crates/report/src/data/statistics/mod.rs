//! Means, intervals and significance tests of accuracies.

pub(crate) mod advantage;
pub(crate) mod best_member;
pub(crate) mod paired_tests;
pub(crate) mod summary;

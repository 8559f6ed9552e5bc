//! How far the accuracies can be trusted.

pub(crate) mod advantage;
pub(crate) mod mcnemar;
pub(crate) mod paired;
pub(crate) mod pairs;
pub(crate) mod summary;
pub(crate) mod tables;
pub(crate) mod wilson;

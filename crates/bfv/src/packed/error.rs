//! Networks that cannot be packed.

use crate::parameters::limits::MAX_DEGREE;

/// A network that does not fit in the slots of one ciphertext.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "packed evaluation of this architecture needs {needed} {what}, but a ring degree of {degree} has {available}{}; \
     it can be evaluated batched",
    if *degree < MAX_DEGREE { ", and larger ring degrees may have enough" } else { "" }
)]
pub struct PackedLayoutError {
    /// The slots that are missing.
    pub what: &'static str,
    /// Slots or columns needed.
    pub needed: usize,
    /// Slots or columns at this ring degree.
    pub available: usize,
    /// The ring degree.
    pub degree: usize,
}

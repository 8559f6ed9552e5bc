//! Texts of errors.

use std::error::Error;
use std::iter::successors;

/// Returns the text of an error and of its causes.
pub fn with_causes(error: &dyn Error) -> String {
    let errors = successors(Some(error), |&error| error.source());
    errors.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

//! The error of a description whose fields cannot be used.

/// A field of a description that has no usable value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {message}", path.join("."))]
pub struct FieldError {
    /// Names of the tables that contain the field, then the field's name.
    pub path: Vec<&'static str>,
    /// Predicate that follows the field's name, such as "is 0, but must be at least 1".
    pub message: String,
}

impl FieldError {
    pub(crate) fn new(path: &[&'static str], message: impl Into<String>) -> Self {
        Self { path: path.to_vec(), message: message.into() }
    }
}

//! Errors of configurations and of options that choose parameters: wrong arguments, with the exit code 2.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{fmt, io};

use sottovoce_bfv::ParametersError;

/// The exit code of an error: a wrong configuration has that of wrong arguments.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    ExitCode::from(if error.chain().any(|cause| cause.is::<ConfigError>()) { 2 } else { 1 })
}

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
#[cfg_attr(not(feature = "experiments"), expect(dead_code, reason = "only configurations have these errors"))]
pub enum ConfigError {
    /// The name is neither a file nor a built-in experiment.
    #[error(
        "{name:?} is neither a file nor a built-in experiment{suggestion}; built-in experiments: {known}"
    )]
    Unknown { name: String, suggestion: String, known: String },
    /// The file could not be read.
    #[error("cannot read the configuration {path}")]
    Read { path: PathBuf, source: io::Error },
    /// The options ask for encryption parameters that are not secure or do not exist.
    #[error("these encryption parameters cannot be used: {0}")]
    Parameters(ParametersError),
    /// The contents are wrong.
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// A mistake in the text of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, the built-in experiment or the `--set` argument.
    pub origin: String,
    /// Number of the line, from 1.
    pub line: Option<usize>,
    /// Text of the line.
    pub excerpt: String,
    pub message: String,
}

impl std::error::Error for Problem {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => {
                writeln!(f, "{}, line {line}: {}", self.origin, self.message)?;
                write!(f, "  {line} | {}", self.excerpt)
            }
            None => write!(f, "{}: {}", self.origin, self.message),
        }
    }
}

impl Problem {
    /// A mistake that no line can be named for.
    #[cfg(feature = "experiments")]
    pub fn new(origin: &str, message: String) -> Self {
        Self { origin: origin.to_owned(), line: None, excerpt: String::new(), message }
    }
}

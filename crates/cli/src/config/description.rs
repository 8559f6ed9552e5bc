//! Descriptions of weights that other frameworks trained, for `sottovoce import`.

use std::error::Error as _;
use std::path::Path;
use std::{fs, io};

use serde::Deserialize as _;
use sottovoce_export::import::{Description, ImportError, check_description};

use super::toml_problem;
use crate::config_error::{ConfigError, Problem};

/// Reads and checks the description in the file `path`.
///
/// # Errors
/// If the file cannot be read, is not TOML, or has an unknown field or a value that is not allowed.
pub fn load_description(path: &Path) -> Result<Description, ConfigError> {
    let unreadable = |source| ConfigError::Read { path: path.to_owned(), source };
    let text = String::from_utf8(fs::read(path).map_err(unreadable)?).map_err(|_| {
        let message = "a description is a TOML text; docs/import.md and configs/import have examples";
        unreadable(io::Error::new(io::ErrorKind::InvalidData, message))
    })?;
    Ok(parse(&path.display().to_string(), &text)?)
}

fn parse(origin: &str, text: &str) -> Result<Description, Problem> {
    let wrong = |error: toml::de::Error| toml_problem::from_toml(origin, text, &error);
    let deserializer = toml::Deserializer::parse(text).map_err(wrong)?;
    let description = Description::deserialize(deserializer).map_err(wrong)?;
    check_description(&description)
        .map_err(|problem| toml_problem::at_field(origin, text, &problem.path, problem.message))?;
    Ok(description)
}

/// Turns `error` into a mistake in the description in the file `path`, with its line; `None` if the description is not at fault.
pub fn import_problem(path: &Path, error: &ImportError) -> Option<ConfigError> {
    let field = error.field()?;
    let mut message = error.to_string();
    if let Some(source) = error.source() {
        message = format!("{message}: {source}");
    }
    // `Problem` puts the field in front of the message, so a message that begins with the field loses it.
    let message = match message.strip_prefix(&format!("`{}` ", field.join("."))) {
        Some(rest) => rest.to_owned(),
        None => format!("cannot be used: {message}"),
    };
    // The text was read before; if the file is gone by now, the error has no line.
    let text = fs::read_to_string(path).unwrap_or_default();
    Some(toml_problem::at_field(&path.display().to_string(), &text, &field, message).into())
}

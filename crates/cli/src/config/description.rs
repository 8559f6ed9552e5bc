//! Descriptions of foreign weights.

use std::error::Error as _;
use std::path::Path;
use std::{fs, io};

use serde::Deserialize as _;
use sottovoce_export::import::{Description, ImportError, check_description};

use super::{ConfigError, Problem};

/// Reads and checks the description in the file `path`.
pub fn load_description(path: &Path) -> Result<Description, ConfigError> {
    let unreadable = |source| ConfigError::Read { path: path.to_owned(), source };
    let text = String::from_utf8(fs::read(path).map_err(unreadable)?).map_err(|_| {
        let message = "a description is a text in TOML; docs/import.md and configs/import have examples";
        unreadable(io::Error::new(io::ErrorKind::InvalidData, message))
    })?;
    Ok(parse(&path.display().to_string(), &text)?)
}

fn parse(origin: &str, text: &str) -> Result<Description, Problem> {
    let wrong = |error: toml::de::Error| Problem::from_toml(origin, text, &error);
    let deserializer = toml::Deserializer::parse(text).map_err(wrong)?;
    let description = Description::deserialize(deserializer).map_err(wrong)?;
    check_description(&description)
        .map_err(|problem| Problem::at_field(origin, text, &problem.path, problem.message))?;
    Ok(description)
}

/// The mistake in the description in the file `path` that `error` is, where it is one.
pub fn import_problem(path: &Path, error: &ImportError) -> Option<ConfigError> {
    let field = error.field()?;
    let mut message = error.to_string();
    if let Some(source) = error.source() {
        message = format!("{message}: {source}");
    }
    // A message that begins with the field does not need it twice.
    let message = match message.strip_prefix(&format!("`{}` ", field.join("."))) {
        Some(rest) => rest.to_owned(),
        None => format!("cannot be used: {message}"),
    };
    // The text was read before; a file that is gone by now gives no line.
    let text = fs::read_to_string(path).unwrap_or_default();
    Some(Problem::at_field(&path.display().to_string(), &text, &field, message).into())
}

//! Descriptions of foreign weights.

use std::fs;
use std::path::Path;

use serde::Deserialize as _;
use sottovoce_export::import::Description;

use super::{ConfigError, Problem};

/// Reads and checks the description in the file `path`.
pub fn load_description(path: &Path) -> Result<Description, ConfigError> {
    let text =
        fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    Ok(parse(&path.display().to_string(), &text)?)
}

fn parse(origin: &str, text: &str) -> Result<Description, Problem> {
    let wrong = |error: toml::de::Error| Problem::from_toml(origin, text, &error);
    let deserializer = toml::Deserializer::parse(text).map_err(wrong)?;
    let description = Description::deserialize(deserializer).map_err(wrong)?;
    description.check().map_err(|problem| Problem::at_field(origin, text, &problem.path, problem.message))?;
    Ok(description)
}

//! The layers of a configuration: a base, a file with the fields that differ from the base, and fields given with `--set`.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::toml_problem::{self, nearest};
use crate::config_error::{ConfigError, Problem};

/// The experiments that are part of the program, by name.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("paper", include_str!("../../../../configs/paper.toml")),
    ("fig5", include_str!("../../../../configs/fig5.toml")),
    ("fig6", include_str!("../../../../configs/fig6.toml")),
    ("fig7", include_str!("../../../../configs/fig7.toml")),
    ("quick", include_str!("../../../../configs/quick.toml")),
];

/// The key that names the experiment to start from: a built-in experiment, or a file relative to the file that names it.
const BASE: &str = "base";

/// The table that says which fields a sweep varies.
pub const SWEEP: &str = "sweep";

/// Largest number of files in a chain of bases; a longer chain is a circle.
const MAX_BASES: usize = 16;

/// One layer of a configuration.
#[derive(Debug, Clone)]
pub struct Layer {
    /// The layer's name in errors: a file, a built-in experiment or a `--set` argument.
    pub origin: String,
    /// TOML.
    pub text: Cow<'static, str>,
}

impl Layer {
    /// Returns whether the layer is a built-in experiment.
    pub fn is_built_in(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }
}

/// Reads the layers of the experiment `name`, the deepest base first, with one layer for each of `sets` on top.
///
/// # Errors
/// If a file or a base does not exist, bases name each other in a circle, a file with a base has no name of its own, or a
/// text is not TOML.
pub fn read(name: &str, sets: &[String]) -> Result<Vec<Layer>, ConfigError> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut next = Some((name.to_owned(), Path::new(name).is_file().then(|| PathBuf::from(name))));
    while let Some((origin, path)) = next.take() {
        let text = text(&origin, path.as_deref())?;
        let base = base_of(&origin, &text, path.as_deref())?;
        if base.is_some() && layers.len() + 1 == MAX_BASES {
            let message = "names a base that leads back to itself";
            return Err(toml_problem::at_field(&origin, &text, &[BASE], message).into());
        }
        layers.push(Layer { origin, text });
        next = base;
    }
    layers.reverse();
    for set in sets {
        layers.push(set_layer(set)?);
    }
    Ok(layers)
}

/// The text of the file `path`, or of the built-in experiment `name`.
fn text(name: &str, path: Option<&Path>) -> Result<Cow<'static, str>, ConfigError> {
    if let Some(path) = path {
        let text = fs::read_to_string(path);
        return text.map(Cow::Owned).map_err(|source| ConfigError::Read { path: path.to_owned(), source });
    }
    if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(Cow::Borrowed(text));
    }
    Err(ConfigError::Unknown { name: name.to_owned(), suggestion: suggestion(name), known: built_in_names() })
}

/// The names of the built-in experiments, for errors.
fn built_in_names() -> String {
    BUILT_IN.map(|(name, _)| name).join(", ")
}

/// " (did you mean ...?)" if a built-in experiment has a name similar to `name`, else nothing.
fn suggestion(name: &str) -> String {
    let names = BUILT_IN.map(|(name, _)| name);
    nearest(name, names.into_iter()).map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"))
}

/// The name of a layer's base, and its path if the base is a file.
fn base_of(
    origin: &str,
    text: &str,
    path: Option<&Path>,
) -> Result<Option<(String, Option<PathBuf>)>, Problem> {
    let table = DeTable::parse(text).map_err(|error| toml_problem::from_toml(origin, text, &error))?;
    let Some(base) = table.get_ref().get(BASE) else { return Ok(None) };
    if table.get_ref().get("name").is_none() {
        let message = "needs a `name` beside it: the records of an experiment go to a folder with its name";
        return Err(toml_problem::at_field(origin, text, &[BASE], message));
    }
    let base = base.get_ref().as_str().unwrap_or_default();
    if BUILT_IN.iter().any(|(name, _)| *name == base) {
        return Ok(Some((base.to_owned(), None)));
    }
    let file = path.and_then(Path::parent).map(|folder| folder.join(base)).filter(|file| file.is_file());
    let Some(file) = file else {
        let message = format!(
            "must be a built-in experiment ({}) or a file, relative to this file{}",
            built_in_names(),
            suggestion(base)
        );
        return Err(toml_problem::at_field(origin, text, &[BASE], message));
    };
    Ok(Some((file.display().to_string(), Some(file))))
}

/// The layer of a field that is given as `PATH=VALUE`. The value is read as TOML, or as a string if it is not TOML.
fn set_layer(set: &str) -> Result<Layer, Problem> {
    let origin = format!("--set {set}");
    let wrong = |message: &str| {
        Problem::new(&origin, format!("{message}; write PATH=VALUE, such as training.clip=0.5"))
    };
    let (path, value) = set.split_once('=').ok_or_else(|| wrong("has no `=`"))?;
    let (path, value) = (path.trim(), value.trim());
    let bare = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
    };
    if !path.split('.').all(bare) {
        return Err(wrong(&format!("names {path:?}, which is not a field")));
    }
    if path == BASE {
        return Err(Problem::new(
            &origin,
            "`base` cannot be set; name another configuration instead".to_owned(),
        ));
    }
    let as_toml = format!("{path} = {value}");
    let text = if DeTable::parse(&as_toml).is_ok() {
        as_toml
    } else {
        format!("{path} = {}", toml::Value::String(value.to_owned()))
    };
    Ok(Layer { origin, text: Cow::Owned(text) })
}

/// Merges all `layers` to one table. Tables are merged field by field; other values are replaced by the layer above.
///
/// The span of a value in the result refers to the text of the layer that the value is from.
pub fn merge(layers: &[Layer]) -> Result<Spanned<DeTable<'_>>, Problem> {
    let mut merged: Option<DeTable<'_>> = None;
    let mut span = 0..0;
    for Layer { origin, text } in layers {
        let table = DeTable::parse(text).map_err(|error| toml_problem::from_toml(origin, text, &error))?;
        span = table.span();
        let mut table = table.into_inner();
        table.remove(BASE);
        name_lists(origin, text, &mut table)?;
        merged = Some(match merged {
            None => table,
            Some(mut below) => {
                merge_into(&mut below, table);
                below
            }
        });
    }
    Ok(Spanned::new(span, merged.unwrap_or_default()))
}

/// The fields of `[ensemble]` that give one value of a list, with the fields of the lists.
const LISTS: [(&str, &str); 2] = [("split", "splits"), ("share", "shares")];

/// Turns `ensemble.split = X` into `ensemble.splits = [X]`, and `ensemble.share` likewise.
fn name_lists(origin: &str, text: &str, table: &mut DeTable<'_>) -> Result<(), Problem> {
    let Some(DeValue::Table(ensemble)) = table.get_mut("ensemble").map(Spanned::get_mut) else {
        return Ok(());
    };
    for (one, list) in LISTS {
        let Some(value) = ensemble.remove(one) else { continue };
        if ensemble.get(list).is_some() {
            let message = format!("and `ensemble.{list}` give the same field; keep one of them");
            return Err(toml_problem::at_field(origin, text, &["ensemble", one], message));
        }
        let span = value.span();
        let values: toml::de::DeArray<'_> = [value].into_iter().collect();
        ensemble.insert(Spanned::new(span.clone(), list.into()), Spanned::new(span, DeValue::Array(values)));
    }
    Ok(())
}

fn merge_into<'a>(base: &mut DeTable<'a>, over: DeTable<'a>) {
    for (key, value) in over {
        let span = value.span();
        // The value takes the position of the base's field, so fields keep the base's order.
        match (base.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.into_inner()) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) => merge_into(below, above),
            (_, value) => {
                base.insert(key, Spanned::new(span, value));
            }
        }
    }
}

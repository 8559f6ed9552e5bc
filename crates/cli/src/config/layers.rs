//! Configurations in layers: a base, a file that says only what differs from it, and fields given with `--set`.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{BUILT_IN, ConfigError, Problem, problem};

/// The key that names the experiment to start from: a built-in one, or a file relative to the one that names it.
const BASE: &str = "base";

/// Files that may follow each other by `base`.
const MOST_BASES: usize = 16;

/// The text of one layer and its name in errors.
#[derive(Debug, Clone)]
pub struct Layer {
    pub origin: String,
    pub text: Cow<'static, str>,
}

impl Layer {
    /// Returns whether the text came with the program.
    pub fn is_built_in(&self) -> bool {
        matches!(self.text, Cow::Borrowed(_))
    }
}

/// The layers of the experiment `name`, the deepest base first, with one layer for each of `sets` on top.
///
/// # Errors
/// If a file or a base is not there, bases name each other in a circle, a file with a base has no name of its own, or a text is
/// not TOML.
pub fn read(name: &str, sets: &[String]) -> Result<Vec<Layer>, ConfigError> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut next = Some((name.to_owned(), Path::new(name).is_file().then(|| PathBuf::from(name))));
    while let Some((origin, path)) = next.take() {
        let text = text(&origin, path.as_deref())?;
        let base = base_of(&origin, &text, path.as_deref())?;
        layers.push(Layer { origin, text });
        if let Some(base) = base {
            if layers.len() == MOST_BASES {
                let (last, message) = (&layers[MOST_BASES - 1], "names a base that leads back to itself");
                return Err(Problem::at_field(&last.origin, &last.text, &[BASE], message).into());
            }
            next = Some(base);
        }
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
    let names = BUILT_IN.map(|(name, _)| name);
    Err(ConfigError::Unknown { name: name.to_owned(), hint: hint(name), known: names.join(", ") })
}

fn hint(name: &str) -> String {
    let names = BUILT_IN.map(|(name, _)| name);
    problem::nearest(name, names.into_iter())
        .map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"))
}

/// The name of a layer's base and, where it is a file, its path.
fn base_of(
    origin: &str,
    text: &str,
    path: Option<&Path>,
) -> Result<Option<(String, Option<PathBuf>)>, Problem> {
    let table = DeTable::parse(text).map_err(|error| Problem::from_toml(origin, text, &error))?;
    let Some(base) = table.get_ref().get(BASE) else { return Ok(None) };
    if table.get_ref().get("name").is_none() {
        let message = "needs a `name` beside it: the records of an experiment go to a folder of its own name";
        return Err(Problem::at_field(origin, text, &[BASE], message));
    }
    let base = base.get_ref().as_str().unwrap_or_default();
    if BUILT_IN.iter().any(|(name, _)| *name == base) {
        return Ok(Some((base.to_owned(), None)));
    }
    let file = path.and_then(Path::parent).map(|folder| folder.join(base)).filter(|file| file.is_file());
    let Some(file) = file else {
        let names = BUILT_IN.map(|(name, _)| name).join(", ");
        let message =
            format!("must be a built-in experiment ({names}) or a file, relative to this one{}", hint(base));
        return Err(Problem::at_field(origin, text, &[BASE], message));
    };
    Ok(Some((file.display().to_string(), Some(file))))
}

/// A field given as `PATH=VALUE`. The value is read as TOML, and where it is none, as a string.
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
        return Err(wrong(&format!("names {path:?}, which is no field")));
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

/// One table of all `layers`; tables are merged field by field, and other values replaced by the layer above.
///
/// Places in the result are places in the text of the layer that a value is from.
pub fn merge(layers: &[Layer]) -> Result<Spanned<DeTable<'_>>, Problem> {
    let mut merged: Option<DeTable<'_>> = None;
    let mut span = 0..0;
    for Layer { origin, text } in layers {
        let table = DeTable::parse(text).map_err(|error| Problem::from_toml(origin, text, &error))?;
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

/// The fields of `[ensemble]` that hold lists, and what one value is called.
const LISTS: [(&str, &str); 2] = [("split", "splits"), ("share", "shares")];

/// Turns `ensemble.split = X` into `ensemble.splits = [X]`, and `ensemble.share` likewise.
fn name_lists(origin: &str, text: &str, table: &mut DeTable<'_>) -> Result<(), Problem> {
    let Some(DeValue::Table(ensemble)) = table.get_mut("ensemble").map(Spanned::get_mut) else {
        return Ok(());
    };
    for (one, list) in LISTS {
        let Some(value) = ensemble.remove(one) else { continue };
        if ensemble.get(list).is_some() {
            let message = format!("is there beside `ensemble.{list}`, which says the same; give one of them");
            return Err(Problem::at_field(origin, text, &["ensemble", one], message));
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
        // In the place of the base's field: the order of fields is that of the base.
        match (base.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value.into_inner()) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) => merge_into(below, above),
            (_, value) => {
                base.insert(key, Spanned::new(span, value));
            }
        }
    }
}

//! Mistakes in the text of a configuration, with the line and the field at fault.

use crate::config_error::Problem;

/// An error of the TOML reader, with the nearest known name if a name is unknown.
pub fn from_toml(origin: &str, text: &str, error: &toml::de::Error) -> Problem {
    at(origin, text, error.span().map(|span| span.start), toml_message(error))
}

/// A field whose value is not allowed; `path` leads to it through the tables.
pub fn at_field(origin: &str, text: &str, path: &[&str], message: impl Into<String>) -> Problem {
    at(origin, text, offset_of(text, path), format!("`{}` {}", path.join("."), message.into()))
}

fn at(origin: &str, text: &str, offset: Option<usize>, message: String) -> Problem {
    // An offset into the text of a base may lie outside this text.
    let line = offset.and_then(|offset| text.get(..offset)).map(|before| before.matches('\n').count() + 1);
    let excerpt = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
    Problem { line, excerpt: excerpt.trim_end().to_owned(), ..Problem::new(origin, message) }
}

/// The message of the TOML reader, with the nearest known name if a name is unknown.
pub fn toml_message(error: &toml::de::Error) -> String {
    let message = error.message();
    match nearest_alternative(message) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message.to_owned(),
    }
}

/// Returns whether `text` has the field that `path` leads to.
pub fn has_field(text: &str, path: &[&str]) -> bool {
    let Ok(document) = toml::de::DeTable::parse(text) else { return false };
    let mut table = Some(document.get_ref());
    for name in path {
        let entry = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name));
        let Some((_, value)) = entry else { return false };
        table = value.get_ref().as_table();
    }
    true
}

/// The offset of a field in `text`, or of the innermost table on the way to it if the field is absent.
fn offset_of(text: &str, path: &[&str]) -> Option<usize> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let mut table = document.get_ref();
    let mut offset = None;
    for name in path {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == name) else { break };
        offset = Some(key.span().start);
        match value.get_ref().as_table() {
            Some(inner) => table = inner,
            None => break,
        }
    }
    offset
}

/// The name that was most likely meant, from a message such as "unknown field `x`, expected one of `a`, `b`".
fn nearest_alternative(message: &str) -> Option<&str> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    nearest(unknown, quoted)
}

/// The name of `known` that is most similar to `name`; `None` if no name is similar.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

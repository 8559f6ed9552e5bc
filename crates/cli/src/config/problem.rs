//! What is wrong with a configuration, and on which line.

use std::fmt;

/// A mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    origin: String,
    line: Option<usize>,
    /// The line's text.
    excerpt: String,
    message: String,
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
    /// A mistake that is on no line.
    pub fn new(origin: &str, message: String) -> Self {
        Self { origin: origin.to_owned(), line: None, excerpt: String::new(), message }
    }

    /// What the TOML reader found, with the nearest known name where one is unknown.
    pub fn from_toml(origin: &str, text: &str, error: &toml::de::Error) -> Self {
        let mut message = error.message().to_owned();
        if let Some(near) = nearest_alternative(&message) {
            message = format!("{message}; did you mean `{near}`?");
        }
        Self::at(origin, text, error.span().map(|span| span.start), message)
    }

    /// A field whose value is not allowed; `path` leads to it through the tables.
    pub fn at_field(origin: &str, text: &str, path: &[&str], message: impl Into<String>) -> Self {
        Self::at(origin, text, offset_of(text, path), format!("`{}` {}", path.join("."), message.into()))
    }

    fn at(origin: &str, text: &str, offset: Option<usize>, message: String) -> Self {
        // A place in the text of a base is none here.
        let line =
            offset.and_then(|offset| text.get(..offset)).map(|before| before.matches('\n').count() + 1);
        let excerpt = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
        Self { origin: origin.to_owned(), line, excerpt: excerpt.trim_end().to_owned(), message }
    }
}

/// Returns whether `text` has the field that `path` leads to.
pub fn has_field(text: &str, path: &[&str]) -> bool {
    let Ok(document) = toml::de::DeTable::parse(text) else { return false };
    let mut table = Some(document.get_ref());
    for name in path {
        let found = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name));
        let Some((_, value)) = found else { return false };
        table = value.get_ref().as_table();
    }
    true
}

/// Where the value of a field begins; of the innermost table on the way where the field is absent.
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

/// The alternative that an "unknown field `x`, expected one of `a`, `b`" most likely meant.
pub fn nearest_alternative(message: &str) -> Option<&str> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    nearest(unknown, quoted)
}

/// The most similar of `known` to `name`, if any is similar at all.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

//! Output: results on standard output, remarks and errors on standard error.
//!
//! These functions replace `println!`, which panics if the reader is gone (`sottovoce ... | head`). They show control characters
//! and characters that change the direction of writing as numbers, whoever wrote the text.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Write, stderr, stdout};

use serde::Serialize;
use serde_json::Value;
use sottovoce_evaluate::RangeKind;
use sottovoce_network::untrusted_text::is_invisible;

/// Prints a result on standard output.
pub fn result(text: &str) {
    line(&visible(text.trim_end()));
}

fn line(text: &str) {
    match writeln!(stdout(), "{text}") {
        Ok(()) => {}
        // The reader is gone, and all results are in files already.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            remark(&format!("error: cannot write to standard output\n  because: {error}"));
            std::process::exit(1);
        }
    }
}

/// Prints a result as JSON on standard output.
pub fn json(value: &Value) {
    line(&replace_invisible(&format!("{value:#}"), &['\n'], json_escape));
}

/// Converts `value` to JSON. The conversion fails only for maps whose keys are not strings, which are not printed.
pub fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// Adds a field to a JSON object.
pub fn add_field(object: &mut Value, name: &str, value: impl Serialize) {
    if let Value::Object(fields) = object {
        fields.insert(name.to_owned(), to_value(&value));
    }
}

/// Prints a remark on standard error.
pub fn remark(text: &str) {
    // If remarks cannot be printed, the work continues.
    let _ = writeln!(stderr(), "{}", visible(text));
}

/// Shows characters of `text` that are not seen, except line breaks and tabs, as their numbers.
pub fn visible(text: &str) -> Cow<'_, str> {
    replace_invisible(text, &['\n', '\t'], |character| character.escape_unicode().to_string())
}

fn replace_invisible<'a>(text: &'a str, kept: &[char], escape: fn(char) -> String) -> Cow<'a, str> {
    let is_replaced = |character: char| is_invisible(character) && !kept.contains(&character);
    if !text.chars().any(is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match is_replaced(character) {
            true => shown.push_str(&escape(character)),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// The number of a character in the form that JSON reads.
fn json_escape(character: char) -> String {
    character.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
}

/// Standard error as the destination of a log. Every entry is written as one line, in which characters that are not seen are
/// replaced by their numbers, in the form that JSON reads.
pub struct LogOutput;

impl Write for LogOutput {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        // The log writes whole entries.
        let text = String::from_utf8_lossy(entry);
        let shown = replace_invisible(text.strip_suffix('\n').unwrap_or(&text), &[], json_escape);
        stderr().write_all(format!("{shown}\n").as_bytes())?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints an error with its causes on standard error.
pub fn error(error: &anyhow::Error) {
    remark(&format!("error: {error}"));
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Some libraries repeat the cause in their own message.
        if !last.contains(&text) {
            remark(&format!("  because: {text}"));
        }
        last = text;
    }
}

/// A number with its noun, such as `1 member` or `3 members`.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// Warning of a plaintext modulus for the observed range, which does not hold the logits of every image.
pub const OBSERVED_RANGE: &str = "warning: the plaintext modulus is chosen for the OBSERVED range of logits. If the logits of an image are \
                                  larger, they decrypt to wrong logits, which a client cannot notice. `--range proven`, or `range = \
                                  \"proven\"` in a configuration, holds for every image, and costs more.";

/// Warns of a plaintext modulus for the observed range.
pub fn warn_of_range(range: RangeKind) {
    if range == RangeKind::Observed {
        remark(OBSERVED_RANGE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_lines_and_tabs_and_shows_other_control_characters_as_numbers() {
        assert_eq!(visible("a\tb\nc\u{1b}[2J\u{202e}\r"), "a\tb\nc\\u{1b}[2J\\u{202e}\\u{d}");
        assert!(matches!(visible("größer: 3 × 4\n"), Cow::Borrowed(_)));
    }

    #[test]
    fn json_stays_json_with_the_same_strings() {
        let value = serde_json::json!({ "name": "a\u{202e}b\u{7f}\u{e0041}\u{1b}" });
        let shown = replace_invisible(&format!("{value:#}"), &['\n'], json_escape).into_owned();
        assert!(!shown.chars().any(|character| character != '\n' && is_invisible(character)), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}

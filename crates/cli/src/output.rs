//! Output: results on standard output, remarks and errors on standard error.
//!
//! These functions replace `println!`, which panics if the reader is gone (`sottovoce ... | head`).

use std::io::{ErrorKind, Write as _, stderr, stdout};

use serde::Serialize;
use serde_json::Value;
use sottovoce_evaluate::RangeKind;

/// Prints a result on standard output.
pub fn result(text: &str) {
    line(text.trim_end());
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
    line(&format!("{value:#}"));
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
    let _ = writeln!(stderr(), "{text}");
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

/// Warns that a plaintext modulus for the observed range does not hold the logits of every image.
pub fn warn_of_range(range: RangeKind) {
    if range == RangeKind::Observed {
        remark(
            "warning: the plaintext modulus is chosen for the OBSERVED range of logits. If the logits of an image are larger, \
             they decrypt to wrong logits, which a client cannot notice. `--range proven`, or `range = \"proven\"` in a \
             configuration, holds for every image, and costs more.",
        );
    }
}

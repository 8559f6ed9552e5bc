//! What the program prints.
//!
//! `println!` panics where nobody reads any more (`sottovoce ... | head`); nothing here does.

use std::io::{ErrorKind, Write as _, stderr, stdout};

use serde::Serialize;
use serde_json::Value;

/// A result, on standard output.
pub fn result(text: &str) {
    line(text.trim_end());
}

fn line(text: &str) {
    match writeln!(stdout(), "{text}") {
        Ok(()) => {}
        // The reader has seen enough: everything that lasts is in files already.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => {
            remark(&format!("error: cannot write to standard output\n  because: {error}"));
            std::process::exit(1);
        }
    }
}

/// A result as JSON, on standard output.
pub fn json(value: &Value) {
    line(&format!("{value:#}"));
}

/// `value` as JSON. Everything that is printed has string keys, so this cannot fail.
pub fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A remark, on standard error.
pub fn remark(text: &str) {
    // Where remarks cannot be told, the work goes on.
    let _ = writeln!(stderr(), "{text}");
}

/// An error with its causes, on standard error.
pub fn error(error: &anyhow::Error) {
    remark(&format!("error: {error}"));
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Some libraries repeat their source in their own message.
        if !last.contains(&text) {
            remark(&format!("  because: {text}"));
        }
        last = text;
    }
}

/// A number of things.
pub fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

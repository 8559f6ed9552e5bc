//! What the program prints.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use serde::Serialize;
use serde_json::Value;

/// A result, on standard output.
pub fn result(text: &str) {
    println!("{}", text.trim_end());
}

/// A result as JSON, on standard output.
pub fn json(value: &Value) {
    println!("{value:#}");
}

/// `value` as JSON. Everything that is printed has string keys, so this cannot fail.
pub fn to_value(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// A remark, on standard error.
pub fn remark(text: &str) {
    eprintln!("{text}");
}

/// An error with its causes, on standard error.
pub fn error(error: &anyhow::Error) {
    eprintln!("error: {error}");
    let mut last = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        // Some libraries repeat their source in their own message.
        if !last.contains(&text) {
            eprintln!("  because: {text}");
        }
        last = text;
    }
}

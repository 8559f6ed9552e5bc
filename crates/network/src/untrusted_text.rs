//! Text that another party wrote, made safe to show.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// Maximum length of an untrusted text in characters. The rest is left out.
const MAX_CHARACTERS: usize = 500;

/// Characters other than control characters that are not seen and change what is seen: Unicode's category `Cf` (directions of
/// writing, joiners, tags), and separators of lines and paragraphs.
const INVISIBLE: [RangeInclusive<char>; 21] = [
    '\u{ad}'..='\u{ad}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{2064}',
    '\u{2066}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0001}'..='\u{e0001}',
    '\u{e0020}'..='\u{e007f}',
];

/// Text that another party wrote: a provider, a client, or the author of a file.
///
/// Control characters, such as those that move a terminal's cursor or begin another line of a log, and characters that change
/// the direction of writing are replaced by their numbers (`\u{1b}`). The text has at most 500 characters of the original. So
/// it can be shown on a terminal and written to a log, a CSV file or JSON.
///
/// ```
/// use sottovoce_network::UntrustedText;
///
/// let name = UntrustedText::new("digits\u{1b}[2J\r\nok");
/// assert_eq!(name.to_string(), r"digits\u{1b}[2J\u{d}\u{a}ok");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct UntrustedText(String);

impl UntrustedText {
    /// Returns `text` in a form that can be shown.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut end = text.char_indices().skip(MAX_CHARACTERS).map(|(index, _)| index);
        match end.next().and_then(|end| text.get(..end)) {
            Some(beginning) => Self(format!("{}...", visible(beginning))),
            None => Self(visible(text)),
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for UntrustedText {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<UntrustedText> for String {
    fn from(text: UntrustedText) -> Self {
        text.0
    }
}

impl fmt::Display for UntrustedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a character is not seen, or changes what is seen around it.
#[must_use]
pub fn is_invisible(character: char) -> bool {
    character.is_control() || INVISIBLE.iter().any(|range| range.contains(&character))
}

/// Replaces characters for which [`is_invisible`] holds by their numbers.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match is_invisible(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_in_any_script_are_unchanged() {
        for text in ["", "digits", "lr=0.01 (é, ß)", "数字", "أرقام", "a\u{301}"] {
            assert_eq!(UntrustedText::new(text).as_str(), text);
        }
    }

    #[test]
    fn characters_that_are_not_seen_are_replaced_by_their_numbers() {
        for (text, shown) in [
            ("a\u{1b}[31mb", r"a\u{1b}[31mb"),
            ("a\u{9b}2Jb", r"a\u{9b}2Jb"),
            ("a\nb\tc\0", r"a\u{a}b\u{9}c\u{0}"),
            ("safe\u{202e}gnp.exe", r"safe\u{202e}gnp.exe"),
            (
                "a\u{2066}b\u{200b}c\u{2028}d\u{feff}\u{e0041}",
                r"a\u{2066}b\u{200b}c\u{2028}d\u{feff}\u{e0041}",
            ),
        ] {
            assert_eq!(UntrustedText::new(text).as_str(), shown);
        }
    }

    #[test]
    fn long_texts_are_cut() {
        let exact = "ü".repeat(MAX_CHARACTERS);
        assert_eq!(UntrustedText::new(&exact).as_str(), exact);
        assert_eq!(UntrustedText::new(&format!("{exact}x")).as_str(), format!("{exact}..."));
    }

    #[test]
    fn json_is_read_as_safe_text() {
        let text: UntrustedText = serde_json::from_str(r#""a\u001bb""#).unwrap();
        assert_eq!(text.as_str(), r"a\u{1b}b");
        assert_eq!(serde_json::to_string(&text).unwrap(), r#""a\\u{1b}b""#);
    }

    proptest! {
        #[test]
        fn no_text_has_invisible_characters(text in any::<String>()) {
            let shown = UntrustedText::new(&text);
            prop_assert!(!shown.as_str().chars().any(is_invisible));
        }
    }
}

//! Excerpts of refused texts for error messages.

/// Maximum length of an excerpt in characters. A refused text can have any length.
const MAX_CHARACTERS: usize = 80;

/// Returns `text`, or its beginning and `...` if it is longer.
pub fn excerpt(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}...", text.split_at(end).0),
        None => text.to_owned(),
    }
}

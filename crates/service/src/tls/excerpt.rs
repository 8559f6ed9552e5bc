//! Excerpts of refused texts for error messages.

/// Maximum length of an excerpt in characters. A refused text can have any length.
const MAX_CHARACTERS: usize = 80;

/// Returns the beginning of `text`.
pub fn excerpt(text: &str) -> String {
    text.chars().take(MAX_CHARACTERS).collect()
}

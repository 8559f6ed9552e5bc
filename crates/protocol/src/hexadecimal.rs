//! Bytes from hexadecimal digits.

/// The bytes that `text` writes with two digits each, if that is all it holds.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).ok()).collect()
}

/// The beginning of `text`, for an error's message: what was refused may be as long as it likes.
pub(crate) fn shown(text: &str) -> String {
    let most = 80;
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

//! Text inside XML and HTML.

/// `text` with every sign that markup gives a meaning to, in content and in attributes, replaced.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_markup_understands_is_left() {
        assert_eq!(
            escaped("<script a=\"b\" c='d'>&</script>"),
            "&lt;script a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;&lt;/script&gt;"
        );
        assert_eq!(escaped("90–95 %"), "90–95 %");
    }
}

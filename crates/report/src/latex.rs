//! Text inside LaTeX.

/// `text` with every sign that LaTeX gives a meaning to replaced, and signs that its usual fonts lack as commands.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        let replacement = match letter {
            '\\' => "\\textbackslash{}",
            '{' => "\\{",
            '}' => "\\}",
            '%' => "\\%",
            '$' => "\\$",
            '&' => "\\&",
            '#' => "\\#",
            '_' => "\\_",
            '^' => "\\textasciicircum{}",
            '~' => "\\textasciitilde{}",
            '|' => "\\textbar{}",
            '<' => "\\textless{}",
            '>' => "\\textgreater{}",
            '–' => "--",
            '×' => "$\\times$",
            '±' => "$\\pm$",
            '≤' => "$\\leq$",
            '≥' => "$\\geq$",
            '−' => "$-$",
            '²' => "$^2$",
            // A line break would end a table's cell or a comment.
            '\n' | '\r' => " ",
            letter => {
                safe.push(letter);
                continue;
            }
        };
        safe.push_str(replacement);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn signs_with_a_meaning_are_replaced_once() {
        assert_eq!(
            escaped(r"50 % of a_b & {c} \ #1 $x^~"),
            "50 \\% of a\\_b \\& \\{c\\} \\textbackslash{} \\#1 \\$x\\textasciicircum{}\\textasciitilde{}"
        );
    }

    #[test]
    fn signs_of_the_reports_become_commands() {
        assert_eq!(escaped("50–60 %, 2.5×, m² ≥ 3"), "50--60 \\%, 2.5$\\times$, m$^2$ $\\geq$ 3");
        assert_eq!(escaped("two\nlines <b>"), "two lines \\textless{}b\\textgreater{}");
    }
}

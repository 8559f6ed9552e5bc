//! Text of numbers: shares, counts and sizes.

/// A range of shares, given as fractions: `50–60 %`, or `80 %` if both ends are equal.
pub(crate) fn share_range(low: f64, high: f64) -> String {
    let (low, high) = (percent(low), percent(high));
    if low == high { format!("{low} %") } else { format!("{low}–{high} %") }
}

/// A fraction in percent, with one decimal unless that decimal is 0.
fn percent(fraction: f64) -> String {
    let tenths = format!("{:.1}", fraction * 100.0);
    tenths.strip_suffix(".0").map_or(tenths.clone(), str::to_owned)
}

/// A count with separated thousands: `60,000`.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut spaced = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            spaced.push(',');
        }
        spaced.push(digit);
    }
    spaced
}

/// A count and its noun: `1 seed`, `3 seeds`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(count), if count == 1 { one } else { many })
}

/// Megabytes of 1,000,000 bytes.
pub(crate) fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

/// Megabytes with at least three digits.
pub(crate) fn megabytes_text(bytes: usize) -> String {
    let megabytes = megabytes(bytes);
    if megabytes < 100.0 { format!("{megabytes:.2}") } else { format!("{megabytes:.0}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_lose_the_noise_of_binary_fractions() {
        assert_eq!(share_range(0.5, 0.6), "50–60 %");
        assert_eq!(share_range(0.58, 0.585), "58–58.5 %");
        assert_eq!(share_range(0.8, 0.8), "80 %");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(
            [0, 999, 1000, 60_000, 1_234_567].map(thousands),
            ["0", "999", "1,000", "60,000", "1,234,567"]
        );
    }
}

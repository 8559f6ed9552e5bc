//! An interval for an accuracy that was measured on a limited number of images.

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The two-sided 95 % score interval, without continuity correction, for the chance of being correct, given
/// `correct` of `images`. Both ends are fractions.
///
/// Source: E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, Journal of
/// the American Statistical Association 22 (1927) 209-212; recommended by R. G. Newcombe, Statistics in
/// Medicine 17 (1998) 857-872, whose method 3 it is.
pub(crate) fn interval(correct: f64, images: f64) -> Option<(f64, f64)> {
    if !(images > 0.0 && (0.0..=images).contains(&correct)) {
        return None;
    }
    let share = correct / images;
    let squared = Z * Z;
    let centre = 2.0 * images * share + squared;
    let half = Z * (squared + 4.0 * images * share * (1.0 - share)).sqrt();
    let scale = 2.0 * (images + squared);
    Some((((centre - half) / scale).max(0.0), ((centre + half) / scale).min(1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Table I of Newcombe (1998), method 3.
    #[test]
    fn newcombes_published_intervals_come_out() {
        for (correct, images, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0000, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let (lower, upper) = interval(correct, images).unwrap();
            assert!((lower - low).abs() < 5e-5, "{lower} instead of {low}");
            assert!((upper - high).abs() < 5e-5, "{upper} instead of {high}");
        }
    }

    #[test]
    fn impossible_counts_have_no_interval() {
        assert_eq!(interval(0.0, 0.0), None);
        assert_eq!(interval(2.0, 1.0), None);
        assert_eq!(interval(f64::NAN, 1.0), None);
    }
}

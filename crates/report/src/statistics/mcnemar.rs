//! Whether two classifiers that saw the same images differ.

use std::f64::consts::LN_2;

/// The exact two-sided p-value of McNemar's test: `first` and `second` count the images that only the first
/// and only the second classifier got right. If both were equally good, each such image would be a toss of a
/// fair coin, so the p-value is twice the smaller tail of a binomial distribution with chance 1/2, at most 1.
///
/// Source: Q. McNemar, *Note on the sampling error of the difference between correlated proportions or
/// percentages*, Psychometrika 12 (1947) 153-157; exact as in A. Agresti, *Categorical Data Analysis*, section
/// 10.1.
pub(crate) fn p_value(first: usize, second: usize) -> f64 {
    let tosses = first + second;
    // Logarithms: 2^-tosses is below the smallest f64 from 1075 tosses on.
    let mut log_term = -(tosses as f64) * LN_2;
    let mut tail = 0.0;
    for heads in 0..=first.min(second) {
        tail += log_term.exp();
        log_term += ((tosses - heads) as f64).ln() - ((heads + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Agresti's approval ratings of a prime minister (150 against 86), as the R package `exact2x2` documents it.
    #[test]
    fn the_published_p_value_of_the_approval_ratings_comes_out() {
        let p = p_value(86, 150);
        assert!((p - 3.716e-5).abs() < 5e-9, "{p}");
        assert_eq!(p, p_value(150, 86));
    }

    #[test]
    fn small_counts_agree_with_coin_tosses() {
        assert_eq!(p_value(0, 0), 1.0);
        assert!((p_value(0, 6) - 2.0 / 64.0).abs() < 1e-12);
        assert!((p_value(1, 5) - 14.0 / 64.0).abs() < 1e-12);
        assert_eq!(p_value(3, 3), 1.0);
    }

    #[test]
    fn thousands_of_images_do_not_underflow() {
        let p = p_value(2_400, 2_600);
        assert!(p > 0.004 && p < 0.006, "{p}");
    }
}

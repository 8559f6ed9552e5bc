//! Predictions from logits, and sums of logits over the members of an ensemble.

/// Returns the index of the largest logit; of several equal ones, the first index. Returns 0 for no logits.
///
/// Float, integer and encrypted evaluation all decide by this one rule, so equal logits give equal predictions.
#[must_use]
pub fn predict<T: PartialOrd>(logits: &[T]) -> usize {
    let mut best = 0;
    let mut largest = logits.first();
    for (index, logit) in logits.iter().enumerate() {
        if largest.is_some_and(|largest| logit > largest) {
            (best, largest) = (index, Some(logit));
        }
    }
    best
}

/// Adds the logits of an ensemble's `members`, class by class.
///
/// The sum of one ensemble's logits fits 127 bits:
/// [`IntegerEnsemble::new`](crate::IntegerEnsemble::new) refuses members whose bounds add up to more.
///
/// # Panics
/// If a member has fewer classes than the first one.
#[must_use]
#[expect(
    clippy::indexing_slicing,
    reason = "a documented panic: members of an ensemble have the same classes"
)]
pub fn sum_logits(members: &[Vec<i128>]) -> Vec<i128> {
    let mut sums = members.first().cloned().unwrap_or_default();
    for logits in members.iter().skip(1) {
        sums.iter_mut().enumerate().for_each(|(class, sum)| *sum += logits[class]);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::predict;

    #[test]
    fn the_first_of_equal_logits_wins() {
        assert_eq!(predict(&[1, 3, 3, 2]), 1);
        assert_eq!(predict(&[-1.0, -1.0]), 0);
    }
}

//! Mean, spread and median of a few values.

/// Mean and spread of values, one for each seed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Summary {
    /// Arithmetic mean, in the values' unit.
    pub(crate) mean: f64,
    /// Sample standard deviation: squares are divided by one less than their number (Bessel's correction),
    /// so one value has none.
    pub(crate) deviation: Option<f64>,
}

impl Summary {
    /// The summary of at least one value.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Some(Self { mean, deviation })
    }
}

/// The value in the middle; between the two in the middle of an even number.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `NumAcc1` of the NIST Statistical Reference Datasets: certified mean and standard deviation.
    #[test]
    fn the_certified_values_of_a_nist_data_set_come_out() {
        let summary = Summary::of(&[10_000_001.0, 10_000_003.0, 10_000_002.0]).unwrap();
        assert_eq!(summary, Summary { mean: 10_000_002.0, deviation: Some(1.0) });
    }

    #[test]
    fn one_value_has_no_deviation_and_none_no_summary() {
        assert_eq!(Summary::of(&[3.0]), Some(Summary { mean: 3.0, deviation: None }));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([]), None);
    }
}

//! Mean, spread, median and intervals of a few values.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

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
    /// Summarises the values; `None` if there are none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        let mean = (!values.is_empty()).then(|| values.iter().sum::<f64>() / count)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        Some(Self { mean, deviation })
    }
}

/// The middle value; the mean of the two middle values of an even number.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// Probability that an interval covers the mean over all possible seeds.
const CONFIDENCE: f64 = 0.95;

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    /// Half the width of the 95 % interval by Student's t; absent for one value.
    pub(crate) half_width: Option<f64>,
    /// Number of values.
    pub(crate) n: usize,
}

impl Estimate {
    /// Estimates the mean of `values`, which are taken as independent draws of a normal distribution; `None` if there are none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let count = n as f64;
        let mean = values.iter().sum::<f64>() / count;
        let half_width = (n > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let deviation = (squares / (count - 1.0)).sqrt();
            quantile(count - 1.0) * deviation / count.sqrt()
        });
        Some(Self { mean, half_width, n })
    }

    /// Ends of the interval; the mean if there is no interval.
    pub(crate) fn ends(&self) -> (f64, f64) {
        let half = self.half_width.unwrap_or(0.0);
        (self.mean - half, self.mean + half)
    }

    /// The estimate in another unit, `factor` times as large.
    pub(crate) fn times(&self, factor: f64) -> Self {
        Self { mean: self.mean * factor, half_width: self.half_width.map(|half| half * factor), n: self.n }
    }
}

/// The 97.5 % quantile of Student's t distribution with at least one degree of freedom.
fn quantile(degrees: f64) -> f64 {
    // The arguments are valid for every positive number of degrees.
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |t| t.inverse_cdf(0.5 + CONFIDENCE / 2.0))
}

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's two-sided 95 % score interval, without continuity correction, for the probability of a correct answer, given `correct`
/// of `images`. Both ends are fractions. `None` if the counts are impossible.
///
/// Source: E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, Journal of
/// the American Statistical Association 22 (1927) 209-212; recommended by R. G. Newcombe, Statistics in
/// Medicine 17 (1998) 857-872, whose method 3 it is.
pub(crate) fn wilson_interval(correct: f64, images: f64) -> Option<(f64, f64)> {
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

    /// Table I of Newcombe (1998), method 3.
    #[test]
    fn newcombes_published_intervals_come_out() {
        for (correct, images, low, high) in [
            (81.0, 263.0, 0.2553, 0.3662),
            (15.0, 148.0, 0.0624, 0.1605),
            (0.0, 20.0, 0.0000, 0.1611),
            (1.0, 29.0, 0.0061, 0.1718),
        ] {
            let (lower, upper) = wilson_interval(correct, images).unwrap();
            assert!((lower - low).abs() < 5e-5, "{lower} instead of {low}");
            assert!((upper - high).abs() < 5e-5, "{upper} instead of {high}");
        }
    }

    #[test]
    fn impossible_counts_have_no_interval() {
        assert_eq!(wilson_interval(0.0, 0.0), None);
        assert_eq!(wilson_interval(2.0, 1.0), None);
        assert_eq!(wilson_interval(f64::NAN, 1.0), None);
    }

    #[test]
    fn quantiles_are_those_of_the_printed_tables() {
        for (degrees, expected) in
            [(1.0, 12.7062), (2.0, 4.3027), (4.0, 2.7764), (9.0, 2.2622), (30.0, 2.0423)]
        {
            assert!((quantile(degrees) - expected).abs() < 1e-4, "{degrees}: {}", quantile(degrees));
        }
    }

    #[test]
    fn three_seeds_give_the_interval_by_hand() {
        // Mean 98.8, deviation 0.1: 4.3027 x 0.1 / sqrt(3) = 0.24842.
        let estimate = Estimate::of(&[98.7, 98.8, 98.9]).unwrap();
        assert!((estimate.mean - 98.8).abs() < 1e-9);
        assert!((estimate.half_width.unwrap() - 0.248_42).abs() < 1e-4);
    }

    #[test]
    fn one_seed_has_no_interval() {
        assert_eq!(Estimate::of(&[0.5]), Some(Estimate { mean: 0.5, half_width: None, n: 1 }));
        assert_eq!(Estimate::of(&[]), None);
    }
}

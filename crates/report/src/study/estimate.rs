//! A mean over seeds and how well it is known.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// Probability that an interval covers the mean of all seeds that there could be.
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
    /// The estimate of `values`, if there are any. The values are taken as independent draws of a normal distribution.
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

    /// Ends of the interval; the mean where there is none.
    pub(crate) fn ends(&self) -> (f64, f64) {
        let half = self.half_width.unwrap_or(0.0);
        (self.mean - half, self.mean + half)
    }

    /// The estimate in another unit.
    pub(crate) fn times(&self, factor: f64) -> Self {
        Self { mean: self.mean * factor, half_width: self.half_width.map(|half| half * factor), n: self.n }
    }
}

/// The 97.5 % quantile of Student's t with so many degrees of freedom, at least one.
fn quantile(degrees: f64) -> f64 {
    // The arguments are valid for every positive number of degrees.
    StudentsT::new(0.0, 1.0, degrees).map_or(f64::NAN, |t| t.inverse_cdf(0.5 + CONFIDENCE / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

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

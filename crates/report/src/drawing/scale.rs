//! Scales of axes that start at zero or at a power of ten.

use crate::data::wording::thousands;

/// A scale from `low` at position `from` to `high` at position `to`. Positions are in chart units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Labels at multiples of the step.
    Linear { step: f64 },
    /// Labels at powers of ten.
    Logarithmic,
}

impl Scale {
    /// A scale from zero to the first round number that is at least `highest`.
    pub(crate) fn from_zero(highest: f64, (from, to): (f64, f64)) -> Self {
        let highest = if highest > 0.0 && highest.is_finite() { highest } else { 1.0 };
        // At most six steps of 1, 2 or 5 times a power of ten.
        let power = 10_f64.powf((highest / 6.0).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| highest / step <= 6.0)
            .unwrap_or(10.0 * power);
        let high = (highest / step).ceil() * step;
        Self { low: 0.0, high, from, to, kind: Kind::Linear { step } }
    }

    /// A logarithmic scale from the power of ten at or below `lowest` to the one at or above `highest`. Both are positive.
    pub(crate) fn powers_of_ten(lowest: f64, highest: f64, (from, to): (f64, f64)) -> Self {
        let low = 10_f64.powf(lowest.log10().floor());
        let high = 10_f64.powf(highest.log10().ceil()).max(low * 10.0);
        Self { low, high, from, to, kind: Kind::Logarithmic }
    }

    /// Position of a value in chart units.
    pub(crate) fn position_of(&self, value: f64) -> f64 {
        let part = match self.kind {
            Kind::Linear { .. } => (value - self.low) / (self.high - self.low),
            Kind::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        self.from + (self.to - self.from) * part
    }

    /// Labelled values with their labels, from low to high.
    pub(crate) fn ticks(&self) -> Vec<(f64, String)> {
        let values: Vec<f64> = match self.kind {
            Kind::Linear { step } => {
                let steps = ((self.high - self.low) / step).round() as u32;
                (0..=steps).map(|tick| self.low + f64::from(tick) * step).collect()
            }
            Kind::Logarithmic => {
                let powers = (self.high / self.low).log10().round() as u32;
                (0..=powers).map(|power| self.low * 10_f64.powf(f64::from(power))).collect()
            }
        };
        values.into_iter().map(|value| (value, label(value))).collect()
    }
}

/// A round number without rounding errors of binary fractions.
fn label(value: f64) -> String {
    if value >= 1000.0 {
        // Far below 2^64.
        return thousands(value.round() as u64);
    }
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn linear_axes_start_at_zero_and_reach_past_the_highest_value() {
        let scale = Scale::from_zero(382.0, (0.0, 100.0));
        assert_eq!(labels(scale), ["0", "100", "200", "300", "400"]);
        assert!((scale.position_of(200.0) - 50.0).abs() < 1e-9);
        assert_eq!(
            labels(Scale::from_zero(0.55, (0.0, 1.0))),
            ["0", "0.1", "0.2", "0.3", "0.4", "0.5", "0.6"]
        );
        assert_eq!(labels(Scale::from_zero(0.0, (0.0, 1.0))).last().unwrap(), "1");
    }

    #[test]
    fn logarithmic_axes_run_from_power_to_power() {
        let scale = Scale::powers_of_ten(0.03, 6.9, (0.0, 3.0));
        assert_eq!(labels(scale), ["0.01", "0.1", "1", "10"]);
        assert!((scale.position_of(0.1) - 1.0).abs() < 1e-9);
    }
}

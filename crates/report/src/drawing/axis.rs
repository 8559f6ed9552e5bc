//! Axes of sweep charts: positions of values, and labels.

use crate::data::wording::thousands;

/// Rule for the ends of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// The axis ends at 100 %.
    UpToHundred,
    /// The axis starts at zero.
    FromZero,
    /// The axis covers the data.
    Data,
}

/// An axis without a position on the page: its ends and its labels. [`Axis::position_of`] gets the position of the ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axis {
    pub(crate) low: f64,
    pub(crate) high: f64,
    logarithmic: bool,
    /// Values with labels, from low to high.
    pub(crate) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis of categories. Category number `n`, from 0, lies at value `n`, in the middle of a slot.
    pub(crate) fn categories(names: &[String]) -> Self {
        let ticks = names.iter().enumerate().map(|(index, name)| (index as f64, name.clone())).collect();
        Self { low: -0.5, high: names.len() as f64 - 0.5, logarithmic: false, ticks }
    }

    /// An axis over `values` with about `max_labels` round labels.
    pub(crate) fn covering(values: &[f64], bounds: Bounds, max_labels: usize) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match bounds {
            // At least one percentage point, so that a hundredth does not look large.
            Bounds::UpToHundred => (least.clamp(0.0, 99.0), 100.0),
            Bounds::FromZero => (least.min(0.0), largest.max(0.0)),
            // An axis from zero shows ratios; it is used if zero is not far from the data.
            Bounds::Data if least > 0.0 && least <= 0.4 * largest => (0.0, largest),
            Bounds::Data => (least, largest),
        };
        let span = if high > low { high - low } else { high.abs().max(1.0) };
        let step = round_step(span / max_labels.max(1) as f64);
        let low_tick = (low / step + 1e-9).floor();
        let high_tick = if high > low { (high / step - 1e-9).ceil() } else { low_tick + 1.0 };
        // At most a few dozen steps.
        let count = (high_tick - low_tick).round() as u32;
        let ticks: Vec<(f64, String)> = (0..=count)
            .map(|index| {
                let value = (low_tick + f64::from(index)) * step;
                (value, label(value, step))
            })
            .collect();
        Self { low: low_tick * step, high: high_tick * step, logarithmic: false, ticks }
    }

    /// A logarithmic axis over positive `values`.
    pub(crate) fn logarithmic(values: &[f64]) -> Self {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (first, last) = (least.log10().floor() as i32, largest.log10().ceil() as i32);
        // With few decades, multiples of 2 and 5 have labels as well.
        let factors: &[f64] = if last - first <= 3 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let candidates: Vec<f64> = (first - 1..=last + 1)
            .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)))
            .collect();
        let low = candidates.iter().copied().filter(|tick| *tick <= least * (1.0 + 1e-9)).fold(0.0, f64::max);
        let high = candidates
            .iter()
            .copied()
            .filter(|tick| *tick >= largest * (1.0 - 1e-9))
            .fold(f64::INFINITY, f64::min);
        let ticks = candidates
            .into_iter()
            .filter(|tick| (low..=high).contains(tick))
            .map(|tick| (tick, label(tick, tick)))
            .collect();
        let high = if high > low { high } else { low * 2.0 };
        Self { low, high, logarithmic: true, ticks }
    }

    /// An axis with a label at each of `values` and a margin at both ends.
    pub(crate) fn at_values(values: &[f64], logarithmic: bool) -> Self {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values.dedup();
        let (first, last) = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(1.0));
        let margin = 0.06;
        let (low, high) = if logarithmic {
            let factor = (last / first).powf(margin);
            (first / factor, last * factor)
        } else {
            let space = margin * (last - first);
            (first - space, last + space)
        };
        let ticks = values.into_iter().map(|value| (value, plain(value))).collect();
        Self { low, high, logarithmic, ticks }
    }

    /// The axis with the labels of `other` that lie on it.
    pub(crate) fn with_ticks_of(mut self, other: &Self) -> Self {
        self.ticks = other.ticks.iter().filter(|(value, _)| self.covers(*value)).cloned().collect();
        self
    }

    /// The axis with every `step`th label.
    pub(crate) fn with_every(&self, step: usize) -> Self {
        Self { ticks: self.ticks.iter().step_by(step).cloned().collect(), ..*self }
    }

    fn covers(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    /// Position of `value` on an axis whose low end is at `from` and whose high end is at `to`, in chart units. Values beyond
    /// an end are drawn at that end.
    pub(crate) fn position_of(&self, value: f64, from: f64, to: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let part = if self.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        from + (to - from) * part
    }
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `least`.
fn round_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// The text of a label, with as many decimals as the step between labels.
fn label(value: f64, step: f64) -> String {
    let decimals = (-step.log10().floor()).clamp(0.0, 9.0) as usize;
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    if decimals == 0 && value.abs() >= 10_000.0 && value.abs() < 1e15 {
        let sign = if value < 0.0 { "-" } else { "" };
        // Below 2^53.
        return format!("{sign}{}", thousands(value.abs().round() as u64));
    }
    format!("{value:.decimals$}")
}

/// The shortest text of a value.
pub(crate) fn plain(value: f64) -> String {
    let text = format!("{value}");
    if text.len() <= 8 { text } else { format!("{value:.3e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn accuracies_end_at_one_hundred_and_span_a_point_at_least() {
        let axis = Axis::covering(&[98.71, 99.2], Bounds::UpToHundred, 6);
        assert_eq!(labels(&axis), ["98.5", "99.0", "99.5", "100.0"]);
        let axis = Axis::covering(&[99.8, 99.9], Bounds::UpToHundred, 6);
        assert!((axis.low - 99.0).abs() < 1e-9 && (axis.high - 100.0).abs() < 1e-9, "{axis:?}");
        assert_eq!(labels(&Axis::covering(&[60.0], Bounds::UpToHundred, 6)), ["60", "70", "80", "90", "100"]);
    }

    #[test]
    fn bits_cover_the_data_and_seconds_start_at_zero() {
        assert_eq!(labels(&Axis::covering(&[23.4, 29.8], Bounds::Data, 6)), ["22", "24", "26", "28", "30"]);
        assert_eq!(
            labels(&Axis::covering(&[0.31, 0.82], Bounds::FromZero, 5)),
            ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]
        );
        assert_eq!(labels(&Axis::covering(&[0.0, 0.0], Bounds::FromZero, 5)).first(), Some(&"0.0"));
    }

    #[test]
    fn logarithmic_axes_label_ones_twos_and_fives() {
        assert_eq!(labels(&Axis::logarithmic(&[0.3, 4.0])), ["0.2", "0.5", "1", "2", "5"]);
        assert_eq!(labels(&Axis::logarithmic(&[1.0, 1e6])).len(), 7);
    }

    #[test]
    fn values_of_an_axis_are_its_ticks() {
        let axis = Axis::at_values(&[24.0, 30.0, 26.0], false);
        assert_eq!(labels(&axis), ["24", "26", "30"]);
        assert!(axis.position_of(24.0, 0.0, 100.0) > 4.0 && axis.position_of(30.0, 0.0, 100.0) < 96.0);
    }
}

//! An axis of percentages that does not exaggerate small differences.

/// The least span in points. The paper's data spans 75 to 98 %: over 30 points, a difference of one
/// point looks as small as it is.
const LEAST_SPAN: f64 = 30.0;

/// A vertical axis that ends at 100 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PercentAxis {
    /// Where the axis starts, a multiple of five, in percent.
    pub(crate) low: f64,
    /// Its place on the chart, in units from the top.
    bottom: f64,
    /// The place of 100 %.
    top: f64,
}

impl PercentAxis {
    /// The axis for data no lower than `lowest`, drawn between `top` (100 %) and `bottom`.
    pub(crate) fn covering(lowest: f64, top: f64, bottom: f64) -> Self {
        Self { low: (lowest / 10.0).floor() * 10.0, bottom, top }.limited(LEAST_SPAN)
    }

    /// The same from a multiple of five, over `least` points or more: for what stands beside nothing else.
    pub(crate) fn spanning(least: f64, lowest: f64, top: f64, bottom: f64) -> Self {
        Self { low: (lowest / 5.0).floor() * 5.0, bottom, top }.limited(least)
    }

    fn limited(self, least: f64) -> Self {
        Self { low: self.low.clamp(0.0, 100.0 - least), ..self }
    }

    /// The place of `percent`.
    pub(crate) fn place(&self, percent: f64) -> f64 {
        self.bottom + (self.top - self.bottom) * (percent - self.low) / (100.0 - self.low)
    }

    /// Values to label, from low to high.
    pub(crate) fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = match 100.0 - self.low {
            span if span <= 10.0 => 1.0,
            span if span <= 40.0 => 5.0,
            _ => 10.0,
        };
        let low = self.low;
        (0..).map(move |tick| low + f64::from(tick) * step).take_while(|&value| value <= 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_covers_every_accuracy_and_spans_at_least_thirty_points() {
        for lowest in [0.0, 9.8, 39.99, 40.0, 69.9, 70.0, 74.94, 98.0, 100.0] {
            let axis = PercentAxis::covering(lowest, 100.0, 400.0);
            assert!(axis.low <= lowest.min(70.0) && axis.low >= 0.0, "{lowest}: {axis:?}");
            assert!((100.0..=400.0).contains(&axis.place(lowest)), "{lowest}: {axis:?}");
            assert!((axis.place(100.0) - 100.0).abs() < 1e-9);
        }
    }

    #[test]
    fn ticks_run_from_the_start_of_the_axis_to_100() {
        let ticks = |lowest| PercentAxis::covering(lowest, 0.0, 1.0).ticks().collect::<Vec<_>>();
        assert_eq!(ticks(95.0), [70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 100.0]);
        assert_eq!(ticks(41.0), [40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0]);
    }
}

//! Axes of percentages that do not exaggerate small differences.

/// Smallest span in percentage points. The paper's data spans 75 to 98 %. On an axis of 30 points, a difference of one point looks
/// small.
const MIN_SPAN: f64 = 30.0;

/// A vertical axis that ends at 100 %.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PercentAxis {
    /// Low end of the axis in percent, a multiple of five.
    pub(crate) low: f64,
    /// Position of the low end, in chart units from the top.
    bottom: f64,
    /// Position of 100 %, in chart units from the top.
    top: f64,
}

impl PercentAxis {
    /// An axis from a multiple of ten for data of at least `lowest` percent, drawn between `top` (100 %) and `bottom`.
    pub(crate) fn covering(lowest: f64, top: f64, bottom: f64) -> Self {
        Self { low: (lowest / 10.0).floor() * 10.0, bottom, top }.limited(MIN_SPAN)
    }

    /// An axis from a multiple of five over at least `min_span` points, for charts without the paper's data.
    pub(crate) fn spanning(min_span: f64, lowest: f64, top: f64, bottom: f64) -> Self {
        Self { low: (lowest / 5.0).floor() * 5.0, bottom, top }.limited(min_span)
    }

    fn limited(self, min_span: f64) -> Self {
        Self { low: self.low.clamp(0.0, 100.0 - min_span), ..self }
    }

    /// Position of `percent`, in chart units from the top.
    pub(crate) fn position_of(&self, percent: f64) -> f64 {
        self.bottom + (self.top - self.bottom) * (percent - self.low) / (100.0 - self.low)
    }

    /// Values with labels, from low to high.
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
            assert!((100.0..=400.0).contains(&axis.position_of(lowest)), "{lowest}: {axis:?}");
            assert!((axis.position_of(100.0) - 100.0).abs() < 1e-9);
        }
    }

    #[test]
    fn ticks_run_from_the_start_of_the_axis_to_100() {
        let ticks = |lowest| PercentAxis::covering(lowest, 0.0, 1.0).ticks().collect::<Vec<_>>();
        assert_eq!(ticks(95.0), [70.0, 75.0, 80.0, 85.0, 90.0, 95.0, 100.0]);
        assert_eq!(ticks(41.0), [40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0]);
    }
}

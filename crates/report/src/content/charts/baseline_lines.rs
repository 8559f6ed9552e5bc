//! Horizontal lines at the accuracy of the baselines.

use plotters::prelude::DrawingBackend;

use crate::data::baseline::Baseline;
use crate::data::split_accuracy::Spread;
use crate::drawing::canvas::Canvas;
use crate::drawing::error::DrawError;
use crate::drawing::legend::LegendEntry;
use crate::drawing::percent_axis::PercentAxis;
use crate::drawing::style::{PURPLE, Stroke, VERMILLION};

/// Legend entries of the baselines: description and mean accuracy.
pub(crate) fn baseline_entries(baselines: &[(Baseline, Spread)]) -> Vec<LegendEntry> {
    let entry = |&(baseline, spread): &(Baseline, Spread)| LegendEntry::Line {
        name: format!("{}: {:.2} %", baseline.description(), spread.mean),
        stroke: stroke(baseline),
        dash: dash(baseline),
    };
    baselines.iter().map(entry).collect()
}

/// Draws a dashed line from `left` to `right` at the mean accuracy of each baseline.
pub(crate) fn draw_baselines<B: DrawingBackend>(
    canvas: &mut Canvas<'_, B>,
    baselines: &[(Baseline, Spread)],
    axis: &PercentAxis,
    (left, right): (f64, f64),
) -> Result<(), DrawError> {
    for &(baseline, spread) in baselines {
        let y = axis.position_of(spread.mean);
        canvas.dashed_line((left, y), (right, y), dash(baseline), stroke(baseline))?;
    }
    Ok(())
}

fn stroke(baseline: Baseline) -> Stroke {
    match baseline {
        Baseline::Single => Stroke { colour: VERMILLION, width: 1.4 },
        Baseline::Balanced => Stroke { colour: PURPLE, width: 1.6 },
    }
}

/// Length of a dash in chart units. Dashes of different lengths tell the lines apart without colour.
fn dash(baseline: Baseline) -> f64 {
    match baseline {
        Baseline::Single => 9.0,
        Baseline::Balanced => 3.0,
    }
}

//! Accuracy under encryption against the number of bits of logits, on which the cost of encryption depends.

use std::collections::{BTreeMap, BTreeSet};

use plotters::prelude::DrawingBackend;
use sottovoce_evaluate::records::BitsRow;

use crate::content::charts::error::ChartError;
use crate::data::split_accuracy::Spread;
use crate::data::voter::{UnknownVoter, Voter};
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::legend::{Legend, LegendEntry};
use crate::drawing::marker::Marker;
use crate::drawing::page::{Caption, Page};
use crate::drawing::percent_axis::PercentAxis;
use crate::drawing::rendering::Frame;
use crate::drawing::style::{BASE, GRID, INK, LABEL, STRONG, Stroke, VALUE};
use crate::drawing::typeface::Align;

const PLOT: f64 = 300.0;
/// Height of a row of the legend, and of the axis title.
const LEGEND: f64 = 24.0;
const HEAD: f64 = 34.0;
/// Height of the three rows below the plot.
const FOOT: f64 = 78.0;
/// Width of the headings of the rows below.
const NAMES: f64 = 150.0;
const SLOT: f64 = 92.0;
/// Smallest width of a slot, so that its accuracy, such as `98.84`, fits below.
const NARROWEST_SLOT: f64 = 44.0;
const MIN_WIDTH: f64 = 760.0;
/// Largest distance from one voter's column to the next.
const STEP: f64 = 14.0;
/// Smallest span of the axis in percentage points. The chart has no values of the paper, so ours may fill it.
const MIN_SPAN: f64 = 5.0;

/// The chart of `bits.csv`.
#[derive(Debug, Clone)]
pub(crate) struct BitsChart {
    page: Page,
    legend: Legend,
    voters: Vec<Voter>,
    points: Vec<Bits>,
    seeds: usize,
}

/// Accuracies of networks trained for one number of bits.
#[derive(Debug, Clone, PartialEq)]
struct Bits {
    logit_bits: u32,
    plaintext_bits: String,
    /// Accuracies in the order of the chart's voters.
    accuracies: Vec<Option<Spread>>,
}

impl BitsChart {
    /// Lays out the chart of at least one row.
    pub(crate) fn new(rows: &[BitsRow], caption: &Caption, frame: Frame) -> Result<Self, ChartError> {
        let named: Vec<(&BitsRow, Voter)> =
            rows.iter().map(|row| Ok((row, row.voter.parse()?))).collect::<Result<_, UnknownVoter>>()?;
        let voters: Vec<Voter> =
            named.iter().map(|(_, voter)| *voter).collect::<BTreeSet<_>>().into_iter().collect();
        let mut by_bits: BTreeMap<u32, Vec<(&BitsRow, Voter)>> = BTreeMap::new();
        for pair in named {
            by_bits.entry(pair.0.logit_bits).or_default().push(pair);
        }
        let points: Vec<Bits> = by_bits.iter().map(|(&bits, rows)| gather(bits, rows, &voters)).collect();
        let seeds = rows.iter().map(|row| row.seed).collect::<BTreeSet<_>>().len();
        let mismatches: u64 = rows.iter().map(|row| row.mismatches).sum();
        let subtitle = format!(
            "Ensembles trained for logits of so many bits, classified under encryption; {mismatches} logits differ from \
             the integer oracle."
        );
        let natural = (2.0 * Page::EDGE + NAMES + points.len() as f64 * SLOT).max(MIN_WIDTH);
        let width = frame.width(natural, NAMES + points.len() as f64 * NARROWEST_SLOT);
        let mut groups = vec![voters.iter().map(|&voter| LegendEntry::Voter(voter)).collect()];
        if seeds > 1 {
            groups.push(vec![LegendEntry::Whisker(format!("mean and range of {seeds} seeds"))]);
        }
        // The number of rows of the legend depends on the typeface, which the page holds.
        let bare = Page::new(caption, &subtitle, "", (width, 0.0), frame)?;
        let legend = Legend::arrange(groups, &bare.typeface, bare.right() - bare.left());
        let body = legend.rows() as f64 * LEGEND + HEAD + PLOT + FOOT;
        let page = Page::new(caption, &subtitle, "", (width, body), frame)?;
        Ok(Self { page, legend, voters, points, seeds })
    }
}

fn gather(logit_bits: u32, rows: &[(&BitsRow, Voter)], voters: &[Voter]) -> Bits {
    let plaintext: BTreeSet<u32> = rows.iter().map(|(row, _)| row.plaintext_bits).collect();
    let plaintext_bits = match (plaintext.first(), plaintext.last()) {
        (Some(least), Some(most)) if least != most => format!("{least}–{most}"),
        (least, _) => least.map_or_else(String::new, u32::to_string),
    };
    let of_voter = |&voter: &Voter| {
        let rows = rows.iter().filter(|(_, other)| *other == voter);
        Spread::of(&rows.map(|(row, _)| row.accuracy * 100.0).collect::<Vec<_>>())
    };
    Bits { logit_bits, plaintext_bits, accuracies: voters.iter().map(of_voter).collect() }
}

impl Drawing for BitsChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        self.legend.draw(canvas, (page.left(), page.top() + 14.0), &page.typeface)?;
        let (left, right) = (page.left() + NAMES, page.right());
        let top = page.top() + self.legend.rows() as f64 * LEGEND + HEAD;
        let bottom = top + PLOT;
        let lows = self.points.iter().flat_map(|point| point.accuracies.iter().flatten().map(|s| s.low));
        let axis = PercentAxis::spanning(MIN_SPAN, lows.fold(100.0, f64::min), top + 9.0, bottom - 9.0);
        for percent in axis.ticks() {
            let y = axis.position_of(percent);
            canvas.line((left, y), (right, y), GRID)?;
            canvas.text(&format!("{percent:.0}"), (left - 9.0, y + 4.2), Align::Right, LABEL)?;
        }
        let title = format!("Test accuracy in % (axis from {:.0} to 100)", axis.low);
        canvas.text(&title, (left - 30.0, top - 8.0), Align::Left, LABEL)?;
        canvas.line((left, bottom), (right, bottom), BASE)?;
        for (row, head) in ["Logit bits", "Plaintext modulus, bits", "Ensemble, %"].iter().enumerate() {
            canvas.text(head, (left - 9.0, bottom + 21.0 + row as f64 * 20.0), Align::Right, LABEL)?;
        }
        let slot = (right - left) / self.points.len() as f64;
        let step = (slot / (self.voters.len() as f64 + 1.0)).min(STEP);
        let column = |index: usize, voter: usize| {
            let middle = left + (index as f64 + 0.5) * slot;
            middle + (voter as f64 - (self.voters.len() as f64 - 1.0) / 2.0) * step
        };
        let ensemble = self.voters.iter().position(|&voter| voter == Voter::Ensemble);
        let ours: Vec<Option<(Point, Spread)>> = self
            .points
            .iter()
            .enumerate()
            .map(|(index, point)| {
                let spread = (*point.accuracies.get(ensemble?)?)?;
                Some(((column(index, ensemble?), axis.position_of(spread.mean)), spread))
            })
            .collect();
        for pair in ours.array_windows() {
            if let [Some((from, _)), Some((to, _))] = *pair {
                canvas.line(from, to, Stroke { colour: INK, width: 2.0 })?;
            }
        }
        for (index, (point, ours)) in self.points.iter().zip(&ours).enumerate() {
            let middle = left + (index as f64 + 0.5) * slot;
            let ensemble = ours.map_or_else(String::new, |(_, spread)| format!("{:.2}", spread.mean));
            let cells = [
                (point.logit_bits.to_string(), STRONG),
                (point.plaintext_bits.clone(), VALUE),
                (ensemble, STRONG),
            ];
            for (row, (cell, style)) in cells.iter().enumerate() {
                canvas.text(cell, (middle, bottom + 21.0 + row as f64 * 20.0), Align::Centre, *style)?;
            }
            for (position, (&voter, spread)) in self.voters.iter().zip(&point.accuracies).enumerate() {
                let Some(spread) = spread else { continue };
                let (marker, x) = (Marker::of(voter), column(index, position));
                if self.seeds > 1 {
                    marker.draw_whisker(
                        canvas,
                        x,
                        axis.position_of(spread.low),
                        axis.position_of(spread.high),
                    )?;
                }
                marker.draw_filled(canvas, (x, axis.position_of(spread.mean)))?;
            }
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}

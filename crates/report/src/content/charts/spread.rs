//! Accuracies of all split methods of this run without the paper's. The axis is short enough to show differences between seeds.

use plotters::prelude::DrawingBackend;

use crate::content::charts::baseline_lines::{baseline_entries, draw_baselines};
use crate::data::split_accuracy::{Setting, SplitAccuracy};
use crate::data::voter::Voter;
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::legend::{Legend, LegendEntry};
use crate::drawing::marker::Marker;
use crate::drawing::page::{Caption, Page};
use crate::drawing::percent_axis::PercentAxis;
use crate::drawing::rendering::Frame;
use crate::drawing::style::{BAND, BASE, GRID, INK, LABEL, SMALL, STRONG, Stroke};
use crate::drawing::typeface::Align;

const WIDTH: f64 = 860.0;
const PLOT: f64 = 210.0;
/// Heights of a panel's title, and of its labels with the gap to the next panel.
const HEAD: f64 = 40.0;
const FOOT: f64 = 44.0;
/// Height of a row of the legend.
const LEGEND: f64 = 24.0;
/// Distance between the legend and the first panel.
const GAP: f64 = 10.0;
/// Width of the labels of the vertical axis.
const AXIS: f64 = 44.0;
const MIN_SPAN: f64 = 5.0;
/// Smallest width of a setting, so that its shares, such as `95–99`, fit below, and smallest gap between two labels.
const NARROWEST_SLOT: f64 = 40.0;
const LABEL_GAP: f64 = 8.0;
/// Largest distance from one voter's column to the next.
const STEP: f64 = 22.0;

/// One panel for each split method.
#[derive(Debug, Clone)]
pub(crate) struct SpreadChart {
    page: Page,
    panels: Vec<(String, SplitAccuracy)>,
    legend: Legend,
    lowest: f64,
}

impl SpreadChart {
    /// Lays out the chart of at least one split method. Each panel has the name of its split method.
    pub(crate) fn new(
        panels: Vec<(String, SplitAccuracy)>,
        caption: &Caption,
        frame: Frame,
    ) -> Result<Self, DrawError> {
        let ours = |sweep: &SplitAccuracy| sweep.lowest_of_ours();
        let lowest = panels.iter().map(|(_, sweep)| ours(sweep)).fold(100.0, f64::min);
        let most = panels.iter().map(|(_, sweep)| sweep).max_by_key(|sweep| sweep.voters.len());
        let mut groups =
            vec![most.map_or_else(Vec::new, |sweep| {
                sweep.voters.iter().map(|&v| LegendEntry::Voter(v)).collect()
            })];
        let seeds = panels.iter().map(|(_, sweep)| sweep.seeds).max().unwrap_or(0);
        if seeds > 1 {
            groups.push(vec![LegendEntry::Whisker(format!("mean and range of {seeds} seeds"))]);
        }
        if let Some((_, sweep)) = panels.first() {
            groups.push(baseline_entries(&sweep.baselines));
        }
        let subtitle = "Decrypted answers, every split method on the same axis. Below each panel: the setting, and its majority share.";
        let settings = panels.iter().map(|(_, sweep)| sweep.settings.len()).max().unwrap_or(0);
        let width = frame.width(WIDTH, AXIS + settings as f64 * NARROWEST_SLOT);
        // The number of rows of the legend depends on the typeface, which the page holds.
        let bare = Page::new(caption, subtitle, "", (width, 0.0), frame)?;
        let legend = Legend::arrange(groups, &bare.typeface, bare.right() - bare.left());
        let body = legend.rows() as f64 * LEGEND + GAP + panels.len() as f64 * (HEAD + PLOT + FOOT);
        let page = Page::new(caption, subtitle, "", (width, body), frame)?;
        Ok(Self { page, panels, legend, lowest })
    }

    fn draw_panel<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        (split, sweep): &(String, SplitAccuracy),
        top: f64,
    ) -> Result<(), DrawError> {
        let (left, right) = (self.page.left() + AXIS, self.page.right());
        let (plot, bottom) = (top + HEAD, top + HEAD + PLOT);
        let axis = PercentAxis::spanning(MIN_SPAN, self.lowest, plot + 8.0, bottom - 8.0);
        canvas.text(&format!("Split {split}"), (self.page.left(), top + 14.0), Align::Left, STRONG)?;
        let title = format!("Test accuracy in % (axis from {:.0} to 100)", axis.low);
        canvas.text(&title, (right, top + 14.0), Align::Right, LABEL)?;
        let slot = (right - left) / sweep.settings.len() as f64;
        for index in (0..sweep.settings.len()).step_by(2).filter(|_| sweep.settings.len() > 1) {
            let start = left + index as f64 * slot;
            canvas.rectangle((start, plot), (start + slot, bottom), BAND)?;
        }
        for percent in axis.ticks() {
            let y = axis.position_of(percent);
            canvas.line((left, y), (right, y), GRID)?;
            canvas.text(&format!("{percent:.0}"), (left - 9.0, y + 4.2), Align::Right, LABEL)?;
        }
        canvas.line((left, bottom), (right, bottom), BASE)?;
        draw_baselines(canvas, &sweep.baselines, &axis, (left, right))?;
        let step = (slot / (sweep.voters.len() as f64 + 1.0)).min(STEP);
        let place = |index: usize, voter: usize, setting: &Setting| -> Option<Point> {
            let middle = left + (index as f64 + 0.5) * slot;
            let x = middle + (voter as f64 - (sweep.voters.len() as f64 - 1.0) / 2.0) * step;
            Some((x, axis.position_of(setting.ours_of(voter)?.mean)))
        };
        if let Some(ensemble) = sweep.voters.iter().position(|&voter| voter == Voter::Ensemble) {
            let points: Vec<Option<Point>> =
                sweep.settings.iter().enumerate().map(|(index, s)| place(index, ensemble, s)).collect();
            for (from, to) in points.array_windows().filter_map(|&[from, to]| Some((from?, to?))) {
                canvas.line(from, to, Stroke { colour: INK, width: 2.0 })?;
            }
        }
        for (index, setting) in sweep.settings.iter().enumerate() {
            let label = format!("{} ({})", setting.number, setting.shares);
            let middle = left + (index as f64 + 0.5) * slot;
            if LABEL.width(&self.page.typeface, &label) + LABEL_GAP <= slot {
                canvas.text(&label, (middle, bottom + 18.0), Align::Centre, LABEL)?;
            } else {
                canvas.text(&setting.number.to_string(), (middle, bottom + 15.0), Align::Centre, LABEL)?;
                let fits = SMALL.width(&self.page.typeface, &setting.shares) + 3.0 <= slot;
                let shares = if fits { setting.shares.clone() } else { setting.shares.replace(" %", "") };
                canvas.text(&shares, (middle, bottom + 29.0), Align::Centre, SMALL)?;
            }
            for (column, &voter) in sweep.voters.iter().enumerate() {
                let (Some(at), Some(spread)) = (place(index, column, setting), setting.ours_of(column))
                else {
                    continue;
                };
                let marker = Marker::of(voter);
                if sweep.seeds > 1 {
                    marker.draw_whisker(
                        canvas,
                        at.0,
                        axis.position_of(spread.low),
                        axis.position_of(spread.high),
                    )?;
                }
                marker.draw_filled(canvas, at)?;
            }
        }
        Ok(())
    }
}

impl Drawing for SpreadChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        self.page.draw(canvas)?;
        self.legend.draw(canvas, (self.page.left(), self.page.top() + 8.0), &self.page.typeface)?;
        let mut top = self.page.top() + self.legend.rows() as f64 * LEGEND + GAP;
        for panel in &self.panels {
            self.draw_panel(canvas, panel, top)?;
            top += HEAD + PLOT + FOOT;
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}

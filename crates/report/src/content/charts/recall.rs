//! Recall of each digit at the setting with the largest label skew. Members are biased there; an ensemble should reduce the bias.

use std::collections::BTreeMap;

use plotters::prelude::DrawingBackend;
use sottovoce_evaluate::records::RecallRow;

use crate::content::charts::error::ChartError;
use crate::data::recall::{DigitRecall, digit_recalls};
use crate::data::voter::Voter;
use crate::drawing::canvas::Canvas;
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::heat_map::{Cell, Grid, HeatMap, Row};
use crate::drawing::page::{Caption, Page};
use crate::drawing::ramp::REDS;
use crate::drawing::rendering::Frame;
use crate::drawing::style::LABEL;

const GRID: Grid = Grid { names: 84.0, cell: (54.0, 27.0), totals: 64.0 };
/// Height of the key of the shades.
const KEY: f64 = 30.0;
const GAP: f64 = 18.0;
const MIN_WIDTH: f64 = 760.0;

/// The chart of `recall.csv`: the last setting of every split method.
#[derive(Debug, Clone)]
pub(crate) struct RecallChart {
    page: Page,
    panels: Vec<HeatMap>,
    /// Recall of the darkest shade: the lowest recall in percent, rounded down to a multiple of ten.
    darkest: f64,
}

impl RecallChart {
    /// Lays out the chart of the split methods in `rows`; `None` if there are only baselines.
    pub(crate) fn new(
        rows: &[RecallRow],
        caption: &Caption,
        frame: Frame,
    ) -> Result<Option<Self>, ChartError> {
        let sweeps = digit_recalls(rows)?;
        let lowest = sweeps
            .iter()
            .flat_map(|sweep| sweep.voters.values().flat_map(BTreeMap::values))
            .fold(100.0_f64, |lowest, &(correct, images)| lowest.min(percent(correct, images)));
        let darkest = ((lowest / 10.0).floor() * 10.0).clamp(0.0, 90.0);
        let panels: Vec<HeatMap> = sweeps.iter().map(|sweep| panel(sweep, darkest)).collect();
        if panels.is_empty() {
            return Ok(None);
        }
        let height: f64 = panels.iter().map(|panel| HeatMap::height(GRID, panel.rows.len()) + GAP).sum();
        let digits = panels.iter().map(|panel| panel.columns.len()).max().unwrap_or(0);
        let seeds = sweeps.iter().map(|sweep| sweep.seeds).max().unwrap_or(0);
        let over = if seeds > 1 { format!(" Over {seeds} seeds.") } else { String::new() };
        let subtitle = format!(
            "Of each digit's test images, the share in % that was classified correctly under encryption, at the last \
             setting. Darker: more were missed.{over}"
        );
        let grid = HeatMap::width(GRID, digits);
        let width = frame.width((2.0 * Page::EDGE + grid).max(MIN_WIDTH), grid + GAP);
        let page = Page::new(caption, &subtitle, "", (width, KEY + height), frame)?;
        Ok(Some(Self { page, panels, darkest }))
    }
}

fn percent(correct: usize, images: usize) -> f64 {
    if images == 0 { 100.0 } else { correct as f64 / images as f64 * 100.0 }
}

fn panel(sweep: &DigitRecall, darkest: f64) -> HeatMap {
    let row = |(voter, digits): (&Voter, &BTreeMap<u8, (usize, usize)>)| {
        let cell = |digit: &u8| {
            let &(correct, images) = digits.get(digit)?;
            let recall = percent(correct, images);
            let shade = (100.0 - recall) / (100.0 - darkest);
            Some(Cell { text: format!("{recall:.1}"), shade, strong: *voter == Voter::Ensemble })
        };
        let correct = digits.values().map(|(correct, _)| correct).sum();
        let images = digits.values().map(|(_, images)| images).sum();
        Row {
            name: voter.to_string(),
            cells: sweep.digits.iter().map(cell).collect(),
            total: format!("{:.2}", percent(correct, images)),
        }
    };
    HeatMap {
        title: format!("Split {}, setting {}", sweep.split, sweep.setting),
        columns: sweep.digits.iter().map(u8::to_string).collect(),
        total: "all, %".to_owned(),
        rows: sweep.voters.iter().map(row).collect(),
    }
}

impl Drawing for RecallChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        let all = ("100 %", LABEL.width(&page.typeface, "100 %"));
        let least = format!("{:.0} % of a digit's images", self.darkest);
        REDS.draw_key(canvas, (page.left(), page.top() + 10.0), all, &least)?;
        let mut top = page.top() + KEY;
        for panel in &self.panels {
            panel.draw(canvas, (page.left(), top), GRID, REDS)?;
            top += HeatMap::height(GRID, panel.rows.len()) + GAP;
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}

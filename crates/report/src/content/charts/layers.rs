//! The paper's Table 3 as a chart: our seconds and the paper's for each layer and batch, on a logarithmic axis.

use plotters::prelude::DrawingBackend;
use sottovoce_table::ABSENT;

use crate::content::tables::run::ratio_text;
use crate::data::layer_times::{LayerSeconds, LayerTimes};
use crate::data::paper;
use crate::data::voter::Voter;
use crate::data::wording::{counted, thousands};
use crate::drawing::canvas::Canvas;
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::legend::{Legend, LegendEntry};
use crate::drawing::marker::Marker;
use crate::drawing::page::{Caption, Page};
use crate::drawing::rendering::Frame;
use crate::drawing::scale::Scale;
use crate::drawing::style::{BAND, GRID, LABEL, PAPER, STRONG, Stroke, VALUE};
use crate::drawing::typeface::Align;

const WIDTH: f64 = 920.0;
/// Smallest width for names, three columns of numbers, and an axis between them.
const MIN_WIDTH: f64 = 620.0;
const ROW: f64 = 32.0;
/// Height of the legend and the headings of the columns.
const HEAD: f64 = 58.0;
/// Height of the labels below.
const FOOT: f64 = 44.0;
/// Width of the names of layers.
const NAMES: f64 = 180.0;
/// Width of a column of numbers.
const COLUMN: f64 = 86.0;

/// The chart of `layers.csv`.
#[derive(Debug, Clone)]
pub(crate) struct LayersChart {
    page: Page,
    rows: Vec<LayerSeconds>,
    has_paper: bool,
}

impl LayersChart {
    /// Lays out the chart of the layers' times in `frame`, with the paper's times if there are any.
    pub(crate) fn new(times: &LayerTimes, caption: &Caption, frame: Frame) -> Result<Self, DrawError> {
        let subtitle = format!(
            "Wall-clock seconds of one member for one batch, median over {}; worker threads: {}.",
            counted(times.batches as u64, "batch", "batches"),
            times.threads,
        );
        let note = if times.has_paper {
            format!(
                "Paper: Table 3 of Xiong, Nguyen, So and Chen (2020), read as the time of one member for {} images, on {}. \
                 What our members share counts in full for one.",
                thousands(paper::BATCH as u64),
                paper::MACHINE,
            )
        } else {
            "What the members share counts in full for one.".to_owned()
        };
        let rows: Vec<LayerSeconds> = times.layers.iter().chain([&times.sum]).cloned().collect();
        let body = HEAD + rows.len() as f64 * ROW + FOOT;
        let width = frame.width(WIDTH, MIN_WIDTH);
        let page = Page::new(caption, &subtitle, &note, (width, body), frame)?;
        Ok(Self { page, rows, has_paper: times.has_paper })
    }

    /// Headings of the columns of numbers.
    fn heads(&self) -> &'static [&'static str] {
        if self.has_paper { &["paper, s", "ours, s", "paper / ours"] } else { &["seconds"] }
    }

    /// Left end of the columns of numbers.
    fn numbers(&self) -> f64 {
        self.page.right() - self.heads().len() as f64 * COLUMN
    }

    fn scale(&self) -> Scale {
        let ends = (self.page.left() + NAMES, self.numbers() - 14.0);
        let seconds =
            || self.rows.iter().flat_map(|row| [row.member, row.paper]).flatten().filter(|s| *s > 0.0);
        let lowest = seconds().fold(f64::INFINITY, f64::min).min(1.0);
        Scale::powers_of_ten(lowest, seconds().fold(lowest, f64::max), ends)
    }
}

impl Drawing for LayersChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        let ours = Marker::of(Voter::Member(1));
        let mut legend = vec![LegendEntry::Named(Voter::Member(1), "this run".to_owned())];
        if self.has_paper {
            legend.push(LegendEntry::Hollow("paper".to_owned()));
        }
        Legend::arrange(vec![legend], &page.typeface, page.right() - page.left()).draw(
            canvas,
            (page.left() + NAMES, page.top() + 16.0),
            &page.typeface,
        )?;
        let (top, x) = (page.top() + HEAD, self.scale());
        let bottom = top + self.rows.len() as f64 * ROW;
        // The last row is the sum.
        let sum = bottom - ROW;
        canvas.rectangle((page.left(), sum), (page.right(), bottom), BAND)?;
        for (value, label) in x.ticks() {
            canvas.line((x.position_of(value), top - 6.0), (x.position_of(value), bottom + 4.0), GRID)?;
            canvas.text(&label, (x.position_of(value), bottom + 20.0), Align::Centre, LABEL)?;
        }
        let middle = (page.left() + NAMES + self.numbers()) / 2.0;
        canvas.text("Seconds (logarithmic axis)", (middle, bottom + 38.0), Align::Centre, LABEL)?;
        let heads = self.heads();
        let column = |index: usize| page.right() - 8.0 - (heads.len() - 1 - index) as f64 * COLUMN;
        for (index, head) in heads.iter().enumerate() {
            canvas.text(head, (column(index), top - 10.0), Align::Right, LABEL)?;
        }
        for (index, row) in self.rows.iter().enumerate() {
            let y = top + (index as f64 + 0.5) * ROW;
            let is_sum = index + 1 == self.rows.len();
            let style = if is_sum { STRONG } else { VALUE };
            canvas.text(&row.layer, (page.left() + 8.0, y + 4.2), Align::Left, style)?;
            if let (Some(member), Some(paper)) = (row.member, row.paper) {
                let ends = ((x.position_of(member), y), (x.position_of(paper), y));
                canvas.line(ends.0, ends.1, Stroke { colour: PAPER, width: 1.2 })?;
            }
            if let Some(paper) = row.paper {
                Marker::neutral().draw_hollow(canvas, (x.position_of(paper), y))?;
            }
            if let Some(member) = row.member.filter(|seconds| *seconds > 0.0) {
                ours.draw_filled(canvas, (x.position_of(member), y))?;
            }
            let seconds = |s: Option<f64>| s.map_or_else(|| ABSENT.to_owned(), |s| format!("{s:.3}"));
            let cells = if self.has_paper {
                vec![seconds(row.paper), seconds(row.member), ratio_text(row)]
            } else {
                vec![seconds(row.member)]
            };
            for (index, cell) in cells.iter().enumerate() {
                canvas.text(cell, (column(index), y + 4.2), Align::Right, style)?;
            }
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}

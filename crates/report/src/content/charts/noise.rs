//! Measured noise against predicted noise.

use plotters::prelude::DrawingBackend;
use sottovoce_evaluate::records::NoiseRow;

use crate::data::noise_summary::{MAX_GAP_BITS, STAGES};
use crate::data::voter::Voter;
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::legend::{Legend, LegendEntry};
use crate::drawing::marker::Marker;
use crate::drawing::page::{Caption, Page};
use crate::drawing::rendering::Frame;
use crate::drawing::scale::Scale;
use crate::drawing::style::{BASE, GREY, GRID, INK, LABEL, STRONG, Stroke};
use crate::drawing::typeface::Align;

const WIDTH: f64 = 860.0;
/// Height of a row of the legend, and of the space above and below a panel.
const LEGEND: f64 = 24.0;
const HEAD: f64 = 34.0;
const FOOT: f64 = 48.0;
/// Heights of the panels: measured noise against the bound, and the distance between the two.
const PLOT: f64 = 360.0;
const GAPS: f64 = 190.0;
/// Width of the labels of the vertical axis.
const AXIS: f64 = 44.0;
const DASH: f64 = 5.0;

/// Lines of the bound, which noise must not exceed, and of the smallest expected noise.
const BOUND: Stroke = Stroke { colour: INK, width: 1.4 };
const LEAST: Stroke = Stroke { colour: GREY, width: 1.2 };

/// The chart of `noise.csv`.
#[derive(Debug, Clone)]
pub(crate) struct NoiseChart {
    page: Page,
    legend: Legend,
    points: Vec<NoisePoint>,
    highest: f64,
}

#[derive(Debug, Clone, Copy)]
struct NoisePoint {
    marker: Marker,
    filled: bool,
    bound: f64,
    measured: f64,
}

impl NoiseChart {
    /// Lays out the chart of at least one row.
    pub(crate) fn new(rows: &[NoiseRow], caption: &Caption) -> Result<Self, DrawError> {
        let stage = |number: usize| Voter::Member(number + 1);
        let point = |row: &NoiseRow| {
            let number = STAGES.iter().position(|(name, _)| *name == row.stage)?;
            Some(NoisePoint {
                marker: Marker::of(stage(number)),
                filled: row.evaluator != "reference",
                bound: row.bound_bits,
                measured: row.measured_bits,
            })
        };
        let points: Vec<NoisePoint> = rows.iter().filter_map(point).collect();
        let highest = points.iter().map(|point| point.bound).fold(1.0, f64::max);
        let name = |(number, (_, name)): (usize, &(&str, &str))| {
            LegendEntry::Named(stage(number), (*name).to_owned())
        };
        let mut groups = vec![STAGES.iter().enumerate().map(name).collect::<Vec<_>>()];
        let mut rest =
            vec![LegendEntry::Filled("engine".to_owned()), LegendEntry::Hollow("reference".to_owned())];
        rest.push(LegendEntry::Line { name: "bound".to_owned(), stroke: BOUND, dash: 100.0 });
        let least = format!("{MAX_GAP_BITS:.0} bits below");
        rest.push(LegendEntry::Line { name: least, stroke: LEAST, dash: DASH });
        groups.push(rest);
        let subtitle = "The largest noise coefficient of random networks, under fresh keys, against the predicted bound: \
                        the standard deviation with a tail that at most 2^-40 of all runs leave.";
        let bare = Page::new(caption, subtitle, "", (WIDTH, 0.0), Frame::NATURAL)?;
        let legend = Legend::arrange(groups, &bare.typeface, bare.right() - bare.left());
        let body = legend.rows() as f64 * LEGEND + 2.0 * (HEAD + FOOT) + PLOT + GAPS;
        let page = Page::new(caption, subtitle, "", (WIDTH, body), Frame::NATURAL)?;
        Ok(Self { page, legend, points, highest })
    }

    /// Draws a panel's grid, labels and axis titles. Returns the scales of its axes, horizontal and vertical.
    fn draw_panel<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        title: &str,
        (top, height): (f64, f64),
        highest: f64,
    ) -> Result<(Scale, Scale), DrawError> {
        let (left, right) = (self.page.left() + AXIS, self.page.right());
        let bottom = top + height;
        let across = Scale::from_zero(self.highest, (left, right));
        let up = Scale::from_zero(highest, (bottom, top));
        canvas.text(title, (self.page.left(), top - 12.0), Align::Left, STRONG)?;
        for (value, label) in up.ticks() {
            let y = up.position_of(value);
            canvas.line((left, y), (right, y), GRID)?;
            canvas.text(&label, (left - 9.0, y + 4.2), Align::Right, LABEL)?;
        }
        for (value, label) in across.ticks() {
            let x = across.position_of(value);
            canvas.line((x, top), (x, bottom), GRID)?;
            canvas.text(&label, (x, bottom + 18.0), Align::Centre, LABEL)?;
        }
        canvas.line((left, bottom), (right, bottom), BASE)?;
        canvas.text("Predicted bound, bits", (right, bottom + 36.0), Align::Right, LABEL)?;
        Ok((across, up))
    }

    fn draw_points<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        place: impl Fn(&NoisePoint) -> Point,
    ) -> Result<(), DrawError> {
        for point in &self.points {
            let at = place(point);
            if point.filled {
                point.marker.draw_filled(canvas, at)?;
            } else {
                point.marker.draw_hollow(canvas, at)?;
            }
        }
        Ok(())
    }
}

impl Drawing for NoiseChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        self.legend.draw(canvas, (page.left(), page.top() + 8.0), &page.typeface)?;
        let top = page.top() + self.legend.rows() as f64 * LEGEND + HEAD;
        let (across, up) =
            self.draw_panel(canvas, "Largest coefficient measured, bits", (top, PLOT), self.highest)?;
        let at = |x: f64, y: f64| (across.position_of(x), up.position_of(y));
        canvas.line(at(0.0, 0.0), at(self.highest, self.highest), BOUND)?;
        canvas.dashed_line(
            at(MAX_GAP_BITS, 0.0),
            at(self.highest, self.highest - MAX_GAP_BITS),
            DASH,
            LEAST,
        )?;
        self.draw_points(canvas, |point| at(point.bound, point.measured))?;

        let top = top + PLOT + FOOT + HEAD;
        let gap = |point: &NoisePoint| point.bound - point.measured;
        let most = self.points.iter().map(gap).fold(MAX_GAP_BITS, f64::max);
        let (across, up) = self.draw_panel(canvas, "From there up to the bound, bits", (top, GAPS), most)?;
        let at = |x: f64, y: f64| (across.position_of(x), up.position_of(y));
        canvas.line(at(0.0, 0.0), at(self.highest, 0.0), BOUND)?;
        canvas.dashed_line(at(0.0, MAX_GAP_BITS), at(self.highest, MAX_GAP_BITS), DASH, LEAST)?;
        // Noise above the bound is drawn at the lower edge of the panel.
        self.draw_points(canvas, |point| at(point.bound, gap(point).max(0.0)))
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}

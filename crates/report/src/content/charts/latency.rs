//! Seconds and bytes for numbers of images, packed and batched, on logarithmic axes.

use plotters::prelude::DrawingBackend;
use sottovoce_evaluate::records::{EvaluationForm, FormLatency, LatencyRow};

use crate::data::latency::crossing_images;
use crate::data::voter::Voter;
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::legend::{Legend, LegendEntry};
use crate::drawing::marker::Marker;
use crate::drawing::page::{Caption, Page};
use crate::drawing::rendering::Frame;
use crate::drawing::scale::Scale;
use crate::drawing::style::{BASE, GREY, GRID, LABEL, STRONG, Stroke, VALUE};
use crate::drawing::typeface::Align;

const WIDTH: f64 = 980.0;
/// Height of a row of the legend, and of the titles above a panel.
const LEGEND: f64 = 24.0;
const HEAD: f64 = 40.0;
const PLOT: f64 = 320.0;
/// Height of the labels below a panel.
const FOOT: f64 = 44.0;
/// Width of the labels of a vertical axis, and of the gap between the panels.
const AXIS: f64 = 60.0;
const GAP: f64 = 44.0;
const DASH: f64 = 5.0;

/// Line at the number of images at which both forms take the same time.
const CROSSING: Stroke = Stroke { colour: GREY, width: 1.2 };

/// The chart of `latency.json`.
#[derive(Debug, Clone)]
pub(crate) struct LatencyChart {
    page: Page,
    legend: Legend,
    forms: Vec<FormLatency>,
    crossing: Option<f64>,
}

impl LatencyChart {
    /// Lays out the chart of at least one row.
    pub(crate) fn new(forms: &[FormLatency], caption: &Caption) -> Result<Self, DrawError> {
        let rows = || forms.iter().flat_map(|form| &form.rows);
        let rounds = rows().map(|row| row.seconds_all.len()).max().unwrap_or(0);
        let subtitle = format!(
            "Wall-clock seconds from pixels to logits, and bytes that the client sends; keys are made and registered before. \
             Medians of {rounds} rounds."
        );
        let mut groups = vec![
            forms
                .iter()
                .map(|form| LegendEntry::Series(series(form.form), form.form.name().to_owned()))
                .collect(),
        ];
        if let Some(scaled) = rows().find(|row| row.is_scaled()) {
            let name = format!("scaled from {} images", scaled.measured_images);
            groups.push(vec![LegendEntry::Hollow(name)]);
        }
        let crossing = crossing_images(forms);
        if crossing.is_some() {
            let name = "both forms take the same time".to_owned();
            groups.push(vec![LegendEntry::Line { name, stroke: CROSSING, dash: DASH }]);
        }
        let bare = Page::new(caption, &subtitle, "", (WIDTH, 0.0), Frame::NATURAL)?;
        let legend = Legend::arrange(groups, &bare.typeface, bare.right() - bare.left());
        let body = legend.rows() as f64 * LEGEND + HEAD + PLOT + FOOT;
        let page = Page::new(caption, &subtitle, "", (WIDTH, body), Frame::NATURAL)?;
        Ok(Self { page, legend, forms: forms.to_vec(), crossing })
    }

    /// Draws a panel between `left` and `right`: `value` of every row against the number of images. With `crossing`, a line shows
    /// that number of images.
    fn draw_panel<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        title: &str,
        (left, right): (f64, f64),
        value: fn(&LatencyRow) -> f64,
        crossing: Option<f64>,
    ) -> Result<(), DrawError> {
        let top = self.page.top() + self.legend.rows() as f64 * LEGEND + HEAD;
        let (start, bottom) = (left + AXIS, top + PLOT);
        let rows = || self.forms.iter().flat_map(|form| &form.rows);
        let across = logarithmic(rows().map(|row| row.images as f64), (start, right));
        let up = logarithmic(rows().map(value), (bottom, top));
        canvas.text(title, (left, top - 16.0), Align::Left, STRONG)?;
        for (value, label) in up.ticks() {
            let y = up.position_of(value);
            canvas.line((start, y), (right, y), GRID)?;
            canvas.text(&label, (start - 9.0, y + 4.2), Align::Right, LABEL)?;
        }
        for (value, label) in across.ticks() {
            let x = across.position_of(value);
            canvas.line((x, top), (x, bottom), GRID)?;
            canvas.text(&label, (x, bottom + 18.0), Align::Centre, LABEL)?;
        }
        canvas.line((start, bottom), (right, bottom), BASE)?;
        canvas.text("Images", ((start + right) / 2.0, bottom + 36.0), Align::Centre, LABEL)?;
        if let Some(images) = crossing {
            let x = across.position_of(images);
            canvas.dashed_line((x, top), (x, bottom), DASH, CROSSING)?;
            canvas.text(&format!("{} images", rounded(images)), (x + 7.0, top + 14.0), Align::Left, VALUE)?;
        }
        for form in &self.forms {
            let marker = Marker::of(series(form.form));
            let mut rows: Vec<&LatencyRow> = form.rows.iter().filter(|row| value(row) > 0.0).collect();
            rows.sort_by_key(|row| row.images);
            let points: Vec<(Point, bool)> = rows
                .iter()
                .map(|row| {
                    let at = (across.position_of(row.images as f64), up.position_of(value(row)));
                    (at, row.is_scaled())
                })
                .collect();
            for &[(from, _), (to, is_scaled)] in points.array_windows() {
                let stroke = Stroke { colour: marker.colour, width: 1.8 };
                if is_scaled {
                    canvas.dashed_line(from, to, DASH, stroke)?;
                } else {
                    canvas.line(from, to, stroke)?;
                }
            }
            for &(at, is_scaled) in &points {
                if is_scaled {
                    marker.draw_hollow(canvas, at)?;
                } else {
                    marker.draw_filled(canvas, at)?;
                }
            }
        }
        Ok(())
    }
}

impl Drawing for LatencyChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        self.legend.draw(canvas, (page.left(), page.top() + 8.0), &page.typeface)?;
        let middle = (page.left() + page.right()) / 2.0;
        let (first, second) = ((page.left(), middle - GAP / 2.0), (middle + GAP / 2.0, page.right()));
        self.draw_panel(canvas, "Seconds", first, |row| row.seconds, self.crossing)?;
        self.draw_panel(canvas, "Upload, MB", second, |row| row.upload_bytes as f64 / 1e6, None)
    }

    fn description(&self) -> String {
        let crossing = self.crossing.map_or_else(String::new, |images| {
            format!(" Both forms take the same time for {} images.", rounded(images))
        });
        format!("{}{crossing}", self.page.description())
    }
}

/// The voter whose marker stands for a form.
fn series(form: EvaluationForm) -> Voter {
    Voter::Member(match form {
        EvaluationForm::Packed => 1,
        EvaluationForm::Batched => 2,
    })
}

/// A logarithmic scale that holds all positive values.
fn logarithmic(values: impl Iterator<Item = f64>, ends: (f64, f64)) -> Scale {
    let (lowest, highest) = values
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, 0.0_f64), |(lowest, highest), value| (lowest.min(value), highest.max(value)));
    if highest > 0.0 {
        Scale::powers_of_ten(lowest, highest, ends)
    } else {
        Scale::powers_of_ten(1.0, 1.0, ends)
    }
}

/// A number of images with two digits: a crossing between measured numbers is no more exact.
fn rounded(images: f64) -> String {
    let unit = 10_f64.powf(images.log10().floor() - 1.0);
    let rounded = (images / unit).round() * unit;
    if rounded < 10.0 { format!("{rounded:.1}") } else { format!("{rounded:.0}") }
}

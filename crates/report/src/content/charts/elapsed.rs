//! The paper's second Figure 7, here Figure 8: elapsed seconds over numbers of images.
//!
//! There are two panels, since our times are too small to be seen on the paper's axis. The left panel shows the paper's points and ours
//! on one axis from zero. The right panel shows only ours, divided into parts. A run that is not comparable with the paper has only the
//! right panel.

use std::collections::BTreeMap;

use plotters::prelude::DrawingBackend;
use sottovoce_evaluate::records::ElapsedRow;

use crate::data::paper;
use crate::data::statistics::summary::median;
use crate::data::voter::Voter;
use crate::data::wording::thousands;
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::legend::{Legend, LegendEntry};
use crate::drawing::marker::Marker;
use crate::drawing::page::{Caption, Page};
use crate::drawing::rendering::Frame;
use crate::drawing::scale::Scale;
use crate::drawing::style::{
    BASE, BLUE, Colour, GREEN, GRID, INK, LABEL, ORANGE, PURPLE, SMALL, STRONG, Stroke,
};
use crate::drawing::typeface::Align;

const WIDTH: f64 = 980.0;
/// Smallest width for two panels with their titles side by side.
const MIN_WIDTH: f64 = 640.0;
const PLOT: f64 = 300.0;
/// Height of a panel's title and legend.
const HEAD: f64 = 78.0;
/// Height of the labels below.
const FOOT: f64 = 44.0;
/// Width of the labels of a vertical axis.
const AXIS: f64 = 46.0;
/// The axis of the right panel is this many times as long as the longest bar, which leaves room for the labels on the bars.
const HEADROOM: f64 = 1.08;

/// Seconds for one number of images: medians if it was measured more than once.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    images: usize,
    total: f64,
    /// Seconds of each of [`PARTS`], from the bottom of a bar to its top.
    parts: [f64; 4],
}

/// Names and colours of the parts of a bar.
const PARTS: [(&str, Colour); 4] =
    [("evaluation", BLUE), ("encryption", ORANGE), ("transfer", PURPLE), ("decryption", GREEN)];

/// The chart of `elapsed.csv`.
#[derive(Debug, Clone)]
pub(crate) struct ElapsedChart {
    page: Page,
    ours: Vec<Measured>,
    has_paper: bool,
}

impl ElapsedChart {
    /// Lays out the chart of at least one row in `frame`, with the paper's points if it `has_paper`.
    pub(crate) fn new(
        rows: &[ElapsedRow],
        caption: &Caption,
        has_paper: bool,
        frame: Frame,
    ) -> Result<Self, DrawError> {
        let ours = gather(rows);
        let threads: std::collections::BTreeSet<usize> = rows.iter().map(|row| row.threads).collect();
        let threads: Vec<String> = threads.iter().map(usize::to_string).collect();
        let subtitle = format!(
            "Wall-clock time from pixels to predictions, encryption and decryption included; worker threads: {}.",
            threads.join(", ")
        );
        let note = if has_paper {
            format!(
                "Paper: Xiong, Nguyen, So and Chen (2020), second Figure 7, read off the chart to 5 s, on {}. Images travel \
                 in batches of up to {}, one in each slot of a ciphertext: time goes up in steps of a batch.",
                paper::MACHINE,
                thousands(paper::BATCH as u64),
            )
        } else {
            "Images travel in batches, one in each slot of a ciphertext: time goes up in steps of a batch."
                .to_owned()
        };
        let width = frame.width(WIDTH, MIN_WIDTH);
        let page = Page::new(caption, &subtitle, &note, (width, HEAD + PLOT + FOOT), frame)?;
        Ok(Self { page, ours, has_paper })
    }

    fn draw_comparison<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        (left, right): (f64, f64),
    ) -> Result<(), DrawError> {
        let page = &self.page;
        let (top, bottom) = (page.top() + HEAD, page.top() + HEAD + PLOT);
        let most = paper::ELAPSED.iter().map(|point| point.0).chain(self.ours.iter().map(|m| m.images));
        let x = Scale::from_zero(most.max().unwrap_or(0) as f64 / 1000.0, (left + AXIS, right));
        let seconds =
            paper::ELAPSED.iter().map(|point| point.1).chain(self.ours.iter().map(|measured| measured.total));
        let longest = seconds.fold(0.0, f64::max);
        let y = Scale::from_zero(longest, (bottom, top));
        self.draw_frame(canvas, "Beside the paper, on one axis", &y, (left, right))?;
        for (value, label) in x.ticks() {
            canvas.text(&label, (x.position_of(value), bottom + 17.0), Align::Centre, LABEL)?;
        }
        let middle = (left + AXIS + right) / 2.0;
        canvas.text("Images, thousands", (middle, bottom + 36.0), Align::Centre, LABEL)?;
        let legend = vec![
            LegendEntry::Named(Voter::Ensemble, "this run".to_owned()),
            LegendEntry::Hollow("paper".to_owned()),
        ];
        Legend::arrange(vec![legend], &page.typeface, right - left).draw(
            canvas,
            (left + AXIS, page.top() + 37.0),
            &page.typeface,
        )?;
        let place =
            |images: usize, seconds: f64| (x.position_of(images as f64 / 1000.0), y.position_of(seconds));
        let paper: Vec<Point> = paper::ELAPSED.iter().map(|&(images, s)| place(images, s)).collect();
        let ours: Vec<Point> = self.ours.iter().map(|m| place(m.images, m.total)).collect();
        for &[from, to] in paper.array_windows() {
            canvas.dashed_line(from, to, 4.0, BASE)?;
        }
        for &[from, to] in ours.array_windows() {
            canvas.line(from, to, Stroke { colour: INK, width: 2.0 })?;
        }
        for &point in &paper {
            Marker::neutral().draw_hollow(canvas, point)?;
        }
        for &point in &ours {
            Marker::of(Voter::Ensemble).draw_filled(canvas, point)?;
        }
        Ok(())
    }

    fn draw_parts<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        (left, right): (f64, f64),
    ) -> Result<(), DrawError> {
        let page = &self.page;
        let bottom = page.top() + HEAD + PLOT;
        let longest = self.ours.iter().map(|m| m.total).fold(0.0, f64::max);
        let y = Scale::from_zero(longest * HEADROOM, (bottom, page.top() + HEAD));
        let title =
            if self.has_paper { "This run alone, and where its time goes" } else { "Where the time goes" };
        self.draw_frame(canvas, title, &y, (left, right))?;
        // Older records lack some parts.
        let is_known = |part: usize| {
            self.ours.iter().any(|measured| measured.parts.get(part).is_some_and(|seconds| *seconds > 0.0))
        };
        let parts = PARTS.iter().enumerate().filter(|(part, _)| is_known(*part));
        let legend =
            parts.map(|(_, (name, colour))| LegendEntry::Swatch((*name).to_owned(), *colour)).collect();
        Legend::arrange(vec![legend], &page.typeface, right - left).draw(
            canvas,
            (left + AXIS, page.top() + 37.0),
            &page.typeface,
        )?;
        let slot = (right - left - AXIS) / self.ours.len() as f64;
        let half = (slot * 0.36).min(24.0);
        // Labels are up to 30 units wide.
        let every = (34.0 / slot).ceil().max(1.0) as usize;
        for (index, measured) in self.ours.iter().enumerate() {
            let middle = left + AXIS + (index as f64 + 0.5) * slot;
            let mut below = 0.0;
            for (seconds, (_, colour)) in measured.parts.iter().zip(PARTS) {
                let (low, high) = (y.position_of(below), y.position_of(below + seconds));
                canvas.rectangle((middle - half, high), (middle + half, low), colour)?;
                below += seconds;
            }
            if index % every == 0 {
                let total = measured.total;
                let text = if total < 100.0 { format!("{total:.1}") } else { format!("{total:.0}") };
                canvas.text(&text, (middle, y.position_of(total.max(below)) - 6.0), Align::Centre, SMALL)?;
                let images = thousands_of(measured.images);
                canvas.text(&images, (middle, bottom + 17.0), Align::Centre, LABEL)?;
            }
        }
        let middle = (left + AXIS + right) / 2.0;
        canvas.text("Images, thousands", (middle, bottom + 36.0), Align::Centre, LABEL)
    }

    /// Draws a panel's title, horizontal grid and base line.
    fn draw_frame<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        title: &str,
        y: &Scale,
        (left, right): (f64, f64),
    ) -> Result<(), DrawError> {
        canvas.text(title, (left, self.page.top() + 14.0), Align::Left, STRONG)?;
        for (value, label) in y.ticks() {
            let at = y.position_of(value);
            let line = if value == 0.0 { BASE } else { GRID };
            canvas.line((left + AXIS, at), (right, at), line)?;
            canvas.text(&label, (left + AXIS - 9.0, at + 4.2), Align::Right, LABEL)?;
        }
        // The unit lies above the highest label.
        canvas.text("Seconds", (left, self.page.top() + HEAD - 14.0), Align::Left, LABEL)
    }
}

impl Drawing for ElapsedChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        self.page.draw(canvas)?;
        let (left, right) = (self.page.left(), self.page.right());
        if !self.has_paper {
            return self.draw_parts(canvas, (left, right));
        }
        let middle = left + (right - left) * 0.42;
        self.draw_comparison(canvas, (left, middle - 22.0))?;
        self.draw_parts(canvas, (middle + 22.0, right))
    }

    fn description(&self) -> String {
        let of = |m: &Measured| format!("{} images {:.1} s", thousands(m.images as u64), m.total);
        let all: Vec<String> = self.ours.iter().map(of).collect();
        format!("{} This run: {}.", self.page.description(), all.join(", "))
    }
}

/// Medians for each number of images, in ascending order.
fn gather(rows: &[ElapsedRow]) -> Vec<Measured> {
    let mut sizes: BTreeMap<usize, Vec<&ElapsedRow>> = BTreeMap::new();
    for row in rows {
        sizes.entry(row.images).or_default().push(row);
    }
    let of = |rows: &[&ElapsedRow], seconds: fn(&ElapsedRow) -> f64| {
        median(rows.iter().map(|row| seconds(row))).unwrap_or(0.0)
    };
    sizes
        .into_iter()
        .map(|(images, rows)| Measured {
            images,
            total: of(&rows, |row| row.seconds),
            parts: [
                of(&rows, |row| row.evaluate_seconds),
                of(&rows, |row| row.encrypt_seconds),
                of(&rows, |row| row.transfer_seconds),
                of(&rows, |row| row.decrypt_seconds),
            ],
        })
        .collect()
}

/// A number of images in thousands: 5000 is `5`, 8192 is `8.2`.
fn thousands_of(images: usize) -> String {
    let text = format!("{:.1}", images as f64 / 1000.0);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

//! The paper's second Figure 7, here Figure 8: elapsed seconds over numbers of images.
//!
//! Two panels, since one axis cannot show both: on the left the paper's points and ours on one axis from
//! zero, on the right ours alone and where the time goes. Of a run that is not the paper's there is the second one only.

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
/// Two panels with their titles beside each other.
const LEAST_WIDTH: f64 = 640.0;
const PLOT: f64 = 300.0;
/// Room for the panel's title and legend.
const HEAD: f64 = 78.0;
/// Room for the labels below.
const FOOT: f64 = 44.0;
/// Room for the labels of a vertical axis.
const AXIS: f64 = 46.0;
/// Ours take up to this part of the right panel's height, which leaves room for the labels on the bars.
const HEADROOM: f64 = 1.08;

/// Seconds of one number of images; medians where it was measured more than once.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    images: usize,
    total: f64,
    /// Of each of [`PARTS`], from the bottom of a bar up.
    parts: [f64; 4],
}

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
    /// The chart of at least one row in `frame`, beside the paper's points where it `has_paper`.
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
        let width = frame.width(WIDTH, LEAST_WIDTH);
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
        let longest = self.ours.iter().map(|m| m.total).fold(paper::ELAPSED_LONGEST, f64::max);
        let y = Scale::from_zero(longest, (bottom, top));
        self.draw_frame(canvas, "Beside the paper, on one axis", &y, (left, right))?;
        for (value, label) in x.ticks() {
            canvas.text(&label, (x.place(value), bottom + 17.0), Align::Centre, LABEL)?;
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
        let place = |images: usize, seconds: f64| (x.place(images as f64 / 1000.0), y.place(seconds));
        let paper: Vec<Point> = paper::ELAPSED.iter().map(|&(images, s)| place(images, s)).collect();
        let ours: Vec<Point> = self.ours.iter().map(|m| place(m.images, m.total)).collect();
        for pair in paper.windows(2) {
            canvas.dashed_line(pair[0], pair[1], 4.0, BASE)?;
        }
        for pair in ours.windows(2) {
            canvas.line(pair[0], pair[1], Stroke { colour: INK, width: 2.0 })?;
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
        // Older records do not know every part.
        let known = |part: &usize| self.ours.iter().any(|measured| measured.parts[*part] > 0.0);
        let parts = (0..PARTS.len()).filter(known).map(|part| PARTS[part]);
        let legend = parts.map(|(name, colour)| LegendEntry::Swatch(name.to_owned(), colour)).collect();
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
                let (low, high) = (y.place(below), y.place(below + seconds));
                canvas.rectangle((middle - half, high), (middle + half, low), colour)?;
                below += seconds;
            }
            if index % every == 0 {
                let total = measured.total;
                let text = if total < 100.0 { format!("{total:.1}") } else { format!("{total:.0}") };
                canvas.text(&text, (middle, y.place(total.max(below)) - 6.0), Align::Centre, SMALL)?;
                let images = thousands_of(measured.images);
                canvas.text(&images, (middle, bottom + 17.0), Align::Centre, LABEL)?;
            }
        }
        let middle = (left + AXIS + right) / 2.0;
        canvas.text("Images, thousands", (middle, bottom + 36.0), Align::Centre, LABEL)
    }

    /// A panel's title, horizontal grid and base line.
    fn draw_frame<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        title: &str,
        y: &Scale,
        (left, right): (f64, f64),
    ) -> Result<(), DrawError> {
        canvas.text(title, (left, self.page.top() + 14.0), Align::Left, STRONG)?;
        for (value, label) in y.ticks() {
            let at = y.place(value);
            let line = if value == 0.0 { BASE } else { GRID };
            canvas.line((left + AXIS, at), (right, at), line)?;
            canvas.text(&label, (left + AXIS - 9.0, at + 4.2), Align::Right, LABEL)?;
        }
        // Above the highest label.
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

/// Numbers of images in order, each once.
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

/// `5000` as `5`, `8192` as `8.2`.
fn thousands_of(images: usize) -> String {
    let text = format!("{:.1}", images as f64 / 1000.0);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

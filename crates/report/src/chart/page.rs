//! The frame around a chart: background, title, what is shown, and notes below.

use plotters::prelude::DrawingBackend;

use crate::canvas::{Canvas, TextStyle};
use crate::caption::Caption;
use crate::figure::DrawError;
use crate::figure_accuracy::FigureError;
use crate::legend::WIDER_FONT;
use crate::style::{SMALL, SUBTITLE, TITLE, WARNING, WHITE};
use crate::typeface::{Align, Typeface};

/// Baseline of the title, and the distances of the lines after it.
const TITLE_LINE: f64 = 42.0;
const SUBTITLE_LINE: f64 = 19.0;
const NOTE_LINE: f64 = 15.0;

/// A page as high as its texts and its body need.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) typeface: Typeface,
    width: f64,
    body: f64,
    title: String,
    lines: Vec<(String, TextStyle)>,
    notes: Vec<String>,
}

impl Page {
    /// Blank edge on the left and right.
    pub(crate) const EDGE: f64 = 28.0;

    /// A page `width` units wide around a body `body` units high.
    pub(crate) fn new(
        caption: &Caption,
        subtitle: &str,
        note: &str,
        (width, body): (f64, f64),
    ) -> Result<Self, FigureError> {
        let typeface = Typeface::shipped().map_err(|_| FigureError::Font)?;
        // Viewers without our font need more room.
        let limit = (width - 2.0 * Self::EDGE) / WIDER_FONT;
        let wrap = |text: &str, style: TextStyle| -> Vec<(String, TextStyle)> {
            style.wrap(&typeface, text, limit).into_iter().map(|line| (line, style)).collect()
        };
        let warning = caption.warning(!note.is_empty()).map_or_else(Vec::new, |text| wrap(&text, WARNING));
        let subtitle = format!("{}. {subtitle}", caption.dataset);
        let lines = warning.into_iter().chain(wrap(&subtitle, SUBTITLE)).collect();
        let notes = if note.is_empty() { Vec::new() } else { SMALL.wrap(&typeface, note, limit) };
        Ok(Self { typeface, width, body, title: caption.title.clone(), lines, notes })
    }

    /// Left end of the body.
    pub(crate) fn left(&self) -> f64 {
        Self::EDGE
    }

    /// Right end of the body.
    pub(crate) fn right(&self) -> f64 {
        self.width - Self::EDGE
    }

    /// Upper end of the body.
    pub(crate) fn top(&self) -> f64 {
        TITLE_LINE + 20.0 + self.lines.len() as f64 * SUBTITLE_LINE
    }

    /// Lower end of the body.
    pub(crate) fn bottom(&self) -> f64 {
        self.top() + self.body
    }

    /// Width and height of the whole page.
    pub(crate) fn size(&self) -> (u32, u32) {
        let notes = if self.notes.is_empty() { 0.0 } else { 6.0 + self.notes.len() as f64 * NOTE_LINE };
        // Sums of small positive lengths.
        (self.width.ceil() as u32, (self.bottom() + notes + 20.0).ceil() as u32)
    }

    /// Draws everything but the body.
    pub(crate) fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let (width, height) = self.size();
        canvas.rectangle((0.0, 0.0), (f64::from(width), f64::from(height)), WHITE)?;
        canvas.text(&self.title, (Self::EDGE, TITLE_LINE), Align::Left, TITLE)?;
        for (row, (line, style)) in self.lines.iter().enumerate() {
            let y = TITLE_LINE + 24.0 + row as f64 * SUBTITLE_LINE;
            canvas.text(line, (Self::EDGE, y), Align::Left, *style)?;
        }
        for (row, line) in self.notes.iter().enumerate() {
            let y = self.bottom() + 16.0 + row as f64 * NOTE_LINE;
            canvas.text(line, (Self::EDGE, y), Align::Left, SMALL)?;
        }
        Ok(())
    }

    /// What a screen reader says.
    pub(crate) fn description(&self) -> String {
        self.lines.iter().fold(format!("{}.", self.title), |all, (line, _)| all + " " + line)
    }
}

//! The page around a chart: background, title, description and notes.

use plotters::prelude::DrawingBackend;

use crate::drawing::canvas::Canvas;
use crate::drawing::error::DrawError;
use crate::drawing::legend::WIDER_FONT;
use crate::drawing::rendering::Frame;
use crate::drawing::style::{SMALL, SUBTITLE, TITLE, TextStyle, WARNING, WHITE};
use crate::drawing::typeface::{Align, Typeface};

/// Title of a chart and name of its data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// The title, such as `Figure 5. Test accuracy under encryption, regular split`.
    pub title: String,
    /// Name of the data set, such as `MNIST`.
    pub dataset: String,
    /// True if a program drew the images. The chart then says so in capitals.
    pub synthetic: bool,
}

impl Caption {
    /// A warning of synthetic data, if the data is synthetic.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        self.synthetic.then_some("SYNTHETIC DATA, drawn by a program.")
    }
}

/// Baseline of the title, and the distances of the lines after it.
const TITLE_LINE: f64 = 42.0;
const TITLE_STEP: f64 = 24.0;
const SUBTITLE_LINE: f64 = 19.0;
const NOTE_LINE: f64 = 15.0;

/// A page whose height follows from its texts and its body.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) typeface: Typeface,
    edge: f64,
    width: f64,
    body: f64,
    title: Vec<String>,
    lines: Vec<(String, TextStyle)>,
    notes: Vec<String>,
    /// Text for screen readers, also of a page without title.
    description: String,
}

impl Page {
    /// Blank edge on the left and right.
    pub(crate) const EDGE: f64 = 28.0;
    /// Blank edge on the left and right of a page with a given width; the paper around it has an edge of its own.
    const NARROW_EDGE: f64 = 4.0;
    /// Upper end of the body on a page without title.
    const NARROW_TOP: f64 = 10.0;
    const NARROW_WIDTH: f64 = 560.0;

    /// Blank edge on the left and right of a page in `frame` that is `width` units wide.
    pub(crate) fn edge(frame: Frame, width: f64) -> f64 {
        if !frame.title || width < Self::NARROW_WIDTH { Self::NARROW_EDGE } else { Self::EDGE }
    }

    /// Lays out a page `width` units wide around a body `body` units high. A page without title has neither subtitle nor notes.
    /// A warning is always shown.
    pub(crate) fn new(
        caption: &Caption,
        subtitle: &str,
        note: &str,
        (width, body): (f64, f64),
        frame: Frame,
    ) -> Result<Self, DrawError> {
        let typeface = Typeface::embedded()?;
        let edge = Self::edge(frame, width);
        // Letters may be wider in viewers without our font.
        let limit = (width - 2.0 * edge) / WIDER_FONT;
        let wrap = |text: &str, style: TextStyle| -> Vec<(String, TextStyle)> {
            style.wrap(&typeface, text, limit).into_iter().map(|line| (line, style)).collect()
        };
        let warning = caption.warning().map_or_else(Vec::new, |text| wrap(text, WARNING));
        let subtitle = format!("{}. {subtitle}", caption.dataset);
        let description = std::iter::once(format!("{}.", caption.title))
            .chain(warning.iter().map(|(line, _)| line.clone()))
            .chain([subtitle.clone()])
            .collect::<Vec<_>>()
            .join(" ");
        let subtitle = if frame.title { wrap(&subtitle, SUBTITLE) } else { Vec::new() };
        let lines = warning.into_iter().chain(subtitle).collect();
        let title = if frame.title { TITLE.wrap(&typeface, &caption.title, limit) } else { Vec::new() };
        let notes =
            if note.is_empty() || !frame.title { Vec::new() } else { SMALL.wrap(&typeface, note, limit) };
        Ok(Self { typeface, edge, width, body, title, lines, notes, description })
    }

    /// Left end of the body.
    pub(crate) fn left(&self) -> f64 {
        self.edge
    }

    /// Right end of the body.
    pub(crate) fn right(&self) -> f64 {
        self.width - self.edge
    }

    /// Upper end of the body.
    pub(crate) fn top(&self) -> f64 {
        match (self.title.is_empty(), self.lines.len()) {
            (false, lines) => self.last_title_line() + 20.0 + lines as f64 * SUBTITLE_LINE,
            (true, 0) => Self::NARROW_TOP,
            (true, lines) => 12.0 + lines as f64 * SUBTITLE_LINE,
        }
    }

    /// Baseline of the last line of the title. Without a title: a baseline from which the subtitle's position follows.
    fn last_title_line(&self) -> f64 {
        if self.title.is_empty() {
            return SUBTITLE_LINE - 24.0;
        }
        TITLE_LINE + self.title.len().saturating_sub(1) as f64 * TITLE_STEP
    }

    /// Lower end of the body.
    pub(crate) fn bottom(&self) -> f64 {
        self.top() + self.body
    }

    /// Width and height of the whole page.
    pub(crate) fn size(&self) -> (u32, u32) {
        let notes = if self.notes.is_empty() { 0.0 } else { 6.0 + self.notes.len() as f64 * NOTE_LINE };
        // Sums of small positive lengths.
        (self.width.ceil() as u32, (self.bottom() + notes + self.edge.min(20.0)).ceil() as u32)
    }

    /// Draws everything except the body.
    pub(crate) fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let (width, height) = self.size();
        canvas.rectangle((0.0, 0.0), (f64::from(width), f64::from(height)), WHITE)?;
        for (row, line) in self.title.iter().enumerate() {
            canvas.text(line, (self.edge, TITLE_LINE + row as f64 * TITLE_STEP), Align::Left, TITLE)?;
        }
        for (row, (line, style)) in self.lines.iter().enumerate() {
            let y = self.last_title_line() + 24.0 + row as f64 * SUBTITLE_LINE;
            canvas.text(line, (self.edge, y), Align::Left, *style)?;
        }
        for (row, line) in self.notes.iter().enumerate() {
            let y = self.bottom() + 16.0 + row as f64 * NOTE_LINE;
            canvas.text(line, (self.edge, y), Align::Left, SMALL)?;
        }
        Ok(())
    }

    /// Text for screen readers.
    pub(crate) fn description(&self) -> &str {
        &self.description
    }
}

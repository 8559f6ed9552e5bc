//! Sizes of messages between client and provider, with the paper's if they are comparable.

use plotters::prelude::DrawingBackend;
use sottovoce_evaluate::records::SizeRow;

use crate::data::paper;
use crate::data::wording::{megabytes, megabytes_text, thousands};
use crate::drawing::canvas::Canvas;
use crate::drawing::encode::Drawing;
use crate::drawing::error::DrawError;
use crate::drawing::page::{Caption, Page};
use crate::drawing::rendering::Frame;
use crate::drawing::scale::Scale;
use crate::drawing::style::{BASE, BLUE, Colour, GRID, LABEL, PAPER, STRONG, VALUE};
use crate::drawing::typeface::Align;

const WIDTH: f64 = 860.0;
/// Smallest width for names, values, and bars between them.
const MIN_WIDTH: f64 = 540.0;
/// Widths of the names before the bars and of the values after them.
const NAMES: f64 = 230.0;
const VALUES: f64 = 96.0;
const ROW: f64 = 28.0;
/// Heights of a panel's title, and of its axis with the gap to the next panel.
const HEAD: f64 = 30.0;
const FOOT: f64 = 48.0;
/// Colour of the paper's bar for both plaintext moduli: lighter than the bar for one.
const BOTH: Colour = (0xAA, 0xAA, 0xAA);

/// The chart of `sizes.csv`: one panel for each message, on an axis of its own.
#[derive(Debug, Clone)]
pub(crate) struct SizesChart {
    page: Page,
    panels: Vec<Panel>,
}

#[derive(Debug, Clone, PartialEq)]
struct Panel {
    title: String,
    /// Name, bytes and colour.
    bars: Vec<(String, usize, Colour)>,
}

impl SizesChart {
    /// Lays out the chart of at least one row in `frame`, with the paper's sizes if it `has_paper`.
    pub(crate) fn new(
        rows: &[SizeRow],
        caption: &Caption,
        has_paper: bool,
        frame: Frame,
    ) -> Result<Self, DrawError> {
        let panels: Vec<Panel> = rows.iter().map(|row| panel(row, has_paper)).collect();
        let bars: usize = panels.iter().map(|panel| panel.bars.len()).sum();
        let body = panels.len() as f64 * (HEAD + FOOT) + bars as f64 * ROW;
        let paper = format!(
            "Paper: Xiong, Nguyen, So and Chen (2020): {} bytes a ciphertext, {} ciphertexts of m x m images up and one of \
             each class down, for each of {} plaintext moduli. ",
            thousands(paper::CIPHERTEXT_BYTES as u64),
            "m²",
            paper::PLAINTEXT_MODULI,
        );
        let note = format!("{}MB: 1,000,000 bytes.", if has_paper { &paper } else { "" });
        let subtitle = "Bytes of one batch, serialised, from client to provider and back.";
        Ok(Self {
            page: Page::new(caption, subtitle, &note, (frame.width(WIDTH, MIN_WIDTH), body), frame)?,
            panels,
        })
    }
}

fn panel(row: &SizeRow, has_paper: bool) -> Panel {
    let what = match row.message.as_str() {
        "upload" => "Upload: an encrypted batch",
        "answer" => "Answer: the ensemble's encrypted logits",
        other => other,
    };
    let mut bars = vec![("This run".to_owned(), row.bytes, BLUE)];
    if has_paper {
        let one = row.ciphertexts * paper::CIPHERTEXT_BYTES;
        bars.push(("Paper, one plaintext modulus".to_owned(), one, PAPER));
        bars.push(("Paper, both moduli".to_owned(), paper::PLAINTEXT_MODULI * one, BOTH));
    }
    Panel {
        title: format!(
            "{what}, {} ciphertexts for up to {} images",
            thousands(row.ciphertexts as u64),
            thousands(row.slots as u64)
        ),
        bars,
    }
}

impl Drawing for SizesChart {
    fn size(&self) -> (u32, u32) {
        self.page.size()
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError> {
        let page = &self.page;
        page.draw(canvas)?;
        let (left, right) = (page.left() + NAMES, page.right() - VALUES);
        let mut top = page.top();
        for panel in &self.panels {
            canvas.text(&panel.title, (page.left(), top + 16.0), Align::Left, STRONG)?;
            top += HEAD;
            let most = panel.bars.iter().map(|(_, bytes, _)| megabytes(*bytes)).fold(0.0, f64::max);
            let x = Scale::from_zero(most, (left, right));
            let bottom = top + panel.bars.len() as f64 * ROW;
            for (value, label) in x.ticks() {
                let line = if value == 0.0 { BASE } else { GRID };
                canvas.line((x.position_of(value), top), (x.position_of(value), bottom + 4.0), line)?;
                canvas.text(&label, (x.position_of(value), bottom + 19.0), Align::Centre, LABEL)?;
            }
            canvas.text("MB", (left - 9.0, bottom + 19.0), Align::Right, LABEL)?;
            for (index, (name, bytes, colour)) in panel.bars.iter().enumerate() {
                let (y, end) = (top + index as f64 * ROW, x.position_of(megabytes(*bytes)));
                canvas.rectangle((left, y + 4.0), (end, y + ROW - 4.0), *colour)?;
                let baseline = y + ROW / 2.0 + 4.2;
                canvas.text(name, (left - 9.0, baseline), Align::Right, VALUE)?;
                let value = format!("{} MB", megabytes_text(*bytes));
                canvas.text(&value, (page.right(), baseline), Align::Right, VALUE)?;
            }
            top = bottom + FOOT;
        }
        Ok(())
    }

    fn description(&self) -> String {
        self.page.description().to_owned()
    }
}

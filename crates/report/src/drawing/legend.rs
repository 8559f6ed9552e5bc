//! Legends, arranged in rows that fit the width of a chart.

use plotters::prelude::DrawingBackend;

use crate::data::voter::Voter;
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::error::DrawError;
use crate::drawing::marker::Marker;
use crate::drawing::style::{Colour, Stroke, TextStyle};
use crate::drawing::typeface::{Align, Typeface, Weight};

const NAME: TextStyle = TextStyle { size: 13.0, weight: Weight::Regular, colour: (0x22, 0x22, 0x22) };
const ENSEMBLE: TextStyle = TextStyle { weight: Weight::Bold, ..NAME };
const ROW: f64 = 24.0;
const GAP: f64 = 22.0;

/// Viewers without our font draw letters that are up to this many times wider. Entries reserve the width.
pub(crate) const WIDER_FONT: f64 = 1.08;

/// An entry of a legend.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum LegendEntry {
    /// The marker of a voter.
    Voter(Voter),
    /// The marker of a voter under another name.
    Named(Voter, String),
    /// The marker of a voter on a line of its colour, under another name.
    Series(Voter, String),
    /// Name of the axis whose values are the entries that follow.
    Heading(String),
    /// Meaning of filled markers.
    Filled(String),
    /// Meaning of hollow markers.
    Hollow(String),
    /// Meaning of whiskers.
    Whisker(String),
    /// A dashed line.
    Line {
        /// Meaning of the line.
        name: String,
        stroke: Stroke,
        /// Length of a dash in chart units.
        dash: f64,
    },
    /// A filled area.
    Swatch(String, Colour),
}

impl LegendEntry {
    fn name(&self) -> String {
        match self {
            Self::Voter(voter) => voter.to_string(),
            Self::Filled(text)
            | Self::Hollow(text)
            | Self::Whisker(text)
            | Self::Swatch(text, _)
            | Self::Series(_, text)
            | Self::Named(_, text) => text.clone(),
            Self::Heading(text) => format!("{text}:"),
            Self::Line { name, .. } => name.clone(),
        }
    }

    fn style(&self) -> TextStyle {
        if matches!(self, Self::Voter(Voter::Ensemble)) { ENSEMBLE } else { NAME }
    }

    /// Width of the symbol before the name.
    fn symbol(&self) -> f64 {
        match self {
            Self::Voter(Voter::Ensemble) | Self::Named(Voter::Ensemble, _) | Self::Line { .. } => 30.0,
            Self::Series(..) => 26.0,
            // The text starts at the left end of symbols.
            Self::Heading(_) => -6.0,
            _ => 12.0,
        }
    }

    fn width(&self, typeface: &Typeface) -> f64 {
        self.symbol() + 6.0 + self.style().width(typeface, &self.name()) * WIDER_FONT
    }

    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>, (x, y): Point) -> Result<(), DrawError> {
        let centre = (x + self.symbol() / 2.0, y);
        match self {
            Self::Voter(voter) | Self::Named(voter, _) => {
                let marker = Marker::of(*voter);
                if *voter == Voter::Ensemble {
                    let line = Stroke { colour: marker.colour, width: 2.0 };
                    canvas.line((x, y), (x + self.symbol(), y), line)?;
                }
                marker.draw_filled(canvas, centre)?;
            }
            Self::Series(voter, _) => {
                let marker = Marker::of(*voter);
                let line = Stroke { colour: marker.colour, width: 1.8 };
                canvas.line((x, y), (x + self.symbol(), y), line)?;
                marker.draw_filled(canvas, centre)?;
            }
            Self::Heading(_) => {}
            Self::Filled(_) => Marker::neutral().draw_filled(canvas, centre)?,
            Self::Hollow(_) => Marker::neutral().draw_hollow(canvas, centre)?,
            Self::Whisker(_) => {
                Marker::neutral().draw_whisker(canvas, centre.0, y + 8.0, y - 8.0)?;
                Marker::neutral().draw_filled(canvas, centre)?;
            }
            Self::Line { stroke, dash, .. } => {
                canvas.dashed_line((x, y), (x + self.symbol(), y), *dash, *stroke)?;
            }
            Self::Swatch(_, colour) => canvas.rectangle((x, y - 6.0), (x + 12.0, y + 6.0), *colour)?,
        }
        canvas.text(&self.name(), (x + self.symbol() + 6.0, y + 4.6), Align::Left, self.style())
    }
}

/// The entries of a legend in rows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Legend {
    rows: Vec<Vec<LegendEntry>>,
}

impl Legend {
    /// Fills rows of at most `width` in the given order. A group that does not fit the rest of a row starts a new row. Only a group
    /// wider than a row is split.
    pub(crate) fn arrange(groups: Vec<Vec<LegendEntry>>, typeface: &Typeface, width: f64) -> Self {
        let mut rows: Vec<Vec<LegendEntry>> = Vec::new();
        let mut used = f64::INFINITY;
        for group in groups {
            let whole: f64 = group.iter().map(|entry| entry.width(typeface) + GAP).sum::<f64>() - GAP;
            if used + whole > width {
                used = f64::INFINITY;
            }
            for entry in group {
                let needed = entry.width(typeface);
                if used + needed > width {
                    rows.push(Vec::new());
                    used = 0.0;
                }
                used += needed + GAP;
                if let Some(row) = rows.last_mut() {
                    row.push(entry);
                }
            }
        }
        Self { rows }
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Draws the legend with the middle of its first row at `at`.
    pub(crate) fn draw<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        (left, top): Point,
        typeface: &Typeface,
    ) -> Result<(), DrawError> {
        for (index, row) in self.rows.iter().enumerate() {
            let mut x = left;
            for entry in row {
                entry.draw(canvas, (x, top + index as f64 * ROW))?;
                x += entry.width(typeface) + GAP;
            }
        }
        Ok(())
    }
}

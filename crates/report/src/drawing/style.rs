//! Colours, strokes and text styles that all charts share.

use crate::drawing::typeface::{Typeface, Weight};

/// An opaque colour: red, green, blue.
pub(crate) type Colour = (u8, u8, u8);

/// Colour of a line, and its width in chart units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stroke {
    pub(crate) colour: Colour,
    pub(crate) width: f64,
}

/// Size in chart units, weight and colour of a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TextStyle {
    pub(crate) size: f64,
    pub(crate) weight: Weight,
    pub(crate) colour: Colour,
}

impl TextStyle {
    /// Width of `text` in chart units.
    pub(crate) fn width(&self, typeface: &Typeface, text: &str) -> f64 {
        typeface.width(text, self.weight, self.size)
    }

    /// Breaks `text` into lines of at most `limit` chart units.
    pub(crate) fn wrap(&self, typeface: &Typeface, text: &str, limit: f64) -> Vec<String> {
        typeface.wrap(text, self.weight, self.size, limit)
    }
}

pub(crate) const WHITE: Colour = (255, 255, 255);
pub(crate) const INK: Colour = (0x11, 0x11, 0x11);
pub(crate) const GREY: Colour = (0x55, 0x55, 0x55);
pub(crate) const BAND: Colour = (0xF6, 0xF6, 0xF6);
const ALARM: Colour = (0xB8, 0x3A, 0x00);

// Colours of Okabe and Ito (2008), which people with every common kind of colour vision can tell apart. Their yellow is left out: it is
// too pale on white.
pub(crate) const BLUE: Colour = (0x00, 0x72, 0xB2);
pub(crate) const ORANGE: Colour = (0xE6, 0x9F, 0x00);
pub(crate) const GREEN: Colour = (0x00, 0x9E, 0x73);
pub(crate) const PURPLE: Colour = (0xCC, 0x79, 0xA7);
pub(crate) const SKY: Colour = (0x56, 0xB4, 0xE9);
pub(crate) const VERMILLION: Colour = (0xD5, 0x5E, 0x00);

/// Colour of the paper's values without a voter.
pub(crate) const PAPER: Colour = (0x77, 0x77, 0x77);

pub(crate) const GRID: Stroke = Stroke { colour: (0xDD, 0xDD, 0xDD), width: 0.8 };
pub(crate) const BASE: Stroke = Stroke { colour: (0x88, 0x88, 0x88), width: 1.0 };

pub(crate) const TITLE: TextStyle = TextStyle { size: 19.0, weight: Weight::Bold, colour: INK };
pub(crate) const SUBTITLE: TextStyle = TextStyle { size: 13.0, weight: Weight::Regular, colour: GREY };
pub(crate) const WARNING: TextStyle = TextStyle { size: 14.0, weight: Weight::Bold, colour: ALARM };
pub(crate) const LABEL: TextStyle = TextStyle { size: 12.0, weight: Weight::Regular, colour: GREY };
pub(crate) const VALUE: TextStyle = TextStyle { size: 12.0, weight: Weight::Regular, colour: INK };
pub(crate) const STRONG: TextStyle = TextStyle { size: 12.5, weight: Weight::Bold, colour: INK };
pub(crate) const SMALL: TextStyle = TextStyle { size: 11.0, weight: Weight::Regular, colour: GREY };

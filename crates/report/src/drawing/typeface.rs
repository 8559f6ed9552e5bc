//! Text in the embedded font: widths and pixels.
//!
//! The text drawing of `plotters` drops the left bearing of letters and scales by the line height of the font: words look uneven, and
//! SVG and PNG differ. The text drawing in this file makes both alike and needs no global font registry.

use std::convert::Infallible;

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use plotters_backend::{
    BackendColor, BackendCoord, BackendTextStyle, FontFamily, FontStyle,
    text_anchor::{HPos, Pos, VPos},
};

use crate::drawing::error::DrawError;

/// Font families for SVG viewers, in order of preference. Without quotation marks, which would be escaped in the attribute.
const FAMILY: &str = "Inter, Helvetica Neue, Helvetica, Arial, sans-serif";

/// `plotters-svg` divides a style's size by this to get the CSS font size.
const PLOTTERS_SIZE_PER_EM: f64 = 1.24;

/// The font files that are compiled into the crate.
pub(crate) const REGULAR: &[u8] = include_bytes!("../../fonts/Inter-Regular-subset.otf");
pub(crate) const BOLD: &[u8] = include_bytes!("../../fonts/Inter-Bold-subset.otf");

/// Stroke weight of the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// The embedded font in both weights.
#[derive(Debug, Clone)]
pub(crate) struct Typeface {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

impl Typeface {
    /// Parses the fonts that are compiled into the crate.
    ///
    /// # Errors
    /// If a font file is broken.
    pub(crate) fn embedded() -> Result<Self, DrawError> {
        let parse = |font| FontRef::try_from_slice(font).map_err(|_| DrawError::Font);
        Ok(Self { regular: parse(REGULAR)?, bold: parse(BOLD)? })
    }

    /// Width of `text` in the unit of `em`, the font size.
    pub(crate) fn width(&self, text: &str, weight: Weight, em: f64) -> f64 {
        let font = self.weight(weight);
        let advances: f32 = text.chars().map(|letter| font.h_advance_unscaled(font.glyph_id(letter))).sum();
        f64::from(advances) / f64::from(font.units_per_em().unwrap_or(1000.0)) * em
    }

    /// Breaks `text` at spaces into lines of at most `limit`; a longer word gets a line of its own.
    pub(crate) fn wrap(&self, text: &str, weight: Weight, em: f64, limit: f64) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split(' ') {
            match lines.last_mut() {
                Some(line) if self.width(&format!("{line} {word}"), weight, em) <= limit => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    fn weight(&self, weight: Weight) -> &FontRef<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

/// Alignment of a text: the part of the text that lies at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Centre,
    Right,
}

/// A text style for `plotters` backends. The position of a text is on its baseline.
pub(crate) struct BackendText<'a> {
    pub(crate) typeface: &'a Typeface,
    pub(crate) weight: Weight,
    /// Font size in the backend's pixels.
    pub(crate) em: f64,
    pub(crate) colour: BackendColor,
    pub(crate) align: Align,
}

impl BackendTextStyle for BackendText<'_> {
    type FontError = Infallible;

    fn color(&self) -> BackendColor {
        self.colour
    }

    fn size(&self) -> f64 {
        self.em * PLOTTERS_SIZE_PER_EM
    }

    fn style(&self) -> FontStyle {
        match self.weight {
            Weight::Regular => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        }
    }

    fn anchor(&self) -> Pos {
        let h_pos = match self.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        Pos::new(h_pos, VPos::Top)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(FAMILY)
    }

    fn layout_box(&self, text: &str) -> Result<((i32, i32), (i32, i32)), Infallible> {
        let width = self.typeface.width(text, self.weight, self.em).round();
        // The height is 0: with the anchor on top, the position stays on the baseline. A text is narrower than a picture, so its
        // width fits an i32.
        Ok(((0, 0), (width as i32, 0)))
    }

    fn draw<E, DrawFunc: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        (x, y): BackendCoord,
        mut draw: DrawFunc,
    ) -> Result<Result<(), E>, Infallible> {
        let font = self.typeface.weight(self.weight);
        // `ab_glyph` scales by line height, CSS by the em. The ratio of the two makes `em` mean the same in both.
        let units_per_em = font.units_per_em().unwrap_or(1000.0);
        let scale = PxScale::from(self.em as f32 * font.height_unscaled() / units_per_em);
        let scaled = font.as_scaled(scale);
        let mut caret = 0.0;
        for letter in text.chars() {
            let id = font.glyph_id(letter);
            let glyph = Glyph { id, scale, position: point(x as f32 + caret, y as f32) };
            caret += scaled.h_advance(id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            let mut outcome = Ok(());
            outline.draw(|dx, dy, coverage| {
                if outcome.is_ok() {
                    outcome = draw(
                        corner.x as i32 + dx as i32,
                        corner.y as i32 + dy as i32,
                        self.colour.mix(f64::from(coverage.clamp(0.0, 1.0))),
                    );
                }
            });
            if outcome.is_err() {
                return Ok(outcome);
            }
        }
        Ok(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_keep_every_word_within_the_limit() {
        let typeface = Typeface::embedded().unwrap();
        let text = "60,000 images classified under encryption; 0 logits differ from the integer oracle.";
        let lines = typeface.wrap(text, Weight::Regular, 13.0, 200.0);
        assert!(lines.len() > 1);
        assert_eq!(lines.join(" "), text);
        for line in lines {
            assert!(typeface.width(&line, Weight::Regular, 13.0) <= 200.0, "{line}");
        }
    }

    #[test]
    fn the_shipped_subset_has_every_letter_that_charts_use() {
        let typeface = Typeface::embedded().unwrap();
        for weight in [Weight::Regular, Weight::Bold] {
            let font = typeface.weight(weight);
            for letter in (' '..='~').chain(['–', '×', '·', 'é']) {
                assert_ne!(font.glyph_id(letter).0, 0, "{letter:?} is missing in {weight:?}");
            }
        }
    }
}

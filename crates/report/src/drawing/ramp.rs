//! Colour ramps: light for small numbers, dark for large numbers, of one hue, so that they work in greyscale print.

use plotters::prelude::DrawingBackend;

use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::error::DrawError;
use crate::drawing::style::{BLUE, Colour, INK, LABEL, VERMILLION, WHITE};
use crate::drawing::typeface::Align;

/// A colour ramp: its lightest, its purest and its darkest colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ramp([Colour; 3]);

/// A ramp for amounts.
pub(crate) const BLUES: Ramp = Ramp([(0xF3, 0xF8, 0xFC), BLUE, (0x00, 0x2F, 0x52)]);

/// A ramp for deficits.
pub(crate) const REDS: Ramp = Ramp([(0xFE, 0xF8, 0xF3), VERMILLION, (0x6B, 0x22, 0x00)]);

/// Position of the purest colour, between 0 and 1.
const PURE: f64 = 0.7;

/// Number of shades in a key, and width of each in chart units.
const STEPS: u32 = 40;
const STEP: f64 = 3.5;

impl Ramp {
    /// Width of a key without its texts.
    pub(crate) const KEY_WIDTH: f64 = STEPS as f64 * STEP;

    /// The colour at `part`, between 0 (light) and 1 (dark).
    pub(crate) fn colour(&self, part: f64) -> Colour {
        let [light, pure, dark] = self.0;
        let part = part.clamp(0.0, 1.0);
        if part < PURE {
            mix(light, pure, part / PURE)
        } else {
            mix(pure, dark, (part - PURE) / (1.0 - PURE))
        }
    }

    /// The colour of letters on the colour at `part`.
    pub(crate) fn ink(&self, part: f64) -> Colour {
        let (red, green, blue) = self.colour(part);
        // Perceived brightness (ITU-R BT.601).
        let brightness = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
        if brightness < 140.0 { WHITE } else { INK }
    }

    /// Draws a key of the shades. `low` is the text at the light end with its width; `high` is the text at the dark end.
    pub(crate) fn draw_key<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        (left, middle): Point,
        low: (&str, f64),
        high: &str,
    ) -> Result<(), DrawError> {
        let (low, low_width) = low;
        canvas.text(low, (left, middle + 4.2), Align::Left, LABEL)?;
        let start = left + low_width + 8.0;
        for step in 0..STEPS {
            let x = start + f64::from(step) * STEP;
            let shade = self.colour((f64::from(step) + 0.5) / f64::from(STEPS));
            // A small overlap, so that no background shows between shades.
            canvas.rectangle((x, middle - 6.0), (x + STEP + 0.1, middle + 6.0), shade)?;
        }
        let end = start + f64::from(STEPS) * STEP;
        canvas.text(high, (end + 8.0, middle + 4.2), Align::Left, LABEL)
    }
}

fn mix(from: Colour, to: Colour, part: f64) -> Colour {
    // The result lies between two bytes.
    let mixed = |from: u8, to: u8| (f64::from(from) + (f64::from(to) - f64::from(from)) * part).round() as u8;
    (mixed(from.0, to.0), mixed(from.1, to.1), mixed(from.2, to.2))
}

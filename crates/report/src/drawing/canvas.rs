//! A canvas that draws in chart units on any `plotters` backend.
//!
//! Backends count whole pixels. The backend of a canvas is `scale` times finer than the chart, so positions and widths may be
//! fractions of a chart unit.

use plotters_backend::{BackendColor, BackendCoord, BackendStyle, DrawingBackend};

use crate::drawing::error::DrawError;
use crate::drawing::style::{Colour, Stroke, TextStyle};
use crate::drawing::typeface::{Align, BackendText, Typeface};

/// A point on the chart: units from the left, units from the top.
pub(crate) type Point = (f64, f64);

/// A backend with chart units as coordinates.
pub(crate) struct Canvas<'a, B: DrawingBackend> {
    backend: B,
    scale: f64,
    typeface: &'a Typeface,
}

type Drawn = Result<(), DrawError>;

impl<'a, B: DrawingBackend> Canvas<'a, B> {
    /// A canvas whose unit is `scale` pixels of `backend`.
    pub(crate) fn new(backend: B, scale: f64, typeface: &'a Typeface) -> Self {
        Self { backend, scale, typeface }
    }

    /// Writes everything drawn to the backend's target.
    pub(crate) fn finish(mut self) -> Drawn {
        self.backend.present().map_err(DrawError::from_backend)
    }

    /// Draws a filled rectangle between two corners.
    pub(crate) fn rectangle(&mut self, top_left: Point, bottom_right: Point, colour: Colour) -> Drawn {
        let (from, to) = (self.pixel(top_left), self.pixel(bottom_right));
        self.backend.draw_rect(from, to, &opaque(colour), true).map_err(DrawError::from_backend)
    }

    /// Draws a straight line.
    pub(crate) fn line(&mut self, from: Point, to: Point, stroke: Stroke) -> Drawn {
        let (from, to, pen) = (self.pixel(from), self.pixel(to), self.pen(stroke));
        self.backend.draw_line(from, to, &pen).map_err(DrawError::from_backend)
    }

    /// Draws a straight dashed line. Dashes and gaps are `dash` chart units long.
    pub(crate) fn dashed_line(&mut self, from: Point, to: Point, dash: f64, stroke: Stroke) -> Drawn {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        let along = |at: f64| (from.0 + dx * at / length, from.1 + dy * at / length);
        let mut start = 0.0;
        while start < length {
            self.line(along(start), along((start + dash).min(length)), stroke)?;
            start += 2.0 * dash;
        }
        Ok(())
    }

    /// Draws a filled polygon.
    pub(crate) fn polygon(&mut self, corners: &[Point], colour: Colour) -> Drawn {
        let corners: Vec<_> = corners.iter().map(|&corner| self.pixel(corner)).collect();
        self.backend.fill_polygon(corners, &opaque(colour)).map_err(DrawError::from_backend)
    }

    /// Draws a text whose baseline runs through `at`.
    pub(crate) fn text(&mut self, text: &str, at: Point, align: Align, style: TextStyle) -> Drawn {
        let position = self.pixel(at);
        let lettering = BackendText {
            typeface: self.typeface,
            weight: style.weight,
            em: style.size * self.scale,
            colour: opaque(style.colour),
            align,
        };
        self.backend.draw_text(text, &lettering, position).map_err(DrawError::from_backend)
    }

    fn pixel(&self, (x, y): Point) -> BackendCoord {
        // Charts are a few thousand units wide and scales below 100: both coordinates fit an i32.
        ((x * self.scale).round() as i32, (y * self.scale).round() as i32)
    }

    fn pen(&self, stroke: Stroke) -> Pen {
        Pen { colour: opaque(stroke.colour), width: (stroke.width * self.scale).round().max(1.0) as u32 }
    }
}

struct Pen {
    colour: BackendColor,
    width: u32,
}

impl BackendStyle for Pen {
    fn color(&self) -> BackendColor {
        self.colour
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

fn opaque(rgb: Colour) -> BackendColor {
    BackendColor { alpha: 1.0, rgb }
}

//! Draws lines as grey pixels, with a random pen.

use rand::Rng;
use std::f32::consts::TAU;

use crate::synthetic::curve::Point;
use crate::synthetic::hand::spread;

/// Median of half the width of the pen, in pixels.
const RADIUS: f32 = 1.05;
/// Standard deviation of the logarithm of the width of the pen.
const RADIUS_SPREAD: f32 = 0.26;
/// Relative change of the width by pressure along a stroke.
const PRESSURE: f32 = 0.22;
/// Largest weight of the blurred image in the result.
const BLUR: f32 = 0.6;
/// Smallest darkness of the ink, as a fraction of full ink.
const LIGHTEST: f32 = 0.85;
/// Standard deviation of the noise of full ink, in grey levels.
const GRAIN: f32 = 14.0;

/// Draws `lines`, in pixels, with one random pen. Returns a square image of `side * side` pixels.
#[expect(clippy::indexing_slicing, reason = "`windows(2)` yields pairs")]
pub(super) fn draw(lines: &[Vec<Point>], side: usize, rng: &mut impl Rng) -> Vec<u8> {
    let mut ink = vec![0.0; side * side];
    let radius = RADIUS * (RADIUS_SPREAD * spread(rng)).exp();
    for line in lines {
        let pressure = Pressure::random(radius, line.len(), rng);
        for (i, ends) in line.windows(2).enumerate() {
            stamp(&mut ink, side, ends[0], ends[1], pressure.at(i));
        }
    }
    let blurred = blur(&ink, side);
    let share = rng.random_range(0.0..BLUR);
    let full = 255.0 * rng.random_range(LIGHTEST..1.0);
    ink.iter()
        .zip(&blurred)
        .map(|(&sharp, &soft)| {
            let value = full * (sharp + share * (soft - sharp));
            // Background has no noise, as in MNIST.
            let grain = if value > 1.0 { GRAIN * spread(rng) } else { 0.0 };
            // The cast from float to `u8` clips to 0..=255.
            (value + grain * value / 255.0).round() as u8
        })
        .collect()
}

/// Half the width of the pen along a stroke.
struct Pressure {
    radius: f32,
    phase: f32,
    step: f32,
}

impl Pressure {
    fn random(radius: f32, points: usize, rng: &mut impl Rng) -> Self {
        let phase = rng.random_range(0.0..TAU);
        // The phase advances by at most one period in a stroke.
        let step = rng.random_range(0.0..TAU) / points as f32;
        Self { radius, phase, step }
    }

    fn at(&self, piece: usize) -> f32 {
        self.radius * (1.0 + PRESSURE * (self.phase + self.step * piece as f32).sin())
    }
}

/// Draws a straight piece: inks all pixels whose centre is within `radius` of it, with an edge one pixel wide.
#[expect(
    clippy::indexing_slicing,
    reason = "rows and columns are below `side`, and `ink` has `side * side` pixels"
)]
fn stamp(ink: &mut [f32], side: usize, from: Point, to: Point, radius: f32) {
    let reach = radius + 0.5;
    // Pixel `i` has its centre at `i + 0.5`. The cast from float to `usize` saturates at 0.
    let first = |low: f32| (low - reach).floor() as usize;
    let beyond = |high: f32| ((high + reach).ceil() as usize).min(side);
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let length_squared = (dx * dx + dy * dy).max(f32::MIN_POSITIVE);
    for row in first(from.y.min(to.y))..beyond(from.y.max(to.y)) {
        for column in first(from.x.min(to.x))..beyond(from.x.max(to.x)) {
            let (px, py) = (column as f32 + 0.5 - from.x, row as f32 + 0.5 - from.y);
            let along = ((px * dx + py * dy) / length_squared).clamp(0.0, 1.0);
            let distance = (px - along * dx).hypot(py - along * dy);
            let pixel = &mut ink[row * side + column];
            *pixel = pixel.max((reach - distance).clamp(0.0, 1.0));
        }
    }
}

/// Applies a 3 x 3 binomial filter. Pixels outside the image count as 0.
#[expect(clippy::indexing_slicing, reason = "neighbours are read only within the row or column")]
fn blur(ink: &[f32], side: usize) -> Vec<f32> {
    let pass = |source: &[f32], stride: usize, position: fn(usize, usize) -> usize| -> Vec<f32> {
        (0..source.len())
            .map(|i| {
                let at = position(i, side);
                let before = if at > 0 { source[i - stride] } else { 0.0 };
                let after = if at + 1 < side { source[i + stride] } else { 0.0 };
                0.25 * before + 0.5 * source[i] + 0.25 * after
            })
            .collect()
    };
    let rows = pass(ink, 1, |i, side| i % side);
    pass(&rows, side, |i, side| i / side)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 9;

    #[test]
    fn a_stroke_inks_the_pixels_under_it_and_no_others() {
        let mut ink = vec![0.0; SIDE * SIDE];
        stamp(&mut ink, SIDE, Point { x: 2.5, y: 4.5 }, Point { x: 6.5, y: 4.5 }, 1.0);
        for (i, &value) in ink.iter().enumerate() {
            let (row, column) = (i / SIDE, i % SIDE);
            let expected = match (row, column) {
                (4, 2..=6) => 1.0,
                (3 | 5, 2..=6) | (4, 1 | 7) => 0.5,
                _ => continue,
            };
            assert_eq!(value, expected, "row {row}, column {column}");
        }
        assert_eq!(ink[2 * SIDE + 4], 0.0);
        assert_eq!(ink[0], 0.0);
    }

    #[test]
    fn a_stroke_that_leaves_the_image_is_cut_off() {
        let mut ink = vec![0.0; SIDE * SIDE];
        stamp(&mut ink, SIDE, Point { x: -40.0, y: -40.0 }, Point { x: 60.0, y: 60.0 }, 1.0);
        stamp(&mut ink, SIDE, Point { x: -9.0, y: 3.0 }, Point { x: -5.0, y: 3.0 }, 1.0);
        stamp(&mut ink, SIDE, Point { x: 30.0, y: 3.0 }, Point { x: 35.0, y: 3.0 }, 1.0);
        assert!((0..SIDE).all(|i| ink[i * SIDE + i] == 1.0));
        assert_eq!(ink[SIDE - 1], 0.0);
    }

    #[test]
    fn blurring_keeps_the_ink_of_what_is_away_from_the_edge() {
        let mut ink = vec![0.0; SIDE * SIDE];
        ink[4 * SIDE + 4] = 1.0;
        let blurred = blur(&ink, SIDE);
        assert_eq!(blurred.iter().sum::<f32>(), 1.0);
        assert_eq!(blurred[4 * SIDE + 4], 0.25);
    }
}

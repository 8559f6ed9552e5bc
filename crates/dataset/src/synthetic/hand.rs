//! Random distortions that make two digits of one style differ.

use rand::Rng;
use std::f32::consts::{PI, TAU};

use crate::synthetic::curve::{Point, flatten};
use crate::synthetic::glyphs::{Glyph, Node};

/// Sizes of the distortions. Spreads are standard deviations.
///
/// The sizes make the digits about as hard as MNIST (see the table in the parent module).
struct Hand {
    /// Spread of the position of each node, in heights of the digit.
    node_jitter: f32,
    /// Spread of the logarithm of width over height.
    aspect: f32,
    /// Mean and spread of the slant, as horizontal offset per height. People slant to the right.
    slant: (f32, f32),
    /// Spread of the rotation, in radians.
    rotation: f32,
    /// Largest displacement by each elastic wave, in heights of the digit.
    elastic: f32,
    /// Spread of the logarithm of the size.
    size: f32,
    /// Spread of the position, in pixels.
    shift: f32,
}

const HAND: Hand = Hand {
    node_jitter: 0.034,
    aspect: 0.16,
    slant: (0.12, 0.20),
    rotation: 0.13,
    elastic: 0.035,
    size: 0.07,
    shift: 0.8,
};

/// Side of the box that a digit fills, as a fraction of the side of the image: 20 of 28 pixels in MNIST.
const BOX_OF_SIDE: f32 = 20.0 / 28.0;

/// Number of elastic waves that are added. Three waves make no visible pattern.
const WAVES: usize = 3;

/// Draws a nearly normal random number of mean 0 and variance 1, within -3..=3.
pub(super) fn spread(rng: &mut impl Rng) -> f32 {
    // The sum of three uniform numbers has variance 3/12.
    2.0 * (rng.random::<f32>() + rng.random::<f32>() + rng.random::<f32>() - 1.5)
}

/// Distorts the strokes of a glyph at random. Returns lines in pixels of an image of `side` pixels.
pub(super) fn write(glyph: Glyph, side: f32, rng: &mut impl Rng) -> Vec<Vec<Point>> {
    let mut lines: Vec<Vec<Point>> = glyph
        .iter()
        .map(|stroke| {
            let nodes: Vec<Node> = stroke
                .iter()
                .map(|node| Node {
                    x: node.x + HAND.node_jitter * spread(rng),
                    y: node.y + HAND.node_jitter * spread(rng),
                    corner: node.corner,
                })
                .collect();
            let mut line = Vec::new();
            flatten(&nodes, &mut line);
            line
        })
        .collect();
    warp(&mut lines, rng);
    tilt(&mut lines, rng);
    place(&mut lines, side, rng);
    lines
}

/// Applies an elastic distortion: a sum of plane waves moves neighbouring points alike and distant points differently.
fn warp(lines: &mut [Vec<Point>], rng: &mut impl Rng) {
    for _ in 0..WAVES {
        let heading = rng.random_range(0.0..TAU);
        let (along_y, along_x) = heading.sin_cos();
        // Between half a wave and one wave fit across the digit.
        let frequency = rng.random_range(PI..TAU);
        let phase = rng.random_range(0.0..TAU);
        let (move_x, move_y) = (HAND.elastic * spread(rng), HAND.elastic * spread(rng));
        for point in lines.iter_mut().flatten() {
            let wave = (frequency * (along_x * point.x + along_y * point.y) + phase).sin();
            point.x += move_x * wave;
            point.y += move_y * wave;
        }
    }
}

/// Applies a random stretch, slant and rotation.
fn tilt(lines: &mut [Vec<Point>], rng: &mut impl Rng) {
    let aspect = (HAND.aspect * spread(rng)).exp();
    let slant = HAND.slant.0 + HAND.slant.1 * spread(rng);
    let (sin, cos) = (HAND.rotation * spread(rng)).sin_cos();
    for point in lines.iter_mut().flatten() {
        let x = aspect * point.x - slant * point.y;
        *point = Point { x: cos * x - sin * point.y, y: sin * x + cos * point.y };
    }
}

/// Scales the digit to MNIST's box, then changes size and position at random.
fn place(lines: &mut [Vec<Point>], side: f32, rng: &mut impl Rng) {
    let far = Point { x: f32::INFINITY, y: f32::INFINITY };
    let (low, high) = lines.iter().flatten().fold((far, Point { x: -far.x, y: -far.y }), |(low, high), p| {
        (Point { x: low.x.min(p.x), y: low.y.min(p.y) }, Point { x: high.x.max(p.x), y: high.y.max(p.y) })
    });
    let extent = (high.x - low.x).max(high.y - low.y);
    let scale = side * BOX_OF_SIDE / extent * (HAND.size * spread(rng)).exp();
    let shift = Point { x: HAND.shift * spread(rng), y: HAND.shift * spread(rng) };
    let (middle_x, middle_y) = (0.5 * (low.x + high.x), 0.5 * (low.y + high.y));
    for point in lines.iter_mut().flatten() {
        point.x = scale * (point.x - middle_x) + 0.5 * side + shift.x;
        point.y = scale * (point.y - middle_y) + 0.5 * side + shift.y;
    }
}

//! Markers of voters. Each voter has a shape and a colour, so that two voters can be told apart in greyscale print and with every
//! kind of colour vision.

use std::f64::consts::{PI, TAU};

use plotters::prelude::DrawingBackend;

use crate::data::voter::Voter;
use crate::drawing::canvas::{Canvas, Point};
use crate::drawing::error::DrawError;
use crate::drawing::style::{
    BLUE, Colour, GREEN, INK, ORANGE, PAPER, PURPLE, SKY, Stroke, VERMILLION, WHITE,
};

/// Colours of members. The ensemble is black.
const PALETTE: [Colour; 6] = [BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION];

/// Shapes of members. There are more shapes than colours, so a pair of shape and colour repeats only after all shapes.
const SHAPES: [Shape; 12] = [
    Shape::Regular { corners: 4, turn: 0.5 }, // square
    Shape::Regular { corners: 3, turn: 0.0 }, // triangle
    Shape::Regular { corners: 4, turn: 0.0 }, // diamond
    Shape::Regular { corners: 3, turn: 0.5 }, // triangle on its point
    Shape::Cross { turn: 0.0 },               // plus
    Shape::Star { points: 5 },
    Shape::Cross { turn: 0.5 }, // saltire
    Shape::Regular { corners: 3, turn: 0.25 },
    Shape::Regular { corners: 5, turn: 0.0 },
    Shape::Star { points: 4 },
    Shape::Regular { corners: 3, turn: 0.75 },
    Shape::Star { points: 8 },
];

const CIRCLE: Shape = Shape::Regular { corners: 40, turn: 0.0 };

#[derive(Debug, Clone, Copy)]
enum Shape {
    /// A regular polygon; `turn` is in steps of corners, from a corner on top.
    Regular { corners: u32, turn: f64 },
    /// A star with a point on top.
    Star { points: u32 },
    /// A plus sign, turned by `turn` quarters.
    Cross { turn: f64 },
}

impl Shape {
    /// Distance of the sides from the centre for radius 1. Sides of stars and crosses differ; the value lies between their
    /// distances.
    fn side_distance(self) -> f64 {
        match self {
            Self::Regular { corners, .. } => self.reach() * (PI / f64::from(corners)).cos(),
            Self::Star { .. } | Self::Cross { .. } => 0.7,
        }
    }

    /// Distance of the outermost corners from the centre for radius 1. All shapes have about the same area.
    fn reach(self) -> f64 {
        match self {
            // A triangle of equal area looks too large.
            Self::Regular { corners: 3, .. } => 1.37,
            Self::Regular { corners, .. } => {
                let corners = f64::from(corners);
                0.96 * (PI / (0.5 * corners * (TAU / corners).sin())).sqrt()
            }
            Self::Star { points: 8 } => 1.3,
            Self::Star { .. } => 1.45,
            Self::Cross { .. } => 1.25,
        }
    }
}

/// Shape, colour and size of a voter's points.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marker {
    pub(crate) colour: Colour,
    shape: Shape,
    radius: f64,
}

impl Marker {
    /// The marker of a voter.
    #[expect(clippy::indexing_slicing, reason = "a remainder is smaller than the length it divides by")]
    pub(crate) fn of(voter: Voter) -> Self {
        match voter {
            Voter::Member(number) => {
                let index = number.saturating_sub(1);
                Self {
                    colour: PALETTE[index % PALETTE.len()],
                    shape: SHAPES[index % SHAPES.len()],
                    radius: 4.6,
                }
            }
            Voter::Ensemble => Self { colour: INK, shape: CIRCLE, radius: 5.6 },
        }
    }

    /// A grey square, for legend entries that hold for every voter.
    pub(crate) fn neutral() -> Self {
        Self { colour: PAPER, shape: SHAPES[0], radius: 4.6 }
    }

    /// Draws the marker filled, with a thin white edge that separates it from lines and neighbours.
    pub(crate) fn draw_filled<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        centre: Point,
    ) -> Result<(), DrawError> {
        canvas.polygon(&self.corners(centre, 1.0), WHITE)?;
        canvas.polygon(&self.corners(centre, 0.0), self.colour)
    }

    /// Draws the marker as an outline around white.
    pub(crate) fn draw_hollow<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        centre: Point,
    ) -> Result<(), DrawError> {
        // Two nested polygons, since `plotters` draws the joints of short thick lines badly.
        canvas.polygon(&self.corners(centre, 0.2), self.colour)?;
        canvas.polygon(&self.corners(centre, -1.2), WHITE)
    }

    /// Draws a vertical line with short ends from `low` to `high`.
    pub(crate) fn draw_whisker<B: DrawingBackend>(
        &self,
        canvas: &mut Canvas<'_, B>,
        x: f64,
        low: f64,
        high: f64,
    ) -> Result<(), DrawError> {
        let stroke = Stroke { colour: self.colour, width: 1.4 };
        canvas.line((x, low), (x, high), stroke)?;
        for end in [low, high] {
            canvas.line((x - 3.5, end), (x + 3.5, end), stroke)?;
        }
        Ok(())
    }

    /// Corners of the marker around `centre`, with sides moved outwards by `grown` units.
    fn corners(&self, (x, y): Point, grown: f64) -> Vec<Point> {
        let radius = self.radius + grown / self.shape.side_distance();
        self.unit_corners().into_iter().map(|(dx, dy)| (x + radius * dx, y + radius * dy)).collect()
    }

    /// Corners around the origin for radius 1.
    fn unit_corners(&self) -> Vec<Point> {
        let polar = |radius: f64, angle: f64| (radius * angle.sin(), -radius * angle.cos());
        let reach = self.shape.reach();
        match self.shape {
            Shape::Regular { corners, turn } => {
                let step = TAU / f64::from(corners);
                // A quarter turn of a triangle is a quarter of a circle, not of a step.
                let angle = if corners == 3 { turn * TAU } else { turn * step };
                (0..corners).map(|corner| polar(reach, angle + f64::from(corner) * step)).collect()
            }
            Shape::Star { points } => {
                let inner = if points == 8 { 0.75 } else { 0.62 };
                let step = PI / f64::from(points);
                (0..2 * points)
                    .map(|corner| {
                        polar(if corner % 2 == 0 { reach } else { inner }, f64::from(corner) * step)
                    })
                    .collect()
            }
            Shape::Cross { turn } => {
                let half = reach / 3.0;
                let quarter = [(-half, -reach), (half, -reach), (half, -half)];
                (0..4)
                    .flat_map(|side| {
                        let (sin, cos) = ((f64::from(side) + turn) * TAU / 4.0).sin_cos();
                        quarter.map(|(x, y)| (x * cos - y * sin, x * sin + y * cos))
                    })
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_twelve_members_and_the_ensemble_share_a_shape() {
        let outlines: Vec<String> = (1..=12)
            .map(Voter::Member)
            .chain([Voter::Ensemble])
            .map(|voter| {
                let mut corners: Vec<String> = Marker::of(voter)
                    .unit_corners()
                    .iter()
                    .map(|(x, y)| format!("{:.2},{:.2}", x + 0.001, y + 0.001))
                    .collect();
                corners.sort();
                corners.join(" ")
            })
            .collect();
        for (index, outline) in outlines.iter().enumerate() {
            assert!(!outlines[..index].contains(outline), "marker {index} repeats an earlier shape");
        }
    }
}

//! Smooth curves through the nodes of a stroke.

use crate::synthetic::glyphs::Node;

/// A point of the plane, in heights of the digit or in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f32,
    pub(super) y: f32,
}

/// Number of straight pieces between two nodes. A piece is about two pixels long, so the line looks like a curve.
const PIECES: u8 = 6;

/// Appends to `points` a line through all `nodes`, smooth except at corners.
///
/// The line is a Catmull-Rom spline that is interrupted at the corners.
#[expect(
    clippy::indexing_slicing,
    reason = "nodes `i` and `i + 1` exist, and their neighbours are read only where they exist"
)]
pub(super) fn flatten(nodes: &[Node], points: &mut Vec<Point>) {
    let at = |i: usize| Point { x: nodes[i].x, y: nodes[i].y };
    points.push(at(0));
    for i in 0..nodes.len() - 1 {
        let (from, to) = (at(i), at(i + 1));
        // At an end or a corner there is no neighbour. Repeating the node makes the curve start straight.
        let before = if i == 0 || nodes[i].corner { from } else { at(i - 1) };
        let after = if i + 2 == nodes.len() || nodes[i + 1].corner { to } else { at(i + 2) };
        for piece in 1..=PIECES {
            let t = f32::from(piece) / f32::from(PIECES);
            points.push(Point {
                x: catmull_rom(before.x, from.x, to.x, after.x, t),
                y: catmull_rom(before.y, from.y, to.y, after.y, t),
            });
        }
    }
}

fn catmull_rom(before: f32, from: f32, to: f32, after: f32, t: f32) -> f32 {
    let slope_from = 0.5 * (to - before);
    let slope_to = 0.5 * (after - from);
    let step = to - from;
    let quadratic = 3.0 * step - 2.0 * slope_from - slope_to;
    let cubic = slope_from + slope_to - 2.0 * step;
    from + t * (slope_from + t * (quadratic + t * cubic))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODES: [Node; 4] = [
        Node { x: 0.0, y: 0.0, corner: false },
        Node { x: 1.0, y: 0.5, corner: false },
        Node { x: 1.0, y: 1.0, corner: true },
        Node { x: 0.0, y: 1.0, corner: false },
    ];

    #[test]
    fn a_curve_passes_its_nodes() {
        let mut points = Vec::new();
        flatten(&NODES, &mut points);
        assert_eq!(points.len(), 3 * usize::from(PIECES) + 1);
        for (node, point) in NODES.iter().zip(points.iter().step_by(usize::from(PIECES))) {
            assert!((node.x - point.x).abs() < 1e-6 && (node.y - point.y).abs() < 1e-6);
        }
    }

    #[test]
    fn a_corner_does_not_bend_the_next_straight_piece() {
        let mut points = Vec::new();
        flatten(&NODES, &mut points);
        let last_piece = &points[2 * usize::from(PIECES)..];
        assert!(last_piece.iter().all(|p| (p.y - 1.0).abs() < 1e-6));
    }
}

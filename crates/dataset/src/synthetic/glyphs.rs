//! The ten digits in several handwritten styles, each as a few pen strokes.

/// A point of a stroke in a box one unit wide and high. x points to the right, y downwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) x: f32,
    pub(super) y: f32,
    /// True if the stroke has a corner here. Elsewhere it is smooth.
    pub(super) corner: bool,
}

/// One movement of the pen from touching the paper to leaving it.
pub(super) type Stroke = &'static [Node];

/// One way of writing a digit.
pub(super) type Glyph = &'static [Stroke];

/// A smooth node.
const fn s(x: f32, y: f32) -> Node {
    Node { x, y, corner: false }
}

/// A corner.
const fn c(x: f32, y: f32) -> Node {
    Node { x, y, corner: true }
}

/// Styles of digit `d` at index `d`. All styles of a digit are equally frequent; a style that should be more frequent is
/// listed more than once.
pub(super) const STYLES: [&[Glyph]; 10] = [ZERO, ONE, TWO, THREE, FOUR, FIVE, SIX, SEVEN, EIGHT, NINE];

// Several nodes a line: a stroke is read as a whole.
#[rustfmt::skip]
const ZERO: &[Glyph] = &[
    // Round, closed.
    &[&[
        s(0.54, 0.02), s(0.30, 0.10), s(0.17, 0.44), s(0.25, 0.82), s(0.50, 0.98), s(0.75, 0.84),
        s(0.83, 0.50), s(0.73, 0.14), s(0.50, 0.03),
    ]],
    // Narrow, the end crossing the start.
    &[&[
        s(0.60, 0.06), s(0.40, 0.08), s(0.27, 0.45), s(0.32, 0.85), s(0.50, 0.97), s(0.68, 0.80),
        s(0.72, 0.42), s(0.60, 0.10), s(0.42, 0.12),
    ]],
    // Begun at the left, left a little open at the top.
    &[&[
        s(0.36, 0.10), s(0.18, 0.38), s(0.20, 0.75), s(0.46, 0.97), s(0.76, 0.82), s(0.84, 0.45),
        s(0.70, 0.12), s(0.50, 0.06),
    ]],
];

#[rustfmt::skip]
const ONE: &[Glyph] = &[
    // A bare stroke.
    &[&[s(0.51, 0.00), s(0.50, 0.50), s(0.49, 1.00)]],
    &[&[s(0.50, 0.00), s(0.51, 0.50), s(0.50, 1.00)]],
    // With an upstroke.
    &[&[s(0.34, 0.20), c(0.53, 0.00), s(0.52, 0.50), s(0.51, 1.00)]],
    // With an upstroke and a foot.
    &[&[s(0.32, 0.22), c(0.52, 0.00), s(0.51, 0.50), s(0.50, 0.98)], &[s(0.26, 0.98), s(0.76, 0.97)]],
];

#[rustfmt::skip]
const TWO: &[Glyph] = &[
    // Sharp at the bottom left.
    &[&[
        s(0.20, 0.22), s(0.36, 0.04), s(0.62, 0.03), s(0.77, 0.22), s(0.68, 0.47), s(0.44, 0.73),
        c(0.18, 0.96), s(0.50, 0.96), s(0.86, 0.94),
    ]],
    // With a loop at the bottom left.
    &[&[
        s(0.22, 0.18), s(0.42, 0.02), s(0.68, 0.08), s(0.72, 0.32), s(0.52, 0.64), s(0.28, 0.93),
        s(0.12, 0.90), s(0.22, 0.76), s(0.48, 0.86), s(0.70, 0.96), s(0.90, 0.88),
    ]],
    // Swan-necked, the foot wavy.
    &[&[
        s(0.24, 0.26), s(0.30, 0.08), s(0.54, 0.00), s(0.74, 0.14), s(0.70, 0.40), s(0.46, 0.70),
        c(0.16, 0.93), s(0.40, 0.88), s(0.64, 0.97), s(0.88, 0.92),
    ]],
];

#[rustfmt::skip]
const THREE: &[Glyph] = &[
    // Two bows.
    &[&[
        s(0.22, 0.12), s(0.44, 0.01), s(0.71, 0.10), s(0.69, 0.32), c(0.42, 0.46), s(0.69, 0.54),
        s(0.79, 0.75), s(0.60, 0.96), s(0.36, 0.97), s(0.17, 0.85),
    ]],
    // The bows joined by a small loop.
    &[&[
        s(0.25, 0.08), s(0.50, 0.00), s(0.72, 0.12), s(0.64, 0.36), s(0.44, 0.49), s(0.38, 0.44),
        s(0.50, 0.42), s(0.72, 0.58), s(0.74, 0.82), s(0.52, 0.98), s(0.18, 0.92),
    ]],
    // A flat top.
    &[&[
        s(0.20, 0.04), c(0.73, 0.03), c(0.43, 0.41), s(0.70, 0.49), s(0.80, 0.71), s(0.62, 0.94),
        s(0.36, 0.98), s(0.16, 0.87),
    ]],
];

#[rustfmt::skip]
const FOUR: &[Glyph] = &[
    // Open at the top.
    &[
        &[s(0.26, 0.03), s(0.21, 0.28), c(0.18, 0.53), s(0.50, 0.53), s(0.86, 0.50)],
        &[s(0.72, 0.04), s(0.69, 0.50), s(0.65, 1.00)],
    ],
    // Open, the left side rounded into the bar.
    &[
        &[s(0.24, 0.05), s(0.19, 0.34), s(0.32, 0.52), s(0.58, 0.48), s(0.80, 0.40)],
        &[s(0.76, 0.02), s(0.70, 0.50), s(0.66, 1.00)],
    ],
    // Closed at the top.
    &[
        &[s(0.64, 0.00), s(0.40, 0.33), c(0.14, 0.64), s(0.50, 0.64), s(0.88, 0.63)],
        &[s(0.64, 0.00), s(0.64, 0.50), s(0.63, 1.00)],
    ],
    // In one movement.
    &[&[
        s(0.25, 0.06), s(0.18, 0.38), s(0.30, 0.52), s(0.55, 0.44), c(0.77, 0.08), s(0.71, 0.50),
        s(0.66, 1.00),
    ]],
];

#[rustfmt::skip]
const FIVE: &[Glyph] = &[
    // The flag drawn last.
    &[
        &[
            s(0.30, 0.04), c(0.24, 0.43), s(0.50, 0.37), s(0.75, 0.51), s(0.76, 0.76), s(0.54, 0.96),
            s(0.20, 0.90),
        ],
        &[s(0.30, 0.04), s(0.82, 0.02)],
    ],
    // In one movement.
    &[&[
        s(0.80, 0.03), c(0.34, 0.05), c(0.26, 0.44), s(0.52, 0.38), s(0.75, 0.54), s(0.72, 0.82),
        s(0.46, 0.98), s(0.18, 0.88),
    ]],
    // Smooth, almost an S.
    &[&[
        s(0.80, 0.05), s(0.48, 0.06), s(0.29, 0.22), s(0.42, 0.43), s(0.68, 0.60), s(0.66, 0.86),
        s(0.42, 0.98), s(0.17, 0.88),
    ]],
];

#[rustfmt::skip]
const SIX: &[Glyph] = &[
    // A curved back.
    &[&[
        s(0.68, 0.02), s(0.42, 0.20), s(0.24, 0.54), s(0.28, 0.85), s(0.50, 0.98), s(0.74, 0.86),
        s(0.75, 0.66), s(0.56, 0.54), s(0.36, 0.62), s(0.27, 0.78),
    ]],
    // A straight back.
    &[&[
        s(0.42, 0.00), s(0.29, 0.35), s(0.22, 0.70), s(0.36, 0.95), s(0.64, 0.95), s(0.78, 0.75),
        s(0.64, 0.58), s(0.42, 0.62), s(0.27, 0.80),
    ]],
    // A small loop crossing the back.
    &[&[
        s(0.60, 0.01), s(0.38, 0.30), s(0.28, 0.66), s(0.34, 0.92), s(0.54, 0.97), s(0.68, 0.82),
        s(0.60, 0.66), s(0.40, 0.72), s(0.22, 0.88),
    ]],
];

#[rustfmt::skip]
const SEVEN: &[Glyph] = &[
    // Plain.
    &[&[s(0.18, 0.09), s(0.48, 0.07), c(0.80, 0.05), s(0.60, 0.45), s(0.43, 1.00)]],
    // A serif at the start.
    &[&[s(0.18, 0.24), c(0.20, 0.07), s(0.50, 0.07), c(0.80, 0.04), s(0.58, 0.48), s(0.46, 1.00)]],
    // Crossed.
    &[
        &[s(0.20, 0.07), s(0.50, 0.07), c(0.80, 0.05), s(0.60, 0.46), s(0.40, 1.00)],
        &[s(0.36, 0.52), s(0.78, 0.48)],
    ],
    // Rounded at the top right.
    &[&[s(0.16, 0.16), s(0.40, 0.05), s(0.68, 0.07), s(0.74, 0.26), s(0.60, 0.60), s(0.50, 1.00)]],
];

#[rustfmt::skip]
const EIGHT: &[Glyph] = &[
    // In one movement, closed.
    &[&[
        s(0.70, 0.13), s(0.50, 0.01), s(0.28, 0.14), s(0.35, 0.36), s(0.62, 0.56), s(0.75, 0.78),
        s(0.52, 0.98), s(0.26, 0.80), s(0.38, 0.56), s(0.64, 0.36), s(0.70, 0.14),
    ]],
    // In one movement, left open at the top right.
    &[&[
        s(0.76, 0.10), s(0.52, 0.02), s(0.28, 0.16), s(0.38, 0.38), s(0.60, 0.56), s(0.68, 0.80),
        s(0.48, 0.98), s(0.28, 0.82), s(0.42, 0.56), s(0.66, 0.34), s(0.80, 0.14),
    ]],
    // Two rings.
    &[
        &[
            s(0.50, 0.46), s(0.30, 0.34), s(0.32, 0.10), s(0.52, 0.01), s(0.70, 0.12), s(0.70, 0.34),
            s(0.50, 0.46),
        ],
        &[
            s(0.50, 0.46), s(0.25, 0.62), s(0.26, 0.88), s(0.50, 0.99), s(0.75, 0.87), s(0.74, 0.61),
            s(0.50, 0.46),
        ],
    ],
];

#[rustfmt::skip]
const NINE: &[Glyph] = &[
    // A straight leg.
    &[&[
        s(0.73, 0.20), s(0.54, 0.03), s(0.28, 0.16), s(0.30, 0.41), s(0.54, 0.46), c(0.74, 0.20),
        s(0.71, 0.55), s(0.66, 1.00),
    ]],
    // A curved tail.
    &[&[
        s(0.72, 0.16), s(0.50, 0.02), s(0.26, 0.18), s(0.30, 0.44), s(0.56, 0.46), c(0.74, 0.18),
        s(0.76, 0.54), s(0.64, 0.88), s(0.42, 0.98), s(0.22, 0.90),
    ]],
    // In one smooth movement, the leg slanted.
    &[&[
        s(0.70, 0.10), s(0.46, 0.04), s(0.28, 0.26), s(0.40, 0.46), s(0.64, 0.36), s(0.73, 0.10),
        s(0.68, 0.50), s(0.52, 1.00),
    ]],
];

#[cfg(test)]
mod tests {
    use super::STYLES;

    #[test]
    fn every_style_stays_in_its_box_and_every_stroke_has_a_length() {
        for stroke in STYLES.iter().copied().flatten().copied().flatten() {
            assert!(stroke.len() >= 2);
            assert!(stroke.iter().all(|n| (0.0..=1.0).contains(&n.x) && (0.0..=1.0).contains(&n.y)));
            assert!(stroke.windows(2).all(|w| (w[0].x, w[0].y) != (w[1].x, w[1].y)));
        }
    }
}

//! One number of a network as an affine function of the numbers before it.

use std::collections::BTreeMap;

/// Where a number stands in the output of a convolution: its map, row and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputPosition {
    /// Output channel.
    pub map: u32,
    /// Row of the window.
    pub row: u32,
    /// Column of the window.
    pub column: u32,
}

/// `constant + sum of coefficient * variable`. The variables are the pixels of the image or, behind a square, the squares
/// that the square made.
///
/// Coefficients that are zero are kept where a convolution reads a pixel, because they show how large its kernel is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Affine {
    /// Variable and coefficient, in ascending order of variables, each once.
    pub terms: Vec<(u32, f64)>,
    /// The value where all variables are zero.
    pub constant: f64,
    /// The place that a convolution gave this number; additions and multiplications by constants keep it.
    pub place: Option<OutputPosition>,
}

impl Affine {
    /// A number that is the same for every image.
    pub fn constant(constant: f64) -> Self {
        Self { constant, ..Self::default() }
    }

    /// The variable itself.
    pub fn variable(variable: u32) -> Self {
        Self { terms: vec![(variable, 1.0)], ..Self::default() }
    }

    /// The number times `factor`.
    pub fn scaled(&self, factor: f64) -> Self {
        let terms = self.terms.iter().map(|&(variable, coefficient)| (variable, coefficient * factor));
        Self { terms: terms.collect(), constant: self.constant * factor, place: self.place }
    }

    /// Whether both are the same function, wherever they stand.
    pub fn same_function(&self, other: &Self) -> bool {
        self.constant == other.constant && self.terms == other.terms
    }
}

/// Sums of affine numbers with one set of variables, in memory that is used again from sum to sum.
#[derive(Debug, Default)]
pub struct Accumulator {
    /// A coefficient for each variable seen so far, with whether the present sum has it.
    coefficients: Vec<(f64, bool)>,
    /// Variables of the present sum.
    present: Vec<u32>,
    constant: f64,
}

impl Accumulator {
    /// Adds `factor * number` to the present sum.
    pub fn add(&mut self, number: &Affine, factor: f64) {
        self.constant += number.constant * factor;
        for &(variable, coefficient) in &number.terms {
            let index = variable as usize;
            if index >= self.coefficients.len() {
                self.coefficients.resize(index + 1, (0.0, false));
            }
            let Some((sum, seen)) = self.coefficients.get_mut(index) else { continue };
            *sum += coefficient * factor;
            if !*seen {
                *seen = true;
                self.present.push(variable);
            }
        }
    }

    /// The present sum plus `constant`; the next sum begins at zero.
    pub fn take(&mut self, constant: f64) -> Affine {
        self.present.sort_unstable();
        let mut terms = Vec::with_capacity(self.present.len());
        for variable in self.present.drain(..) {
            if let Some(slot) = self.coefficients.get_mut(variable as usize) {
                terms.push((variable, slot.0));
                *slot = (0.0, false);
            }
        }
        let constant = std::mem::take(&mut self.constant) + constant;
        Affine { terms, constant, place: None }
    }
}

/// The terms by variable, for look-ups.
pub fn by_variable(number: &Affine) -> BTreeMap<u32, f64> {
    number.terms.iter().copied().collect()
}

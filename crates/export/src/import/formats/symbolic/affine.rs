//! A number of a network as an affine function of the numbers before it.

use std::collections::BTreeMap;

/// The position of a number in the output of a convolution: its map, row and column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputPosition {
    /// Output channel.
    pub map: u32,
    /// Row of the window.
    pub row: u32,
    /// Column of the window.
    pub column: u32,
}

/// `constant + sum of coefficient * variable`. The variables are the pixels of the image or, after a square, the
/// results of the square.
///
/// Coefficients of zero are kept where a convolution reads a pixel, because they show the size of its kernel.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Affine {
    /// Variables with coefficients, in ascending order of variables, each once.
    pub terms: Vec<(u32, f64)>,
    /// The value if all variables are zero.
    pub constant: f64,
    /// The position that a convolution gave this number. Additions and multiplications by constants keep it.
    pub position: Option<OutputPosition>,
}

impl Affine {
    /// Creates a number that is the same for every image.
    pub fn constant(constant: f64) -> Self {
        Self { constant, ..Self::default() }
    }

    /// Creates the variable itself.
    pub fn variable(variable: u32) -> Self {
        Self { terms: vec![(variable, 1.0)], ..Self::default() }
    }

    /// Returns the number multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Self {
        let terms = self.terms.iter().map(|&(variable, coefficient)| (variable, coefficient * factor));
        Self { terms: terms.collect(), constant: self.constant * factor, position: self.position }
    }

    /// Returns whether both are the same function, at any position.
    pub fn same_function(&self, other: &Self) -> bool {
        self.constant == other.constant && self.terms == other.terms
    }
}

/// Sums of affine numbers over one set of variables. The memory is reused from sum to sum.
#[derive(Debug, Default)]
pub struct Accumulator {
    /// A coefficient for each variable seen so far. True if the present sum contains the variable.
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

    /// Returns the present sum plus `constant`, and begins the next sum at zero.
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
        Affine { terms, constant, position: None }
    }
}

/// Returns the terms by variable, for look-ups.
pub fn by_variable(number: &Affine) -> BTreeMap<u32, f64> {
    number.terms.iter().copied().collect()
}

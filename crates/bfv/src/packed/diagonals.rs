//! Matrix products as rotations and slot-wise products (Halevi and Shoup 2014, "Algorithms in HElib", section 4.3).

/// A sum of rotated inputs, each multiplied slot by slot with weights: `sum over d of weights_d * rotated(x, d unit)` for d below
/// `count`. Baby steps are rotations of the input. The products of `baby` successive diagonals are added up and rotated together, by a giant
/// step, with weights that are rotated back beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diagonals {
    /// Columns between two diagonals.
    pub unit: usize,
    /// The number of diagonals, a power of two.
    pub count: usize,
    /// Diagonals of one giant step, a power of two.
    pub baby: usize,
}

impl Diagonals {
    /// Diagonals with as many baby steps as giant steps, or twice as many.
    pub(super) fn new(unit: usize, count: usize) -> Self {
        // Baby steps share the digits of one ciphertext, so they cost less.
        Self { unit, count, baby: 1 << count.ilog2().div_ceil(2) }
    }

    /// The columns by which the input is rotated: the first is not rotated.
    pub fn baby_steps(&self) -> impl Iterator<Item = usize> + use<> {
        let unit = self.unit;
        (0..self.baby).map(move |step| step * unit)
    }

    /// The columns by which sums of products are rotated: the first is not rotated.
    pub fn giant_steps(&self) -> impl Iterator<Item = usize> + use<> {
        let distance = self.baby * self.unit;
        (0..self.count / self.baby).map(move |step| step * distance)
    }

    /// The columns of all rotations.
    pub(super) fn rotations(&self) -> impl Iterator<Item = usize> + use<> {
        self.baby_steps().chain(self.giant_steps()).filter(|&steps| steps > 0)
    }
}

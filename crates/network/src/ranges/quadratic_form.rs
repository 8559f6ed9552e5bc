//! Quadratic forms in the pixels, and how large they become over all images.

use crate::architecture::Architecture;
use crate::checked_integer::CheckedInteger;
use crate::integer_network::IntegerNetwork;
use crate::ranges::symmetric_band::SymmetricBand;

/// `f(x) = sum_ij M_ij x_i x_j + sum_i l_i x_i + c` over the pixels `x` of an image, in exact integers.
///
/// `M` is symmetric and sparse: two pixels meet within a window only, so a pixel meets those of the
/// `kernel` rows from its own on, at most `kernel - 1` columns aside. These entries, `M_ij` with `j >= i`, are kept.
#[derive(Debug, Clone)]
pub(super) struct QuadraticForm {
    shape: Architecture,
    /// For every pixel, the pixels that it meets: [`reach`] for each row.
    meets: Vec<i128>,
    linear: Vec<i128>,
    constant: i128,
}

/// Columns that a pixel meets in one row.
fn reach(shape: &Architecture) -> usize {
    2 * shape.kernel - 1
}

/// Entries that a form of this shape keeps.
pub(super) fn entries(shape: &Architecture) -> usize {
    shape.pixels().saturating_mul(shape.kernel * reach(shape))
}

impl QuadraticForm {
    pub fn new(shape: &Architecture, constant: i128) -> Self {
        let linear = vec![0; shape.pixels()];
        Self { shape: *shape, meets: vec![0; entries(shape)], linear, constant }
    }

    /// Adds `sum_k weights[k] a_k` for the activations `a_k = (w_k x + b_k)^2` of `network`; `None` on overflow.
    pub fn add_activations(&mut self, network: &IntegerNetwork, weights: &[i128]) -> Option<()> {
        // 64 bits are several times faster and nearly always enough.
        let narrow = Windows::<i64>::new(network, weights);
        if let Some(windows) = narrow {
            return windows.add_to(self);
        }
        Windows::<i128>::new(network, weights)?.add_to(self)
    }

    pub fn add(&mut self, other: &Self) -> Option<()> {
        let ours = self.meets.iter_mut().chain(&mut self.linear).chain([&mut self.constant]);
        let theirs = other.meets.iter().chain(&other.linear).chain([&other.constant]);
        for (a, b) in ours.zip(theirs) {
            *a = a.checked_add(*b)?;
        }
        Some(())
    }

    /// `-f`.
    pub fn negated(&self) -> Option<Self> {
        let negate = |values: &[i128]| values.iter().map(|v| v.checked_neg()).collect::<Option<Vec<_>>>();
        Some(Self {
            shape: self.shape,
            meets: negate(&self.meets)?,
            linear: negate(&self.linear)?,
            constant: self.constant.checked_neg()?,
        })
    }

    /// An upper bound of `f` over all images of pixels in `0..=largest`, exact integers alone: the better of
    /// [`QuadraticForm::entrywise`] and [`QuadraticForm::centred`].
    pub fn upper(&self, largest: i128) -> Option<i128> {
        let centred = self.centre(largest).and_then(|centre| centre.upper(&self.row_sums()?));
        match (self.entrywise(largest), centred) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Every pair of pixels at its best, and every pixel on its own at its best.
    fn entrywise(&self, largest: i128) -> Option<i128> {
        let square = largest.checked_mul(largest)?;
        let mut bound = self.constant;
        let mut pairs = 0i128;
        self.for_each_pair(|_, _, entry| {
            pairs = pairs.checked_add(entry.max(0))?;
            Some(())
        })?;
        bound = bound.checked_add(pairs.checked_mul(2)?.checked_mul(square)?)?;
        for (pixel, &linear) in self.linear.iter().enumerate() {
            let diagonal = self.diagonal(pixel);
            // A parabola is largest at an end or, where it opens downwards, next to its vertex.
            let vertex = if diagonal < 0 {
                linear.checked_div(diagonal.checked_mul(-2)?)?.clamp(0, largest - 1)
            } else {
                0
            };
            let mut best = 0;
            for x in [vertex, vertex + 1, largest] {
                best = best.max(diagonal.checked_mul(x)?.checked_add(linear)?.checked_mul(x)?);
            }
            // At 0 it is 0: `best` starts there.
            bound = bound.checked_add(best)?;
        }
        Some(bound)
    }

    /// Around the grey image, in `y = 2 x - largest`, which lies between `-largest` and `largest`:
    /// `4 f = constant + slopes y + y M y`.
    fn centre(&self, largest: i128) -> Option<Centred> {
        let mut sums = vec![0i128; self.linear.len()];
        let mut add = |pixel: usize, entry: i128| {
            sums[pixel] = sums[pixel].checked_add(entry)?;
            Some(())
        };
        for pixel in 0..self.linear.len() {
            add(pixel, self.diagonal(pixel))?;
        }
        self.for_each_pair(|a, b, entry| add(a, entry).and(add(b, entry)))?;
        let square = largest.checked_mul(largest)?;
        let (mut constant, mut slopes) = (self.constant.checked_mul(4)?, 0i128);
        for (sum, &linear) in sums.iter().zip(&self.linear) {
            let slope = largest.checked_mul(*sum)?.checked_add(linear)?.checked_mul(2)?;
            slopes = slopes.checked_add(slope.checked_abs()?)?;
            constant = constant.checked_add(square.checked_mul(*sum)?)?;
            constant = constant.checked_add(largest.checked_mul(linear)?.checked_mul(2)?)?;
        }
        Some(Centred { flat: constant.checked_add(largest.checked_mul(slopes)?)?, square })
    }

    /// For every row of `M`, its diagonal entry and the absolute values of all others: shifts `D` for which
    /// `D - M` is positive semidefinite (Gershgorin).
    fn row_sums(&self) -> Option<Vec<i128>> {
        let mut sums: Vec<i128> = (0..self.linear.len()).map(|pixel| self.diagonal(pixel)).collect();
        self.for_each_pair(|a, b, entry| {
            for pixel in [a, b] {
                sums[pixel] = sums[pixel].checked_add(entry.checked_abs()?)?;
            }
            Some(())
        })?;
        Some(sums)
    }

    /// A better bound than [`QuadraticForm::upper`]'s where entries are exact as floats and a positive semidefinite `D - M` is
    /// found whose `D` is smaller than the row sums: proportional to the lengths of the rows of `M`.
    pub fn spectral_upper(&self, largest: i128, most_steps: usize) -> Option<i128> {
        let side = self.shape.image_side;
        let width = ((self.shape.kernel - 1) * (side + 1)).min(self.linear.len() - 1);
        if self.linear.len().saturating_mul(width).saturating_mul(width) > most_steps {
            return None;
        }
        let mut matrix = SymmetricBand::new(self.linear.len(), width);
        for pixel in 0..self.linear.len() {
            matrix.set(pixel, pixel, self.diagonal(pixel))?;
        }
        self.for_each_pair(|a, b, entry| matrix.set(b, a, entry))?;
        let centre = self.centre(largest)?;
        let norms = matrix.row_norms();
        // A pixel that meets nothing must not be divided by.
        let scale: Vec<f64> = norms.iter().map(|norm| norm.max(1.0).sqrt().recip()).collect();
        // A form that only falls is still no more than nothing.
        let estimate = matrix.largest_eigenvalue(&scale).max(0.0);
        for above in [1.005, 1.02, 1.08, 1.3] {
            let factor = estimate * above;
            // Casts saturate; whatever comes out is judged by the factorisation, which takes a little off.
            let shift = |norm: &f64| ((factor * norm.max(1.0)).ceil() as i128).saturating_add(2);
            let shifts: Vec<i128> = norms.iter().map(shift).collect();
            if matrix.is_certainly_below(&shifts) {
                return centre.upper(&shifts);
            }
        }
        None
    }

    fn diagonal(&self, pixel: usize) -> i128 {
        self.meets[pixel * self.shape.kernel * reach(&self.shape) + self.shape.kernel - 1]
    }

    /// Visits the entries off the diagonal that are not zero, once each, as `(i, j, M_ij)` with `i < j`.
    fn for_each_pair(&self, mut visit: impl FnMut(usize, usize, i128) -> Option<()>) -> Option<()> {
        let (kernel, side) = (self.shape.kernel, self.shape.image_side);
        let reach = reach(&self.shape);
        for (pixel, meets) in self.meets.chunks_exact(kernel * reach).enumerate() {
            for (place, &entry) in meets.iter().enumerate().skip(kernel) {
                if entry != 0 {
                    // Two pixels that meet lie on the image, so this is not below zero.
                    let other = pixel + place / reach * side + place % reach + 1 - kernel;
                    visit(pixel, other, entry)?;
                }
            }
        }
        Some(())
    }
}

/// What [`QuadraticForm::centre`] says: `4 f <= flat + y M y`, and `y_i^2 <= square`.
struct Centred {
    flat: i128,
    square: i128,
}

impl Centred {
    /// An upper bound of `f` where `diag(shifts) - M` is positive semidefinite, so that
    /// `y M y <= sum_i shifts_i y_i^2`.
    fn upper(&self, shifts: &[i128]) -> Option<i128> {
        let sum = shifts.iter().try_fold(0i128, |sum, &shift| sum.checked_add(shift.max(0)))?;
        Some(self.flat.checked_add(sum.checked_mul(self.square)?)?.div_euclid(4))
    }
}

/// For every position, the form in the pixels of its window.
struct Windows<I> {
    /// `taps x taps` for each position; entry `(a, b)` with `a <= b` is kept.
    products: Vec<I>,
    linear: Vec<I>,
    constant: i128,
}

impl<I: CheckedInteger> Windows<I> {
    fn new(network: &IntegerNetwork, weights: &[i128]) -> Option<Self> {
        let shape = network.architecture();
        let (taps, positions) = (shape.taps(), shape.positions());
        let zero = I::from(0);
        let mut products = vec![zero; positions * taps * taps];
        let mut linear = vec![zero; positions * taps];
        let mut constant = 0i128;
        let convolution = network.convolution();
        for (map, (kernel, &bias)) in convolution.row_iter().zip(convolution.biases()).enumerate() {
            // Two taps' weights and where their product goes, none of the zeros.
            let mut pairs = Vec::new();
            for (a, &first) in kernel.iter().enumerate() {
                for (b, &second) in kernel.iter().enumerate().skip(a) {
                    if first != 0 && second != 0 {
                        pairs.push((a * taps + b, zero.add_product(first.into(), second.into())?));
                    }
                }
            }
            for position in 0..positions {
                let weight = weights[map * positions + position];
                if weight == 0 {
                    continue;
                }
                let factor = I::from_i128(weight)?;
                let products = &mut products[position * taps * taps..][..taps * taps];
                for &(place, product) in &pairs {
                    products[place] = products[place].add_product(factor, product)?;
                }
                if bias != 0 {
                    let twice = zero.add_product(factor, I::from_i128(bias.checked_mul(2)?)?)?;
                    for (sum, &tap) in linear[position * taps..][..taps].iter_mut().zip(kernel) {
                        *sum = sum.add_product(twice, tap.into())?;
                    }
                    let square = bias.checked_mul(bias)?.checked_mul(weight)?;
                    constant = constant.checked_add(square)?;
                }
            }
        }
        Some(Self { products, linear, constant })
    }

    fn add_to(&self, form: &mut QuadraticForm) -> Option<()> {
        let shape = form.shape;
        let (taps, kernel, reach) = (shape.taps(), shape.kernel, reach(&shape));
        for position in 0..shape.positions() {
            let products = &self.products[position * taps * taps..][..taps * taps];
            let window: Vec<(usize, usize)> = shape.window(position).collect();
            for (index, &(a, pixel)) in window.iter().enumerate() {
                let meets = &mut form.meets[pixel * kernel * reach..][..kernel * reach];
                for &(b, _) in &window[index..] {
                    let (rows, columns) = (b / kernel - a / kernel, b % kernel + kernel - 1 - a % kernel);
                    let entry = &mut meets[rows * reach + columns];
                    *entry = entry.checked_add(products[a * taps + b].into())?;
                }
                let linear = &mut form.linear[pixel];
                *linear = linear.checked_add(self.linear[position * taps + a].into())?;
            }
        }
        form.constant = form.constant.checked_add(self.constant)?;
        Some(())
    }
}

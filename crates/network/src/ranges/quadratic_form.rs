//! Quadratic forms in the pixels, and upper bounds on them over all images.

#![expect(
    clippy::indexing_slicing,
    reason = "pixels, taps and positions are within the form's architecture, by which all buffers are sized"
)]

use crate::architecture::Architecture;
use crate::checked_integer::CheckedInteger;
use crate::integer_network::IntegerNetwork;
use crate::ranges::symmetric_band::SymmetricBand;

/// `f(x) = sum_ij M_ij x_i x_j + sum_i l_i x_i + c` over the pixels `x` of an image, in exact integers.
///
/// `M` is symmetric and sparse: an entry is nonzero only if some window contains both pixels. For a pixel these are the
/// pixels of its own row and the next `kernel - 1` rows, at most `kernel - 1` columns away. Only `M_ij` with `j >= i` are
/// stored.
#[derive(Debug, Clone)]
pub(super) struct QuadraticForm {
    shape: Architecture,
    /// Entries of `M`: for every pixel, `kernel` rows of [`row_reach`] columns.
    quadratic: Vec<i128>,
    linear: Vec<i128>,
    constant: i128,
}

/// Number of columns in one row that can share a window with a pixel.
fn row_reach(shape: &Architecture) -> usize {
    2 * shape.kernel - 1
}

/// Number of entries of `M` that a form of this architecture stores.
pub(super) fn stored_entries(shape: &Architecture) -> usize {
    shape.pixels().saturating_mul(shape.kernel * row_reach(shape))
}

impl QuadraticForm {
    pub fn new(shape: &Architecture, constant: i128) -> Self {
        let linear = vec![0; shape.pixels()];
        Self { shape: *shape, quadratic: vec![0; stored_entries(shape)], linear, constant }
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
        let ours = self.quadratic.iter_mut().chain(&mut self.linear).chain([&mut self.constant]);
        let theirs = other.quadratic.iter().chain(&other.linear).chain([&other.constant]);
        for (a, b) in ours.zip(theirs) {
            *a = a.checked_add(*b)?;
        }
        Some(())
    }

    /// Returns `-f`; `None` on overflow.
    pub fn negated(&self) -> Option<Self> {
        let negate = |values: &[i128]| values.iter().map(|v| v.checked_neg()).collect::<Option<Vec<_>>>();
        Some(Self {
            shape: self.shape,
            quadratic: negate(&self.quadratic)?,
            linear: negate(&self.linear)?,
            constant: self.constant.checked_neg()?,
        })
    }

    /// Bounds `f` from above over all images of pixels in `0..=largest`, in exact integers: the smaller of
    /// [`QuadraticForm::entrywise`] and the bound from [`QuadraticForm::centre`] with [`QuadraticForm::row_sums`].
    pub fn upper(&self, largest: i128) -> Option<i128> {
        let centred = self.centre(largest).and_then(|centre| centre.upper(&self.row_sums()?));
        match (self.entrywise(largest), centred) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Bounds `f` from above by the sum of the largest values of every pair of pixels and of every single pixel.
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
            // A parabola is largest at an end or, if it opens downwards, next to its vertex.
            let vertex = if diagonal < 0 {
                linear.checked_div(diagonal.checked_mul(-2)?)?.clamp(0, largest - 1)
            } else {
                0
            };
            let mut best = 0;
            for x in [vertex, vertex + 1, largest] {
                best = best.max(diagonal.checked_mul(x)?.checked_add(linear)?.checked_mul(x)?);
            }
            // The value at 0 is 0, from which `best` starts.
            bound = bound.checked_add(best)?;
        }
        Some(bound)
    }

    /// Rewrites the form around the grey image, in `y = 2 x - largest`, which is in `-largest..=largest`:
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

    /// Adds, for every row of `M`, the diagonal entry and the absolute values of all others. With these sums as `D`,
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

    /// Bounds `f` from above with a `D` that is proportional to the lengths of the rows of `M` and mostly smaller than the
    /// row sums. `None` if entries are not exact as floats, no positive semidefinite `D - M` is found, or the factorisation
    /// takes more than `max_steps` multiplications.
    pub fn spectral_upper(&self, largest: i128, max_steps: usize) -> Option<i128> {
        let side = self.shape.image_side;
        let width = ((self.shape.kernel - 1) * (side + 1)).min(self.linear.len() - 1);
        if self.linear.len().saturating_mul(width).saturating_mul(width) > max_steps {
            return None;
        }
        let mut matrix = SymmetricBand::new(self.linear.len(), width);
        for pixel in 0..self.linear.len() {
            matrix.set(pixel, pixel, self.diagonal(pixel))?;
        }
        self.for_each_pair(|a, b, entry| matrix.set(b, a, entry))?;
        let centre = self.centre(largest)?;
        let norms = matrix.row_norms();
        // The row of a pixel may be zero, so its length is replaced by at least 1 before the division.
        let scale: Vec<f64> = norms.iter().map(|norm| norm.max(1.0).sqrt().recip()).collect();
        // All eigenvalues may be negative. Then 0 is an upper bound of the quadratic part.
        let estimate = matrix.largest_eigenvalue(&scale).max(0.0);
        for above in [1.005, 1.02, 1.08, 1.3] {
            let factor = estimate * above;
            // The cast saturates, and the factorisation checks any result. It subtracts a margin, which 2 more covers.
            let shift = |norm: &f64| ((factor * norm.max(1.0)).ceil() as i128).saturating_add(2);
            let shifts: Vec<i128> = norms.iter().map(shift).collect();
            if matrix.is_certainly_below(&shifts) {
                return centre.upper(&shifts);
            }
        }
        None
    }

    fn diagonal(&self, pixel: usize) -> i128 {
        self.quadratic[pixel * self.shape.kernel * row_reach(&self.shape) + self.shape.kernel - 1]
    }

    /// Visits the entries off the diagonal that are not zero, once each, as `(i, j, M_ij)` with `i < j`.
    fn for_each_pair(&self, mut visit: impl FnMut(usize, usize, i128) -> Option<()>) -> Option<()> {
        let (kernel, side) = (self.shape.kernel, self.shape.image_side);
        let reach = row_reach(&self.shape);
        for (pixel, quadratic) in self.quadratic.chunks_exact(kernel * reach).enumerate() {
            for (place, &entry) in quadratic.iter().enumerate().skip(kernel) {
                if entry != 0 {
                    // Both pixels of a nonzero entry are on the image, so this does not underflow.
                    let other = pixel + place / reach * side + place % reach + 1 - kernel;
                    visit(pixel, other, entry)?;
                }
            }
        }
        Some(())
    }
}

/// Bound from [`QuadraticForm::centre`]: `4 f <= flat + y M y`, and `y_i^2 <= square`.
struct Centred {
    flat: i128,
    square: i128,
}

impl Centred {
    /// Bounds `f` from above. `diag(shifts) - M` must be positive semidefinite, so that
    /// `y M y <= sum_i shifts_i y_i^2`.
    fn upper(&self, shifts: &[i128]) -> Option<i128> {
        let sum = shifts.iter().try_fold(0i128, |sum, &shift| sum.checked_add(shift.max(0)))?;
        Some(self.flat.checked_add(sum.checked_mul(self.square)?)?.div_euclid(4))
    }
}

/// Quadratic forms in the pixels of each window, one for each position.
struct Windows<I> {
    /// `taps x taps` entries for each position. Only entries `(a, b)` with `a <= b` are used.
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
            // Index and value of each nonzero product of two weights.
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
        let (taps, kernel, reach) = (shape.taps(), shape.kernel, row_reach(&shape));
        for position in 0..shape.positions() {
            let products = &self.products[position * taps * taps..][..taps * taps];
            let window: Vec<(usize, usize)> = shape.window(position).collect();
            for (index, &(a, pixel)) in window.iter().enumerate() {
                let quadratic = &mut form.quadratic[pixel * kernel * reach..][..kernel * reach];
                for &(b, _) in &window[index..] {
                    let (rows, columns) = (b / kernel - a / kernel, b % kernel + kernel - 1 - a % kernel);
                    let entry = &mut quadratic[rows * reach + columns];
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

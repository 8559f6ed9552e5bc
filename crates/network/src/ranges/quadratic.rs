//! Bounds on logits from the quadratic forms of the hidden units in the pixels.

use crate::architecture::Architecture;
use crate::ensemble::IntegerEnsemble;
use crate::integer_network::IntegerNetwork;
use crate::ranges::interval::{self, Interval};
use crate::ranges::logit_range::LogitRange;
use crate::ranges::quadratic_form::{self, QuadraticForm};
use crate::ranges::symmetric_band::SymmetricBand;

/// Largest numbers of multiplications and of matrix entries for which forms are computed: about fifty times those of the
/// paper's network, a minute and a gigabyte.
const MAX_PRODUCTS: u64 = 1 << 32;
const MAX_ENTRIES: usize = 1 << 25;

/// Largest number of multiplications of one factorisation for which spectral bounds are computed.
const MAX_FACTORISATION_STEPS: usize = 1 << 28;

fn is_affordable(shape: &Architecture) -> bool {
    let (hidden, sides, window) =
        (shape.hidden, 2 * shape.classes, shape.taps().saturating_mul(shape.taps()));
    let joint = hidden * (hidden + sides);
    let for_each_activation = (hidden + sides).saturating_mul(window).saturating_add(joint);
    let entries = quadratic_form::stored_entries(shape)
        .saturating_mul(sides)
        .max(shape.positions().saturating_mul(window));
    (shape.activations() as u64).saturating_mul(for_each_activation as u64) <= MAX_PRODUCTS
        && entries <= MAX_ENTRIES
}

/// Bound on the logit of a class, or on its negative. The spectral bound of `form` may be smaller than `bound`; `form` is
/// `None` after it was tried.
struct SideBound {
    bound: i128,
    form: Option<QuadraticForm>,
}

/// Factors of the two sides of a logit: the logit and its negative.
const SIDES: [i64; 2] = [1, -1];

/// Computes the range of the logits. It is at most as large as `intervals` (for each member, for each class). `None` if the
/// forms are too large to compute or integers overflow.
pub(super) fn range(ensemble: &IntegerEnsemble, intervals: &[Vec<Interval>]) -> Option<LogitRange> {
    let shape = ensemble.architecture();
    let pixels: i128 = ensemble.pixel_levels().largest().into();
    if !is_affordable(shape) {
        return None;
    }
    let mut members = 0;
    let mut bounds: Vec<Interval> = vec![Interval::point(0); shape.classes];
    let mut sums: Vec<Option<QuadraticForm>> = vec![Some(QuadraticForm::new(shape, 0)); 2 * shape.classes];
    for (network, intervals) in ensemble.members().iter().zip(intervals) {
        let logits = bound_by_units(network, pixels).unwrap_or_else(|| intervals.clone());
        let logits: Vec<Interval> = logits.into_iter().zip(intervals).map(|(a, b)| a.intersect(*b)).collect();
        for (sum, logit) in bounds.iter_mut().zip(&logits) {
            *sum = sum.add(*logit)?;
        }
        let forms = joint_forms(network).unwrap_or_else(|| vec![None; sums.len()]);
        for (sum, form) in sums.iter_mut().zip(&forms) {
            let added = sum.as_mut().zip(form.as_ref()).and_then(|(sum, form)| sum.add(form));
            if added.is_none() {
                *sum = None;
            }
        }
        members = members.max(largest(side_bounds(&logits, forms, pixels), pixels));
    }
    Some(LogitRange { members, ensemble: largest(side_bounds(&bounds, sums, pixels), pixels) })
}

fn side_bounds(logits: &[Interval], forms: Vec<Option<QuadraticForm>>, pixels: i128) -> Vec<SideBound> {
    let ends = logits.iter().flat_map(|logit| [logit.high, -logit.low]);
    ends.zip(forms)
        .map(|(end, form)| {
            let upper = form.as_ref().and_then(|form| form.upper(pixels)).map(floor_logit);
            SideBound { bound: upper.map_or(end, |upper| end.min(upper)), form }
        })
        .collect()
}

/// Returns the largest bound. The spectral bound is computed only for the sides that decide the result.
fn largest(mut side_bounds: Vec<SideBound>, pixels: i128) -> i128 {
    loop {
        let Some(worst) = side_bounds.iter_mut().max_by_key(|side| side.bound) else { return 0 };
        let Some(form) = worst.form.take() else { return worst.bound };
        if let Some(upper) = form.spectral_upper(pixels, MAX_FACTORISATION_STEPS) {
            worst.bound = worst.bound.min(floor_logit(upper));
        }
    }
}

/// Bounds the logits over hidden units that are bounded independently, each as a form and as an interval.
fn bound_by_units(network: &IntegerNetwork, pixels: i128) -> Option<Vec<Interval>> {
    let intervals = interval::dense(network.hidden(), &interval::activations(network)?)?;
    let rows = network.hidden().row_iter().zip(network.hidden().biases());
    let hidden = rows.zip(intervals).map(|((weights, &bias), interval)| {
        let bound = || {
            let mut form = QuadraticForm::new(network.architecture(), bias);
            let weights: Vec<i128> = weights.iter().map(|&weight| weight.into()).collect();
            form.add_activations(network, &weights)?;
            Some(Interval { low: form.negated()?.upper(pixels)?.checked_neg()?, high: form.upper(pixels)? })
        };
        bound().map_or(interval, |bound| bound.intersect(interval))
    });
    interval::logits(network, &hidden.collect::<Vec<_>>())
}

/// Divides a bound by [`SCALE`], rounding down because logits are integers.
fn floor_logit(form: i128) -> i128 {
    form.div_euclid(SCALE)
}

/// Factor of the logits in the forms of [`joint_forms`].
const SCALE: i128 = 16;

/// Computes, for every class and side, a form in the pixels that is at least [`SCALE`] times the logit. It bounds all
/// hidden units together: they cannot all be extreme at once, because they share their activations.
///
/// With activations `a_k` in `[0, A_k]`, `Y_k = 4 a_k - A_k` and `4 h = H + U Y`, the logit of a class is
///
/// ```text
/// 16 logit = 16 bias + sum_i v_i (H_i + (U Y)_i)^2
///         <= 16 bias + v H^2 + 2 sum_k T_k Y_k + lambda sum_k Y_k^2 / A_k,     T_k = sum_i v_i H_i U_ik
/// ```
///
/// where `lambda` is such that `sum_i max(v_i, 0) (U Y)_i^2 <= lambda sum_k Y_k^2 / A_k` ([`joint_factor`]), and
/// `Y_k^2 <= A_k (A_k + 8 a_k)` because a parabola is below its chord. The result is a weighted sum of activations, as a
/// hidden unit is.
#[expect(clippy::indexing_slicing, reason = "`i` and `j` are below the number of hidden units")]
fn joint_forms(network: &IntegerNetwork) -> Option<Vec<Option<QuadraticForm>>> {
    let largest: Vec<i128> = interval::activations(network)?.iter().map(|a| a.high).collect();
    let hidden = network.hidden();
    let units: Vec<Vec<i128>> =
        hidden.row_iter().map(|row| row.iter().map(|&weight| weight.into()).collect()).collect();
    let weighted = |row: &Vec<i128>| -> Option<Vec<i128>> {
        row.iter().zip(&largest).map(|(weight, a)| weight.checked_mul(*a)).collect()
    };
    let stretched: Vec<Vec<i128>> = units.iter().map(weighted).collect::<Option<_>>()?;
    let centres: Vec<i128> = stretched
        .iter()
        .zip(hidden.biases())
        .map(|(row, bias)| dot(row, &vec![1; row.len()])?.checked_add(bias.checked_mul(4)?))
        .collect::<Option<_>>()?;
    let gram: Vec<Vec<i128>> = (0..units.len())
        .map(|i| (0..=i).map(|j| dot(&stretched[i], &units[j])).collect())
        .collect::<Option<_>>()?;
    let sides = network.output().row_iter().zip(network.output().biases());
    let sides = sides.flat_map(|(weights, &bias)| SIDES.map(|side| (weights, bias, side)));
    let forms = sides.map(|(weights, bias, side)| {
        let weights: Vec<i128> = weights.iter().map(|&w| i128::from(w) * i128::from(side)).collect();
        let lambda = joint_factor(&gram, &weights)?;
        let mut constant = bias.checked_mul(i128::from(side) * SCALE)?;
        let mut slopes = vec![0i128; largest.len()];
        for ((weight, centre), unit) in weights.iter().zip(&centres).zip(&units) {
            let factor = weight.checked_mul(*centre)?;
            constant = constant.checked_add(factor.checked_mul(*centre)?)?;
            for (slope, u) in slopes.iter_mut().zip(unit) {
                *slope = slope.checked_add(factor.checked_mul(*u)?)?;
            }
        }
        for (slope, a) in slopes.iter_mut().zip(&largest) {
            let flat = lambda.checked_sub(slope.checked_mul(2)?)?;
            constant = constant.checked_add(flat.checked_mul(*a)?)?;
            *slope = slope.checked_add(lambda)?.checked_mul(8)?;
        }
        let mut form = QuadraticForm::new(network.architecture(), constant);
        form.add_activations(network, &slopes)?;
        Some(form)
    });
    Some(forms.collect())
}

fn dot(a: &[i128], b: &[i128]) -> Option<i128> {
    a.iter()
        .zip(b)
        .filter(|(a, b)| **a != 0 && **b != 0)
        .try_fold(0i128, |sum, (a, b)| sum.checked_add(a.checked_mul(*b)?))
}

/// Computes a `lambda` with `sum_i max(v_i, 0) z_i^2 <= lambda |eta|^2` for all `z = B eta`, where `gram = B B^T` (its
/// lower half). `lambda` is at least the largest eigenvalue of `V^(1/2) gram V^(1/2)` over the units with `v_i > 0`.
///
/// The largest row sum of `gram V` is such a bound in exact integers. Mostly [`certified_factor`] finds a smaller one with
/// the integers `D_i = floor(lambda / v_i)`, for which `D - gram` is certified to be positive semidefinite.
#[expect(
    clippy::indexing_slicing,
    reason = "`gram` is the lower half of a square matrix with a row for each weight"
)]
fn joint_factor(gram: &[Vec<i128>], weights: &[i128]) -> Option<i128> {
    let entry = |i: usize, j: usize| gram[i.max(j)][i.min(j)];
    let positive: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0).collect();
    let mut bound = 0i128;
    for &i in &positive {
        let sum = positive.iter().try_fold(0i128, |sum, &j| {
            sum.checked_add(entry(i, j).checked_abs()?.checked_mul(weights[j])?)
        })?;
        bound = bound.max(sum);
    }
    Some(certified_factor(&entry, weights, &positive).map_or(bound, |certified| certified.min(bound)))
}

#[expect(clippy::indexing_slicing, reason = "`positive` holds indices of `weights`")]
fn certified_factor(
    gram: &impl Fn(usize, usize) -> i128,
    weights: &[i128],
    positive: &[usize],
) -> Option<i128> {
    // Wide layers keep the bound that needs no factorisation.
    if positive.len().saturating_pow(3) > MAX_FACTORISATION_STEPS {
        return None;
    }
    let mut matrix = SymmetricBand::new(positive.len(), positive.len().checked_sub(1)?);
    for (row, &i) in positive.iter().enumerate() {
        for (column, &j) in positive[..=row].iter().enumerate() {
            matrix.set(row, column, gram(i, j))?;
        }
    }
    let scale: Vec<f64> = positive.iter().map(|&i| (weights[i] as f64).sqrt()).collect();
    let estimate = matrix.largest_eigenvalue(&scale);
    [1.0005, 1.005, 1.05].into_iter().find_map(|above| {
        // The cast saturates, and the factorisation checks any result.
        let lambda = ((estimate * above).ceil() as i128).saturating_add(2);
        let shifts: Vec<i128> = positive.iter().map(|&i| lambda.div_euclid(weights[i])).collect();
        matrix.is_certainly_below(&shifts).then_some(lambda)
    })
}

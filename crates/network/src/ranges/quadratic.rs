//! Logits through the quadratic forms that hidden units are in the pixels.

use crate::architecture::Architecture;
use crate::ensemble::IntegerEnsemble;
use crate::integer_network::IntegerNetwork;
use crate::ranges::interval::{self, Interval};
use crate::ranges::logit_range::LogitRange;
use crate::ranges::quadratic_form::{self, QuadraticForm};
use crate::ranges::symmetric_band::SymmetricBand;

/// Multiplications and matrix entries beyond which the forms are not set up: some fifty times the
/// paper's network, a minute or a gigabyte.
const MOST_PRODUCTS: usize = 1 << 32;
const MOST_ENTRIES: usize = 1 << 25;

/// Multiplications of one factorisation beyond which spectral bounds are not tried.
const MOST_FACTORISATION: usize = 1 << 28;

fn is_affordable(shape: &Architecture) -> bool {
    let (hidden, sides, window) =
        (shape.hidden, 2 * shape.classes, shape.taps().saturating_mul(shape.taps()));
    let joint = hidden * (hidden + sides);
    let for_each_activation = (hidden + sides).saturating_mul(window).saturating_add(joint);
    let entries =
        quadratic_form::entries(shape).saturating_mul(sides).max(shape.positions().saturating_mul(window));
    shape.activations().saturating_mul(for_each_activation) <= MOST_PRODUCTS && entries <= MOST_ENTRIES
}

/// A class' logit (or its negative) at most `bound`, and perhaps less once `form` is looked at closely.
struct Candidate {
    bound: i128,
    form: Option<QuadraticForm>,
}

/// The two sides of a logit: itself, and its negative.
const SIDES: [i64; 2] = [1, -1];

/// The logits' range, at most what `intervals` (per member, per class) say.
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
        let logits = by_units(network, pixels).unwrap_or_else(|| intervals.clone());
        let logits: Vec<Interval> = logits.into_iter().zip(intervals).map(|(a, b)| a.intersect(*b)).collect();
        for (sum, logit) in bounds.iter_mut().zip(&logits) {
            *sum = sum.add(*logit)?;
        }
        let forms = jointly(network).unwrap_or_else(|| vec![None; sums.len()]);
        for (sum, form) in sums.iter_mut().zip(&forms) {
            let added = sum.as_mut().zip(form.as_ref()).and_then(|(sum, form)| sum.add(form));
            if added.is_none() {
                *sum = None;
            }
        }
        members = members.max(largest(candidates(&logits, forms, pixels), pixels));
    }
    Some(LogitRange { members, ensemble: largest(candidates(&bounds, sums, pixels), pixels) })
}

fn candidates(logits: &[Interval], forms: Vec<Option<QuadraticForm>>, pixels: i128) -> Vec<Candidate> {
    let ends = logits.iter().flat_map(|logit| [logit.high, -logit.low]);
    ends.zip(forms)
        .map(|(end, form)| {
            let upper = form.as_ref().and_then(|form| form.upper(pixels)).map(logit);
            Candidate { bound: upper.map_or(end, |upper| end.min(upper)), form }
        })
        .collect()
}

/// The largest bound, where only those that decide are looked at closely.
fn largest(mut candidates: Vec<Candidate>, pixels: i128) -> i128 {
    loop {
        let Some(worst) = candidates.iter_mut().max_by_key(|candidate| candidate.bound) else { return 0 };
        let Some(form) = worst.form.take() else { return worst.bound };
        if let Some(upper) = form.spectral_upper(pixels, MOST_FACTORISATION) {
            worst.bound = worst.bound.min(logit(upper));
        }
    }
}

/// The logits over hidden units that are bounded one by one, each as one form and as an interval.
fn by_units(network: &IntegerNetwork, pixels: i128) -> Option<Vec<Interval>> {
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

/// A logit that `form / SCALE` bounds, being an integer.
fn logit(form: i128) -> i128 {
    form.div_euclid(SCALE)
}

/// What a logit is multiplied by in the forms of [`jointly`].
const SCALE: i128 = 16;

/// For every class and side, a form in the pixels that is at least [`SCALE`] times the logit: all hidden units
/// together. They cannot all be extreme at once, because they share their activations.
///
/// With activations `a_k` in `[0, A_k]`, `Y_k = 4 a_k - A_k` and `4 h = H + U Y`, a class' logit is
///
/// ```text
/// 16 logit = 16 bias + sum_i v_i (H_i + (U Y)_i)^2
///         <= 16 bias + v H^2 + 2 sum_k T_k Y_k + lambda sum_k Y_k^2 / A_k,     T_k = sum_i v_i H_i U_ik
/// ```
///
/// where `lambda` is such that `sum_i max(v_i, 0) (U Y)_i^2 <= lambda sum_k Y_k^2 / A_k` ([`stretch`]), and
/// `Y_k^2 <= A_k (A_k + 8 a_k)` since a parabola lies below its chord. That leaves a weighted sum of
/// activations, as a hidden unit is.
fn jointly(network: &IntegerNetwork) -> Option<Vec<Option<QuadraticForm>>> {
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
        let lambda = stretch(&gram, &weights)?;
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

/// A `lambda` with `sum_i max(v_i, 0) z_i^2 <= lambda |eta|^2` for all `z = B eta`, where `gram = B B^T` (its lower
/// half): at least the largest eigenvalue of `V^(1/2) gram V^(1/2)` over the units with `v_i > 0`.
///
/// The row sums of `gram V` are such a bound in integers alone. Mostly a smaller one is found, with the integers
/// `D_i = floor(lambda / v_i)`, for which `D - gram` is certainly positive semidefinite.
fn stretch(gram: &[Vec<i128>], weights: &[i128]) -> Option<i128> {
    let entry = |i: usize, j: usize| gram[i.max(j)][i.min(j)];
    let positive: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] > 0).collect();
    let mut bound = 0i128;
    for &i in &positive {
        let sum = positive.iter().try_fold(0i128, |sum, &j| {
            sum.checked_add(entry(i, j).checked_abs()?.checked_mul(weights[j])?)
        })?;
        bound = bound.max(sum);
    }
    Some(certified_stretch(&entry, weights, &positive).map_or(bound, |certified| certified.min(bound)))
}

fn certified_stretch(
    gram: &impl Fn(usize, usize) -> i128,
    weights: &[i128],
    positive: &[usize],
) -> Option<i128> {
    // The bound that needs no factorisation has to do for wide layers.
    if positive.len().saturating_pow(3) > MOST_FACTORISATION {
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
        // Saturates; the factorisation judges it.
        let lambda = ((estimate * above).ceil() as i128).saturating_add(2);
        let shifts: Vec<i128> = positive.iter().map(|&i| lambda.div_euclid(weights[i])).collect();
        matrix.is_certainly_below(&shifts).then_some(lambda)
    })
}

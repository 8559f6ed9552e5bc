//! The accuracy of float and rounded ensembles on images.

use std::ops::Range;

use ndarray::{ArcArray2, Array2};
use rayon::prelude::*;
use serde::Serialize;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{
    ForwardError, IntegerEnsemble, IntegerNetwork, ObservedRange, PixelLevels, predict, sum_logits,
};

use super::batch_network::{BatchNetwork, PixelValues, pixel_values};
use super::candidate::Candidate;

/// Accuracy and range of an ensemble on images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct AccuracySummary {
    /// Number of images.
    pub images: usize,
    /// Number of images that are classified as their labels say.
    pub correct: usize,
    /// Number of images that are classified as the float ensemble classifies them, right or wrong.
    pub agreeing: usize,
    /// The largest absolute logit of a member or of the members' sum.
    pub largest_logit: f64,
    /// Mean Kullback-Leibler divergence from the float ensemble's softmax, in nats. It distinguishes ensembles of
    /// equal accuracy.
    #[serde(skip)]
    pub(crate) divergence: f64,
}

impl AccuracySummary {
    /// Returns the percentage of images that are classified correctly.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        100.0 * self.correct as f64 / self.images.max(1) as f64
    }

    /// Returns the percentage of images that are classified as by the float ensemble.
    #[must_use]
    pub fn agreement(&self) -> f64 {
        100.0 * self.agreeing as f64 / self.images.max(1) as f64
    }

    /// Returns the bits of the smallest plaintext modulus that represents all logits: log2(2 x largest + 1).
    #[must_use]
    pub fn bits(&self) -> f64 {
        (2.0 * self.largest_logit + 1.0).log2()
    }

    fn merge(self, other: Self) -> Self {
        Self {
            images: self.images + other.images,
            correct: self.correct + other.correct,
            agreeing: self.agreeing + other.agreeing,
            largest_logit: self.largest_logit.max(other.largest_logit),
            divergence: self.divergence + other.divergence,
        }
    }
}

/// Images of a batch. Matrix products of this size are fast, and all processors get some batches.
const BATCH: usize = 64;

/// Largest number of numbers in one batch, 32 MiB. Large networks have smaller batches.
const MAX_BATCH_NUMBERS: usize = 1 << 22;

/// Largest number of activations that a measurement keeps for the next ones, 256 MiB.
const MAX_KEPT_ACTIVATIONS: usize = 1 << 25;

/// Images with the float ensemble's answers, as the reference for rounded ensembles.
pub struct FloatReference<'a> {
    images: &'a LabelledImages,
    /// The float ensemble's answers, image by image.
    answers: Vec<Answer>,
    /// The float ensemble's own accuracy.
    pub float: AccuracySummary,
}

/// The float ensemble's answer for an image.
struct Answer {
    prediction: usize,
    log_softmax: Vec<f64>,
}

/// A candidate with its accuracy.
pub struct MeasuredCandidate {
    pub candidate: Candidate,
    pub summary: AccuracySummary,
    /// Activations by batch and member; empty if they would take too much memory.
    activations_by_batch: Vec<Vec<Activations>>,
}

/// A member's squared activations for a batch of images.
#[derive(Clone)]
struct Activations {
    convolution: ArcArray2<f64>,
    hidden: ArcArray2<f64>,
}

impl<'a> FloatReference<'a> {
    pub fn new(members: &[BatchNetwork], images: &'a LabelledImages) -> Self {
        let values = pixel_values(|byte| f64::from(byte) / 255.0);
        let answers = |range: Range<usize>| -> Vec<Answer> {
            let logits = members.iter().map(|member| logits(member, images, &range, &values));
            let sums = logits.reduce(|sum, logits| sum + logits).unwrap_or_default();
            let answer = |sum: &[f64]| Answer { prediction: predict(sum), log_softmax: log_softmax(sum) };
            rows(&sums).map(answer).collect()
        };
        let answers = batches(images, members).into_par_iter().map(answers).collect::<Vec<_>>();
        let answers: Vec<Answer> = answers.into_iter().flatten().collect();
        let labelled = answers.iter().zip(images.labels());
        let correct = labelled.filter(|(answer, label)| answer.prediction == usize::from(**label)).count();
        let count = answers.len();
        let float = AccuracySummary { images: count, correct, agreeing: count, ..AccuracySummary::default() };
        Self { images, answers, float }
    }

    /// Returns whether an accuracy is at most `tolerance` percentage points below the float ensemble's.
    pub fn tolerates(&self, summary: &AccuracySummary, tolerance: f64) -> bool {
        // The small addition lets a tolerance of a whole number of images include that number.
        self.float.accuracy() - summary.accuracy() <= tolerance + 1e-9
    }

    /// Returns the float ensemble's mean cross-entropy of the labels, in nats. A label that is not a class has an
    /// infinite loss.
    pub fn loss(&self) -> f64 {
        let labelled = self.answers.iter().zip(self.images.labels());
        let losses = labelled.map(|(answer, label)| match answer.log_softmax.get(usize::from(*label)) {
            Some(log_probability) => -log_probability,
            None => f64::INFINITY,
        });
        losses.sum::<f64>() / self.answers.len().max(1) as f64
    }

    /// Measures the float members on pixels that are quantised to `levels`.
    pub fn measure_levels(&self, members: &[BatchNetwork], levels: PixelLevels) -> AccuracySummary {
        let pixel = f64::from(levels.largest()).recip();
        let values = pixel_values(|byte| f64::from(levels.quantise(byte)) * pixel);
        let batch = |range: Range<usize>| {
            let logits: Vec<_> =
                members.iter().map(|member| logits(member, self.images, &range, &values)).collect();
            self.measure_batch(range.start, &logits, 1.0)
        };
        self.combine(batches(self.images, members).into_par_iter().map(batch).collect())
    }

    /// Measures rounded members in floating point, which is exact as long as values stay below 53 bits.
    pub fn measure_candidate(&self, members: &[BatchNetwork], candidate: &Candidate) -> AccuracySummary {
        self.measure_sharing_layers(members, candidate, None).summary
    }

    /// Measures rounded members as [`measure_candidate`](Self::measure_candidate). Takes the activations of leading
    /// layers from another candidate on the same images, if both candidates have the same rounding of these layers.
    pub fn measure_sharing_layers(
        &self,
        members: &[BatchNetwork],
        candidate: &Candidate,
        from: Option<&MeasuredCandidate>,
    ) -> MeasuredCandidate {
        let rounded: Vec<BatchNetwork> = members.iter().map(|member| member.rounded(candidate)).collect();
        let values = pixel_values(|byte| f64::from(candidate.levels.quantise(byte)));
        let [_, _, unit] = candidate.output_scales();
        // A layer's weights and biases do not depend on the scales of later layers.
        let shared = from.map_or(0, |from| candidate.layers_in_common(&from.candidate));
        let activations: usize = members.iter().map(|member| member.activations() + member.units()).sum();
        let keeps_activations = activations.saturating_mul(self.images.len()) <= MAX_KEPT_ACTIVATIONS;
        let batch = |(index, range): (usize, Range<usize>)| {
            let known = |member: usize| from?.activations_by_batch.get(index)?.get(member);
            let of_member = |(number, member): (usize, &BatchNetwork)| {
                let convolution = match known(number) {
                    Some(known) if shared >= 1 => known.convolution.clone(),
                    _ => member.convolve(self.images, range.clone(), &values).into_shared(),
                };
                let hidden = match known(number) {
                    Some(known) if shared >= 2 => known.hidden.clone(),
                    _ => squared(member.hidden(&convolution)).into_shared(),
                };
                (member.output(&hidden), Activations { convolution, hidden })
            };
            let (logits, activations): (Vec<_>, Vec<_>) = rounded.iter().enumerate().map(of_member).unzip();
            (
                self.measure_batch(range.start, &logits, unit),
                if keeps_activations { activations } else { Vec::new() },
            )
        };
        let batches = batches(self.images, members).into_par_iter().enumerate().map(batch);
        let (summaries, activations_by_batch): (Vec<_>, Vec<_>) = batches.unzip();
        MeasuredCandidate { candidate: *candidate, summary: self.combine(summaries), activations_by_batch }
    }

    /// Measures an integer ensemble exactly, and returns the range of its logits too.
    ///
    /// # Errors
    /// If the images have another size than the network reads.
    pub fn measure_exact(
        &self,
        ensemble: &IntegerEnsemble,
    ) -> Result<(AccuracySummary, ObservedRange), ForwardError> {
        let unit = ensemble.members().first().map_or(1.0, IntegerNetwork::logit_scale);
        let exact = ExactEnsemble::new(ensemble);
        let batch = |range: Range<usize>| -> Result<(AccuracySummary, ObservedRange), ForwardError> {
            let mut summary = AccuracySummary::default();
            let mut observed = ObservedRange::default();
            for (logits, index) in exact.logits(self.images, range.clone())?.iter().zip(range) {
                let sum = sum_logits(logits);
                let real: Vec<f64> = sum.iter().map(|&logit| logit as f64 * unit).collect();
                let range = ObservedRange::of(logits);
                // Integer logits decide the class, because floating point could round a tie.
                summary =
                    summary.merge(self.measure_image(index, predict(&sum), &real, range.largest() as f64));
                observed = observed.merge(range);
            }
            Ok((summary, observed))
        };
        let batches = batches(self.images, &exact.members).into_par_iter().map(batch);
        let (summaries, observed): (Vec<_>, Vec<_>) =
            batches.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let observed = observed.into_iter().fold(ObservedRange::default(), ObservedRange::merge);
        Ok((self.combine(summaries), observed))
    }

    /// Measures the images from index `first`, from the members' logits in units of `1 / unit`.
    fn measure_batch(&self, first: usize, members: &[Array2<f64>], unit: f64) -> AccuracySummary {
        let sums = members
            .iter()
            .skip(1)
            .fold(members.first().cloned().unwrap_or_default(), |sum, logits| sum + logits);
        let mut summary = AccuracySummary::default();
        for (row, index) in rows(&sums).zip(first..) {
            let sum: Vec<f64> = row.iter().map(|logit| logit / unit).collect();
            summary = summary.merge(self.measure_image(index, predict(&sum), &sum, 0.0));
        }
        let all = members.iter().chain([&sums]).flatten();
        summary.largest_logit = all.fold(0.0, |largest, logit| largest.max(logit.abs()));
        summary
    }

    /// Measures one image, whose ensemble logits on the float ensemble's scale are `sum`.
    #[expect(clippy::indexing_slicing, reason = "there is an answer and a label for each image")]
    fn measure_image(
        &self,
        index: usize,
        prediction: usize,
        sum: &[f64],
        largest_logit: f64,
    ) -> AccuracySummary {
        let float = &self.answers[index];
        AccuracySummary {
            images: 1,
            correct: usize::from(prediction == usize::from(self.images.labels()[index])),
            agreeing: usize::from(prediction == float.prediction),
            largest_logit,
            divergence: divergence(&float.log_softmax, &log_softmax(sum)),
        }
    }

    /// Combines batches in their order, so that sums do not depend on the threads.
    fn combine(&self, batches: Vec<AccuracySummary>) -> AccuracySummary {
        let mut summary = batches.into_iter().fold(AccuracySummary::default(), AccuracySummary::merge);
        summary.divergence /= summary.images.max(1) as f64;
        summary
    }
}

/// An integer ensemble whose hidden layers are computed in floating point if that is exact.
struct ExactEnsemble<'a> {
    ensemble: &'a IntegerEnsemble,
    members: Vec<BatchNetwork>,
    /// True if every member's hidden layer is exact in 53 bits.
    exact: bool,
}

impl<'a> ExactEnsemble<'a> {
    fn new(ensemble: &'a IntegerEnsemble) -> Self {
        // Every product and every partial sum of a row, in any order, is at most the row's bound: |w|_1 max|x| + |b|.
        let exact = ensemble.members().iter().all(|member| {
            let bounds = member.bounds();
            let squares = bounds.convolution.checked_mul(bounds.convolution);
            squares.is_some_and(|squares| squares.max(bounds.hidden) <= 1 << f64::MANTISSA_DIGITS)
        });
        Self { ensemble, members: ensemble.members().iter().map(BatchNetwork::of_integers).collect(), exact }
    }

    /// Returns the members' logits for each of the images `range`.
    fn logits(
        &self,
        images: &LabelledImages,
        range: Range<usize>,
    ) -> Result<Vec<Vec<Vec<i128>>>, ForwardError> {
        let levels = self.ensemble.pixel_levels();
        if !self.exact {
            let one = |index| self.ensemble.member_logits(&levels.quantise_all(images.image(index)));
            return range.map(one).collect();
        }
        let values = pixel_values(|byte| f64::from(levels.quantise(byte)));
        let hidden = |member: &BatchNetwork| member.hidden(&member.convolve(images, range.clone(), &values));
        let hidden: Vec<_> = self.members.iter().map(hidden).collect();
        let members = || self.ensemble.members().iter().zip(&hidden);
        let output = |(network, hidden): (&IntegerNetwork, &Array2<f64>), image: usize| {
            let squares: Vec<i128> = hidden.row(image).iter().map(|&value| (value as i128).pow(2)).collect();
            // The network's bounds guarantee that these fit 127 bits.
            let rows = network.output().row_iter().zip(network.output().biases());
            rows.map(|(weights, &bias)| {
                bias + weights
                    .iter()
                    .zip(&squares)
                    .map(|(&weight, square)| i128::from(weight) * square)
                    .sum::<i128>()
            })
            .collect()
        };
        Ok((0..range.len()).map(|image| members().map(|member| output(member, image)).collect()).collect())
    }
}

/// Returns all images in batches whose activations fit the limit.
fn batches(images: &LabelledImages, members: &[BatchNetwork]) -> Vec<Range<usize>> {
    let largest = members.iter().map(BatchNetwork::activations).max().unwrap_or(1).max(1);
    let size = (MAX_BATCH_NUMBERS / largest).clamp(1, BATCH);
    (0..images.len()).step_by(size).map(|first| first..(first + size).min(images.len())).collect()
}

/// Returns a member's logits for the images `range`.
fn logits(
    member: &BatchNetwork,
    images: &LabelledImages,
    range: &Range<usize>,
    values: &PixelValues,
) -> Array2<f64> {
    member.output(&squared(member.hidden(&member.convolve(images, range.clone(), values))))
}

fn squared(values: Array2<f64>) -> Array2<f64> {
    values.mapv_into(|value| value * value)
}

/// Returns the rows of a contiguous array, such as a matrix product.
fn rows(array: &Array2<f64>) -> impl Iterator<Item = &[f64]> {
    array.as_slice().unwrap_or_default().chunks_exact(array.ncols().max(1))
}

fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = logits.iter().map(|logit| (logit - top).exp()).sum::<f64>().ln() + top;
    logits.iter().map(|logit| logit - log_sum).collect()
}

/// Returns the divergence from the softmax whose logarithm is `p` to that whose logarithm is `q`.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum()
}

#[cfg(test)]
mod tests;

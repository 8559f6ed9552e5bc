//! How good a rounded ensemble is.

use std::ops::Range;

use ndarray::{ArcArray2, Array2};
use rayon::prelude::*;
use serde::Serialize;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ForwardError, IntegerEnsemble, ObservedRange, PixelLevels, predict, sum_logits};

use super::batch_network::{BatchNetwork, PixelValues, pixel_values};
use super::candidate::Candidate;

/// How an ensemble does on images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct AccuracySummary {
    /// Images looked at.
    pub images: usize,
    /// Of these, classified as their labels say.
    pub correct: usize,
    /// Of these, classified as the float ensemble does, right or wrong.
    pub agreeing: usize,
    /// The largest absolute logit of a member or of the sum.
    pub largest_logit: f64,
    /// Mean Kullback-Leibler divergence, in nats, from the float ensemble's softmax: finer than counting images.
    #[serde(skip)]
    pub divergence: f64,
}

impl AccuracySummary {
    /// Correct ones in per cent.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        100.0 * self.correct as f64 / self.images.max(1) as f64
    }

    /// Agreeing ones in per cent.
    #[must_use]
    pub fn agreement(&self) -> f64 {
        100.0 * self.agreeing as f64 / self.images.max(1) as f64
    }

    /// Bits of the smallest plaintext modulus that tells all logits apart: log2 of 2 x largest + 1.
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

/// Images of a batch: enough for matrix products to be fast, few enough for all processors to have some.
const BATCH: usize = 64;

/// Numbers that one batch may take, 32 MiB: large networks have smaller batches.
const MOST_IN_BATCH: usize = 1 << 22;

/// Numbers that a trial may keep for the next ones, 256 MiB.
const MOST_KEPT: usize = 1 << 25;

/// Images with the float ensemble's answers.
pub struct FloatReference<'a> {
    images: &'a LabelledImages,
    /// The float ensemble's answers, image by image.
    answers: Vec<Answer>,
    /// The float ensemble's own.
    pub float: AccuracySummary,
}

/// What the float ensemble makes of an image.
struct Answer {
    prediction: usize,
    log_softmax: Vec<f64>,
}

/// A candidate that was tried.
pub struct MeasuredCandidate {
    pub candidate: Candidate,
    pub judgement: AccuracySummary,
    /// Batch by batch and member by member; nothing where it would take too much memory.
    kept: Vec<Vec<Activations>>,
}

/// What a member makes of a batch of images, squared.
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

    /// Whether a judgement is at most `tolerance` points below the float ensemble's.
    pub fn tolerates(&self, judgement: &AccuracySummary, tolerance: f64) -> bool {
        // A tolerance of so many images is met by just so many.
        self.float.accuracy() - judgement.accuracy() <= tolerance + 1e-9
    }

    /// The float ensemble's mean cross-entropy of the labels, in nats; a label that is no class has the largest there is.
    pub fn loss(&self) -> f64 {
        let labelled = self.answers.iter().zip(self.images.labels());
        let losses = labelled.map(|(answer, label)| match answer.log_softmax.get(usize::from(*label)) {
            Some(log_probability) => -log_probability,
            None => f64::INFINITY,
        });
        losses.sum::<f64>() / self.answers.len().max(1) as f64
    }

    /// What quantised pixels alone cost: the float members on `levels`.
    pub fn judge_levels(&self, members: &[BatchNetwork], levels: PixelLevels) -> AccuracySummary {
        let pixel = f64::from(levels.largest()).recip();
        let values = pixel_values(|byte| f64::from(levels.quantise(byte)) * pixel);
        let batch = |range: Range<usize>| {
            let logits: Vec<_> =
                members.iter().map(|member| logits(member, self.images, &range, &values)).collect();
            self.judge(range.start, &logits, 1.0)
        };
        self.mean(batches(self.images, members).into_par_iter().map(batch).collect())
    }

    /// Integer weights in floating point, exact as long as values stay below 53 bits, and rounded behind that.
    pub fn judge_candidate(&self, members: &[BatchNetwork], candidate: &Candidate) -> AccuracySummary {
        self.try_candidate(members, candidate, None).judgement
    }

    /// The same, with the layers taken from another trial on the same images that are the same in it.
    pub fn try_candidate(
        &self,
        members: &[BatchNetwork],
        candidate: &Candidate,
        from: Option<&MeasuredCandidate>,
    ) -> MeasuredCandidate {
        let rounded: Vec<BatchNetwork> = members.iter().map(|member| member.rounded(candidate)).collect();
        let values = pixel_values(|byte| f64::from(candidate.levels.quantise(byte)));
        let unit = candidate.output_scales()[2];
        // A layer's weights and biases depend on the scales of no later one.
        let shared = from.map_or(0, |from| candidate.layers_in_common(&from.candidate));
        let activations: usize = members.iter().map(|member| member.activations() + member.units()).sum();
        let keep = activations.saturating_mul(self.images.len()) <= MOST_KEPT;
        let batch = |(index, range): (usize, Range<usize>)| {
            let known = |member: usize| from?.kept.get(index)?.get(member);
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
            (self.judge(range.start, &logits, unit), if keep { activations } else { Vec::new() })
        };
        let batches = batches(self.images, members).into_par_iter().enumerate().map(batch);
        let (judgements, kept): (Vec<_>, Vec<_>) = batches.unzip();
        MeasuredCandidate { candidate: *candidate, judgement: self.mean(judgements), kept }
    }

    /// The ensemble in exact integers, and the range of its logits.
    ///
    /// # Errors
    /// If the images have another size than the network reads.
    pub fn judge_exact(
        &self,
        ensemble: &IntegerEnsemble,
    ) -> Result<(AccuracySummary, ObservedRange), ForwardError> {
        let unit = ensemble.members()[0].logit_scale();
        let exact = ExactEnsemble::new(ensemble);
        let batch = |range: Range<usize>| -> Result<(AccuracySummary, ObservedRange), ForwardError> {
            let mut judgement = AccuracySummary::default();
            let mut observed = ObservedRange::default();
            for (logits, index) in exact.logits(self.images, range.clone())?.iter().zip(range) {
                let sum = sum_logits(logits);
                let real: Vec<f64> = sum.iter().map(|&logit| logit as f64 * unit).collect();
                let range = ObservedRange::of(logits);
                // What is decided by integers is decided by integers.
                judgement = judgement.merge(self.one(index, predict(&sum), &real, range.largest() as f64));
                observed = observed.merge(range);
            }
            Ok((judgement, observed))
        };
        let batches = batches(self.images, &exact.members).into_par_iter().map(batch);
        let (judgements, observed): (Vec<_>, Vec<_>) =
            batches.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let observed = observed.into_iter().fold(ObservedRange::default(), ObservedRange::merge);
        Ok((self.mean(judgements), observed))
    }

    /// The images from `first`, with the members' logits in units of `1 / unit`.
    fn judge(&self, first: usize, members: &[Array2<f64>], unit: f64) -> AccuracySummary {
        let sums = members
            .iter()
            .skip(1)
            .fold(members.first().cloned().unwrap_or_default(), |sum, logits| sum + logits);
        let mut judgement = AccuracySummary::default();
        for (row, index) in rows(&sums).zip(first..) {
            let sum: Vec<f64> = row.iter().map(|logit| logit / unit).collect();
            judgement = judgement.merge(self.one(index, predict(&sum), &sum, 0.0));
        }
        let all = members.iter().chain([&sums]).flatten();
        judgement.largest_logit = all.fold(0.0, |largest, logit| largest.max(logit.abs()));
        judgement
    }

    /// One image, whose ensemble logits on the float ensemble's scale are `sum`.
    fn one(&self, index: usize, prediction: usize, sum: &[f64], largest_logit: f64) -> AccuracySummary {
        let float = &self.answers[index];
        AccuracySummary {
            images: 1,
            correct: usize::from(prediction == usize::from(self.images.labels()[index])),
            agreeing: usize::from(prediction == float.prediction),
            largest_logit,
            divergence: divergence(&float.log_softmax, &log_softmax(sum)),
        }
    }

    /// Of batches in their order, so that sums do not depend on which was ready first.
    fn mean(&self, batches: Vec<AccuracySummary>) -> AccuracySummary {
        let mut judgement = batches.into_iter().fold(AccuracySummary::default(), AccuracySummary::merge);
        judgement.divergence /= judgement.images.max(1) as f64;
        judgement
    }
}

/// Members whose hidden layers are computed in floating point where that is exact.
struct ExactEnsemble<'a> {
    ensemble: &'a IntegerEnsemble,
    members: Vec<BatchNetwork>,
    /// Whether every member's hidden layer is exact in 53 bits.
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

    /// The members' logits for each of the images `range`.
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
        let output = |(network, hidden): (&sottovoce_network::IntegerNetwork, &Array2<f64>), image: usize| {
            let squares: Vec<i128> = hidden.row(image).iter().map(|&value| (value as i128).pow(2)).collect();
            // The network's bounds promise that these fit 127 bits.
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

/// All images in batches that are not too large for the members.
fn batches(images: &LabelledImages, members: &[BatchNetwork]) -> Vec<Range<usize>> {
    let largest = members.iter().map(BatchNetwork::activations).max().unwrap_or(1).max(1);
    let size = (MOST_IN_BATCH / largest).clamp(1, BATCH);
    (0..images.len()).step_by(size).map(|first| first..(first + size).min(images.len())).collect()
}

/// A member's logits for the images `range`.
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

/// Rows of an array that lies in one piece, as products do.
fn rows(array: &Array2<f64>) -> impl Iterator<Item = &[f64]> {
    array.as_slice().unwrap_or_default().chunks_exact(array.ncols().max(1))
}

fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = logits.iter().map(|logit| (logit - top).exp()).sum::<f64>().ln() + top;
    logits.iter().map(|logit| logit - log_sum).collect()
}

/// From the softmax whose logarithm is `p` to that whose logarithm is `q`.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    p.iter().zip(q).map(|(p, q)| p.exp() * (p - q)).sum()
}

#[cfg(test)]
mod tests;

//! How good a rounded ensemble is.

use rayon::prelude::*;
use serde::Serialize;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, ObservedRange, PixelLevels, predict, sum_logits};

use super::{Candidate, QuantiseError, RealNetwork};

/// How an ensemble does on images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Judgement {
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
    pub(super) divergence: f64,
}

impl Judgement {
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

/// Images with the float ensemble's answers.
pub(super) struct Reference<'a> {
    images: &'a LabelledImages,
    logits: Vec<Vec<f64>>,
    /// The float ensemble's own.
    pub float: Judgement,
}

impl<'a> Reference<'a> {
    pub fn new(members: &[RealNetwork], images: &'a LabelledImages) -> Self {
        let logits = |index| {
            let image: Vec<f64> = images.image(index).iter().map(|&pixel| f64::from(pixel) / 255.0).collect();
            sum(&logits_of(members, &image))
        };
        let logits: Vec<Vec<f64>> = (0..images.len()).into_par_iter().map(logits).collect();
        let mut reference = Self { images, logits, float: Judgement::default() };
        let own = |index: usize| reference.one(index, &[], &reference.logits[index]);
        reference.float =
            reference.mean((0..images.len()).map(own).fold(Judgement::default(), Judgement::merge));
        reference
    }

    /// Whether a judgement is at most `tolerance` points below the float ensemble's.
    pub fn tolerates(&self, judgement: &Judgement, tolerance: f64) -> bool {
        // A tolerance of so many images is met by just so many.
        self.float.accuracy() - judgement.accuracy() <= tolerance + 1e-9
    }

    /// What quantised pixels alone cost: the float members on `levels`.
    pub fn judge_levels(&self, members: &[RealNetwork], levels: PixelLevels) -> Judgement {
        self.judge(members, levels, f64::from(levels.largest()).recip(), 1.0)
    }

    /// Integer weights in floating point, exact as long as values stay below 53 bits, and rounded behind that.
    pub fn judge_candidate(&self, members: &[RealNetwork], candidate: &Candidate) -> Judgement {
        let rounded: Vec<RealNetwork> = members.iter().map(|member| candidate.round(member)).collect();
        self.judge(&rounded, candidate.levels, 1.0, candidate.output_scales()[2])
    }

    fn judge(&self, members: &[RealNetwork], levels: PixelLevels, pixel: f64, unit: f64) -> Judgement {
        let one = |index: usize| {
            let image = self.images.image(index);
            let image: Vec<f64> = image.iter().map(|&p| f64::from(levels.quantise(p)) * pixel).collect();
            let logits = logits_of(members, &image);
            let sum: Vec<f64> = sum(&logits).iter().map(|logit| logit / unit).collect();
            let mut judgement = self.one(index, &logits, &sum);
            judgement.largest_logit = judgement.largest_logit.max(largest(&sum) * unit);
            judgement
        };
        let all = (0..self.images.len()).into_par_iter().map(one);
        self.mean(all.reduce(Judgement::default, Judgement::merge))
    }

    /// The ensemble in exact integers.
    pub fn judge_exact(&self, ensemble: &IntegerEnsemble) -> Result<Judgement, QuantiseError> {
        let levels = ensemble.pixel_levels();
        let unit = ensemble.members()[0].logit_scale();
        let one = |index: usize| -> Result<Judgement, QuantiseError> {
            let logits = ensemble.member_logits(&levels.quantise_all(self.images.image(index)))?;
            let sum = sum_logits(&logits);
            let real: Vec<f64> = sum.iter().map(|&logit| logit as f64 * unit).collect();
            let mut judgement = self.one(index, &[], &real);
            // What is decided by integers is decided by integers.
            let prediction = predict(&sum);
            judgement.correct = usize::from(prediction == usize::from(self.images.labels()[index]));
            judgement.agreeing = usize::from(prediction == predict(&self.logits[index]));
            judgement.largest_logit = ObservedRange::of(&logits).largest() as f64;
            Ok(judgement)
        };
        let all = (0..self.images.len()).into_par_iter().map(one);
        Ok(self.mean(all.try_reduce(Judgement::default, |a, b| Ok(a.merge(b)))?))
    }

    /// One image, whose ensemble logits on the float ensemble's scale are `sum`.
    fn one(&self, index: usize, members: &[Vec<f64>], sum: &[f64]) -> Judgement {
        let float = &self.logits[index];
        let prediction = predict(sum);
        Judgement {
            images: 1,
            correct: usize::from(prediction == usize::from(self.images.labels()[index])),
            agreeing: usize::from(prediction == predict(float)),
            largest_logit: members.iter().map(|member| largest(member)).fold(0.0, f64::max),
            divergence: divergence(float, sum),
        }
    }

    fn mean(&self, mut judgement: Judgement) -> Judgement {
        judgement.divergence /= judgement.images.max(1) as f64;
        judgement
    }
}

fn logits_of(members: &[RealNetwork], image: &[f64]) -> Vec<Vec<f64>> {
    members.iter().map(|member| member.logits(image)).collect()
}

fn sum(members: &[Vec<f64>]) -> Vec<f64> {
    let classes = members.first().map_or(0, Vec::len);
    (0..classes).map(|class| members.iter().map(|logits| logits[class]).sum()).collect()
}

fn largest(logits: &[f64]) -> f64 {
    logits.iter().fold(0.0, |largest, logit| largest.max(logit.abs()))
}

/// From the softmax of `p` to that of `q`.
fn divergence(p: &[f64], q: &[f64]) -> f64 {
    let log_softmax = |logits: &[f64]| -> Vec<f64> {
        let top = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = logits.iter().map(|logit| (logit - top).exp()).sum::<f64>().ln() + top;
        logits.iter().map(|logit| logit - log_sum).collect()
    };
    let (p, q) = (log_softmax(p), log_softmax(q));
    p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
}

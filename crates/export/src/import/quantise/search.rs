//! The search for the cheapest scales that keep the accuracy.
//!
//! The bits of the logits determine the cost of encryption. They grow by 4 with every doubling of the convolution's
//! scale (two squares follow it), by 2 with the hidden layer's, by 1 with the output layer's, and by 4 with every
//! doubling of the pixel levels. The search descends in steps of one bit: of the three scales it reduces the one that
//! hurts least, until the accuracy is far too low. It does so once for each of several numbers of pixel levels, and
//! records all candidates that it measured on the way. The candidates only depend on the network and the images. The
//! tolerance only chooses among them, so a larger tolerance never costs more bits.

use sottovoce_dataset::LabelledImages;
use sottovoce_network::PixelLevels;

use super::accuracy::{AccuracySummary, FloatReference, MeasuredCandidate};
use super::batch_network::BatchNetwork;
use super::candidate::{Candidate, largest_weights};
use super::error::QuantiseError;
use crate::import::description::quantisation::{PixelLevelsChoice, Scales};
use crate::import::real_network::RealNetwork;

/// Number of images of the descents. Promising candidates are then measured on all images.
const DESCENT_IMAGES: usize = 1000;

/// Largest weights at the start of a descent: 7 bits and a sign lose nothing.
const INITIAL_LARGEST_WEIGHT: f64 = 127.0;

/// Factors of convolution's, hidden and output layer's scale that each save one bit of logits.
const BIT_FACTORS: [f64; 3] = [0.840_896_415_253_714_5, std::f64::consts::FRAC_1_SQRT_2, 0.5];

/// Numbers of pixel levels of the descents, about half a bit of pixel apart. Fewer levels do not always end at fewer
/// bits, because weights may need more bits in return.
const LEVELS: [u16; 9] = [2, 3, 4, 6, 9, 17, 33, 65, 256];

/// More levels than this are only tried if fewer levels lose accuracy with float weights.
const ENOUGH_LEVELS: u16 = 17;

/// Percentage points of accuracy that count as no loss.
const NO_LOSS_POINTS: f64 = 0.1;

/// Percentage points below the float network from which a candidate is bad.
const BAD_POINTS: f64 = 5.0;

/// Bits that a descent continues among bad candidates. If a candidate is bad by chance, better ones follow.
const EXTRA_BITS: usize = 6;

/// Percentage points by which the accuracy on the images of the descents may be lower than on all images.
const MARGIN_POINTS: f64 = 1.0;

/// A candidate with its accuracy on the images of the descents.
pub struct Step {
    pub candidate: Candidate,
    pub summary: AccuracySummary,
}

/// The result of a search.
pub struct SearchResult {
    pub chosen: Candidate,
    /// All candidates that were measured, including the chosen one, from few bits to many.
    pub steps: Vec<Step>,
}

/// Members to round, and images to measure them on.
pub struct Search<'a> {
    pub members: &'a [RealNetwork],
    /// The members as networks on batches of images.
    pub batch_members: &'a [BatchNetwork],
    /// All images.
    pub all: &'a FloatReference<'a>,
    /// Percentage points of accuracy that may be lost.
    pub tolerance: f64,
    /// Called with the state of every descent.
    pub report: &'a dyn Fn(&str),
}

impl Search<'_> {
    /// Finds the cheapest candidate that keeps the accuracy on all images.
    ///
    /// # Errors
    /// If there is none.
    pub fn run(
        &self,
        images: &LabelledImages,
        levels: PixelLevelsChoice,
    ) -> Result<SearchResult, QuantiseError> {
        let few = images.take(DESCENT_IMAGES);
        let few = FloatReference::new(self.batch_members, &few);
        let mut steps = Vec::new();
        for levels in self.levels(&few, levels) {
            steps.extend(self.descend(&few, levels));
        }
        steps.sort_by(|a, b| a.summary.bits().total_cmp(&b.summary.bits()));
        match self.cheapest(&few, &steps) {
            Ok(chosen) => Ok(SearchResult { chosen, steps }),
            Err((best, number)) => Err(QuantiseError::NotWithinTolerance {
                tolerance: self.tolerance,
                float: self.all.float.accuracy(),
                images: self.all.float.images,
                best,
                levels: number,
                advice: match levels {
                    PixelLevelsChoice::Fixed(_) => ", or `quantisation.pixel_levels`",
                    PixelLevelsChoice::Search => "",
                },
            }),
        }
    }

    /// Returns the numbers of levels of the descents, which do not depend on the tolerance.
    fn levels(&self, few: &FloatReference, plan: PixelLevelsChoice) -> Vec<PixelLevels> {
        let numbers = match plan {
            PixelLevelsChoice::Fixed(number) => vec![number],
            PixelLevelsChoice::Search => LEVELS.to_vec(),
        };
        let mut levels = Vec::new();
        // All these numbers are valid: `LEVELS` and a checked description's number are between 2 and 256.
        for pixel_levels in numbers.into_iter().filter_map(|number| PixelLevels::new(number).ok()) {
            levels.push(pixel_levels);
            let enough = u16::from(pixel_levels) >= ENOUGH_LEVELS;
            if enough && few.tolerates(&few.measure_levels(self.batch_members, pixel_levels), NO_LOSS_POINTS)
            {
                break;
            }
        }
        levels
    }

    /// Returns the candidate with the fewest bits that keeps the accuracy on all images; or else the best accuracy
    /// and its levels. `steps` are sorted from few bits to many.
    fn cheapest(&self, few: &FloatReference, steps: &[Step]) -> Result<Candidate, (f64, u16)> {
        let mut cheapest: Option<(Candidate, f64)> = None;
        let mut closest = (f64::NEG_INFINITY, 0);
        for Step { candidate, summary } in steps {
            // The largest logit on all images is at least the largest logit on some of them.
            if cheapest.is_some_and(|(_, bits)| summary.bits() >= bits) {
                break;
            }
            let levels = u16::from(candidate.levels);
            if !few.tolerates(summary, self.tolerance + MARGIN_POINTS) {
                closest = higher_accuracy(closest, (summary.accuracy(), levels));
                continue;
            }
            (self.report)(&format!("judging {levels} pixel levels, {:.0} bits", summary.bits()));
            let summary = self.all.measure_candidate(self.batch_members, candidate);
            let bits = summary.bits();
            if !self.all.tolerates(&summary, self.tolerance) {
                closest = higher_accuracy(closest, (summary.accuracy(), levels));
            } else if cheapest.is_none_or(|(_, fewest)| bits < fewest) {
                cheapest = Some((*candidate, bits));
            }
        }
        cheapest.map(|(candidate, _)| candidate).ok_or(closest)
    }

    /// Returns all candidates of a descent, from scales that lose nothing to scales that lose far too much.
    fn descend(&self, few: &FloatReference, levels: PixelLevels) -> Vec<Step> {
        let largest = largest_weights(self.members);
        let judge = |scales: [f64; 3], last: Option<&MeasuredCandidate>| {
            let candidate = Candidate { levels, scales: Scales(scales.map(four_digits)) };
            few.measure_sharing_layers(self.batch_members, &candidate, last)
        };
        let step = |trial: MeasuredCandidate| Step { candidate: trial.candidate, summary: trial.summary };
        let mut passed = Vec::new();
        let mut bad = 0;
        let mut last = judge(largest.map(|weight| INITIAL_LARGEST_WEIGHT / or_one(weight)), None);
        loop {
            (self.report)(&format!(
                "{} pixel levels, {:.0} bits, {:.2} %",
                u16::from(levels),
                last.summary.bits(),
                last.summary.accuracy()
            ));
            bad = if few.tolerates(&last.summary, BAD_POINTS) { 0 } else { bad + 1 };
            if bad > EXTRA_BITS {
                break;
            }
            let factors = BIT_FACTORS.into_iter().zip(largest).enumerate();
            let smaller = factors.filter_map(|(layer, (factor, largest))| {
                let mut scales = last.candidate.scales.0;
                let scale = scales.get_mut(layer)?;
                *scale *= factor;
                let reduced = *scale;
                // If all weights of a layer were rounded to zero, the network would not have this layer.
                (largest * reduced >= 0.5).then_some(scales)
            });
            let mut smaller: Vec<MeasuredCandidate> =
                smaller.map(|scales| judge(scales, Some(&last))).collect();
            let divergences = smaller.iter().map(|trial| trial.summary.divergence).enumerate();
            let Some((best, _)) = divergences.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            passed.push(step(std::mem::replace(&mut last, smaller.swap_remove(best))));
            passed.extend(smaller.into_iter().map(step));
        }
        passed.push(step(last));
        passed
    }
}

/// Rounds a scale to four digits, as the table shows it, so that a scale copied from the table is exactly the same.
fn four_digits(scale: f64) -> f64 {
    let short = format!("{scale:.3e}");
    short.parse().unwrap_or(scale)
}

/// Returns the largest weight of a layer, or 1 for a layer of zeros, which may have any scale.
fn or_one(weight: f64) -> f64 {
    if weight > 0.0 { weight } else { 1.0 }
}

/// Returns the higher of two accuracies, with its pixel levels.
fn higher_accuracy(a: (f64, u16), b: (f64, u16)) -> (f64, u16) {
    if b.0 > a.0 { b } else { a }
}

#[cfg(test)]
mod tests;

//! The cheapest scales that are good enough.
//!
//! What encryption costs is decided by the bits of the logits, which grow by 4 with every doubling of the
//! convolution's scale (two squares are behind it), by 2 with the hidden layer's, by 1 with the output layer's, and by 4
//! with every doubling of the pixels' levels. So the search walks downhill in steps of one bit: of the three scales it
//! makes that one smaller which hurts least, far beyond where accuracy falls. It does so once for each of several
//! numbers of pixel levels, and looks at everything that it passed on either side. Which candidates there are depends
//! on the network and the images alone; the tolerance only chooses among them, so a larger one never costs more bits.

use sottovoce_dataset::LabelledImages;
use sottovoce_network::PixelLevels;

use super::accuracy::{AccuracySummary, FloatReference, MeasuredCandidate};
use super::batch_network::BatchNetwork;
use super::candidate::{Candidate, largest_weights};
use super::error::QuantiseError;
use crate::import::description::quantisation::{PixelLevelsChoice, Scales};
use crate::import::real_network::RealNetwork;

/// Descents are walked on so many images, and what is promising then judged on all.
const IMAGES: usize = 1000;

/// Largest weights that a descent begins with: 7 bits and a sign lose nothing.
const FIRST_LARGEST: f64 = 127.0;

/// Factors of convolution's, hidden and output layer's scale that save one bit of logits.
const STEPS: [f64; 3] = [0.840_896_415_253_714_5, std::f64::consts::FRAC_1_SQRT_2, 0.5];

/// Numbers of pixel levels that are gone down from, each about half a bit of pixel more. Fewer levels do not always end
/// at fewer bits: weights may have to make up for them.
const LEVELS: [u16; 9] = [2, 3, 4, 6, 9, 17, 33, 65, 256];

/// More levels than this are tried only where the ones before them lose something with float weights.
const MOST_LEVELS: u16 = 17;

/// What is nothing, in points.
const NOTHING: f64 = 0.1;

/// Points below the float network at which a candidate is a bad one.
const BAD: f64 = 5.0;

/// Bits that a descent goes on for among bad candidates. One that is bad by chance is followed by better ones.
const BITS_BEYOND: usize = 6;

/// Points by which the images of the descents may be more severe than all images.
const PROMISING: f64 = 1.0;

/// A candidate, and how it does on the images of the descents.
pub struct Step {
    pub candidate: Candidate,
    pub judgement: AccuracySummary,
}

/// What a search found.
pub struct SearchResult {
    pub chosen: Candidate,
    /// All candidates that were looked at, the chosen one among them, from few bits to many.
    pub steps: Vec<Step>,
}

/// Members to round, and images to judge by.
pub struct Search<'a> {
    pub members: &'a [RealNetwork],
    /// The same, for batches of images.
    pub batch_members: &'a [BatchNetwork],
    /// All images.
    pub all: &'a FloatReference<'a>,
    /// Points that may be lost.
    pub tolerance: f64,
    /// Told of every descent's state.
    pub watch: &'a dyn Fn(&str),
}

impl Search<'_> {
    /// Finds the cheapest candidate that is good enough on all images.
    ///
    /// # Errors
    /// If there is none.
    pub fn run(
        &self,
        images: &LabelledImages,
        levels: PixelLevelsChoice,
    ) -> Result<SearchResult, QuantiseError> {
        let few = images.take(IMAGES);
        let few = FloatReference::new(self.batch_members, &few);
        let mut steps = Vec::new();
        for levels in self.levels(&few, levels) {
            steps.extend(self.descend(&few, levels));
        }
        steps.sort_by(|a, b| a.judgement.bits().total_cmp(&b.judgement.bits()));
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

    /// The numbers of levels to go down from: the tolerance has no say in it.
    fn levels(&self, few: &FloatReference, plan: PixelLevelsChoice) -> Vec<PixelLevels> {
        let numbers = match plan {
            PixelLevelsChoice::Fixed(number) => vec![number],
            PixelLevelsChoice::Search => LEVELS.to_vec(),
        };
        let mut levels = Vec::new();
        // A checked description's number and those above are numbers of levels.
        for pixel_levels in numbers.into_iter().filter_map(|number| PixelLevels::new(number).ok()) {
            levels.push(pixel_levels);
            let enough = u16::from(pixel_levels) >= MOST_LEVELS;
            if enough && few.tolerates(&few.judge_levels(self.batch_members, pixel_levels), NOTHING) {
                break;
            }
        }
        levels
    }

    /// The candidate with the fewest bits on all images that is good enough there, or else the best accuracy and its
    /// levels. `steps` go from few bits to many.
    fn cheapest(&self, few: &FloatReference, steps: &[Step]) -> Result<Candidate, (f64, u16)> {
        let mut cheapest: Option<(Candidate, f64)> = None;
        let mut closest = (f64::NEG_INFINITY, 0);
        for Step { candidate, judgement } in steps {
            // All images' largest logit is no smaller than that of some of them.
            if cheapest.is_some_and(|(_, bits)| judgement.bits() >= bits) {
                break;
            }
            let levels = u16::from(candidate.levels);
            if !few.tolerates(judgement, self.tolerance + PROMISING) {
                closest = better(closest, (judgement.accuracy(), levels));
                continue;
            }
            (self.watch)(&format!("judging {levels} pixel levels, {:.0} bits", judgement.bits()));
            let judgement = self.all.judge_candidate(self.batch_members, candidate);
            let bits = judgement.bits();
            if !self.all.tolerates(&judgement, self.tolerance) {
                closest = better(closest, (judgement.accuracy(), levels));
            } else if cheapest.is_none_or(|(_, fewest)| bits < fewest) {
                cheapest = Some((*candidate, bits));
            }
        }
        cheapest.map(|(candidate, _)| candidate).ok_or(closest)
    }

    /// From scales that lose nothing to ones that lose far too much, with all that were passed.
    fn descend(&self, few: &FloatReference, levels: PixelLevels) -> Vec<Step> {
        let largest = largest_weights(self.members);
        let judge = |scales: [f64; 3], last: Option<&MeasuredCandidate>| {
            let candidate = Candidate { levels, scales: Scales(scales.map(four_digits)) };
            few.try_candidate(self.batch_members, &candidate, last)
        };
        let step = |trial: MeasuredCandidate| Step { candidate: trial.candidate, judgement: trial.judgement };
        let mut passed = Vec::new();
        let mut bad = 0;
        let mut last = judge(largest.map(|weight| FIRST_LARGEST / positive(weight)), None);
        loop {
            (self.watch)(&format!(
                "{} pixel levels, {:.0} bits, {:.2} %",
                u16::from(levels),
                last.judgement.bits(),
                last.judgement.accuracy()
            ));
            bad = if few.tolerates(&last.judgement, BAD) { 0 } else { bad + 1 };
            if bad > BITS_BEYOND {
                break;
            }
            let smaller = (0..3).filter_map(|layer| {
                let mut scales = last.candidate.scales.0;
                scales[layer] *= STEPS[layer];
                // A layer whose weights are all rounded to zero is none.
                (largest[layer] * scales[layer] >= 0.5).then_some(scales)
            });
            let mut smaller: Vec<MeasuredCandidate> =
                smaller.map(|scales| judge(scales, Some(&last))).collect();
            let divergences = smaller.iter().map(|trial| trial.judgement.divergence).enumerate();
            let Some((best, _)) = divergences.min_by(|a, b| a.1.total_cmp(&b.1)) else { break };
            passed.push(step(std::mem::replace(&mut last, smaller.swap_remove(best))));
            passed.extend(smaller.into_iter().map(step));
        }
        passed.push(step(last));
        passed
    }
}

/// A scale as a table shows it, so that what is written back from there is the same scale.
fn four_digits(scale: f64) -> f64 {
    let short = format!("{scale:.3e}");
    short.parse().unwrap_or(scale)
}

/// A layer of zeros has any scale.
fn positive(weight: f64) -> f64 {
    if weight > 0.0 { weight } else { 1.0 }
}

/// The more accurate of two accuracies with their pixel levels.
fn better(a: (f64, u16), b: (f64, u16)) -> (f64, u16) {
    if b.0 > a.0 { b } else { a }
}

#[cfg(test)]
mod tests;

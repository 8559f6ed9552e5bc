//! The cheapest scales that are good enough.
//!
//! What encryption costs is decided by the bits of the logits, which grow by 4 with every doubling of the
//! convolution's scale (two squares are behind it), by 2 with the hidden layer's, by 1 with the output layer's, and by 4
//! with every doubling of the pixels' levels. So the search walks downhill in steps of one bit: of the three scales it
//! makes that one smaller which hurts least, until accuracy falls. It begins with scales that lose nothing, once for
//! each number of pixel levels that is good enough with float weights, from the fewest.

use sottovoce_dataset::LabelledImages;
use sottovoce_network::PixelLevels;

use super::candidate::largest;
use super::judge::Reference;
use super::{Candidate, Judgement, LevelsPlan, QuantiseError, RealNetwork, Scales};

/// Candidates are compared on so many images, and the best of them then judged on all.
const IMAGES: usize = 1000;

/// Largest weights that a search begins with: 7 bits and a sign lose nothing.
const FIRST_LARGEST: f64 = 127.0;

/// Factors of convolution's, hidden and output layer's scale that save one bit of logits.
const STEPS: [f64; 3] = [0.840_896_415_253_714_5, std::f64::consts::FRAC_1_SQRT_2, 0.5];

/// Numbers of pixel levels that are tried, each about a bit of pixel more.
const LEVELS: [u16; 9] = [2, 3, 4, 5, 9, 17, 33, 65, 256];

/// Fewer levels do not always end at fewer bits: weights may have to make up for them. So that many are gone down from.
const DESCENTS: usize = 2;

/// Points below the tolerance that a descent goes on for, for the table to show where accuracy falls.
const BEYOND: f64 = 2.0;

/// A candidate, and how it does on the images of the search.
pub(super) struct Step {
    pub candidate: Candidate,
    pub judgement: Judgement,
}

/// What a search found.
pub(super) struct Found {
    pub chosen: Candidate,
    /// All that were gone past, the chosen one's descent first, each from many bits to few.
    pub descents: Vec<Vec<Step>>,
}

/// Members to round, and images to judge by.
pub(super) struct Search<'a> {
    pub members: &'a [RealNetwork],
    /// All images.
    pub all: &'a Reference<'a>,
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
    pub fn run(&self, images: &LabelledImages, levels: LevelsPlan) -> Result<Found, QuantiseError> {
        let few = images.take(IMAGES);
        let few = Reference::new(self.members, &few);
        let tried = match levels {
            LevelsPlan::Fixed(levels) => vec![levels],
            LevelsPlan::Search => LEVELS.to_vec(),
        };
        let mut descents: Vec<Vec<Step>> = Vec::new();
        let mut best: Option<(Candidate, f64, usize)> = None;
        let mut closest = (f64::NEG_INFINITY, 0);
        for number in tried {
            // A checked description's levels and those above are numbers of levels.
            let Ok(pixel_levels) = PixelLevels::new(number) else { continue };
            let float_weights = few.judge_levels(self.members, pixel_levels);
            if levels == LevelsPlan::Search && !few.tolerates(&float_weights, self.tolerance) {
                closest = better(closest, (float_weights.accuracy(), number));
                continue;
            }
            let descent = self.descend(&few, pixel_levels);
            // From few bits to many: the first that is good enough is the cheapest.
            for step in descent.iter().rev().filter(|step| few.tolerates(&step.judgement, self.tolerance)) {
                let bits = step.judgement.bits();
                if best.as_ref().is_some_and(|(_, fewest, _)| bits >= *fewest) {
                    break;
                }
                let judgement = self.all.judge_candidate(self.members, &step.candidate);
                if self.all.tolerates(&judgement, self.tolerance) {
                    best = Some((step.candidate, bits, descents.len()));
                    break;
                }
                closest = better(closest, (judgement.accuracy(), number));
            }
            if let Some(first) = descent.first() {
                closest = better(closest, (first.judgement.accuracy(), number));
            }
            descents.push(descent);
            if best.is_some() && descents.len() >= DESCENTS {
                break;
            }
        }
        match best {
            Some((chosen, _, index)) => {
                descents.swap(0, index);
                Ok(Found { chosen, descents })
            }
            None => Err(QuantiseError::NotWithinTolerance {
                tolerance: self.tolerance,
                float: self.all.float.accuracy(),
                images: self.all.float.images,
                best: closest.0,
                levels: closest.1,
                advice: match levels {
                    LevelsPlan::Fixed(_) => ", or `quantisation.pixel_levels`",
                    LevelsPlan::Search => "",
                },
            }),
        }
    }

    /// From scales that lose nothing to ones that lose too much.
    fn descend(&self, few: &Reference, levels: PixelLevels) -> Vec<Step> {
        let largest = largest(self.members);
        let first =
            Candidate { levels, scales: Scales(largest.map(|weight| FIRST_LARGEST / positive(weight))) };
        let judge = |candidate: Candidate| {
            let judgement = few.judge_candidate(self.members, &candidate);
            Step { candidate, judgement }
        };
        let mut steps = vec![judge(first)];
        while let Some(last) = steps.last() {
            (self.watch)(&format!(
                "{} pixel levels, {:.0} bits, {:.2} %",
                u16::from(levels),
                last.judgement.bits(),
                last.judgement.accuracy()
            ));
            if !few.tolerates(&last.judgement, self.tolerance + BEYOND) {
                break;
            }
            let smaller = (0..3).filter_map(|layer| {
                let mut scales = last.candidate.scales.0;
                scales[layer] *= STEPS[layer];
                // A layer whose weights are all rounded to zero is none.
                (largest[layer] * scales[layer] >= 0.5)
                    .then_some(Candidate { levels, scales: Scales(scales) })
            });
            let best =
                smaller.map(judge).min_by(|a, b| a.judgement.divergence.total_cmp(&b.judgement.divergence));
            match best {
                Some(step) => steps.push(step),
                None => break,
            }
        }
        steps
    }
}

/// A layer of zeros has any scale.
fn positive(weight: f64) -> f64 {
    if weight > 0.0 { weight } else { 1.0 }
}

/// The more accurate of two accuracies with their pixel levels.
fn better(a: (f64, u16), b: (f64, u16)) -> (f64, u16) {
    if b.0 > a.0 { b } else { a }
}

//! The test set in the clear: floating point, and the integer oracle.

use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{FloatNetwork, ForwardError, IntegerEnsemble, predict, sum_logits};

/// Correct answers of every member and of the ensemble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correct {
    pub members: Vec<usize>,
    pub ensemble: usize,
}

impl Correct {
    /// Nobody has answered anything.
    pub fn none(members: usize) -> Self {
        Self { members: vec![0; members], ensemble: 0 }
    }

    /// Counts the answers for one image: `members` holds each member's logits, `sum` the ensemble's.
    pub fn count<T: PartialOrd>(&mut self, label: u8, members: &[Vec<T>], sum: &[T]) {
        for (correct, logits) in self.members.iter_mut().zip(members) {
            *correct += usize::from(predict(logits) == usize::from(label));
        }
        self.ensemble += usize::from(predict(sum) == usize::from(label));
    }
}

/// Classifies the test set in floating point; the ensemble adds the members' logits.
pub fn float(networks: &[FloatNetwork], test: &LabelledImages, advance: &(dyn Fn() + Sync)) -> Correct {
    let logits: Vec<Vec<Vec<f32>>> = (0..test.len())
        .into_par_iter()
        .map(|index| {
            let logits = networks.iter().map(|network| network.logits(test.image(index))).collect();
            advance();
            logits
        })
        .collect();
    let mut correct = Correct::none(networks.len());
    for (members, &label) in logits.iter().zip(test.labels()) {
        let classes = members.first().map_or(0, Vec::len);
        let sum: Vec<f32> = (0..classes).map(|class| members.iter().map(|z| z[class]).sum()).collect();
        correct.count(label, members, &sum);
    }
    correct
}

/// What every encrypted logit must equal.
pub struct Oracle {
    /// Quantised pixels of every test image, image after image.
    pub images: Vec<u8>,
    /// For every test image the logits of every member.
    pub logits: Vec<Vec<Vec<i128>>>,
    /// The logits of every member for a blank image, which fills the slots behind the last image.
    pub blank: Vec<Vec<i128>>,
}

impl Oracle {
    pub fn new(
        ensemble: &IntegerEnsemble,
        test: &LabelledImages,
        advance: &(dyn Fn() + Sync),
    ) -> Result<Self, ForwardError> {
        let levels = ensemble.pixel_levels();
        let images: Vec<u8> = test.iter().flatten().map(|&pixel| levels.quantise(pixel)).collect();
        let pixels = test.side() * test.side();
        let logits = images
            .par_chunks_exact(pixels)
            .map(|image| {
                let logits = ensemble.member_logits(image);
                advance();
                logits
            })
            .collect::<Result<_, _>>()?;
        let blank = ensemble.member_logits(&vec![0; ensemble.architecture().pixels()])?;
        Ok(Self { images, logits, blank })
    }

    pub fn correct(&self, labels: &[u8]) -> Correct {
        let mut correct = Correct::none(self.blank.len());
        for (members, &label) in self.logits.iter().zip(labels) {
            correct.count(label, members, &sum_logits(members));
        }
        correct
    }

    /// Images with a logit, of a member or of the sum, beyond `largest` in absolute value.
    pub fn images_outside(&self, largest: i128) -> usize {
        let outside = |logits: &[i128]| logits.iter().any(|logit| logit.abs() > largest);
        self.logits
            .iter()
            .filter(|members| members.iter().any(|z| outside(z)) || outside(&sum_logits(members)))
            .count()
    }
}

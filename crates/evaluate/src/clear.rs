//! Images in the clear: floating point, and the integer oracle.

use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{FloatNetwork, ForwardError, IntegerEnsemble, predict, sum_logits};

/// Which images every voter classified correctly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts {
    /// Image by image, for the members in their order and for the ensemble behind them.
    voters: Vec<Vec<bool>>,
}

impl Verdicts {
    /// Nobody has answered anything.
    pub fn none(members: usize) -> Self {
        Self { voters: vec![Vec::new(); members + 1] }
    }

    /// Judges the answers for the next image: `members` holds each member's logits, `sum` the ensemble's.
    pub fn judge<T: PartialOrd>(&mut self, label: u8, members: &[Vec<T>], sum: &[T]) {
        let answers = members.iter().map(Vec::as_slice).chain([sum]);
        for (verdicts, logits) in self.voters.iter_mut().zip(answers) {
            verdicts.push(predict(logits) == usize::from(label));
        }
    }

    /// Every voter's name in the records, with its verdicts.
    pub fn voters(&self) -> impl Iterator<Item = (String, &[bool])> {
        let members = self.voters.len().saturating_sub(1);
        self.voters.iter().enumerate().map(move |(index, verdicts)| {
            (if index < members { member_name(index) } else { ENSEMBLE.to_owned() }, verdicts.as_slice())
        })
    }

    /// The ensemble's verdicts.
    pub fn ensemble(&self) -> &[bool] {
        self.voters.last().map_or(&[], Vec::as_slice)
    }
}

/// The ensemble's name in the records.
pub const ENSEMBLE: &str = "ensemble";

/// The name in the records of the member `index`, from 0.
pub fn member_name(index: usize) -> String {
    format!("member-{}", index + 1)
}

/// Classifies images in floating point; the ensemble adds the members' logits.
pub fn float(networks: &[FloatNetwork], test: &LabelledImages, advance: &(dyn Fn() + Sync)) -> Verdicts {
    let logits: Vec<Vec<Vec<f32>>> = (0..test.len())
        .into_par_iter()
        .map(|index| {
            let logits = networks.iter().map(|network| network.logits(test.image(index))).collect();
            advance();
            logits
        })
        .collect();
    let mut verdicts = Verdicts::none(networks.len());
    for (members, &label) in logits.iter().zip(test.labels()) {
        let classes = members.first().map_or(0, Vec::len);
        let sum: Vec<f32> = (0..classes).map(|class| members.iter().map(|z| z[class]).sum()).collect();
        verdicts.judge(label, members, &sum);
    }
    verdicts
}

/// What every encrypted logit must equal.
pub struct Oracle {
    /// For every image the logits of every member.
    pub logits: Vec<Vec<Vec<i128>>>,
    /// The logits of every member for a blank image, which fills the slots behind the last image.
    pub blank: Vec<Vec<i128>>,
}

impl Oracle {
    pub fn new(
        ensemble: &IntegerEnsemble,
        images: &LabelledImages,
        advance: &(dyn Fn() + Sync),
    ) -> Result<Self, ForwardError> {
        let levels = ensemble.pixel_levels();
        let logits = (0..images.len())
            .into_par_iter()
            .map(|index| {
                let logits = ensemble.member_logits(&levels.quantise_all(images.image(index)));
                advance();
                logits
            })
            .collect::<Result<_, _>>()?;
        let blank = ensemble.member_logits(&vec![0; ensemble.architecture().pixels()])?;
        Ok(Self { logits, blank })
    }

    pub fn verdicts(&self, labels: &[u8]) -> Verdicts {
        let mut verdicts = Verdicts::none(self.blank.len());
        for (members, &label) in self.logits.iter().zip(labels) {
            verdicts.judge(label, members, &sum_logits(members));
        }
        verdicts
    }

    /// Images whose sum of logits is beyond `largest` in absolute value.
    pub fn sums_outside(&self, largest: i128) -> usize {
        let outside =
            |members: &&Vec<Vec<i128>>| sum_logits(members).iter().any(|logit| logit.abs() > largest);
        self.logits.iter().filter(outside).count()
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

//! The oracle: the integer networks evaluated without encryption, and the comparison of decrypted logits with it.
//!
//! Decrypted logits that differ from the oracle are counted as mismatches.
//! [`EncryptedResults`](crate::encrypted_evaluation::EncryptedResults) calls [`count_mismatches`] for every slot and adds the counts,
//! voter by voter. The counts go through [`evaluate_setting`](crate::evaluation::evaluate_setting) into the column
//! [`mismatches`](crate::records::AccuracyRow::mismatches) of `accuracy.csv`. [`Oracle::ensemble_mismatches`] serves predictions
//! and benchmarks, which have no such column.

use rayon::prelude::*;
use sottovoce_bfv::ProgressObserver;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ForwardError, IntegerEnsemble, ObservedRange, sum_logits};

use crate::correctness::Correctness;

/// Integer logits of every image of a test set and of a blank image. Encrypted evaluation is exact, so every decrypted logit must
/// equal the oracle's.
///
/// Slots after the last image of a batch hold blank images, whose decrypted logits are compared too.
#[derive(Debug, Clone)]
pub struct Oracle {
    /// For every image the logits of every member.
    images: Vec<Vec<Vec<i128>>>,
    /// The logits of every member for a blank image.
    blank: Vec<Vec<i128>>,
}

impl Oracle {
    /// Evaluates `ensemble` on every image of `images`, on the threads of the current `rayon` pool.
    ///
    /// # Errors
    /// If the images do not fit the ensemble.
    pub fn new(
        ensemble: &IntegerEnsemble,
        images: &LabelledImages,
        progress: &dyn ProgressObserver,
    ) -> Result<Self, ForwardError> {
        let levels = ensemble.pixel_levels();
        let logits = (0..images.len()).into_par_iter().map(|index| {
            let logits = ensemble.member_logits(&levels.quantise_all(images.image(index)));
            progress.advance(1);
            logits
        });
        Self::from_logits(ensemble, logits)
    }

    /// Evaluates `ensemble` on images whose pixels are already quantised. `pixels` holds one image after the other.
    ///
    /// # Errors
    /// If a pixel exceeds the ensemble's levels.
    pub fn of_quantised(
        ensemble: &IntegerEnsemble,
        pixels: &[u8],
        progress: &dyn ProgressObserver,
    ) -> Result<Self, ForwardError> {
        let images = pixels.par_chunks_exact(ensemble.architecture().pixels());
        let logits = images.map(|image| {
            let logits = ensemble.member_logits(image);
            progress.advance(1);
            logits
        });
        Self::from_logits(ensemble, logits)
    }

    fn from_logits(
        ensemble: &IntegerEnsemble,
        logits: impl IndexedParallelIterator<Item = Result<Vec<Vec<i128>>, ForwardError>>,
    ) -> Result<Self, ForwardError> {
        let images = logits.collect::<Result<Vec<_>, _>>()?;
        let blank = ensemble.member_logits(&vec![0; ensemble.architecture().pixels()])?;
        Ok(Self { images, blank })
    }

    /// Returns the logits of every member for image `index`, or for a blank image if there is no such image.
    #[must_use]
    pub fn member_logits(&self, index: usize) -> &[Vec<i128>] {
        self.images.get(index).unwrap_or(&self.blank)
    }

    /// Returns the ensemble's logits for image `index`, or for a blank image if there is no such image.
    #[must_use]
    pub fn ensemble_logits(&self, index: usize) -> Vec<i128> {
        sum_logits(self.member_logits(index))
    }

    /// Counts the decrypted ensemble logits that differ from the oracle's. `decrypted` yields the logits of one slot after the
    /// other; slot 0 holds the oracle's first image, and slots after the last image hold blank images.
    pub fn ensemble_mismatches(&self, decrypted: impl IntoIterator<Item = impl AsRef<[i128]>>) -> u64 {
        let slots = decrypted.into_iter().enumerate();
        slots.map(|(slot, logits)| count_mismatches(logits.as_ref(), &self.ensemble_logits(slot))).sum()
    }

    /// Returns the largest absolute logit of a member or the ensemble, over all images and a blank image.
    pub(crate) fn largest_logit(&self) -> i128 {
        let images = self.images.iter().chain([&self.blank]);
        images.map(|members| ObservedRange::of(members).largest()).max().unwrap_or(0)
    }

    /// Counts the images for which a logit of the ensemble exceeds `largest` in absolute value.
    pub(crate) fn ensemble_images_outside(&self, largest: i128) -> usize {
        let outside = |members: &&Vec<Vec<i128>>| ObservedRange::of(members).ensemble > largest;
        self.images.iter().filter(outside).count()
    }

    /// Counts the images for which a logit of a member or the ensemble exceeds `largest` in absolute value.
    pub(crate) fn images_outside(&self, largest: i128) -> usize {
        let outside = |members: &&Vec<Vec<i128>>| ObservedRange::of(members).largest() > largest;
        self.images.iter().filter(outside).count()
    }

    /// Compares the predictions in plain integers with `labels`.
    pub(crate) fn correctness(&self, labels: &[u8]) -> Correctness {
        let mut correctness = Correctness::empty(self.blank.len());
        for (members, &label) in self.images.iter().zip(labels) {
            correctness.add_image(label, members, &sum_logits(members));
        }
        correctness
    }
}

/// Counts the mismatches of one slot: decrypted logits that differ from the oracle's `expected` logits, class by class.
#[must_use]
pub fn count_mismatches(decrypted: &[i128], expected: &[i128]) -> u64 {
    decrypted.iter().zip(expected).filter(|(decrypted, expected)| decrypted != expected).count() as u64
}

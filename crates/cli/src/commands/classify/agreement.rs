//! Evidence against wrong answers: copies of images and known images in a batch's spare slots.
//!
//! The provider sees only ciphertexts, so it does not know which slots hold which images. Answers are compared after the
//! connection has ended, and the result is never sent anywhere.

use anyhow::{Result, bail};
use serde::Serialize;

use super::known_images::KnownImages;
use super::slots::{Content, SlotAssignment};
use crate::output::counted;

/// Numbers of compared images, and of those whose logits differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Agreement {
    /// Copies of images in spare slots.
    pub copies: usize,
    /// Known images in spare slots, over all batches.
    pub known_images: usize,
    #[serde(skip)]
    different_copies: usize,
    #[serde(skip)]
    different_known: usize,
    /// Name of the first known image with other logits.
    #[serde(skip)]
    first_different: Option<String>,
}

impl Agreement {
    /// Compares the logits of one batch's slots, and returns those of its images in their order.
    pub fn compare(
        &mut self,
        assignment: &SlotAssignment,
        known: &KnownImages,
        slot: impl Fn(usize) -> Vec<i128>,
    ) -> Vec<Vec<i128>> {
        let mut images: Vec<Option<Vec<i128>>> = vec![None; assignment.images()];
        for (index, content) in assignment.slots().iter().enumerate() {
            let found = slot(index);
            match *content {
                Content::Image(image) => match images.get_mut(image) {
                    Some(Some(logits)) => {
                        self.copies += 1;
                        self.different_copies += usize::from(*logits != found);
                    }
                    Some(empty) => *empty = Some(found),
                    None => {}
                },
                Content::Known(image) => {
                    let Some((name, logits)) = known.get(image) else { continue };
                    self.known_images += 1;
                    if *logits != found[..] {
                        self.different_known += 1;
                        self.first_different.get_or_insert_with(|| name.to_owned());
                    }
                }
            }
        }
        images.into_iter().flatten().collect()
    }

    /// Refuses answers that cannot all be right.
    pub fn check(&self) -> Result<()> {
        let mut findings = Vec::new();
        if self.different_copies > 0 {
            findings.push(format!(
                "{} of {} in other slots of the same batch got other logits than the image itself. Equal images have equal logits, \
                 so the provider did not evaluate one model on all slots.",
                self.different_copies,
                counted(self.copies, "copy of an image", "copies of images"),
            ));
        }
        if let Some(name) = &self.first_different {
            findings.push(format!(
                "{} of {}, among them {name}, got other logits than the file of --check-answers has. So the provider did not \
                 evaluate the model that these logits are from. It can still be honest, if they are from another model or if the \
                 images exceed the range that the provider chose.",
                self.different_known,
                counted(self.known_images, "known image", "known images"),
            ));
        }
        if findings.is_empty() {
            return Ok(());
        }
        bail!(
            "the provider's answers cannot be trusted, and no predictions were written.\n{}\nThis does not show why the answers \
             are wrong. Do not tell the provider, and do not send it the same images again: a provider that learns which wrong \
             answers are noticed can find the secret key",
            findings.join("\n")
        );
    }

    /// A sentence on what was compared.
    pub fn describe(&self) -> String {
        match (self.copies, self.known_images) {
            (0, 0) => "Every slot held an image, so nothing was compared.".to_owned(),
            (copies, known) => {
                let copies =
                    (copies > 0).then(|| counted(copies, "copy of these images", "copies of these images"));
                let known = (known > 0).then(|| counted(known, "known image", "known images"));
                let held: Vec<String> = copies.into_iter().chain(known).collect();
                format!("Spare slots held {}; all logits agreed.", held.join(" and "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_different_slot_is_found_if_its_image_is_elsewhere_too() {
        let assignment = SlotAssignment::random(3, 0, 12, &mut rand::rng());
        let honest = |slot: usize| match assignment.slots()[slot] {
            Content::Image(image) => vec![image as i128, 7],
            Content::Known(_) => Vec::new(),
        };
        let mut agreement = Agreement::default();
        let logits = agreement.compare(&assignment, &KnownImages::default(), honest);
        assert_eq!(logits, [[0, 7], [1, 7], [2, 7]]);
        assert_eq!((agreement.copies, agreement.check().is_ok()), (9, true));
        for wrong in 0..12 {
            let mut agreement = Agreement::default();
            agreement.compare(&assignment, &KnownImages::default(), |slot| {
                let mut logits = honest(slot);
                logits[1] += i128::from(slot == wrong);
                logits
            });
            let error = agreement.check().unwrap_err().to_string();
            assert!(error.contains("of 9 copies of images"), "{error}");
        }
    }
}

//! The choice between several ways to read the weights of an import, and the evidence for it.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;
use sottovoce_dataset::LabelledImages;
use sottovoce_export::import::{
    Description, ImportError, ImportedMembers, WeightFiles, better_readings, choose_reading, float_accuracy,
    possible_readings, read_members, verify_readings,
};

use crate::output;

/// Accuracy in per cent below which the weights were probably read in another way than they were written.
const SUSPICIOUS_ACCURACY: f64 = 60.0;

/// Number of images on which readings are compared.
const COMPARED_IMAGES: usize = 1000;

/// Percentage points by which another reading must be better for a warning.
const POINTS_BETTER: f64 = 1.0;

/// Percentage points by which another reading must be better for a refusal, if this reading guesses.
const POINTS_FAR_BETTER: f64 = 20.0;

/// Number of other readings that are printed beside the chosen one.
const PRINTED_RIVALS: usize = 3;

/// Weights, and everything from which the way to read them may follow.
pub struct ReadingChoice<'a> {
    /// The description as the user wrote it.
    pub original: &'a Description,
    /// The description with the tensors of every file of weights.
    pub completed: &'a Description,
    /// Archives of the framework's logits: one for each member, or none at all.
    pub check: &'a [PathBuf],
    /// Images with labels.
    pub images: &'a LabelledImages,
}

/// The evidence that the weights are read in the right way.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Evidence {
    /// The description and the files determine the reading.
    Description,
    /// Several readings are possible; the reading with the best accuracy was chosen.
    Accuracy {
        /// The fields that were chosen, as a description has them.
        chosen: String,
        /// Accuracy in per cent.
        accuracy: f64,
        /// Number of images on which the accuracies were measured.
        images: usize,
        /// Other readings and their accuracies in per cent.
        rivals: Vec<(String, f64)>,
    },
    /// The float network has the same logits as the framework.
    Logits {
        /// The fields that were chosen, as a description has them.
        chosen: String,
        /// Number of images whose logits were compared, of all members together.
        images: usize,
        /// The largest difference of a logit, divided by the largest logit.
        largest_difference: f64,
        /// Set if the archive shows how pixels were scaled.
        pixels_proven: bool,
    },
}

impl ReadingChoice<'_> {
    /// Chooses the reading. Returns the description that determines it, the members, and the evidence.
    ///
    /// # Errors
    /// If the weights cannot be read, or no reading gives the framework's logits.
    pub fn choose(
        &self,
        sources: &mut WeightFiles,
    ) -> Result<(Description, ImportedMembers, Evidence), ImportError> {
        let side = self.images.side();
        let readings = possible_readings(self.original, self.completed, sources, side)?;
        if !self.check.is_empty() {
            let proof = verify_readings(self.original, readings, self.check, sources, side)?;
            let evidence = Evidence::Logits {
                chosen: proof.reading.text(),
                images: proof.images,
                largest_difference: proof.largest_difference,
                pixels_proven: proof.pixels_verified,
            };
            return Ok((proof.reading.description, proof.imported, evidence));
        }
        if readings.len() == 1 {
            let imported = read_members(self.completed, sources, side)?;
            return Ok((self.completed.clone(), imported, Evidence::Description));
        }
        let chosen = choose_reading(readings, sources, &self.images.take(COMPARED_IMAGES))?;
        let description = chosen.reading.description.clone();
        let imported = read_members(&description, sources, side)?;
        let evidence = Evidence::Accuracy {
            chosen: chosen.reading.text(),
            accuracy: chosen.accuracy,
            images: chosen.images,
            rivals: chosen.rivals,
        };
        Ok((description, imported, evidence))
    }
}

impl Evidence {
    /// Prints the choice with its evidence, and warns if another reading has a better accuracy.
    ///
    /// # Errors
    /// If the network guesses as the description has it, but not in another reading.
    pub fn print(
        &self,
        description: &Description,
        imported: &ImportedMembers,
        sources: &mut WeightFiles,
        data: &LabelledImages,
    ) -> Result<()> {
        match self {
            Self::Logits { chosen, images, largest_difference, pixels_proven } => {
                let read = if chosen.is_empty() { String::new() } else { format!(" with `{chosen}`") };
                output::remark(&format!(
                    "PROVEN: the float network's logits{read} equal the framework's on {images} images, up to {largest_difference:.1e} of the \
                     largest."
                ));
                if *pixels_proven {
                    return Ok(());
                }
                output::remark(
                    "The archive holds no `pixels` (bytes) beside its `inputs`, so it proves the weights but not the scale of pixels.",
                );
                check_reading(description, imported, sources, data)
            }
            Self::Accuracy { chosen, accuracy, images: count, rivals } => {
                let rivals: Vec<String> = rivals
                    .iter()
                    .take(PRINTED_RIVALS)
                    .map(|(text, accuracy)| format!("\n  {accuracy:5.1} % with `{text}`"))
                    .collect();
                output::remark(&format!(
                    "CHOSEN BY ACCURACY: `{chosen}` ({accuracy:.1} % of {count} images), because the file does not say it. The next best \
                     are{}\nProve the choice with --check, or state it in a description (docs/import.md).",
                    rivals.concat()
                ));
                if *accuracy < SUSPICIOUS_ACCURACY {
                    output::remark(&warning(*accuracy, *count));
                }
                Ok(())
            }
            Self::Description => check_reading(description, imported, sources, data),
        }
    }
}

/// Refuses a network that guesses as the description has it, but not in another reading. Warns of a network that guesses in
/// every reading, or has a better accuracy in another reading.
fn check_reading(
    description: &Description,
    imported: &ImportedMembers,
    sources: &mut WeightFiles,
    images: &LabelledImages,
) -> Result<()> {
    let images = images.take(COMPARED_IMAGES);
    let accuracy = float_accuracy(&imported.members, &images);
    let guesses = accuracy < SUSPICIOUS_ACCURACY;
    let points = if guesses { POINTS_FAR_BETTER } else { POINTS_BETTER };
    let better = better_readings(description, sources, &images, points);
    if !guesses {
        for (text, other) in better {
            output::remark(&format!(
                "WARNING: the float network classifies {accuracy:.1} % of {} images correctly as it is described, but {other:.1} % \
                 with `{text}`.",
                images.len()
            ));
        }
        return Ok(());
    }
    if better.is_empty() {
        output::remark(&warning(accuracy, images.len()));
        return Ok(());
    }
    let readings: Vec<String> =
        better.iter().map(|(text, accuracy)| format!("\n  {accuracy:.1} % with `{text}`")).collect();
    bail!(
        "the float network classifies {accuracy:.1} % of {} images correctly as it is described, but{}",
        images.len(),
        readings.concat()
    )
}

fn warning(accuracy: f64, images: usize) -> String {
    format!(
        "WARNING: the float network has an accuracy of {accuracy:.1} % on {images} images. If it had another accuracy after training, \
         it is read in a wrong way: the order of weights or the scale of pixels may differ, the activation may not be the square, \
         or a layer may be missing. Compare its logits with --check (docs/import.md)."
    )
}

//! How the weights of an import were read where their files leave it open, and what shows that it was right.

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;
use sottovoce_dataset::LabelledImages;
use sottovoce_export::import::{
    Description, ImportError, ImportedMembers, WeightFiles, better_readings, choose_reading, float_accuracy,
    possible_readings, read_members, verify_readings,
};

use crate::output;

/// Below this accuracy, in per cent, weights were probably read in another way than they were written.
const SUSPICIOUS: f64 = 60.0;

/// Images that readings are tried on.
const IMAGES: usize = 1000;

/// Points by which another reading is better where this one is wrong: no wrong reading is better than the right one.
const POINTS_BETTER: f64 = 1.0;

/// Points by which another reading is better where this one guesses.
const POINTS_FAR_BETTER: f64 = 20.0;

/// Rivals of a chosen reading that are printed.
const RIVALS: usize = 3;

/// Weights, and everything that may say how to read them.
pub struct Question<'a> {
    /// The description as the user has it.
    pub original: &'a Description,
    /// The description with the tensors of every file of weights.
    pub completed: &'a Description,
    /// Archives of the framework's logits, one for each member, or none.
    pub check: &'a [PathBuf],
    /// Images with labels.
    pub images: &'a LabelledImages,
}

/// The evidence that weights were read as they were meant.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "by")]
pub enum Report {
    /// The description says everything.
    Description,
    /// The file says everything but what a pixel was, or less; the reading with the best accuracy was taken.
    Accuracy {
        /// The fields that were open, as a description has them.
        chosen: String,
        /// In per cent.
        accuracy: f64,
        /// Images that accuracies refer to.
        images: usize,
        /// Other readings and their accuracies in per cent.
        rivals: Vec<(String, f64)>,
    },
    /// The framework's logits are the same.
    Logits {
        /// The fields that were open, as a description has them.
        chosen: String,
        /// Images whose logits were compared, of all members.
        images: usize,
        /// The largest difference of a logit, as part of the largest logit.
        largest_difference: f64,
        /// Whether the archive shows what a pixel was.
        pixels_proven: bool,
    },
}

impl Question<'_> {
    /// The description that says everything, its members, and what shows that it is right.
    ///
    /// # Errors
    /// If the weights cannot be read, or no reading gives the framework's logits.
    pub fn answer(
        &self,
        sources: &mut WeightFiles,
    ) -> Result<(Description, ImportedMembers, Report), ImportError> {
        let side = self.images.side();
        let readings = possible_readings(self.original, self.completed, sources, side)?;
        if !self.check.is_empty() {
            let proof = verify_readings(self.original, readings, self.check, sources, side)?;
            let report = Report::Logits {
                chosen: proof.reading.text(),
                images: proof.images,
                largest_difference: proof.largest_difference,
                pixels_proven: proof.pixels_verified,
            };
            return Ok((proof.reading.description, proof.imported, report));
        }
        if readings.len() == 1 {
            let imported = read_members(self.completed, sources, side)?;
            return Ok((self.completed.clone(), imported, Report::Description));
        }
        let chosen = choose_reading(readings, sources, &self.images.take(IMAGES))?;
        let description = chosen.reading.description.clone();
        let imported = read_members(&description, sources, side)?;
        let report = Report::Accuracy {
            chosen: chosen.reading.text(),
            accuracy: chosen.accuracy,
            images: chosen.images,
            rivals: chosen.rivals,
        };
        Ok((description, imported, report))
    }
}

impl Report {
    /// Prints what was chosen and why, and refuses or warns where something is better.
    ///
    /// # Errors
    /// If the network guesses, and does not in another reading.
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
                    "The archive holds no `pixels` (bytes) beside its `inputs`, so it proves the weights and not what a pixel was.",
                );
                check_reading(description, imported, sources, data)
            }
            Self::Accuracy { chosen, accuracy, images: count, rivals } => {
                let rivals: Vec<String> = rivals
                    .iter()
                    .take(RIVALS)
                    .map(|(text, accuracy)| format!("\n  {accuracy:5.1} % with `{text}`"))
                    .collect();
                output::remark(&format!(
                    "CHOSEN BY ACCURACY: `{chosen}` ({accuracy:.1} % of {count} images). The file does not say it; the next best are{}\n--check \
                     proves it, and a description fixes it (docs/import.md).",
                    rivals.concat()
                ));
                if *accuracy < SUSPICIOUS {
                    output::remark(&warning(*accuracy, *count));
                }
                Ok(())
            }
            Self::Description => check_reading(description, imported, sources, data),
        }
    }
}

/// Refuses a network that guesses as the description has it and not in another reading; warns of one that guesses in any,
/// or would be better in another.
fn check_reading(
    description: &Description,
    imported: &ImportedMembers,
    sources: &mut WeightFiles,
    images: &LabelledImages,
) -> Result<()> {
    let images = images.take(IMAGES);
    let accuracy = float_accuracy(&imported.members, &images);
    let guesses = accuracy < SUSPICIOUS;
    let points = if guesses { POINTS_FAR_BETTER } else { POINTS_BETTER };
    let better = better_readings(description, sources, &images, points);
    if !guesses {
        for (text, other) in better {
            output::remark(&format!(
                "WARNING: with `{text}` the float network would classify {other:.1} % of {} images correctly, and {accuracy:.1} % \
                 as it is described.",
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
        "as the description reads the weights, the float network classifies {accuracy:.1} % of {} images correctly; it has{}",
        images.len(),
        readings.concat()
    )
}

fn warning(accuracy: f64, images: usize) -> String {
    format!(
        "WARNING: the float network itself has an accuracy of {accuracy:.1} % on {images} images. If that is not what it had where it \
         was trained, it was read in another way than it was written: its weights may lie in another order, its pixels on another \
         scale, its activation may not be the square, or a layer may be missing here. --check finds out (docs/import.md)."
    )
}

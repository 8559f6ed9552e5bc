//! Verification of a reading with the logits that the framework computed.

use std::path::PathBuf;

use super::framework_logits::{FrameworkLogits, LogitComparison};
use super::reading::Reading;
use crate::import::assembly::members::{ImportedMembers, read_members};
use crate::import::description::fields::Description;
use crate::import::description::pixels::{PixelMap, PixelNormalisation};
use crate::import::error::ImportError;
use crate::import::real_network::RealNetwork;
use crate::import::weight_files::WeightFiles;

/// A reading whose logits equal the framework's.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedReading {
    /// The reading, with the normalisation of pixels from the archive.
    pub reading: Reading,
    /// The members of the reading.
    pub imported: ImportedMembers,
    /// Number of images whose logits were compared, over all members.
    pub images: usize,
    /// The largest difference of a logit, as a fraction of the largest logit.
    pub largest_difference: f64,
    /// True if the archives also verify the normalisation of pixels: they hold the images' bytes beside the network's
    /// inputs.
    pub pixels_verified: bool,
}

/// Returns the first of `readings` whose members give the logits of the archives `files`, one archive for each
/// member. `original` is the user's description, whose pixel fields are kept. `side` is the number of rows and
/// columns of the data set's images.
///
/// # Errors
/// If an archive cannot be read, its inputs have another normalisation than the description, or no reading gives its
/// logits; the error shows how the nearest one differs.
pub fn verify_readings(
    original: &Description,
    readings: Vec<Reading>,
    files: &[PathBuf],
    weight_files: &mut WeightFiles,
    side: usize,
) -> Result<VerifiedReading, ImportError> {
    let given = original.pixels != PixelNormalisation::default();
    let mut archives: Vec<FrameworkLogits> = Vec::new();
    let mut nearest: Option<(f64, ImportError)> = None;
    let mut first_error = None;
    for mut reading in readings {
        let whole = reading.description.members.iter().all(|member| member.layers().is_none());
        let imported = match read_members(&reading.description, weight_files, side) {
            Ok(imported) => imported,
            Err(error) => {
                first_error.get_or_insert(error);
                continue;
            }
        };
        let Some(architecture) = imported.before_folding.first().map(|member| *member.architecture()) else {
            continue;
        };
        if archives.is_empty() {
            let read =
                |path: &PathBuf| FrameworkLogits::read(path, architecture.classes, architecture.pixels());
            archives = files.iter().map(read).collect::<Result<_, _>>()?;
        }
        let pixels_verified = archives.iter().all(FrameworkLogits::shows_normalisation);
        let plan = archives.first().map(FrameworkLogits::pixel_normalisation).transpose()?.flatten();
        if let (Some(found), Some(archive)) = (plan, archives.first())
            && given
            && pixels_verified
            && whole
            && !alike(&found, &original.pixels)
        {
            let (file, said) = (archive.file().to_owned(), Box::new(original.pixels));
            return Err(ImportError::OtherPixels { file, found: Box::new(found), said });
        }
        // A whole network takes the archive's inputs as they are. Weights may have been trained after a normalisation
        // inside the network, which is then part of the reading.
        let saved = plan.and_then(|plan| plan.to_map().ok());
        let mut ways: Vec<(PixelNormalisation, Option<PixelMap>)> = Vec::new();
        if let Some(plan) = plan.filter(|_| !given) {
            ways.push((plan, None));
        }
        let has_inputs = archives.iter().all(FrameworkLogits::has_inputs);
        if plan.is_none() && has_inputs {
            ways.push((reading.description.pixels, None));
        }
        if !(whole && has_inputs) {
            ways.push((reading.description.pixels, reading.description.pixels.to_map().ok()));
        }
        if ways.is_empty() {
            ways.push((reading.description.pixels, None));
        }
        let mut proven = None;
        for (plan, map) in ways {
            let compare =
                |(member, archive): (&RealNetwork, &FrameworkLogits)| archive.compare(member, map, saved);
            let compared: Vec<LogitComparison> =
                imported.before_folding.iter().zip(&archives).map(compare).collect();
            let wrong = compared.iter().zip(&archives).find(|(comparison, _)| !comparison.is_equal());
            let Some((comparison, archive)) = wrong else {
                reading.description.pixels = plan;
                proven = Some(compared);
                break;
            };
            if nearest.as_ref().is_none_or(|(least, _)| comparison.largest_difference < *least) {
                let error = ImportError::OtherLogits {
                    file: archive.file().to_owned(),
                    images: comparison.images,
                    differing_images: comparison.differing_images,
                    first_image: comparison.first_image.unwrap_or(0),
                    largest_difference: comparison.largest_difference,
                    tolerance: comparison.tolerance,
                    location: comparison.describe_location(),
                };
                nearest = Some((comparison.largest_difference, error));
            }
        }
        let Some(compared) = proven else { continue };
        let imported = read_members(&reading.description, weight_files, side)?;
        return Ok(VerifiedReading {
            reading,
            imported,
            images: compared.iter().map(|comparison| comparison.images).sum(),
            largest_difference: compared
                .iter()
                .map(|comparison| comparison.largest_difference)
                .fold(0.0, f64::max),
            pixels_verified,
        });
    }
    Err(nearest.map(|(_, error)| error).or(first_error).unwrap_or_else(|| ImportError::Malformed {
        file: "the description".to_owned(),
        reason: "no reading of its weights is possible".to_owned(),
    }))
}

/// Returns whether both map a pixel to the same number, up to rounding in 32 bits.
fn alike(one: &PixelNormalisation, other: &PixelNormalisation) -> bool {
    let (Ok(one), Ok(other)) = (one.to_map(), other.to_map()) else { return false };
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-5 * (1.0 + a.abs());
    near(one.scale, other.scale) && near(one.offset, other.offset)
}

#[cfg(test)]
mod tests;

//! The choice of the reading that classifies best.

use sottovoce_dataset::LabelledImages;

use crate::import::assembly::members::read_members;
use crate::import::error::ImportError;
use crate::import::quantise::accuracy::FloatReference;
use crate::import::quantise::batch_network::BatchNetwork;
use crate::import::weight_files::WeightFiles;

use super::reading::Reading;

/// Images on which all readings are tried.
const FEW_IMAGES: usize = 200;

/// Readings that are tried on all images.
const BEST: usize = 8;

/// Readings within so many points of the best are told apart by their loss: chance makes so much on a thousand images, and a
/// network that sees pixels on a wrong scale may classify well, but is far too sure of itself.
const NEAR: f64 = 2.0;

/// The reading that was taken because it classifies best, and the others.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenReading {
    /// The reading.
    pub reading: Reading,
    /// Its accuracy in per cent.
    pub accuracy: f64,
    /// Images that accuracies refer to.
    pub images: usize,
    /// The best of the others with their accuracies in per cent, the best first.
    pub rivals: Vec<(String, f64)>,
}

/// A reading with its accuracy in per cent and its mean cross-entropy in nats.
struct Judged {
    reading: Reading,
    accuracy: f64,
    loss: f64,
}

/// The reading that classifies `images` best: of those that are nearly as accurate as the best, the one with the smallest
/// loss.
///
/// # Errors
/// If no reading fits the files: why the first does not.
pub fn choose_reading(
    readings: Vec<Reading>,
    files: &mut WeightFiles,
    images: &LabelledImages,
) -> Result<ChosenReading, ImportError> {
    let mut first_error = None;
    let mut judge = |readings: Vec<Reading>, images: &LabelledImages| {
        let mut judged = Vec::new();
        for reading in readings {
            match read_members(&reading.description, files, images.side()) {
                Ok(imported)
                    if imported
                        .members
                        .iter()
                        .any(|member| member.architecture().image_side != images.side()) =>
                {
                    let network =
                        imported.members.first().map_or(0, |member| member.architecture().image_side);
                    first_error.get_or_insert(ImportError::OtherImages { network, images: images.side() });
                }
                Ok(imported) => {
                    let members: Vec<_> = imported.members.iter().map(BatchNetwork::of_real).collect();
                    let reference = FloatReference::new(&members, images);
                    judged.push(Judged {
                        accuracy: reference.float.accuracy(),
                        loss: reference.loss(),
                        reading,
                    });
                }
                Err(error) => {
                    first_error.get_or_insert(error);
                }
            }
        }
        let best = judged.iter().map(|one| one.accuracy).fold(f64::NEG_INFINITY, f64::max);
        judged.sort_by(|a, b| {
            let far = |one: &Judged| one.accuracy < best - NEAR;
            far(a).cmp(&far(b)).then_with(|| {
                if far(a) { b.accuracy.total_cmp(&a.accuracy) } else { a.loss.total_cmp(&b.loss) }
            })
        });
        judged
    };
    let mut best = readings;
    if best.len() > BEST {
        best = judge(best, &images.take(FEW_IMAGES)).into_iter().take(BEST).map(|one| one.reading).collect();
    }
    let mut judged = judge(best, images).into_iter();
    let Some(Judged { reading, accuracy, .. }) = judged.next() else {
        return Err(first_error.unwrap_or_else(|| ImportError::Malformed {
            file: "the description".to_owned(),
            reason: "there is no way to read its weights".to_owned(),
        }));
    };
    let rivals = judged.map(|one| (one.reading.text(), one.accuracy)).collect();
    Ok(ChosenReading { reading, accuracy, images: images.len(), rivals })
}

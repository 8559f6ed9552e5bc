//! The choice of the reading that classifies best.

use sottovoce_dataset::LabelledImages;

use crate::import::assembly::members::read_members;
use crate::import::error::ImportError;
use crate::import::quantise::accuracy::FloatReference;
use crate::import::quantise::batch_network::BatchNetwork;
use crate::import::weight_files::WeightFiles;

use super::reading::Reading;

/// Number of images in the first trial of all readings.
const TRIAL_IMAGES: usize = 200;

/// Number of readings that are tried on all images.
const MAX_FINALISTS: usize = 8;

/// Accuracies within this many percentage points of the best are equivalent, and the loss decides: on a thousand
/// images, chance makes such differences. A network that reads pixels on a wrong scale may classify well but has a
/// high loss.
const EQUIVALENT_POINTS: f64 = 2.0;

/// The reading that classifies best, and the next best ones.
#[derive(Debug, Clone, PartialEq)]
pub struct ChosenReading {
    /// The reading.
    pub reading: Reading,
    /// The reading's accuracy in per cent.
    pub accuracy: f64,
    /// Number of images of the accuracies.
    pub images: usize,
    /// The next best readings with their accuracies in per cent, the best first.
    pub rivals: Vec<(String, f64)>,
}

/// A reading with its accuracy in per cent and its mean cross-entropy in nats.
struct MeasuredReading {
    reading: Reading,
    accuracy: f64,
    loss: f64,
}

/// Returns the reading that classifies `images` best: among those that are nearly as accurate as the best, the one
/// with the smallest loss.
///
/// # Errors
/// If no reading fits the files; the error is that of the first reading.
pub fn choose_reading(
    readings: Vec<Reading>,
    files: &mut WeightFiles,
    images: &LabelledImages,
) -> Result<ChosenReading, ImportError> {
    let mut first_error = None;
    let mut measure = |readings: Vec<Reading>, images: &LabelledImages| {
        let mut measured = Vec::new();
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
                    measured.push(MeasuredReading {
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
        let best = measured.iter().map(|one| one.accuracy).fold(f64::NEG_INFINITY, f64::max);
        measured.sort_by(|a, b| {
            let far = |one: &MeasuredReading| one.accuracy < best - EQUIVALENT_POINTS;
            far(a).cmp(&far(b)).then_with(|| {
                if far(a) { b.accuracy.total_cmp(&a.accuracy) } else { a.loss.total_cmp(&b.loss) }
            })
        });
        measured
    };
    let mut best = readings;
    if best.len() > MAX_FINALISTS {
        best = measure(best, &images.take(TRIAL_IMAGES))
            .into_iter()
            .take(MAX_FINALISTS)
            .map(|one| one.reading)
            .collect();
    }
    let mut measured = measure(best, images).into_iter();
    let Some(MeasuredReading { reading, accuracy, .. }) = measured.next() else {
        return Err(first_error.unwrap_or_else(|| ImportError::Malformed {
            file: "the description".to_owned(),
            reason: "no reading of its weights is possible".to_owned(),
        }));
    };
    let rivals = measured.map(|one| (one.reading.text(), one.accuracy)).collect();
    Ok(ChosenReading { reading, accuracy, images: images.len(), rivals })
}

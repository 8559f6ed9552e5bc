//! What a client must know of a model.

use std::io::Read;

use sottovoce_network::{IntegerEnsemble, PixelLevels};

use super::field;
use crate::reading::MessageReader;
use crate::writing::MessageWriter;
use crate::{Fingerprint, Kind, ProtocolError};

/// The most pixels of an image: the network's largest image is as large.
pub const MOST_PIXELS: usize = 4096 * 4096;

/// The most classes, as the network's.
pub const MOST_CLASSES: usize = 256;

/// A model as its clients know it: what it reads and how much it answers. Weights and architecture stay with the
/// provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDescription {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) pixels: usize,
    pub(crate) classes: usize,
    pub(crate) levels: PixelLevels,
}

impl ModelDescription {
    pub(crate) fn of(ensemble: &IntegerEnsemble) -> Self {
        let shape = ensemble.architecture();
        Self {
            fingerprint: Fingerprint::of_ensemble(ensemble),
            pixels: shape.pixels(),
            classes: shape.classes,
            levels: ensemble.pixel_levels(),
        }
    }

    /// What stands for the model in other messages.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Pixels of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// Classes, one logit each.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How pixels are quantised.
    #[must_use]
    pub fn levels(&self) -> PixelLevels {
        self.levels
    }
}

pub fn write(model: &ModelDescription, parameters: Fingerprint) -> Result<Vec<u8>, ProtocolError> {
    let mut message = Vec::new();
    let mut writer = MessageWriter::begin(&mut message, Kind::Model, parameters)?;
    writer.bytes(model.fingerprint.as_bytes())?;
    // Within the bounds above.
    writer.bytes(&(model.pixels as u32).to_le_bytes())?;
    writer.bytes(&(model.classes as u16).to_le_bytes())?;
    writer.bytes(&u16::from(model.levels).to_le_bytes())?;
    writer.end()?;
    Ok(message)
}

pub fn read(input: impl Read, parameters: Fingerprint) -> Result<ModelDescription, ProtocolError> {
    let mut reader = MessageReader::begin(input, Kind::Model)?;
    reader.same(field::PARAMETERS, parameters)?;
    let fingerprint = reader.fingerprint(field::MODEL)?;
    let pixels = reader.between::<4>(field::PIXELS, 1, MOST_PIXELS)?;
    let classes = reader.between::<2>(field::CLASSES, 2, MOST_CLASSES)?;
    let found = reader.number::<2>("number of pixel levels")?;
    // Two bytes.
    let levels = PixelLevels::new(found as u16).map_err(|_| ProtocolError::Field {
        message: Kind::Model,
        field: "number of pixel levels",
        found,
        allowed: "2 to 256".to_owned(),
    })?;
    reader.end()?;
    Ok(ModelDescription { fingerprint, pixels, classes, levels })
}

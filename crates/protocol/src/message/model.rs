//! The model message: what a client must know of a model.

use std::io::Read;

use sottovoce_bfv::Parameters;
use sottovoce_bfv::packed::PackedInput;
use sottovoce_network::{IntegerEnsemble, PixelLevels};

use super::field;
use super::header::MessageKind;
use super::packed_input;
use super::reader::MessageReader;
use super::writer::MessageBuilder;
use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;

/// Largest number of pixels of an image. `sottovoce-network` has the same limit.
pub const MAX_PIXELS: usize = 4096 * 4096;

/// Largest number of classes. `sottovoce-network` has the same limit.
pub const MAX_CLASSES: usize = 256;

/// Public description of a model: its input and the size of its output. Weights and architecture stay with the provider, but under
/// packed parameters the geometry of its windows and half the number of its hidden units, up to a power of two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDescription {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) pixels: usize,
    pub(crate) classes: usize,
    pub(crate) levels: PixelLevels,
    pub(crate) packed: Option<PackedInput>,
}

impl ModelDescription {
    /// Returns the description of an ensemble. `packed` is present under packed parameters.
    pub(crate) fn of(ensemble: &IntegerEnsemble, packed: Option<PackedInput>) -> Self {
        let shape = ensemble.architecture();
        Self {
            fingerprint: Fingerprint::of_ensemble(ensemble),
            pixels: shape.pixels(),
            classes: shape.classes,
            levels: ensemble.pixel_levels(),
            packed,
        }
    }

    /// Fingerprint of the model, which names it in other messages.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Number of pixels of an image.
    #[must_use]
    pub fn pixels(&self) -> usize {
        self.pixels
    }

    /// Number of classes. An answer has one logit per class.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Levels to which pixels are quantised.
    #[must_use]
    pub fn levels(&self) -> PixelLevels {
        self.levels
    }

    /// Slots of pixels and logits under packed parameters, `None` under batched ones.
    #[must_use]
    pub fn packed_input(&self) -> Option<&PackedInput> {
        self.packed.as_ref()
    }
}

/// Returns the message.
pub fn write(model: &ModelDescription, parameters: Fingerprint) -> Vec<u8> {
    let mut message = MessageBuilder::new(MessageKind::Model, parameters);
    message.bytes(model.fingerprint.as_bytes());
    // The casts are exact: at most MAX_PIXELS and MAX_CLASSES.
    message.bytes(&(model.pixels as u32).to_le_bytes());
    message.bytes(&(model.classes as u16).to_le_bytes());
    message.bytes(&u16::from(model.levels).to_le_bytes());
    if let Some(input) = &model.packed {
        packed_input::write(&mut message, input);
    }
    message.finish().0
}

/// Reads a message for `parameters` with that fingerprint.
pub fn read(
    input: impl Read,
    parameters: &Parameters,
    of_parameters: Fingerprint,
) -> Result<ModelDescription, ProtocolError> {
    const LEVELS: &str = "number of pixel levels";
    let mut reader = MessageReader::start(input, MessageKind::Model)?;
    reader.expect_fingerprint(field::PARAMETERS, of_parameters)?;
    let fingerprint = reader.fingerprint(field::MODEL)?;
    let pixels = reader.number_between::<4>(field::PIXELS, 1, MAX_PIXELS)?;
    let classes = reader.number_between::<2>(field::CLASSES, 2, MAX_CLASSES)?;
    let found = reader.number::<2>(LEVELS)?;
    // The cast is exact: the field has two bytes.
    let levels = PixelLevels::new(found as u16).map_err(|_| {
        let allowed = "2 to 256".to_owned();
        ProtocolError::InvalidField { message: MessageKind::Model, field: LEVELS, found, allowed }
    })?;
    let packed = match parameters.packed() {
        Some(_) => Some(packed_input::read(&mut reader, pixels, classes, parameters.degree())?),
        None => None,
    };
    reader.finish()?;
    Ok(ModelDescription { fingerprint, pixels, classes, levels, packed })
}

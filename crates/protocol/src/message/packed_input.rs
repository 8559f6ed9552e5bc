//! The fields of a model message that only packed parameters have: the geometry of the windows, and the distance of the logits.

use std::io::Read;

use sottovoce_bfv::packed::PackedInput;
use sottovoce_network::Padding;

use super::header::MessageKind;
use super::reader::MessageReader;
use super::writer::MessageBuilder;
use crate::error::ProtocolError;

const MESSAGE: MessageKind = MessageKind::Model;

/// Largest side of an image and of a window. `sottovoce-network` has the same limit.
const MAX_SIDE: usize = 4096;

/// Bytes of the fields.
pub const PACKED_INPUT_BYTES: usize = 6 * 2;

/// Appends the fields.
pub fn write(message: &mut MessageBuilder, input: &PackedInput) {
    let PackedInput { image_side, kernel, stride, padding, logit_distance, .. } = *input;
    for number in [image_side, kernel, stride, padding.leading, padding.trailing, logit_distance] {
        // The cast is exact: at most MAX_SIDE, or half of a ring degree.
        message.bytes(&(number as u16).to_le_bytes());
    }
}

/// Reads the fields of a model for images of `pixels` with `classes` logits, at a ring degree of `degree` slots.
pub fn read<R: Read>(
    reader: &mut MessageReader<R>,
    pixels: usize,
    classes: usize,
    degree: usize,
) -> Result<PackedInput, ProtocolError> {
    const SIDE: &str = "pixels on a side of the image";
    let image_side = reader.number_between::<2>(SIDE, 1, MAX_SIDE)?;
    require(SIDE, image_side, image_side * image_side == pixels, || format!("the root of {pixels} pixels"))?;
    const KERNEL: &str = "pixels on a side of a window";
    let kernel = reader.number_between::<2>(KERNEL, 1, MAX_SIDE)?;
    let stride = reader.number_between::<2>("distance of windows", 1, kernel)?;
    let mut zeros = |field| reader.number_between::<2>(field, 0, kernel - 1);
    let padding = Padding { leading: zeros("leading padding")?, trailing: zeros("trailing padding")? };
    let padded = image_side + padding.leading + padding.trailing;
    require(KERNEL, kernel, kernel <= padded, || format!("at most the {padded} of the padded image"))?;
    const DISTANCE: &str = "distance of logits";
    let logit_distance = reader.number_between::<2>(DISTANCE, 1, degree / 2)?;
    let fits = logit_distance * classes <= degree / 2;
    require(DISTANCE, logit_distance, fits, || {
        format!("at most {} for {classes} classes", degree / 2 / classes)
    })?;
    let input = PackedInput { image_side, kernel, stride, padding, classes, logit_distance };
    // Both factors are below 2^28, but their product need not be a number of 32 bits.
    let slots = input.block() as u64 * input.blocks() as u64;
    if slots > degree as u64 {
        return Err(ProtocolError::InvalidField {
            message: MESSAGE,
            field: "number of slots for the windows",
            found: slots,
            allowed: format!("at most {degree}"),
        });
    }
    Ok(input)
}

/// Refuses the value of a field unless it is allowed.
fn require(
    field: &'static str,
    found: usize,
    is_allowed: bool,
    allowed: impl FnOnce() -> String,
) -> Result<(), ProtocolError> {
    if is_allowed {
        return Ok(());
    }
    Err(ProtocolError::InvalidField { message: MESSAGE, field, found: found as u64, allowed: allowed() })
}

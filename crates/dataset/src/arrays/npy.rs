//! Images and labels in NumPy's `.npy` files.

use std::io::Read;
use std::path::Path;

use crate::arrays::array::{Array, ArrayContent, ArrayHeader};
use crate::arrays::elements::ElementType;
use crate::arrays::error::ArrayError;
use crate::arrays::npy_header::{NpyHeader, NpyHeaderError};

/// Largest number of dimensions that is read. Images with a colour have four.
const MAX_DIMENSIONS: usize = 8;

/// Reads an array of integers or floats, each of which is an integer from 0 to 255.
pub(crate) fn read(file: &Path, mut reader: impl Read, content: ArrayContent) -> Result<Array, ArrayError> {
    let refused = |reason: &str| ArrayError::Header { file: file.into(), reason: reason.to_owned() };
    let NpyHeader { descr, is_column_major, shape } =
        NpyHeader::read(&mut reader).map_err(|error| match error {
            NpyHeaderError::Unreadable(source) => ArrayError::Unreadable { file: file.into(), source },
            NpyHeaderError::Malformed(reason) => refused(&reason),
        })?;
    let descr = descr.ok_or_else(|| refused("its elements are structures"))?;
    if descr.ends_with('O') {
        return Err(refused(
            "it was saved with pickle; save an array of numbers, such as `numpy.asarray(images)`",
        ));
    }
    let (big_endian, kind) = element_type(&descr)
        .ok_or_else(|| ArrayError::ElementType { file: file.into(), found: format!("{descr:?}") })?;
    if !(1..=MAX_DIMENSIONS).contains(&shape.len()) {
        return Err(refused("its header has no shape of images or labels"));
    }
    let array = Array::read(file, ArrayHeader { kind, big_endian, shape }, reader, content)?;
    Ok(if is_column_major { array.into_row_major() } else { array })
}

/// Byte order (whether big-endian) and type of elements in NumPy's notation.
fn element_type(descr: &str) -> Option<(bool, ElementType)> {
    let (order, kind) = descr.split_at_checked(1)?;
    let big_endian = match order {
        "<" | "|" => false,
        ">" => true,
        _ => return None,
    };
    let kind = match kind {
        "u1" => ElementType::U8,
        "i1" => ElementType::I8,
        "u2" => ElementType::U16,
        "i2" => ElementType::I16,
        "u4" => ElementType::U32,
        "i4" => ElementType::I32,
        "u8" => ElementType::U64,
        "i8" => ElementType::I64,
        "f4" => ElementType::F32,
        "f8" => ElementType::F64,
        _ => return None,
    };
    Some((big_endian, kind))
}

#[cfg(test)]
mod tests;

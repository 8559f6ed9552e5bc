//! NumPy's `.npy`: a header in the syntax of a Python dictionary, then the elements.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::Read;
use std::path::Path;

use crate::arrays::array::{Array, ArrayContent, ArrayHeader};
use crate::arrays::elements::ElementType;
use crate::arrays::error::ArrayError;

const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// The longest header accepted, in bytes. One of a plain array has about 120.
const MAX_HEADER_BYTES: u64 = 4096;

/// Most dimensions: images have four with a colour.
const MAX_DIMENSIONS: usize = 8;

/// Reads an array of integers or floats, each of which is an integer from 0 to 255.
pub(crate) fn read(file: &Path, mut reader: impl Read, content: ArrayContent) -> Result<Array, ArrayError> {
    let text = read_header(file, &mut reader)?;
    let refused = |reason: &str| ArrayError::Header { file: file.into(), reason: reason.to_owned() };
    let field = |name| field(&text, name).ok_or_else(|| refused(&format!("its header has no `{name}`")));
    let descr = field("descr")?;
    let descr = descr
        .strip_prefix(['\'', '"'])
        .and_then(|text| text.split(['\'', '"']).next())
        .ok_or_else(|| refused("its elements are structures"))?;
    if descr.ends_with('O') {
        return Err(refused(
            "it was saved with pickle; save an array of numbers, such as `numpy.asarray(images)`",
        ));
    }
    let (big_endian, kind) = element_type(descr)
        .ok_or_else(|| ArrayError::ElementType { file: file.into(), found: format!("{descr:?}") })?;
    let shape = shape(field("shape")?).ok_or_else(|| refused("its header has no shape"))?;
    let column_major = field("fortran_order")?.starts_with("True");
    let array = Array::read(file, ArrayHeader { kind, big_endian, shape }, reader, content)?;
    Ok(if column_major { array.into_row_major() } else { array })
}

/// The text of the header.
fn read_header(file: &Path, reader: &mut impl Read) -> Result<String, ArrayError> {
    let unreadable = |source| ArrayError::Unreadable { file: file.into(), source };
    let refused = |reason: String| ArrayError::Header { file: file.into(), reason };
    let mut read = |count: u64| {
        let mut bytes = Vec::new();
        reader.by_ref().take(count).read_to_end(&mut bytes).map_err(unreadable)?;
        let found = bytes.len() as u64;
        if found == count { Ok(bytes) } else { Err(refused("it ends in its header".to_owned())) }
    };
    let start = read(MAGIC.len() as u64 + 2)?;
    let version = match start.strip_prefix(&MAGIC) {
        Some([version, _]) => *version,
        _ => return Err(refused("it does not begin as a .npy file does".to_owned())),
    };
    let length = match version {
        1 => read(2)?,
        2 | 3 => read(4)?,
        _ => return Err(refused(format!("version {version} of the .npy format is not known"))),
    };
    let length = length.iter().rev().fold(0, |value: u64, &byte| (value << 8) | u64::from(byte));
    if length > MAX_HEADER_BYTES {
        return Err(refused(format!("its header has {length} bytes, at most {MAX_HEADER_BYTES} are read")));
    }
    Ok(String::from_utf8_lossy(&read(length)?).into_owned())
}

/// What follows `'name':` in a header.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let after = [format!("'{name}'"), format!("\"{name}\"")]
        .iter()
        .find_map(|quoted| header.split_once(quoted.as_str()))?
        .1;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

/// A tuple of sizes. Python 2 writes `28L`.
fn shape(text: &str) -> Option<Vec<u64>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let sizes: Option<Vec<u64>> = inside
        .split(',')
        .map(|size| size.trim().trim_end_matches('L'))
        .filter(|size| !size.is_empty())
        .map(|size| size.parse().ok())
        .collect();
    sizes.filter(|sizes| (1..=MAX_DIMENSIONS).contains(&sizes.len()))
}

/// Whether elements are big-endian, and their type.
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

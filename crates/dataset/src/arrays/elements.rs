//! Elements of a binary array, read as bytes if each is an integer from 0 to 255.

use std::io::{self, Read};

/// Type of an array's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "data-sets"), expect(dead_code, reason = "only NumPy's arrays have all types"))]
pub(crate) enum ElementType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl ElementType {
    /// Size of one element in bytes.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Returns whether elements may have fractions.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64)
    }

    /// Converts one element from its little-endian bytes, which are padded with zeros. Integers beyond 2^53 are rounded;
    /// this changes no result, because only values from 0 to 255 are accepted.
    fn value(self, bytes: [u8; 8]) -> f64 {
        let bits = u64::from_le_bytes(bytes);
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => bits as f64,
            Self::I8 => f64::from(bits as u8 as i8),
            Self::I16 => f64::from(bits as u16 as i16),
            Self::I32 => f64::from(bits as u32 as i32),
            Self::I64 => bits as i64 as f64,
            Self::F32 => f64::from(f32::from_bits(bits as u32)),
            Self::F64 => f64::from_bits(bits),
        }
    }
}

/// Error of reading elements as bytes.
#[derive(Debug)]
pub(crate) enum ElementsError {
    /// The reader failed.
    Unreadable(io::Error),
    /// There are fewer elements than announced, and only this number of bytes.
    Truncated(u64),
    /// There are more elements than announced.
    TrailingBytes,
    /// An element is not an integer from 0 to 255.
    NotAByte { position: u64, value: f64 },
}

/// Number of elements that are decoded at once.
const CHUNK: usize = 8192;

/// Reads `count` elements to the end of `reader` and returns every `step`-th one as a byte, beginning with the first.
/// The other elements may have any value.
///
/// Memory grows with the elements that are there, not with `count`.
pub(crate) fn read_bytes(
    mut reader: impl Read,
    kind: ElementType,
    big_endian: bool,
    count: u64,
    step: u64,
) -> Result<Vec<u8>, ElementsError> {
    let size = kind.size();
    let mut values = Vec::new();
    if kind == ElementType::U8 && step == 1 {
        reader.by_ref().take(count).read_to_end(&mut values).map_err(ElementsError::Unreadable)?;
        if (values.len() as u64) < count {
            return Err(ElementsError::Truncated(values.len() as u64));
        }
    } else {
        let mut chunk = Vec::with_capacity(CHUNK * size);
        let mut position = 0;
        while position < count {
            let wanted = (count - position).min(CHUNK as u64) * size as u64;
            chunk.clear();
            reader.by_ref().take(wanted).read_to_end(&mut chunk).map_err(ElementsError::Unreadable)?;
            if (chunk.len() as u64) < wanted {
                return Err(ElementsError::Truncated(position * size as u64 + chunk.len() as u64));
            }
            for element in chunk.chunks_exact(size) {
                if position.is_multiple_of(step) {
                    let value = kind.value(little_endian(element, big_endian));
                    if !(0.0..=255.0).contains(&value) || value.fract() != 0.0 {
                        return Err(ElementsError::NotAByte { position, value });
                    }
                    values.push(value as u8);
                }
                position += 1;
            }
        }
    }
    // Reading one more byte finds trailing bytes, and makes a decompressor verify the checksum at its end.
    let mut trailing = Vec::new();
    reader.take(1).read_to_end(&mut trailing).map_err(ElementsError::Unreadable)?;
    if trailing.is_empty() { Ok(values) } else { Err(ElementsError::TrailingBytes) }
}

/// Returns the bytes of an element in little-endian order, padded with zeros.
fn little_endian(element: &[u8], big_endian: bool) -> [u8; 8] {
    let mut bytes = [0; 8];
    if big_endian {
        bytes.iter_mut().zip(element.iter().rev()).for_each(|(byte, stored)| *byte = *stored);
    } else {
        bytes.iter_mut().zip(element).for_each(|(byte, stored)| *byte = *stored);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_and_byte_order_is_read() {
        macro_rules! check {
            ($($kind:ident $number:ty),*) => {$(
                let numbers = [0 as $number, 1 as $number, 127 as $number];
                let little: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                let big: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
                assert_eq!(read_bytes(&little[..], ElementType::$kind, false, 3, 1).unwrap(), [0, 1, 127]);
                assert_eq!(read_bytes(&big[..], ElementType::$kind, true, 3, 1).unwrap(), [0, 1, 127]);
            )*};
        }
        check!(U8 u8, I8 i8, U16 u16, I16 i16, U32 u32, I32 i32, U64 u64, I64 i64, F32 f32, F64 f64);
    }

    #[test]
    fn what_is_no_byte_is_refused_with_its_position() {
        let refused = |bytes: &[u8], kind, expected: f64| {
            let error = read_bytes(bytes, kind, false, 2, 1).unwrap_err();
            let ElementsError::NotAByte { position: 1, value } = error else { panic!("{error:?}") };
            assert!(value == expected || (value.is_nan() && expected.is_nan()), "{value}");
        };
        refused(&[1, 255], ElementType::I8, -1.0);
        refused(&[1, 0, 0, 1], ElementType::U16, 256.0);
        for value in [0.5_f32, -1.0, 256.0, f32::INFINITY, f32::NAN] {
            refused(&[1_f32.to_le_bytes(), value.to_le_bytes()].concat(), ElementType::F32, value.into());
        }
        refused(&[[0; 8], u64::MAX.to_le_bytes()].concat(), ElementType::U64, u64::MAX as f64);
    }

    #[test]
    fn elements_between_the_steps_may_have_any_value() {
        let numbers: Vec<u8> =
            [7, 1000, -1, 8, 70_000, 3].iter().flat_map(|n: &i32| n.to_be_bytes()).collect();
        assert_eq!(read_bytes(&numbers[..], ElementType::I32, true, 6, 3).unwrap(), [7, 8]);
    }

    #[test]
    fn more_and_fewer_elements_than_promised_are_noticed() {
        for kind in [ElementType::U8, ElementType::I32, ElementType::F64] {
            let bytes = vec![0; 20_000 * kind.size()];
            assert!(read_bytes(&bytes[..], kind, false, 20_000, 1).is_ok());
            let error = read_bytes(&bytes[1..], kind, false, 20_000, 1).unwrap_err();
            assert!(matches!(error, ElementsError::Truncated(found) if found == bytes.len() as u64 - 1));
            let error = read_bytes(&bytes[..], kind, false, 19_999, 1).unwrap_err();
            assert!(matches!(error, ElementsError::TrailingBytes));
        }
    }
}

//! Numbers from the bytes of a file.

use half::{bf16, f16};

/// A type of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberType {
    /// The 16-bit floating point with the exponent of 32 bits.
    Bf16,
    /// The 16-bit floating point of IEEE 754.
    F16,
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    /// Truth values in one byte, of which all but 0 are true.
    Bool,
}

impl NumberType {
    /// Returns the bytes of a number.
    pub fn bytes(self) -> usize {
        match self {
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::Bf16 | Self::F16 | Self::I16 | Self::U16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Converts bytes to numbers. Integers of 64 bits are rounded to 53 bits.
    ///
    /// # Errors
    /// If the number of bytes is not a multiple of the number's size.
    pub fn decode(self, bytes: &[u8], order: ByteOrder) -> Result<Vec<f64>, String> {
        macro_rules! read {
            ($number:ty, $convert:expr) => {
                decode(bytes, order, |bytes| $convert(<$number>::from_le_bytes(bytes)))
            };
        }
        match self {
            Self::Bf16 => read!(bf16, f64::from),
            Self::F16 => read!(f16, f64::from),
            Self::F32 => read!(f32, f64::from),
            Self::F64 => read!(f64, |value| value),
            Self::I8 => read!(i8, f64::from),
            Self::I16 => read!(i16, f64::from),
            Self::I32 => read!(i32, f64::from),
            Self::I64 => read!(i64, |value| value as f64),
            Self::U8 => read!(u8, f64::from),
            Self::U16 => read!(u16, f64::from),
            Self::U32 => read!(u32, f64::from),
            Self::U64 => read!(u64, |value| value as f64),
            Self::Bool => read!(u8, |byte| f64::from(u8::from(byte != 0))),
        }
    }
}

/// The order of a number's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteOrder {
    LittleEndian,
    BigEndian,
}

/// Converts every `SIZE` bytes to one number.
fn decode<const SIZE: usize>(
    bytes: &[u8],
    order: ByteOrder,
    number: impl Fn([u8; SIZE]) -> f64,
) -> Result<Vec<f64>, String> {
    let (whole, rest) = bytes.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(format!("its {} bytes are not a multiple of {SIZE} bytes", bytes.len()));
    }
    let little_endian = |mut bytes: [u8; SIZE]| {
        if order == ByteOrder::BigEndian {
            bytes.reverse();
        }
        number(bytes)
    };
    Ok(whole.iter().copied().map(little_endian).collect())
}

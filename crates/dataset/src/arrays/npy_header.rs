//! The header of NumPy's `.npy` files: a Python dictionary as text.
//!
//! Source: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>.

use std::io::{self, Read};

/// First bytes of every `.npy` file.
const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// Longest header that is read, in bytes. Version 1 of the format allows no longer one; a usual header has 120 bytes.
const MAX_HEADER_BYTES: u64 = (1 << 16) - 1;

/// Header of a `.npy` file. It is as the file states it: the sizes may exceed the data that follow.
///
/// ```
/// use sottovoce_dataset::NpyHeader;
///
/// let text = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
/// let mut file = [b"\x93NUMPY\x01\x00\x3c\x00", &text[..], &[0; 24]].concat();
/// let mut rest = file.as_slice();
/// let header = NpyHeader::read(&mut rest)?;
/// assert_eq!((header.descr.as_deref(), header.shape), (Some("<f4"), vec![2, 3]));
/// assert_eq!(rest.len(), 24);
/// # Ok::<(), sottovoce_dataset::NpyHeaderError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NpyHeader {
    /// Type of the elements in NumPy's notation, such as `<f4`; `None` if the elements are structures.
    pub descr: Option<String>,
    /// True if the first index varies fastest (Fortran's order), instead of the last.
    pub is_column_major: bool,
    /// Elements along each axis. A single number has no axis.
    pub shape: Vec<u64>,
}

/// A header that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum NpyHeaderError {
    /// The reader failed.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// The bytes are not a header.
    #[error("{0}")]
    Malformed(String),
}

impl NpyHeader {
    /// Reads a header of version 1, 2 or 3. Afterwards `reader` is at the first element. At most 64 KiB are read.
    ///
    /// # Errors
    /// If `reader` fails or ends within the header, the bytes are not the header of a `.npy` file, or the header is
    /// longer than 65,535 bytes.
    pub fn read(reader: &mut impl Read) -> Result<Self, NpyHeaderError> {
        let text = read_text(reader)?;
        let field = |name| field(&text, name).ok_or_else(|| malformed(format!("its header has no `{name}`")));
        let descr = field("descr")?.strip_prefix(['\'', '"']).and_then(|text| text.split(['\'', '"']).next());
        let shape = parse_shape(field("shape")?);
        Ok(Self {
            descr: descr.map(str::to_owned),
            is_column_major: field("fortran_order")?.starts_with("True"),
            shape: shape.ok_or_else(|| malformed("its header has no shape".to_owned()))?,
        })
    }
}

fn malformed(reason: String) -> NpyHeaderError {
    NpyHeaderError::Malformed(reason)
}

/// Reads the text of the header.
fn read_text(reader: &mut impl Read) -> Result<String, NpyHeaderError> {
    let mut start = Vec::new();
    reader.by_ref().take(MAGIC.len() as u64).read_to_end(&mut start)?;
    // An empty or cut file begins as a .npy file does.
    if !MAGIC.starts_with(&start) {
        return Err(malformed("it does not begin as a .npy file does".to_owned()));
    }
    let mut read = |count: u64| {
        let mut bytes = Vec::new();
        reader.by_ref().take(count).read_to_end(&mut bytes)?;
        let is_whole = bytes.len() as u64 == count;
        is_whole.then_some(bytes).ok_or_else(|| malformed("it ends in its header".to_owned()))
    };
    let length = match read(2)?.first() {
        Some(1) => read(2)?,
        Some(2 | 3) => read(4)?,
        version => {
            let version = version.copied().unwrap_or_default();
            return Err(malformed(format!("version {version} of the .npy format is not known")));
        }
    };
    let length = length.iter().rev().fold(0, |value: u64, &byte| (value << 8) | u64::from(byte));
    if length > MAX_HEADER_BYTES {
        return Err(malformed(format!("its header has {length} bytes, at most {MAX_HEADER_BYTES} are read")));
    }
    Ok(String::from_utf8_lossy(&read(length)?).into_owned())
}

/// Finds the text after `'name':` in a header.
fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    let quoted = [format!("'{name}'"), format!("\"{name}\"")];
    let (_, after) = quoted.iter().find_map(|quoted| header.split_once(quoted.as_str()))?;
    Some(after.trim_start().strip_prefix(':')?.trim_start())
}

/// Parses a tuple of sizes. Python 2 writes `28L` for 28.
fn parse_shape(text: &str) -> Option<Vec<u64>> {
    let (inside, _) = text.strip_prefix('(')?.split_once(')')?;
    let sizes = inside.split(',').map(|size| size.trim().trim_end_matches('L'));
    sizes.filter(|size| !size.is_empty()).map(|size| size.parse().ok()).collect()
}

//! NumPy's `.npy`: a header in the syntax of a Python dictionary, then the numbers.

use std::path::Path;

use sottovoce_dataset::NpyHeader;

use super::numbers::{ByteOrder, NumberType};
use super::tensor::Tensor;
use super::weights_file::WeightsFile;
use crate::import::error::ImportError;

/// Largest number of axes of an array in NumPy 2 (`NPY_MAXDIMS`).
const MAX_AXES: usize = 64;

/// Reads the array of a file, which has no name.
///
/// # Errors
/// If a name is given, or as [`parse`].
pub fn read(file: &WeightsFile<'_>, name: Option<&str>) -> Result<Tensor, ImportError> {
    let tensor = parse(&file.name(), &|| load_expression(file.path), file.bytes)?;
    match name {
        Some(name) => Err(ImportError::Unnamed { name: name.to_owned(), path: file.path.to_owned() }),
        None => Ok(tensor),
    }
}

/// Parses the bytes of a `.npy` file (format 1, 2 or 3). `origin` names the file in errors, and `load` is the Python
/// expression that loads it.
///
/// # Errors
/// If the bytes are no such file, or hold something else than real numbers.
pub fn parse(origin: &str, load: &dyn Fn() -> String, bytes: &[u8]) -> Result<Tensor, ImportError> {
    let malformed =
        |reason: &str| ImportError::Malformed { file: origin.to_owned(), reason: reason.to_owned() };
    let mut data = bytes;
    let NpyHeader { descr, is_column_major, shape } =
        NpyHeader::read(&mut data).map_err(|error| malformed(&error.to_string()))?;
    let shape = shape
        .into_iter()
        .map(|size| size.try_into().map_err(|_| malformed("its header has no shape")))
        .collect::<Result<Vec<usize>, _>>()?;
    if shape.len() > MAX_AXES {
        return Err(malformed(&format!(
            "its header has {} axes, and NumPy's arrays have at most {MAX_AXES}",
            shape.len()
        )));
    }
    let descr = descr.as_deref();
    if let Some("|O" | "O") = descr {
        return Err(malformed(&pickled(&shape, &load())));
    }
    let values = numbers(descr.unwrap_or("a structure"), data).map_err(|reason| malformed(&reason))?;
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let values = match count {
        Some(count) if count == values.len() => values,
        _ => {
            let reason = format!("its header has the shape {shape:?}, but {} values follow", values.len());
            return Err(malformed(&reason));
        }
    };
    let values = if is_column_major { Tensor::from_column_major(&shape, &values) } else { values };
    Tensor::new(origin.to_owned(), shape, values)
}

/// Converts the bytes of NumPy's type `descr` to numbers.
fn numbers(descr: &str, data: &[u8]) -> Result<Vec<f64>, String> {
    let (order, kind) = descr.split_at_checked(1).unwrap_or((descr, ""));
    let order = match order {
        "<" | "|" => ByteOrder::LittleEndian,
        ">" => ByteOrder::BigEndian,
        // "=" is the byte order of the machine that wrote the file. Machines that are not little-endian write ">" instead.
        "=" if cfg!(target_endian = "big") => ByteOrder::BigEndian,
        "=" => ByteOrder::LittleEndian,
        _ => return Err(unreadable(descr)),
    };
    let number = match kind {
        "f2" => NumberType::F16,
        "f4" => NumberType::F32,
        "f8" => NumberType::F64,
        "i1" => NumberType::I8,
        "i2" => NumberType::I16,
        "i4" => NumberType::I32,
        "i8" => NumberType::I64,
        "u1" => NumberType::U8,
        "u2" => NumberType::U16,
        "u4" => NumberType::U32,
        "u8" => NumberType::U64,
        _ => return Err(unreadable(descr)),
    };
    number.decode(data, order)
}

/// Returns why an array of Python objects is not read, and how to save its arrays otherwise. A dictionary is an array
/// without axes, a list has one axis, and more axes are an array of numbers that are objects.
fn pickled(shape: &[usize], load: &str) -> String {
    let (kind, save) = match shape {
        [] => (
            "a Python object, such as a dictionary of arrays",
            format!(
                "numpy.savez(\"net.npz\", **{load}.item())` saves a dictionary's arrays under their names in net.npz"
            ),
        ),
        [_] => (
            "a Python list of arrays",
            format!("numpy.savez(\"net.npz\", *{load})` saves its arrays as arr_0, arr_1, ... in net.npz"),
        ),
        _ => (
            "Python objects",
            format!(
                "numpy.save(\"numbers.npy\", {load}.astype(\"float32\"))` saves its numbers in numbers.npy"
            ),
        ),
    };
    format!(
        "it is pickled: NumPy saved {kind} in it, not an array of numbers. Pickles are not read, because this would run code from the file. \
         If you trust the file, `import numpy; {save}"
    )
}

/// Returns the Python expression that loads a file with pickles.
pub fn load_expression(path: &Path) -> String {
    format!("numpy.load({:?}, allow_pickle=True)", path.display().to_string())
}

fn unreadable(descr: &str) -> String {
    format!(
        "its numbers are of the type {descr:?}; floating point of 16, 32 or 64 bits and integers can be read \
         (`array.astype(\"float32\")`)"
    )
}

#[cfg(test)]
mod tests {
    use half::f16;

    use super::*;

    const MAGIC: &[u8] = b"\x93NUMPY";

    fn npy(version: u8, descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        match version {
            1 => bytes.extend((header.len() as u16).to_le_bytes()),
            _ => bytes.extend((header.len() as u32).to_le_bytes()),
        }
        bytes.extend(header.bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn every_type_version_and_byte_order_is_read() {
        let expected = [1.0, 2.0, 3.0, 4.0];
        macro_rules! check {
            ($($kind:literal $number:ty),*) => {$(
                let numbers = [1u8, 2, 3, 4].map(<$number>::from);
                let little: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
                let big: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
                for (version, order, data) in [(1, '<', &little), (2, '>', &big), (3, '<', &little)] {
                    let bytes = npy(version, &format!("{order}{}", $kind), "False", "(2, 2)", data);
                    let tensor = parse("w.npy", &|| load_expression(Path::new("w.npy")), &bytes).unwrap();
                    assert_eq!((tensor.shape.as_slice(), tensor.values.as_slice()), (&[2, 2][..], &expected[..]));
                }
            )*};
        }
        check!("f2" f16, "f4" f32, "f8" f64, "i2" i16, "i4" i32, "i8" i64, "u1" u8, "u2" u16, "u4" u32, "u8" u64);
        let tensor = parse(
            "w.npy",
            &|| load_expression(Path::new("w.npy")),
            &npy(1, "|i1", "False", "(2,)", &[255, 1]),
        )
        .unwrap();
        assert_eq!(tensor.values, [-1.0, 1.0]);
    }

    #[test]
    fn fortran_order_is_undone() {
        let data: Vec<u8> = [1f64, 4.0, 2.0, 5.0, 3.0, 6.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let tensor =
            parse("w.npy", &|| load_expression(Path::new("w.npy")), &npy(1, "<f8", "True", "(2, 3)", &data))
                .unwrap();
        assert_eq!(tensor.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused() {
        for (bytes, words) in [
            (b"PK\x03\x04".to_vec(), "does not begin as a .npy file does"),
            (MAGIC.to_vec(), "ends in its header"),
            (npy(9, "<f4", "False", "(1,)", &[0; 4]), "version 9"),
            (npy(1, "<f4", "False", "(1,)", &[0; 3]), "3 bytes are not a multiple of 4 bytes"),
            (npy(1, "<f4", "False", "(2,)", &[0; 4]), "has the shape [2], but 1 values follow"),
            (
                npy(1, "|O", "False", "(6,)", &[0; 4]),
                "it is pickled: NumPy saved a Python list of arrays in it",
            ),
            (
                npy(1, "|O", "False", "(6,)", &[0; 4]),
                "`import numpy; numpy.savez(\"net.npz\", *numpy.load(\"w.npy\", allow_pickle=True))`",
            ),
            (
                npy(1, "|O", "False", "()", &[0; 4]),
                "`import numpy; numpy.savez(\"net.npz\", **numpy.load(\"w.npy\", allow_pickle=True).item())`",
            ),
            (
                npy(1, "|O", "False", "(2, 2)", &[0; 4]),
                "numpy.save(\"numbers.npy\", numpy.load(\"w.npy\", allow_pickle=True).astype(\"float32\"))`",
            ),
            (npy(1, "<U5", "False", "(1,)", &[0; 20]), "of the type \"<U5\""),
            (npy(1, "<c8", "False", "(1,)", &[0; 8]), "of the type \"<c8\""),
            (npy(1, "<f4", "False", "(0, 3)", &[]), "w.npy is empty"),
            (
                npy(1, "<f4", "True", &format!("({})", "1, ".repeat(65)), &[0; 4]),
                "65 axes, and NumPy's arrays have at most 64",
            ),
        ] {
            let error =
                parse("w.npy", &|| load_expression(Path::new("w.npy")), &bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let whole = npy(1, "<f4", "False", "(2,)", &[0; 8]);
        for length in 0..whole.len() {
            assert!(parse("w.npy", &|| load_expression(Path::new("w.npy")), &whole[..length]).is_err());
        }
    }
}

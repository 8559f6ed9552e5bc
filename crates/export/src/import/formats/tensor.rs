//! Numbers with a shape, as a file holds them.

use crate::import::error::ImportError;

/// A tensor's values, the last axis running fastest, whatever order its file had them in.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The file and the tensor in it, for errors.
    pub origin: String,
    /// Sizes of the axes. Where a file has no shape (a list in CSV) it is one axis.
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub values: Vec<f64>,
    /// What may be wrong with the file, as errors end where the tensor does not fit; usually nothing.
    pub doubt: String,
}

impl Tensor {
    /// A tensor of `origin`.
    ///
    /// # Errors
    /// If it is empty, holds another number of values than its shape says, or one that is not a finite number.
    pub fn new(origin: String, shape: Vec<usize>, values: Vec<f64>) -> Result<Self, ImportError> {
        let needed = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        if values.is_empty() {
            return Err(ImportError::Empty { tensor: origin });
        }
        if needed != Some(values.len()) {
            let reason = format!("its shape {shape:?} does not fit its {} values", values.len());
            return Err(ImportError::Malformed { file: origin, reason });
        }
        if let Some((index, &value)) = values.iter().enumerate().find(|(_, value)| !value.is_finite()) {
            let position = position(index, &shape);
            return Err(ImportError::NotFinite { tensor: origin, position, value });
        }
        Ok(Self { origin, shape, values, doubt: String::new() })
    }

    /// The tensor of a file that may have something wrong with it.
    pub fn doubted(self, doubt: String) -> Self {
        Self { doubt, ..self }
    }

    /// A column-major tensor's values in row-major order.
    pub fn from_column_major(shape: &[usize], values: &[f64]) -> Vec<f64> {
        let mut ordered = Vec::with_capacity(values.len());
        for index in 0..values.len() {
            let mut offset = 0;
            let mut stride = 1;
            for (size, place) in shape.iter().zip(position(index, shape)) {
                offset += place * stride;
                stride *= size;
            }
            ordered.push(values[offset]);
        }
        ordered
    }
}

/// Converts every `SIZE` bytes to one number; `big` says that they are big-endian.
///
/// # Errors
/// If the number of bytes is no multiple of `SIZE`.
pub fn decode_numbers<const SIZE: usize>(
    data: &[u8],
    big: bool,
    number: impl Fn([u8; SIZE]) -> f64,
) -> Result<Vec<f64>, String> {
    let (whole, rest) = data.as_chunks::<SIZE>();
    if !rest.is_empty() {
        return Err(format!("its {} bytes are no whole numbers of {SIZE} bytes", data.len()));
    }
    let little_endian = |mut bytes: [u8; SIZE]| {
        if big {
            bytes.reverse();
        }
        number(bytes)
    };
    Ok(whole.iter().copied().map(little_endian).collect())
}

/// Where the row-major `index` is along every axis.
fn position(mut index: usize, shape: &[usize]) -> Vec<usize> {
    let mut position: Vec<usize> = shape
        .iter()
        .rev()
        .map(|&size| {
            let place = index % size;
            index /= size;
            place
        })
        .collect();
    position.reverse();
    position
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn column_major_values_are_put_into_row_order() {
        // [[1, 2, 3], [4, 5, 6]] by columns.
        assert_eq!(
            Tensor::from_column_major(&[2, 3], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]),
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
        );
    }

    #[test]
    fn a_value_that_is_no_number_is_named_by_its_place() {
        let error = Tensor::new("w".to_owned(), vec![2, 2], vec![0.0, 1.0, f64::NAN, 2.0]).unwrap_err();
        assert_eq!(error.to_string(), "w holds NaN at [1, 0]; every weight must be a finite number");
        let error = Tensor::new("w".to_owned(), vec![0, 2], vec![]).unwrap_err();
        assert_eq!(error.to_string(), "w is empty");
    }
}

//! Tensors of a weights file.

use crate::import::error::ImportError;

/// The values of a tensor in row-major order, whatever order the file has.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// The file and the tensor in it, for errors.
    pub origin: String,
    /// Sizes of the axes. A file without a shape (a list in CSV) has one axis.
    pub shape: Vec<usize>,
    /// The values, in row-major order.
    pub values: Vec<f64>,
    /// The end of errors about the shape, if the file may contain a mistake; usually empty.
    pub doubt: String,
}

impl Tensor {
    /// Creates a tensor of `origin`.
    ///
    /// # Errors
    /// If it is empty, has another number of values than its shape, or holds a value that is not a finite number.
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

    /// Adds a doubt about the file.
    pub fn with_doubt(self, doubt: String) -> Self {
        Self { doubt, ..self }
    }

    /// Returns a column-major tensor's values in row-major order.
    #[expect(
        clippy::indexing_slicing,
        reason = "the number of values is the product of the shape, and the offset is below it"
    )]
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

/// Returns the index along every axis of the row-major `index`.
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

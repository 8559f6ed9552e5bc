//! A dense layer's weights, in the form that a kernel multiplies with.

use super::{Kernel, LANES, Modulus, NORM_LIMIT, SparseRows};
#[cfg(target_arch = "x86_64")]
use super::{PLANES, vnni::ByteWeights};

/// Weights of a dense layer.
#[derive(Debug)]
pub enum DenseWeights {
    /// Lists of inputs, [`SPAN`] columns at a time.
    Sparse(Vec<SparseRows>),
    /// Bytes, for AVX-512 VNNI.
    #[cfg(target_arch = "x86_64")]
    Bytes {
        /// The weights' digits to the base of 256, the highest first: at least one.
        digits: Vec<ByteWeights>,
        /// Columns.
        columns: usize,
    },
}

/// Columns that are worked on together: their values (16 kB) and the sums of a hundred rows (13 kB) fit the first-level
/// cache.
const SPAN: usize = 128;

/// How many additions for each byte of weights make lists slower than bytes, which cost the same for every weight.
#[cfg(target_arch = "x86_64")]
const SPARSE_SHARE: f64 = 0.6;

/// Space for intermediate results of one tile.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    sums: Vec<i64>,
    #[cfg(target_arch = "x86_64")]
    planes: Vec<u8>,
    /// Of one of the weights' digits.
    #[cfg(target_arch = "x86_64")]
    residues: Vec<u64>,
}

impl Scratch {
    /// Forgets all sums.
    pub fn clear(&mut self) {
        self.sums.fill(0);
    }
}

impl DenseWeights {
    /// The form for `kernel` of `weights`, rows of `columns`.
    pub fn new(kernel: Kernel, weights: &[i64], columns: usize) -> Self {
        let norm = |row: &[i64]| row.iter().map(|weight| u128::from(weight.unsigned_abs())).sum::<u128>();
        let wide = weights.chunks_exact(columns).any(|row| norm(row) >= u128::from(NORM_LIMIT));
        let span = |first: usize| {
            let last = columns.min(first + SPAN);
            let rows = weights.chunks_exact(columns);
            SparseRows::new(rows.map(|row| row[first..last].iter().copied().enumerate().collect()), wide)
        };
        let sparse: Vec<SparseRows> = (0..columns).step_by(SPAN).map(span).collect();
        #[cfg(target_arch = "x86_64")]
        if kernel.is_avx512()
            && let Some(digits) = ByteWeights::digits(weights, columns)
            && sparse.iter().map(SparseRows::additions).sum::<usize>() as f64
                > SPARSE_SHARE * (digits.len() * weights.len()) as f64
        {
            return Self::Bytes { digits, columns };
        }
        // Elsewhere there is no choice.
        let _ = kernel;
        Self::Sparse(sparse)
    }

    /// Columns that [`add`](Self::add) takes at a time; the last ones may be fewer.
    pub fn span(&self) -> usize {
        match self {
            Self::Sparse(_) => SPAN,
            #[cfg(target_arch = "x86_64")]
            Self::Bytes { columns, .. } => *columns,
        }
    }

    /// Scratch space for a layer of `rows`.
    pub fn scratch(&self, rows: usize) -> Scratch {
        match self {
            Self::Sparse(_) => Scratch { sums: vec![0; rows * LANES], ..Scratch::default() },
            #[cfg(target_arch = "x86_64")]
            Self::Bytes { columns, .. } => Scratch {
                planes: vec![0; columns.div_ceil(4) * PLANES * 4 * LANES],
                residues: vec![0; rows * LANES],
                ..Scratch::default()
            },
        }
    }

    /// Multiplies the columns of one span with their values, LANES residues below 2^48 for each, and behind the last
    /// column zeros up to a multiple of four.
    pub fn add(&self, kernel: Kernel, span: usize, values: &[u64], modulus: Modulus, scratch: &mut Scratch) {
        match self {
            Self::Sparse(spans) => kernel.add_rows(&spans[span], values, modulus, &mut scratch.sums),
            #[cfg(target_arch = "x86_64")]
            Self::Bytes { .. } => {
                let _ = (span, modulus);
                kernel.split_bytes(values, &mut scratch.planes);
            }
        }
    }

    /// The residues of all rows, LANES for each, after all spans.
    pub fn finish(&self, kernel: Kernel, modulus: Modulus, scratch: &mut Scratch, output: &mut [u64]) {
        match self {
            Self::Sparse(_) => kernel.reduce_all(&scratch.sums, modulus, output),
            #[cfg(target_arch = "x86_64")]
            Self::Bytes { digits, .. } => {
                let Scratch { planes, residues, .. } = scratch;
                for (index, digit) in digits.iter().enumerate() {
                    if index == 0 {
                        digit.multiply(kernel, planes, modulus, output);
                    } else {
                        // Horner's rule; the new sums take the place of the old.
                        digit.multiply(kernel, planes, modulus, residues);
                        kernel.add_multiplied(residues, output, 256, modulus);
                        output.copy_from_slice(residues);
                    }
                }
            }
        }
    }
}

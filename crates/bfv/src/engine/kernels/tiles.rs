//! Tiles: the values of ciphertexts at some evaluation points of one prime, in the order of the kernels' vectors.

/// Evaluation points of a tile: two vectors of 64-bit numbers.
pub const LANES: usize = 16;

/// Parts of a square (Fan and Vercauteren 2012): a0^2, 2 a0 a1, a1^2.
pub const PARTS: usize = 3;

/// The values of one input of a block at the points of a tile: those of the first polynomial, then those of the second.
/// Inputs are residues; sums of weighted inputs are *sums* ([`modular`](super::modular)).
pub type InputTile = [i64; 2 * LANES];

/// The values of one square at the points of a tile, part after part. Squares are numbers in `-q..2q`; sums of weighted
/// squares are *sums* ([`modular`](super::modular)).
pub type SquareTile = [i64; PARTS * LANES];

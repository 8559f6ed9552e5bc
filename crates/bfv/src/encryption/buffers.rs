//! Memory that encryption reuses from one ciphertext to the next.

use zeroize::Zeroizing;

/// Memory of one thread that encrypts: secret polynomials of N coefficients. New memory for every ciphertext would cost as much
/// time as the arithmetic. Everything is zeroed when dropped.
pub struct EncryptionBuffers {
    /// The message, times `Q mod t`.
    pub(super) message: Residues,
    /// The error; with the public key, both errors.
    pub(super) errors: [Small; 2],
    /// The public key's multiplier u.
    pub(super) mask: Small,
    /// u, transformed.
    pub(super) transformed_mask: Residues,
    /// Centred residues that a switch subtracts from both polynomials.
    pub(super) roundings: [Residues; 2],
}

type Residues = Zeroizing<Vec<u64>>;
type Small = Zeroizing<Vec<i64>>;

impl EncryptionBuffers {
    /// For polynomials of `degree` coefficients.
    #[must_use]
    pub fn new(degree: usize) -> Self {
        let residues = || Zeroizing::new(vec![0; degree]);
        let small = || Zeroizing::new(vec![0; degree]);
        Self {
            message: residues(),
            errors: [small(), small()],
            mask: small(),
            transformed_mask: residues(),
            roundings: [residues(), residues()],
        }
    }
}

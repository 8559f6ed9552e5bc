//! Switching the modulus down: a ciphertext loses its last primes, and its noise is divided by them.
//!
//! A prime q is dropped by a rounding division: `(w - [w]_q) / q` with the centred residue `[w]_q`. It is computed here because
//! `fhe` 0.1.1 transforms without AVX-512, and because only the residues modulo the dropped prime have to leave the transform.
//!
//! The planner decides how many primes are dropped and where: see [`level`](crate::parameters::level).

use super::buffer_pool::PooledBuffer;
use super::kernels::dispatch;
use super::kernels::modular::Modulus;
use super::ring::Ring;
use crate::modular::inverse;
use crate::transform::Transform;

/// Switches a ciphertext of two polynomials from its `primes` first primes down to the `kept` first primes. The residues modulo
/// the dropped primes are meaningless afterwards.
pub fn switch_modulus_down(
    ring: Ring<'_>,
    ciphertext: &mut [PooledBuffer<'_>; 2],
    primes: usize,
    kept: usize,
) {
    for last in (kept..primes).rev() {
        for polynomial in &mut *ciphertext {
            drop_prime(ring, polynomial, last);
        }
    }
}

/// Divides a polynomial by the prime with the number `last`, rounds, and leaves the residues modulo the primes before it.
fn drop_prime(ring: Ring<'_>, polynomial: &mut [u64], last: usize) {
    let Ring { kernel, moduli, transforms, pool, degree } = ring;
    let mut primes = moduli.iter().zip(transforms).zip(polynomial.chunks_exact_mut(degree)).take(last + 1);
    let Some(((&dropped, transform), residues)) = primes.next_back() else { return };
    let mut centred = pool.take(degree);
    centred.copy_from_slice(residues);
    to_coefficients(ring, &mut centred, transform, dropped);
    let mut rests = pool.take(degree);
    for ((&modulus, transform), residues) in primes {
        dispatch::centred_residues(kernel, &centred, dropped, modulus, &mut rests);
        transform.forward(&mut rests);
        let inverse = inverse(dropped.value % modulus.value, modulus.value);
        let inverse = dispatch::montgomery_constant(kernel, inverse, modulus);
        dispatch::divide_exactly(kernel, residues, &rests, inverse, modulus);
    }
}

/// Transforms the values of a polynomial modulo one prime to its coefficients.
fn to_coefficients(ring: Ring<'_>, values: &mut [u64], transform: &Transform, modulus: Modulus) {
    transform.inverse(values);
    let factor = dispatch::montgomery_constant(ring.kernel, transform.inverse_degree(), modulus);
    dispatch::multiply_by_constant(ring.kernel, values, factor, modulus);
}

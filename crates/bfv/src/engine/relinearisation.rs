//! Relinearisation: from ciphertexts of three parts, which are sums of squares, to ciphertexts of two.
//!
//! This is `fhe`'s own arithmetic with `fhe`'s own key. Each digit of the third part, its residue modulo one prime, is multiplied
//! with that digit's key (Bajard, Eynard, Hasan and Zucca 2016). Digits are centred, which halves the noise: the keys of digits
//! are multiples of the other primes.

use fhe::bfv::Ciphertext;
use fhe_math::rq::Representation;

use super::buffer_pool::PooledBuffer;
use super::error::EngineError;
use super::kernels::dispatch;
use super::kernels::modular::{Modulus, MontgomeryConstant};
use super::kernels::tiles::PARTS;
use super::ring::Ring;
use crate::evaluation_key::ChannelKey;
use crate::kernel::Kernel;
use crate::residues::{public_polynomial, residues};

/// Residues of a polynomial modulo several primes: prime after prime, each `degree` values.
type Residues = Vec<u64>;

/// A relinearisation key in the engine's form.
pub struct DigitKeys {
    /// By digit, by polynomial: transformed residues modulo the primes of an upload, in Montgomery form.
    digits: Vec<[Residues; 2]>,
}

impl DigitKeys {
    /// The digits' keys of a relinearisation key.
    ///
    /// # Errors
    /// If `fhe` refuses an operation on its key.
    pub fn new(key: &ChannelKey, kernel: Kernel, moduli: &[Modulus]) -> Result<Self, EngineError> {
        let degree = key.channel.degree();
        let digit = |digit: usize| -> Result<[Residues; 2], EngineError> {
            let mut polynomials =
                key_of_digit(key, digit).map_err(|error| EngineError::Fhe(error.to_string()))?;
            for polynomial in &mut polynomials {
                for (values, &modulus) in polynomial.chunks_exact_mut(degree).zip(moduli) {
                    for value in values {
                        *value = dispatch::montgomery_constant(kernel, *value, modulus).value();
                    }
                }
            }
            Ok(polynomials)
        };
        Ok(Self { digits: (0..moduli.len()).map(digit).collect::<Result<_, _>>()? })
    }
}

/// Relinearises a ciphertext of three parts and adds a constant polynomial.
///
/// The parts are residues modulo as many primes as `constant` has numbers. They are still to be multiplied with
/// `square_factors`, one in Montgomery form for every prime. `constant` is the polynomial's residue modulo every prime.
#[expect(clippy::indexing_slicing, reason = "all buffers hold `degree` residues for each of the primes")]
pub fn relinearise<'a>(
    ring: Ring<'a>,
    key: &DigitKeys,
    parts: &[PooledBuffer<'_>; PARTS],
    square_factors: &[MontgomeryConstant],
    constant: &[u64],
) -> [PooledBuffer<'a>; 2] {
    let Ring { kernel, moduli, transforms, pool, degree } = ring;
    let primes = constant.len();
    // The third part's digits, as coefficients.
    let mut third = pool.take(primes * degree);
    third.copy_from_slice(&parts[2]);
    for (prime, values) in third.chunks_exact_mut(degree).enumerate() {
        let (transform, modulus) = (&transforms[prime], moduli[prime]);
        transform.inverse(values);
        let factor = square_factors[prime].times(transform.inverse_degree(), modulus);
        dispatch::multiply_by_constant(kernel, values, factor, modulus);
    }
    let mut relinearised = [pool.take(primes * degree), pool.take(primes * degree)];
    let mut digits = pool.take(primes * degree);
    let mut factors = pool.take(degree);
    for (prime, &constant) in constant.iter().enumerate() {
        let (modulus, transform) = (moduli[prime], &transforms[prime]);
        let range = prime * degree..(prime + 1) * degree;
        for (digit, values) in digits.chunks_exact_mut(degree).enumerate() {
            if digit == prime {
                // The digit's values at this prime's points are known already.
                values.copy_from_slice(&parts[2][range.clone()]);
                dispatch::multiply_by_constant(kernel, values, square_factors[prime], modulus);
            } else {
                let coefficients = &third[digit * degree..(digit + 1) * degree];
                dispatch::centred_residues(kernel, coefficients, moduli[digit], modulus, values);
                transform.forward(values);
            }
        }
        factors.fill(square_factors[prime].value());
        for (part, relinearised) in relinearised.iter_mut().enumerate() {
            let of_digits = digits.chunks_exact(degree).zip(&key.digits);
            let of_digits = of_digits.map(|(values, key)| (values, &key[part][range.clone()]));
            let own = std::iter::once((&parts[part][range.clone()], &factors[..]));
            let terms: Vec<(&[u64], &[u64])> = own.chain(of_digits).collect();
            // All values of a constant polynomial are the constant.
            let constant = if part == 0 { constant } else { 0 };
            dispatch::inner_product(kernel, &terms, constant, modulus, &mut relinearised[range.clone()]);
        }
    }
    relinearised
}

/// The key of one digit, by which `fhe` multiplies the residues modulo the prime of that number. `fhe`'s relinearisation is linear
/// in the digits. So the key is the result for a third part that is one in this digit and zero in the others.
#[expect(
    clippy::indexing_slicing,
    reason = "there are as many digits as ciphertext primes, and two polynomials"
)]
fn key_of_digit(key: &ChannelKey, digit: usize) -> Result<[Residues; 2], fhe::Error> {
    let (channel, parameters) = (&key.channel, key.channel.inner());
    let context = channel.context(channel.upload_level())?;
    let polynomial = |coefficients: &[u64]| {
        let mut polynomial = public_polynomial(coefficients.to_vec(), context, Representation::PowerBasis)?;
        polynomial.change_representation(Representation::Ntt);
        Ok::<_, fhe::Error>(polynomial)
    };
    let mut unit = vec![0; channel.degree() * channel.ciphertext_primes().len()];
    let zero = polynomial(&unit)?;
    unit[digit * channel.degree()] = 1;
    let parts = vec![zero.clone(), zero, polynomial(&unit)?];
    let mut ciphertext = Ciphertext::new(parts, parameters)?;
    key.relinearisation.relinearizes(&mut ciphertext)?;
    Ok([0, 1].map(|part| residues(&ciphertext[part]).into_owned()))
}

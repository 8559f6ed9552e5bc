//! From sums of squares back to ciphertexts of two parts with fewer primes.
//!
//! Relinearisation is `fhe`'s own arithmetic on `fhe`'s own key: every digit of the third part, its residue modulo one prime,
//! is multiplied with that digit's key (Bajard, Eynard, Hasan and Zucca 2016). Digits are centred, which halves the noise:
//! their keys are multiples of the other primes. Behind it the last primes are dropped one after the other, each by a
//! rounding division: `(w - [w]_q) / q` with the centred residue `[w]_q`. It is here because `fhe` 0.1.1 transforms without
//! AVX-512, and because only the dropped prime's residues have to leave the transform.

use std::sync::Arc;

use fhe::bfv::{BfvParameters, Ciphertext};
use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Poly, Representation};

use super::buffers::{Buffer, Buffers};
use super::kernels::{Modulus, PARTS};
use super::plan::{Plan, PlanError};
use crate::BfvError;
use crate::kernel::Kernel;
use crate::keys::ChannelKey;
use crate::parameters::inverse;
use crate::parts::residues;
use crate::transform::Transform;

/// Residues of polynomials modulo several primes: prime after prime, each `degree` values.
type Residues = Vec<u64>;

/// A relinearisation key in the engine's form.
pub struct SwitchingKey {
    /// By digit, by polynomial: transformed residues modulo the primes of an upload, in Montgomery form.
    digits: Vec<[Residues; 2]>,
}

impl SwitchingKey {
    pub fn new(key: &ChannelKey, plan: &Plan) -> Result<Self, PlanError> {
        let degree = key.channel.degree();
        let digit = |digit: usize| -> Result<[Residues; 2], PlanError> {
            let mut polynomials = key_of_digit(key, digit)?;
            for polynomial in &mut polynomials {
                for (values, &modulus) in polynomial.chunks_exact_mut(degree).zip(&plan.moduli) {
                    values.iter_mut().for_each(|value| *value = plan.kernel.montgomery_form(*value, modulus));
                }
            }
            Ok(polynomials)
        };
        Ok(Self { digits: (0..plan.moduli.len()).map(digit).collect::<Result<_, _>>()? })
    }
}

/// Constants of a switch from some primes to fewer.
pub struct Switch<'a> {
    pub kernel: Kernel,
    pub moduli: &'a [Modulus],
    pub transforms: &'a [Transform],
    pub buffers: &'a Buffers,
    /// The ring degree.
    pub degree: usize,
    /// Factors of sums of squares, one for every prime, in Montgomery form ([`BlockPlan`](super::plan::BlockPlan)).
    pub square_factors: Vec<u64>,
    /// Primes that are kept.
    pub kept: usize,
}

impl<'a> Switch<'a> {
    /// Relinearises a ciphertext of three parts at the evaluation points of the first `primes` primes, which are still to be
    /// multiplied with the squares' factor, adds the constant polynomial `bias`, given modulo those primes, and drops all
    /// primes but those that are kept. Parts are prime after prime, as are the two that it returns.
    pub fn relinearise_and_drop(
        &self,
        key: &SwitchingKey,
        parts: &[Buffer<'a>; PARTS],
        primes: usize,
        bias: &[u64],
    ) -> [Buffer<'a>; 2] {
        let mut switched = self.relinearise(key, parts, primes, bias);
        for last in (self.kept..primes).rev() {
            switched.iter_mut().for_each(|values| self.drop_prime(values, last));
        }
        switched
    }

    fn relinearise(
        &self,
        key: &SwitchingKey,
        parts: &[Buffer<'a>; PARTS],
        primes: usize,
        bias: &[u64],
    ) -> [Buffer<'a>; 2] {
        let degree = self.degree;
        // The third part's digits, as coefficients.
        let mut third = self.buffers.take(primes * degree);
        third.copy_from_slice(&parts[2]);
        for (prime, values) in third.chunks_exact_mut(degree).enumerate() {
            let (transform, modulus) = (&self.transforms[prime], self.moduli[prime]);
            transform.inverse(values);
            let factor = modulus.multiply(self.square_factors[prime], transform.inverse_degree());
            self.kernel.scale(values, factor, modulus);
        }
        let mut switched = [self.buffers.take(primes * degree), self.buffers.take(primes * degree)];
        let mut digits = self.buffers.take(primes * degree);
        let mut factor = self.buffers.take(degree);
        for (prime, &bias) in bias.iter().enumerate().take(primes) {
            let (modulus, transform) = (self.moduli[prime], &self.transforms[prime]);
            let range = prime * degree..(prime + 1) * degree;
            for (digit, values) in digits.chunks_exact_mut(degree).enumerate() {
                if digit == prime {
                    // Its values at this prime's points are there already.
                    values.copy_from_slice(&parts[2][range.clone()]);
                    self.kernel.scale(values, self.square_factors[prime], modulus);
                } else {
                    let coefficients = &third[digit * degree..(digit + 1) * degree];
                    self.kernel.centred_residues(coefficients, self.moduli[digit], modulus, values);
                    transform.forward(values);
                }
            }
            factor.fill(self.square_factors[prime]);
            for (part, switched) in switched.iter_mut().enumerate() {
                let of_digits = digits.chunks_exact(degree).zip(&key.digits);
                let of_digits = of_digits.map(|(values, key)| (values, &key[part][range.clone()]));
                let own = std::iter::once((&parts[part][range.clone()], &factor[..]));
                let terms: Vec<(&[u64], &[u64])> = own.chain(of_digits).collect();
                // The values of a constant polynomial are the constant.
                let constant = if part == 0 { bias } else { 0 };
                self.kernel.inner_product(&terms, constant, modulus, &mut switched[range.clone()]);
            }
        }
        switched
    }

    /// Divides a polynomial by the prime `last` and rounds.
    fn drop_prime(&self, values: &mut [u64], last: usize) {
        let degree = self.degree;
        let (modulus, transform) = (self.moduli[last], &self.transforms[last]);
        let mut dropped = self.buffers.take(degree);
        dropped.copy_from_slice(&values[last * degree..(last + 1) * degree]);
        transform.inverse(&mut dropped);
        let factor = self.kernel.montgomery_form(transform.inverse_degree(), modulus);
        self.kernel.scale(&mut dropped, factor, modulus);
        let mut rests = self.buffers.take(degree);
        for prime in 0..last {
            let to = self.moduli[prime];
            self.kernel.centred_residues(&dropped, modulus, to, &mut rests);
            self.transforms[prime].forward(&mut rests);
            let inverse = inverse(modulus.value % to.value, to.value);
            let inverse = self.kernel.montgomery_form(inverse, to);
            let values = &mut values[prime * degree..(prime + 1) * degree];
            self.kernel.divide_exactly(values, &rests, inverse, to);
        }
    }
}

/// Key of one digit, which `fhe` multiplies the residues modulo the prime of that number with. `fhe`'s relinearisation is linear in the
/// digits, so the key is the answer to a third part that is one in this digit and zero in the others.
fn key_of_digit(key: &ChannelKey, digit: usize) -> Result<[Residues; 2], PlanError> {
    let relinearised = || -> Result<[Residues; 2], fhe::Error> {
        let (parameters, level) = (key.channel.inner(), key.channel.upload_level());
        let degree = parameters.degree();
        let mut unit = vec![0; degree * key.channel.ciphertext_primes().len()];
        let of_coefficients =
            |coefficients: &[u64]| polynomial(coefficients, parameters, level, Representation::PowerBasis);
        let zero = of_coefficients(&unit)?;
        unit[digit * degree] = 1;
        let parts = vec![zero.clone(), zero, of_coefficients(&unit)?];
        let mut ciphertext = Ciphertext::new(parts, parameters)?;
        key.relinearisation.relinearizes(&mut ciphertext)?;
        Ok([0, 1].map(|part| residues(&ciphertext[part]).into_owned()))
    };
    relinearised().map_err(fhe_error)
}

fn fhe_error(error: fhe::Error) -> PlanError {
    PlanError::Fhe(error.to_string())
}

/// A polynomial of `fhe`'s at that level, transformed, of residues in a given form.
fn polynomial(
    residues: &[u64],
    parameters: &Arc<BfvParameters>,
    level: usize,
    form: Representation,
) -> Result<Poly, fhe::Error> {
    // Ciphertexts are public: their operations need not take constant time.
    let context = parameters.context_at_level(level)?;
    let mut polynomial = Poly::try_convert_from(residues.to_vec(), context, true, form)?;
    if form == Representation::PowerBasis {
        polynomial.change_representation(Representation::Ntt);
    }
    Ok(polynomial)
}

/// A ciphertext of `fhe`'s at that level, of the first `length` values at the evaluation points.
pub fn ciphertext(
    parts: &[Buffer<'_>; 2],
    length: usize,
    parameters: &Arc<BfvParameters>,
    level: usize,
) -> Result<Ciphertext, BfvError> {
    let parts = parts.iter().map(|part| polynomial(&part[..length], parameters, level, Representation::Ntt));
    Ok(Ciphertext::new(parts.collect::<Result<_, _>>()?, parameters)?)
}

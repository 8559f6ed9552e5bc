//! Polynomials modulo the ciphertext primes, outside of `fhe`: its transforms, and its relinearisation.
//!
//! Both are `fhe`'s own arithmetic on `fhe`'s own keys. They are here because `fhe` 0.1.1 transforms without AVX-512 and
//! keeps ciphertexts transformed between operations, so that every hidden unit would be taken back and forth three
//! times around its relinearisation.

use std::sync::Arc;

use fhe::bfv::{BfvParameters, Ciphertext};
use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Poly, Representation};
use tfhe_ntt::prime64::Plan as Ntt;

use super::buffers::{Buffer, Buffers};
use super::kernels::{Kernel, Modulus};
use super::plan::PlanError;
use crate::BfvError;
use crate::keys::ChannelKey;
use crate::parameters::inverse;

/// Residues of polynomials modulo several primes: prime after prime, each `degree` values.
type Residues = Vec<u64>;

/// Arithmetic modulo the ciphertext primes, and the relinearisation key in its form.
pub struct CiphertextRing {
    moduli: Vec<Modulus>,
    transforms: Vec<Ntt>,
    /// 1 / N modulo every prime: an inverse transform leaves a factor of N.
    inverse_degrees: Vec<u64>,
    /// By digit, by polynomial: transformed residues.
    key: Vec<[Residues; 2]>,
}

impl CiphertextRing {
    pub fn new(key: &ChannelKey) -> Result<Self, PlanError> {
        let parameters = key.channel.inner();
        let (degree, q) = (parameters.degree(), parameters.moduli());
        let transforms: Option<Vec<Ntt>> = q.iter().map(|&q| Ntt::try_new(degree, q)).collect();
        let mut ring = Self {
            moduli: q.iter().map(|&q| Modulus::new(q)).collect(),
            transforms: transforms.ok_or(PlanError::Transform)?,
            inverse_degrees: q.iter().map(|&q| inverse(degree as u64 % q, q)).collect(),
            key: Vec::new(),
        };
        if !ring.transforms_like_fhe(parameters)? {
            return Err(PlanError::Transform);
        }
        ring.key = (0..q.len()).map(|digit| key_of_digit(key, digit)).collect::<Result<_, _>>()?;
        Ok(ring)
    }

    /// Whether transformed polynomials mean the same here and in `fhe`, tried on X: its values are the roots, in the
    /// order of the transform.
    fn transforms_like_fhe(&self, parameters: &Arc<BfvParameters>) -> Result<bool, PlanError> {
        let degree = parameters.degree();
        let mut x = vec![0; degree * self.moduli.len()];
        x.iter_mut().skip(1).step_by(degree).for_each(|coefficient| *coefficient = 1);
        let theirs = residues(&polynomial(&x, parameters).map_err(fhe_error)?);
        for (values, transform) in x.chunks_exact_mut(degree).zip(&self.transforms) {
            transform.fwd(values);
        }
        Ok(x == theirs)
    }

    /// N times the coefficients of a transformed polynomial of `fhe`'s.
    pub fn scaled_coefficients<'a>(&self, transformed: &Poly, buffers: &'a Buffers) -> Buffer<'a> {
        let mut values = buffers.take(transformed.coefficients().len());
        copy_residues(transformed, &mut values);
        let degree = values.len() / self.moduli.len();
        for (values, transform) in values.chunks_exact_mut(degree).zip(&self.transforms) {
            transform.inv(values);
        }
        values
    }

    /// A ciphertext of three parts relinearised to two, all as coefficients: every digit of the third, its residue
    /// modulo one prime, is multiplied with that digit's key (Bajard, Eynard, Hasan and Zucca 2016). Digits are centred,
    /// which halves the noise: their keys are multiples of the other primes.
    pub fn relinearise<'a>(
        &self,
        kernel: Kernel,
        parts: [Buffer<'a>; 3],
        buffers: &'a Buffers,
    ) -> [Buffer<'a>; 2] {
        let [first, second, third] = parts;
        let degree = third.len() / self.moduli.len();
        let mut relinearised = [first, second];
        let (mut digit, mut residues) = (buffers.take(degree), buffers.take(degree));
        let mut sums = [buffers.take(degree), buffers.take(degree)];
        for (prime, (modulus, transform)) in self.moduli.iter().zip(&self.transforms).enumerate() {
            let range = prime * degree..(prime + 1) * degree;
            sums.iter_mut().for_each(|sums| sums.fill(0));
            for ((values, from), key) in third.chunks_exact(degree).zip(&self.moduli).zip(&self.key) {
                kernel.centred_residues(values, *from, *modulus, &mut digit);
                transform.fwd(&mut digit);
                for (sums, key) in sums.iter_mut().zip(key) {
                    let sums = bytemuck::cast_slice_mut(sums);
                    kernel.add_products(sums, &digit, &key[range.clone()], *modulus);
                }
            }
            for (sums, output) in sums.iter().zip(&mut relinearised) {
                kernel.reduce_all(bytemuck::cast_slice(sums), *modulus, &mut residues);
                transform.inv(&mut residues);
                kernel.add_multiplied(
                    &mut output[range.clone()],
                    &residues,
                    self.inverse_degrees[prime],
                    *modulus,
                );
            }
        }
        relinearised
    }
}

/// What `fhe` multiplies the residues modulo the prime of that number with. Its relinearisation is linear in the
/// digits, so the key is the answer to a third part that is one in this digit and zero in the others.
fn key_of_digit(key: &ChannelKey, digit: usize) -> Result<[Residues; 2], PlanError> {
    let relinearised = || -> Result<[Residues; 2], fhe::Error> {
        let parameters = key.channel.inner();
        let degree = parameters.degree();
        let mut unit = vec![0; degree * parameters.moduli().len()];
        let zero = polynomial(&unit, parameters)?;
        unit[digit * degree] = 1;
        let parts = vec![zero.clone(), zero, polynomial(&unit, parameters)?];
        let mut ciphertext = Ciphertext::new(parts, parameters)?;
        key.relinearisation.relinearizes(&mut ciphertext)?;
        Ok([0, 1].map(|part| residues(&ciphertext[part])))
    };
    relinearised().map_err(fhe_error)
}

fn fhe_error(error: fhe::Error) -> PlanError {
    PlanError::Fhe(error.to_string())
}

/// A transformed polynomial of `fhe`'s with the given coefficients.
fn polynomial(coefficients: &[u64], parameters: &Arc<BfvParameters>) -> Result<Poly, fhe::Error> {
    // Ciphertexts are public: their operations need not take constant time.
    let context = parameters.context_at_level(0)?;
    let mut polynomial =
        Poly::try_convert_from(coefficients.to_vec(), context, true, Representation::PowerBasis)?;
    polynomial.change_representation(Representation::Ntt);
    Ok(polynomial)
}

fn residues(polynomial: &Poly) -> Residues {
    let mut residues = vec![0; polynomial.coefficients().len()];
    copy_residues(polynomial, &mut residues);
    residues
}

/// Copies the residues of a polynomial as `fhe` keeps it, prime after prime.
fn copy_residues(polynomial: &Poly, output: &mut [u64]) {
    let coefficients = polynomial.coefficients();
    // `fhe` keeps them in one piece; iterating over a view of two dimensions is several times as slow.
    match coefficients.as_slice() {
        Some(slice) => output.copy_from_slice(slice),
        None => output.iter_mut().zip(coefficients).for_each(|(output, &residue)| *output = residue),
    }
}

/// A ciphertext of `fhe`'s of coefficients.
pub fn ciphertext(parts: &[Buffer<'_>; 2], parameters: &Arc<BfvParameters>) -> Result<Ciphertext, BfvError> {
    let parts = parts.iter().map(|part| polynomial(part, parameters));
    Ok(Ciphertext::new(parts.collect::<Result<_, _>>()?, parameters)?)
}

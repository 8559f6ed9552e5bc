//! Encryption with the public key.

use fhe::bfv::PublicKey;
use fhe::proto::bfv::PublicKey as PublicKeyProto;
use fhe_math::rq::{Poly, Representation};
use fhe_traits::DeserializeWithContext;
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::buffers::{EncryptionBuffers, draw_error};
use crate::error::EncryptionError;
use crate::kernel::Kernel;
use crate::modular::{inverse, product};
use crate::parameters::channel::Channel;
use crate::parameters::level::Level;
use crate::shoup::dispatch;
use crate::shoup::factor::{Factor, Factors, MessageTerm};
use crate::slots::{EncodingFactor, SlotEncoder, message_factor};

/// A bound on the absolute value of errors: they are at most twice the variance, 20.
const ERROR_BOUND: u64 = 64;

/// Encrypts with the public key (p0, p1) at level 0, `c0 = u p0 + e1 + m` and `c1 = u p1 + e2`, and switches to level 1: both
/// are divided by the last prime q and rounded.
///
/// With `r` the residue of a coefficient modulo q, centred, the switched coefficient is `(c - r) / q`, whose residue modulo
/// another prime is `(c - r) q^-1`. So the message, the error and r are transformed together, and q^-1 is part of the constants. That
/// takes three transforms for each prime of the upload (of u and of the two polynomials), and three for the last prime.
///
/// Ciphertexts equal, bit for bit, those that `fhe`'s [`PublicKey`] makes and `fhe` switches, with the same samples.
pub struct PublicKeyEncryption {
    kernel: Kernel,
    channel: Channel,
    encoder: SlotEncoder,
    encoding_factor: EncodingFactor,
    /// The prime that the switch drops.
    last: LastPrime,
    /// The primes of an upload.
    primes: Vec<UploadPrime>,
}

/// Constants of the prime q that the switch drops.
struct LastPrime {
    inverse_degree: Factor,
    /// -1 / t.
    message_factor: Factor,
    /// The public key's polynomials.
    key: [Factors; 2],
}

/// Constants of a prime of the upload.
struct UploadPrime {
    /// -1 / (t q).
    message_factor: Factor,
    /// 1 / q.
    inverse_last: Factor,
    /// `floor(q / 2)`, and the least multiple of this prime that keeps differences with residues modulo q positive.
    offset: u64,
    /// The public key's polynomials, divided by q.
    key: [Factors; 2],
}

impl PublicKeyEncryption {
    /// Encryption with the channel's key. The channel has an encryption prime.
    ///
    /// # Errors
    /// If the key does not belong to the channel.
    pub fn new(channel: &Channel, key: &PublicKey) -> Result<Self, EncryptionError> {
        let t = channel.plaintext_modulus();
        let encoder = SlotEncoder::new(channel);
        let encoding_factor = encoder.encoding_factor(channel.key_primes());
        let [first, second] = polynomials(channel, key)?;
        let constants = |polynomial: &Poly, index: usize, factor: u64, prime: u64| {
            let row = polynomial.coefficients();
            let values = row.row(index).iter().map(|&residue| product(residue, factor, prime)).collect();
            Factors::new(Zeroizing::new(values), prime)
        };
        let key = |index: usize, factor: u64, prime: u64| {
            [&first, &second].map(|polynomial| constants(polynomial, index, factor, prime))
        };
        let (last, transforms) = channel.transforms(Level::KEY).split_last().ok_or(EncryptionError::Key)?;
        let q = last.prime();
        let last = LastPrime {
            inverse_degree: Factor::new(last.inverse_degree(), q),
            message_factor: message_factor(t, q),
            key: key(transforms.len(), 1, q),
        };
        let primes = transforms.iter().enumerate().map(|(index, transform)| {
            let prime = transform.prime();
            let inverse_last = inverse(q, prime);
            UploadPrime {
                message_factor: Factor::new(
                    product(message_factor(t, prime).value, inverse_last, prime),
                    prime,
                ),
                inverse_last: Factor::new(inverse_last, prime),
                offset: q / 2 + (q + ERROR_BOUND).next_multiple_of(prime),
                key: key(index, inverse_last, prime),
            }
        });
        let primes = primes.collect();
        Ok(Self {
            kernel: Kernel::detect(),
            channel: channel.clone(),
            encoder,
            encoding_factor,
            last,
            primes,
        })
    }

    /// Encrypts `values`, one in each of the first slots; the other slots hold 0. Samples are drawn from `rng`, which must be
    /// seeded by the operating system: u, then e1, then e2. `first` and `second` receive the residues of the two
    /// polynomials at level 1, in `fhe`'s NTT form: prime after prime, N of each.
    ///
    /// # Errors
    /// If there are more than N values, or a value is not below the plaintext modulus.
    ///
    /// # Panics
    /// If an output or a buffer has another length.
    pub fn encrypt<V: Copy + Into<u64>>(
        &self,
        values: &[V],
        rng: &mut impl CryptoRng,
        buffers: &mut EncryptionBuffers,
        first: &mut [u64],
        second: &mut [u64],
    ) -> Result<(), EncryptionError> {
        let (kernel, degree) = (self.kernel, self.encoder.slots());
        assert!([first.len(), second.len()] == [degree * self.primes.len(); 2], "N residues for each prime");
        let EncryptionBuffers { message: coefficients, errors, mask, transformed_mask, roundings } = buffers;
        self.encoder.encode(kernel, values, self.encoding_factor, coefficients)?;
        let message = |factor| Some(MessageTerm { coefficients, factor });
        draw_error(rng, mask);
        errors.iter_mut().for_each(|error| draw_error(rng, error));

        let LastPrime { inverse_degree, message_factor, key } = &self.last;
        let Some((transform, transforms)) = self.channel.transforms(Level::KEY).split_last() else {
            return Err(EncryptionError::Key);
        };
        let q = transform.prime();
        dispatch::residues(kernel, mask, q, transformed_mask);
        transform.forward(transformed_mask);
        let messages = [message(*message_factor), None];
        for (((rounding, key), error), message) in roundings.iter_mut().zip(key).zip(&*errors).zip(messages) {
            dispatch::multiply(kernel, transformed_mask, key, q, rounding);
            transform.inverse(rounding);
            dispatch::rounding(kernel, rounding, *inverse_degree, message, error, q / 2, q);
        }

        let outputs = first.chunks_exact_mut(degree).zip(second.chunks_exact_mut(degree));
        let primes = self.primes.iter().zip(transforms);
        for ((prime, transform), (first, second)) in primes.zip(outputs) {
            let UploadPrime { message_factor, inverse_last, offset, key } = prime;
            let p = transform.prime();
            dispatch::residues(kernel, mask, p, transformed_mask);
            transform.forward(transformed_mask);
            let outputs = [(first, message(*message_factor)), (second, None)];
            let shared = roundings.iter().zip(&*errors).zip(key);
            for ((output, message), ((rounding, error), key)) in outputs.into_iter().zip(shared) {
                dispatch::switched(kernel, rounding, error, *offset, *inverse_last, message, p, output);
                transform.forward(output);
                dispatch::add_products(kernel, output, transformed_mask, key, p);
            }
        }
        Ok(())
    }
}

/// The public key's two polynomials, modulo all primes.
fn polynomials(channel: &Channel, key: &PublicKey) -> Result<[Poly; 2], EncryptionError> {
    // `fhe` shows them only in the protobuf form.
    let ciphertext = PublicKeyProto::from(key).c.ok_or(EncryptionError::Key)?;
    let context = channel.context(Level::KEY)?;
    let read = |bytes: &Vec<u8>| Poly::from_bytes(bytes, context).map_err(fhe::Error::from);
    let first = ciphertext.c.first().map(read).ok_or(EncryptionError::Key)??;
    let second = match (ciphertext.c.get(1), ciphertext.seed.try_into()) {
        (Some(second), _) => read(second)?,
        (None, Ok(seed)) => Poly::random_from_seed(context, Representation::Ntt, seed),
        (None, Err(_)) => return Err(EncryptionError::Key),
    };
    Ok([first, second])
}

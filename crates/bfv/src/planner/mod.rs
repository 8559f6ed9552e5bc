//! Parameters for ensembles, and what they will cost.
//!
//! A [`Request`] says what is to be evaluated and what is fixed beforehand. Everything else is chosen: ring degree, plaintext
//! moduli, ciphertext primes, kind of encryption. Of all choices that are 128-bit secure and leave room for the noise, the
//! one with the least predicted time is taken.

mod cost;
mod search;
mod sizes;

use sottovoce_network::IntegerEnsemble;

use crate::engine::Flood;
use crate::kernel::Kernel;
use crate::noise::{Evaluation, NoiseEstimate};
use crate::parameters::{
    MOST_MODULI, PRIME_BITS, PRIMES, PrimeSizes, SECURITY_LIMITS, bits_of, plaintext_moduli, security_limit,
};
use crate::{Encryption, Parameters, ParametersError};
pub use cost::Cost;
use search::{Candidate, Subject, nearer};

/// The probability, as a binary logarithm, with which decryption may fail in a whole run.
pub const FAILURE_LOG2: f64 = -40.0;

/// What is fixed beforehand. Everything that is absent is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fixed {
    /// What images are encrypted with.
    pub encryption: Option<Encryption>,
    /// The ring degree.
    pub degree: Option<usize>,
    /// The plaintext moduli.
    pub plaintext_moduli: Option<Vec<u64>>,
    /// Bits of every ciphertext prime of an upload; how many of them hidden units keep is chosen.
    pub ciphertext_prime_bits: Option<Vec<usize>>,
}

impl Fixed {
    /// Whether what is fixed is secure, and can work whatever is chosen besides.
    ///
    /// # Errors
    /// If no parameters have it.
    pub fn check(&self) -> Result<(), ParametersError> {
        let mut refused = None;
        for degree in self.degrees() {
            security_limit(degree)?;
            // Where a field is free, the value that the others get along with best.
            let moduli = match &self.plaintext_moduli {
                Some(moduli) => moduli.clone(),
                None => plaintext_moduli(0, 1, degree)?,
            };
            let bits = |t: &u64| bits_of(*t) as usize + 1;
            let least = moduli.iter().map(bits).max().unwrap_or(0).max(*PRIME_BITS.start());
            let primes = self.ciphertext_prime_bits.clone().unwrap_or_else(|| vec![least; *PRIMES.start()]);
            let encryption = self.encryption.unwrap_or(Encryption::SecretKey);
            match Parameters::check(degree, &moduli, &PrimeSizes::new(&primes), encryption) {
                Ok(()) => return Ok(()),
                // The largest degree comes last, and allows most.
                Err(error) => refused = Some(error),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    fn degrees(&self) -> Vec<usize> {
        self.degree.map_or_else(|| SECURITY_LIMITS.map(|(degree, _)| degree).to_vec(), |degree| vec![degree])
    }
}

/// What parameters are wanted for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The ensembles, which all read the same ciphertexts.
    pub ensembles: &'a [&'a IntegerEnsemble],
    /// The largest absolute logit of a member or a sum of members.
    pub largest_logit: i128,
    /// Images in a run: time is predicted, and the run's odds of failure, for so many.
    pub images: usize,
    /// Who evaluates; several, where the same ciphertexts are for several.
    pub evaluations: &'a [Evaluation],
    /// The engine's instruction set.
    pub kernel: Kernel,
    /// Whether answers must say nothing of the weights but the logits ([`Flood`]), which takes room for more noise. Only the
    /// engine can.
    pub hide_model: bool,
    /// What is fixed beforehand.
    pub fixed: Fixed,
}

/// Parameters with their noise and their costs.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The parameters.
    pub parameters: Parameters,
    /// log2 of the noise's standard deviation in the noisiest ensemble, in the channel of the largest plaintext modulus.
    pub noise: NoiseEstimate,
    /// Bits by which the largest coefficient of a run may exceed that deviation.
    pub margin_bits: f64,
    /// A bound on log2 of the probability that decryption fails anywhere in the run.
    pub failure_probability_log2: f64,
    /// What answers must be hidden with, where the request says that they are to be.
    pub flood: Option<Flood>,
    /// What the run is predicted to cost.
    pub cost: Cost,
}

impl<'a> Request<'a> {
    /// A request for the engine alone, with nothing fixed, and one full batch of the paper's.
    #[must_use]
    pub fn new(ensembles: &'a [&'a IntegerEnsemble], largest_logit: i128) -> Self {
        Self {
            ensembles,
            largest_logit,
            images: crate::parameters::PAPER_DEGREE,
            evaluations: &[Evaluation::Engine],
            kernel: Kernel::detect(),
            hide_model: false,
            fixed: Fixed::default(),
        }
    }

    /// Chooses parameters.
    ///
    /// # Errors
    /// If there are none that are secure, large enough for logits and noise, and as fixed; the error is that of the
    /// choice that came nearest.
    pub fn choose(&self) -> Result<Choice, ParametersError> {
        let subject = Subject::new(self)?;
        let encryptions = match self.fixed.encryption {
            Some(encryption) => vec![encryption],
            None => vec![Encryption::PublicKey, Encryption::SecretKey],
        };
        let mut best: Option<Candidate> = None;
        let mut nearest: Option<ParametersError> = None;
        for degree in self.fixed.degrees() {
            for moduli in self.plaintext_moduli(degree)? {
                for &encryption in &encryptions {
                    match subject.candidate(degree, &moduli, encryption) {
                        Ok(candidate) => {
                            let seconds = |candidate: &Candidate| candidate.cost.seconds();
                            if best.as_ref().is_none_or(|best| seconds(&candidate) < seconds(best)) {
                                best = Some(candidate);
                            }
                        }
                        Err(error) => nearest = Some(nearer(nearest, error)),
                    }
                }
            }
        }
        match best {
            Some(best) => subject.choice(best),
            None => Err(nearest.unwrap_or(ParametersError::PlaintextModuli { count: 0, bits: 0.0 })),
        }
    }

    /// The plaintext moduli to try: one, two, and more while that makes them smaller.
    fn plaintext_moduli(&self, degree: usize) -> Result<Vec<Vec<u64>>, ParametersError> {
        if let Some(moduli) = &self.fixed.plaintext_moduli {
            return Ok(vec![moduli.clone()]);
        }
        security_limit(degree)?;
        let mut tried: Vec<Vec<u64>> = Vec::new();
        let mut refused = None;
        for count in 1..=MOST_MODULI {
            match plaintext_moduli(self.largest_logit, count, degree) {
                Ok(moduli) if tried.last().is_none_or(|fewer| moduli.last() < fewer.last()) => {
                    tried.push(moduli);
                }
                Ok(_) => break,
                Err(error) => refused = Some(error),
            }
        }
        match refused {
            Some(error) if tried.is_empty() => Err(error),
            _ => Ok(tried),
        }
    }
}

#[cfg(test)]
mod tests;

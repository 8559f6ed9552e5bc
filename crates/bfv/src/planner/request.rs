//! Requests for parameters, and the parameters that were chosen.

use sottovoce_network::IntegerEnsemble;

use super::cost::Cost;
use crate::engine::flooding::FloodingNoise;
use crate::evaluation::EvaluatorKind;
use crate::kernel::Kernel;
use crate::modular::bits_of;
use crate::noise::estimate::NoiseEstimate;
use crate::parameters::crt::plaintext_moduli;
use crate::parameters::encryption::Encryption;
use crate::parameters::error::ParametersError;
use crate::parameters::limits::{PAPER_DEGREE, PRIME_BITS, SECURITY_LIMITS, UPLOAD_PRIMES};
use crate::parameters::parameter_set::{Parameters, security_limit};
use crate::parameters::prime_sizes::PrimeSizes;

/// The binary logarithm of the probability that decryption may fail anywhere in a run.
pub const FAILURE_LOG2: f64 = -40.0;

/// Parameters that are fixed beforehand. Absent parameters are chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FixedParameters {
    /// The key that images are encrypted with.
    pub encryption: Option<Encryption>,
    /// The ring degree.
    pub degree: Option<usize>,
    /// The plaintext moduli.
    pub plaintext_moduli: Option<Vec<u64>>,
    /// Bits of every ciphertext prime of an upload.
    pub ciphertext_prime_bits: Option<Vec<usize>>,
    /// The number of primes that hidden units keep. Used only if the bits of primes are fixed too.
    pub hidden_primes: Option<usize>,
}

impl FixedParameters {
    /// Fixes everything, so that the planner only checks whether the parameters serve other ensembles.
    #[must_use]
    pub fn all(parameters: &Parameters) -> Self {
        Self {
            encryption: Some(parameters.encryption()),
            degree: Some(parameters.degree()),
            plaintext_moduli: Some(parameters.plaintext_moduli()),
            ciphertext_prime_bits: Some(
                parameters.ciphertext_primes().iter().map(|&prime| bits_of(prime) as usize).collect(),
            ),
            hidden_primes: Some(parameters.hidden_primes()),
        }
    }

    /// Checks that some secure parameters have the fixed values.
    ///
    /// # Errors
    /// If no parameters have them.
    pub fn check(&self) -> Result<(), ParametersError> {
        let mut refused = None;
        for degree in self.degrees() {
            security_limit(degree)?;
            // An absent parameter gets the value that fits most others.
            let moduli = match &self.plaintext_moduli {
                Some(moduli) => moduli.clone(),
                None => plaintext_moduli(0, 1, degree)?,
            };
            let bits = |t: &u64| bits_of(*t) as usize + 1;
            let least = moduli.iter().map(bits).max().unwrap_or(0).max(*PRIME_BITS.start());
            let primes =
                self.ciphertext_prime_bits.clone().unwrap_or_else(|| vec![least; *UPLOAD_PRIMES.start()]);
            let encryption = self.encryption.unwrap_or(Encryption::SecretKey);
            match Parameters::check(degree, &moduli, &PrimeSizes::new(&primes), encryption) {
                Ok(()) => return Ok(()),
                // The largest degree comes last and allows most.
                Err(error) => refused = Some(error),
            }
        }
        refused.map_or(Ok(()), Err)
    }

    /// The ring degrees to try.
    pub(super) fn degrees(&self) -> Vec<usize> {
        self.degree.map_or_else(|| SECURITY_LIMITS.map(|(degree, _)| degree).to_vec(), |degree| vec![degree])
    }
}

/// A request for parameters.
#[derive(Debug, Clone)]
pub struct ParameterRequest<'a> {
    /// The ensembles, which all read the same ciphertexts.
    pub ensembles: &'a [&'a IntegerEnsemble],
    /// The largest absolute logit of a member or a sum of members.
    pub largest_logit: i128,
    /// The number of images in a run. Time and the probability of failure are predicted for this number.
    pub images: usize,
    /// The evaluators. Several evaluators can read the same ciphertexts.
    pub evaluators: &'a [EvaluatorKind],
    /// The engine's instruction set.
    pub kernel: Kernel,
    /// True if answers must show nothing of the weights but the logits ([`FloodingNoise`]). This takes room for more noise, and only
    /// the engine can do it.
    pub hide_model: bool,
    /// The parameters that are fixed beforehand.
    pub fixed: FixedParameters,
}

/// Parameters with their predicted noise and costs.
#[derive(Debug, Clone)]
pub struct ChosenParameters {
    /// The parameters.
    pub parameters: Parameters,
    /// log2 of the noise's standard deviation in the noisiest ensemble, in the channel of the largest plaintext modulus.
    pub noise: NoiseEstimate,
    /// Bits by which the largest coefficient of a run may exceed that deviation.
    pub margin_bits: f64,
    /// A bound on log2 of the probability that decryption fails anywhere in the run.
    pub failure_probability_log2: f64,
    /// The noise that answers must be re-randomised with, if the request asks for it.
    pub flooding: Option<FloodingNoise>,
    /// The predicted costs of the run.
    pub cost: Cost,
}

impl<'a> ParameterRequest<'a> {
    /// A request for only the engine, with no fixed parameters, and for one full batch of the paper's size.
    #[must_use]
    pub fn new(ensembles: &'a [&'a IntegerEnsemble], largest_logit: i128) -> Self {
        Self {
            ensembles,
            largest_logit,
            images: PAPER_DEGREE,
            evaluators: &[EvaluatorKind::Engine],
            kernel: Kernel::detect(),
            hide_model: false,
            fixed: FixedParameters::default(),
        }
    }
}

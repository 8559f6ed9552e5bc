//! Measured noise beside predicted noise, stage by stage.

use fhe::bfv::{Ciphertext, Encoding, SecretKey};
use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Context, Poly, Representation};
use fhe_math::zq::primes::generate_prime;
use fhe_traits::{FheDecoder, FheDecrypter};
use num_bigint::BigUint;
use rayon::prelude::*;
use sottovoce_network::IntegerEnsemble;

use super::key::ClientKey;
use crate::ciphertexts::IntermediateCiphertexts;
use crate::ciphertexts::expanded_ciphertexts;
use crate::compact::layout::CompactCiphertext;
use crate::engine::Engine;
use crate::engine::error::EngineError;
use crate::error::{BfvError, EncryptionError};
use crate::evaluation::EvaluatorKind;
use crate::kernel::Kernel;
use crate::noise::estimate::NoiseEstimate;
use crate::noise::stage::NoiseStage;
use crate::noise::tail::TailBound;
use crate::noise::weight_norms::WeightNorms;
use crate::parameters::channel::Channel;
use crate::parameters::encryption::Encryption;
use crate::parameters::error::ParametersError;
use crate::parameters::level::Level;
use crate::parameters::parameter_set::Parameters;
use crate::parameters::prime_sizes::PrimeSizes;
use crate::planner::request::FAILURE_LOG2;
use crate::reference::ReferenceEvaluator;

/// The number of fresh ciphertexts that are measured. All fresh ciphertexts have the same distribution.
const FRESH_CIPHERTEXTS: usize = 8;

/// The number of noise coefficients that bounds are for: a run of a million images with ten logits each.
pub const RUN_COEFFICIENTS: f64 = 1e7;

/// A measurement of noise: an ensemble under given parameters, which need not hold its logits.
#[derive(Debug, Clone)]
pub struct NoiseExperiment<'a> {
    /// The networks.
    pub ensemble: &'a IntegerEnsemble,
    /// The evaluator.
    pub evaluator: EvaluatorKind,
    /// The key that images are encrypted with.
    pub encryption: Encryption,
    /// The ring degree.
    pub degree: usize,
    /// Bits of the plaintext modulus.
    pub plaintext_bits: usize,
    /// Sizes of the ciphertext primes.
    pub primes: PrimeSizes,
}

/// The noise at one stage, in bits: binary logarithms of absolute coefficients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseMeasurement<Stage = NoiseStage> {
    /// The stage.
    pub stage: Stage,
    /// The expected standard deviation of the noisiest ciphertext.
    pub predicted: f64,
    /// The bound that noise must not exceed: the prediction with its tail.
    pub bound: f64,
    /// The largest coefficient that was found. Noise below 1 counts as 1, 0 bits.
    pub largest: f64,
    /// The root of the mean squared coefficient of the noisiest ciphertext, at least 0 bits.
    pub deviation: f64,
}

/// A measurement that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// There is no plaintext modulus of that size.
    #[error("there is no plaintext modulus of {bits} bits for ring degree {degree}")]
    PlaintextModulus {
        /// Bits asked for.
        bits: usize,
        /// The ring degree.
        degree: usize,
    },
    /// The parameters are not 128-bit secure, or `fhe` refuses them.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// The engine refuses the network.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Encryption or evaluation failed.
    #[error(transparent)]
    Bfv(#[from] BfvError),
}

impl NoiseExperiment<'_> {
    fn plaintext_modulus(&self) -> Result<u64, MeasureError> {
        let (bits, degree) = (self.plaintext_bits, self.degree);
        let modulus = (bits < 62).then(|| generate_prime(bits, 2 * degree as u64, 1 << bits)).flatten();
        modulus.ok_or(MeasureError::PlaintextModulus { bits, degree })
    }

    /// Estimates the noise, without encrypting anything.
    ///
    /// # Errors
    /// If there is no such plaintext modulus.
    pub fn estimate(&self, norms: &WeightNorms) -> Result<NoiseEstimate, MeasureError> {
        let t = self.plaintext_modulus()?;
        let Self { evaluator, encryption, degree, ref primes, .. } = *self;
        Ok(NoiseEstimate::new(norms, evaluator, encryption, degree, t, primes))
    }

    /// Checks the parameters, without making them.
    ///
    /// # Errors
    /// If there are no such parameters, or they are not secure.
    pub fn check(&self) -> Result<(), MeasureError> {
        let t = self.plaintext_modulus()?;
        Ok(Parameters::check(self.degree, &[t], &self.primes, self.encryption)?)
    }

    /// Makes the parameters.
    ///
    /// # Errors
    /// If there are no such parameters, or they are not secure.
    pub fn parameters(&self) -> Result<Parameters, MeasureError> {
        let t = self.plaintext_modulus()?;
        Ok(Parameters::new(self.degree, &[t], &self.primes, self.encryption)?)
    }

    /// Measures the noise of every stage ([`measure_stages`]).
    ///
    /// # Errors
    /// As [`parameters`](Self::parameters) and [`measure_stages`].
    pub fn measure(&self, images: &[u8]) -> Result<Vec<NoiseMeasurement>, MeasureError> {
        measure_stages(self.ensemble, self.evaluator, &self.parameters()?, images)
    }

    /// log2(Q / 2t) at the level with the least room. Larger noise cannot be measured.
    #[must_use]
    pub fn limit_bits(&self) -> f64 {
        let left = match self.evaluator {
            EvaluatorKind::Engine => self.primes.hidden,
            EvaluatorKind::Reference => self.primes.upload.len(),
        };
        self.primes.upload.iter().take(left).sum::<usize>() as f64 - self.plaintext_bits as f64 - 1.0
    }
}

/// Encrypts `images` (image after image, a byte a pixel) under fresh keys, evaluates the ensemble, and measures the
/// noise of every stage in the channel that has the least room, that of the largest plaintext modulus.
///
/// # Errors
/// If the engine refuses the network, or an operation fails.
pub fn measure_stages(
    ensemble: &IntegerEnsemble,
    evaluator: EvaluatorKind,
    parameters: &Parameters,
    images: &[u8],
) -> Result<Vec<NoiseMeasurement>, MeasureError> {
    let (degree, encryption) = (parameters.degree(), parameters.encryption());
    let narrowest = parameters.narrowest_channel();
    let channel = parameters.channels().get(narrowest).ok_or(BfvError::Encryption(EncryptionError::Key))?;
    let primes = channel.prime_sizes();
    let t = channel.plaintext_modulus();
    let pixels = ensemble.architecture().pixels();
    let not_blank = |pixel: usize| images.iter().skip(pixel).step_by(pixels).any(|&value| value != 0);
    let norms = WeightNorms::for_pixels(ensemble, &(0..pixels).map(not_blank).collect::<Vec<bool>>());
    let estimate = NoiseEstimate::new(&norms, evaluator, encryption, degree, t, &primes);
    let client = ClientKey::generate(parameters);
    let key = client.evaluation_key()?;
    let batch = client.encrypt(images, ensemble.architecture().pixels(), &())?;
    let IntermediateCiphertexts { hidden, mut logits } = match evaluator {
        EvaluatorKind::Engine => Engine::with_kernel(&key, ensemble, Kernel::detect())?
            .intermediate_ciphertexts(&batch, narrowest)?,
        EvaluatorKind::Reference => {
            ReferenceEvaluator::new(&key, ensemble).intermediate_ciphertexts(&batch, narrowest)?
        }
    };
    let secret = client.secret(narrowest).ok_or(BfvError::Encryption(EncryptionError::Key))?;
    let meter = Meter::new(channel, secret)?;
    let tail = TailBound::new(FAILURE_LOG2, degree, RUN_COEFFICIENTS);
    let level = channel.answer_level();
    let logits_level = match evaluator {
        EvaluatorKind::Engine => channel.hidden_level(),
        EvaluatorKind::Reference => channel.upload_level(),
    };
    let dropped = channel.noise_limit_bits(logits_level) - channel.noise_limit_bits(level);
    let at = |stage, ciphertexts: &[Ciphertext]| -> Result<NoiseMeasurement, BfvError> {
        let expected = estimate.deviation(stage, dropped);
        let (largest, deviation) = meter.measure(ciphertexts)?;
        Ok(NoiseMeasurement {
            stage,
            predicted: expected.bits(),
            bound: tail.bound(&expected),
            largest,
            deviation,
        })
    };
    let pixels: Vec<CompactCiphertext> =
        batch.channels.iter().skip(narrowest).take(1).flatten().take(FRESH_CIPHERTEXTS).cloned().collect();
    let fresh = expanded_ciphertexts(&batch.layout, channel, &pixels).map_err(BfvError::from)?;
    let mut stages = vec![
        at(NoiseStage::Fresh, &fresh)?,
        at(NoiseStage::Hidden, &hidden)?,
        at(NoiseStage::Logits, &logits)?,
    ];
    for logit in &mut logits {
        logit.switch_to_level(level.dropped_primes()).map_err(BfvError::from)?;
    }
    stages.push(at(NoiseStage::Answer, &logits)?);
    Ok(stages)
}

/// Measures coefficients with the secret key. It is only for experiments, because its time depends on the noise.
pub(super) struct Meter {
    secret: Vec<i64>,
    t: BigUint,
}

impl Meter {
    pub(super) fn new(channel: &Channel, secret: &SecretKey) -> Result<Self, BfvError> {
        let parameters = channel.inner();
        let t = BigUint::from(parameters.plaintext());
        let context = channel.context(Level::KEY)?;
        // The secret under its own key: 0 + (Q / t) s decrypts to s, whose coefficients are far below t.
        let constant = [context.modulus() / &t];
        let multiplied = polynomial(&constant[..], context)?;
        let zero = Poly::zero(context, Representation::Ntt);
        let ciphertext = Ciphertext::new(vec![zero, multiplied], parameters)?;
        let plaintext = secret.try_decrypt(&ciphertext)?;
        Ok(Self { secret: Vec::<i64>::try_decode(&plaintext, Encoding::poly())?, t })
    }

    /// The largest coefficient of all noise, and the largest deviation of a ciphertext's, in bits.
    pub(super) fn measure(&self, ciphertexts: &[Ciphertext]) -> Result<(f64, f64), BfvError> {
        let each: Vec<(f64, f64)> = ciphertexts
            .par_iter()
            .map(|ciphertext| self.coefficients(ciphertext))
            .collect::<Result<_, _>>()?;
        let bits = |values: &mut dyn Iterator<Item = f64>| values.fold(1.0, f64::max).log2();
        Ok((bits(&mut each.iter().map(|each| each.0)), bits(&mut each.iter().map(|each| each.1))))
    }

    /// The largest absolute coefficient of the noise, and the root of the mean square.
    #[expect(clippy::indexing_slicing, reason = "ciphertexts of `fhe` have at least two polynomials")]
    fn coefficients(&self, ciphertext: &Ciphertext) -> Result<(f64, f64), BfvError> {
        let context = ciphertext[0].ctx();
        let secret = polynomial(&self.secret[..], context)?;
        // c0 + c1 s is (Q / t) m + v up to multiples of Q, so that t times it is t v.
        let mut phase = &(&ciphertext[1] * &secret) + &ciphertext[0];
        phase *= &self.t;
        phase.change_representation(Representation::PowerBasis);
        let t = float(&self.t);
        let noise = Vec::<BigUint>::from(&phase).into_iter().map(|coefficient| {
            let other = context.modulus() - &coefficient;
            float(&coefficient.min(other)) / t
        });
        let (largest, squares, count) = noise.fold((0.0, 0.0, 0.0), |(largest, squares, count), noise| {
            (f64::max(largest, noise), squares + noise * noise, count + 1.0)
        });
        Ok((largest, f64::sqrt(squares / count)))
    }
}

fn polynomial<'a, T>(coefficients: &'a [T], context: &std::sync::Arc<Context>) -> Result<Poly, fhe::Error>
where
    Poly: TryConvertFrom<&'a [T]>,
{
    let mut polynomial = Poly::try_convert_from(coefficients, context, true, Representation::PowerBasis)?;
    polynomial.change_representation(Representation::Ntt);
    Ok(polynomial)
}

/// Rounds down to 53 bits.
fn float(value: &BigUint) -> f64 {
    let shift = value.bits().saturating_sub(53);
    let leading = (value >> shift).iter_u64_digits().next().unwrap_or(0);
    leading as f64 * (shift as f64).exp2()
}

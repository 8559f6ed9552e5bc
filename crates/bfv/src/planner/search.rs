//! The candidates for parameters, and what speaks against each.

use rayon::prelude::*;
use sottovoce_network::{Architecture, IntegerEnsemble};

use super::cost::{Cost, Sizes, Workload};
use super::{Choice, FAILURE_LOG2, Request};
use crate::engine::{BlockNorms, Flood};
use crate::noise::{
    Evaluation, NoiseEstimate, Norms, failure_probability_log2, rerandomised_bits, tail_bits,
};
use crate::parameters::{Crt, PRIME_BITS, PRIMES, bits_of, largest_noise_bits, security_limit};
use crate::{Encryption, Parameters, ParametersError, PlanError};

/// In two runs over 240 random networks the deviation of the engine's noise was at most 0.35 bits above its estimate, and of
/// all but degenerate ones 0.2; that of the reference's 1.6, where rows of weights have a mean (docs/noise.md).
const ENGINE_MODEL_BITS: f64 = 0.35;
const REFERENCE_MODEL_BITS: f64 = 1.7;

/// Runs are taken to be at least so many images, so that parameters do not depend on a short run's length.
const LEAST_IMAGES: usize = 1_000_000;

/// Parameters that would do, as numbers.
pub struct Candidate {
    sizes: Sizes,
    evaluation_primes: Option<usize>,
    noise: NoiseEstimate,
    pub cost: Cost,
}

/// What of a request does not depend on the choice.
pub struct Subject<'a> {
    request: &'a Request<'a>,
    norms: Vec<Norms>,
    /// Of every ensemble, where the engine evaluates.
    block_norms: Vec<BlockNorms>,
    workloads: Vec<Workload>,
}

impl<'a> Subject<'a> {
    pub fn new(request: &'a Request<'a>) -> Result<Self, ParametersError> {
        let ensembles = request.ensembles;
        for ensemble in ensembles {
            check_windows(ensemble.architecture())?;
        }
        let block_norms = if request.evaluations.contains(&Evaluation::Engine) {
            ensembles.iter().map(|ensemble| BlockNorms::of(ensemble)).collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        Ok(Self {
            request,
            norms: ensembles.par_iter().map(|ensemble| Norms::of(ensemble)).collect(),
            block_norms,
            workloads: ensembles.iter().map(|ensemble| Workload::of(ensemble, request.kernel)).collect(),
        })
    }

    /// The fastest candidate with this degree, these plaintext moduli and this encryption.
    pub fn candidate(
        &self,
        degree: usize,
        moduli: &[u64],
        encryption: Encryption,
    ) -> Result<Candidate, ParametersError> {
        let all_sizes = match &self.request.fixed.ciphertext_prime_bits {
            Some(bits) => vec![bits.clone()],
            None => self.prime_sizes(degree, moduli, encryption)?,
        };
        let mut best: Result<Candidate, Option<ParametersError>> = Err(None);
        for prime_bits in all_sizes {
            match self.judge(Sizes { degree, moduli: moduli.to_vec(), prime_bits, encryption }) {
                Ok(candidate) => {
                    if best.as_ref().map_or(true, |best| candidate.cost.seconds() < best.cost.seconds()) {
                        best = Ok(candidate);
                    }
                }
                Err(error) => best = best.map_err(|_| Some(error)),
            }
        }
        // There is a size, or an error said so before.
        best.map_err(|error| error.unwrap_or(ParametersError::Degree { found: degree }))
    }

    fn judge(&self, sizes: Sizes) -> Result<Candidate, ParametersError> {
        let Sizes { degree, ref moduli, ref prime_bits, encryption } = sizes;
        Parameters::check(degree, moduli, prime_bits)?;
        let (holds, largest) = (Crt::new(moduli).largest(), self.request.largest_logit);
        if holds < largest {
            return Err(ParametersError::Holds { holds, largest });
        }
        let t = sizes.largest_modulus();
        let noise = self.noise(degree, t, prime_bits, encryption);
        let margin_bits = self.margin_bits(degree, moduli.len(), encryption);
        let limit = limit(degree, t, prime_bits);
        let needed = self.needed_bits(&noise, margin_bits, degree, moduli.len());
        if !fits(needed, limit) {
            return Err(ParametersError::TooSmall {
                found_bits: prime_bits.iter().sum(),
                plaintext_bits: bits_of(t),
                limit_bits: largest_noise_bits(limit),
                needed,
            });
        }
        let q_bits: usize = prime_bits.iter().sum();
        let mut evaluation_primes = None;
        for norms in &self.block_norms {
            let needed = norms.evaluation_primes(q_bits, degree);
            let needed = needed.ok_or(PlanError::Primes { bits: 2 * q_bits as u64 })?;
            evaluation_primes = evaluation_primes.max(Some(needed));
        }
        let (images, kernel) = (self.request.images, self.request.kernel);
        let cost = Cost::of(&sizes, evaluation_primes, &self.workloads, images, kernel);
        Ok(Candidate { sizes, evaluation_primes, noise, cost })
    }

    /// A candidate's parameters.
    pub fn choice(&self, candidate: Candidate) -> Result<Choice, ParametersError> {
        let Candidate { sizes, evaluation_primes, noise, cost } = candidate;
        let t = sizes.largest_modulus();
        let Sizes { degree, moduli, prime_bits, encryption } = sizes;
        let margin_bits = self.margin_bits(degree, moduli.len(), encryption);
        let flood = self.flood(&noise, margin_bits, degree, moduli.len());
        // With a flood, noise of as many bits fits in besides.
        let limit = largest_noise_bits(limit(degree, t, &prime_bits)) as f64;
        let failure_probability_log2 = failure_probability_log2(
            noise.logits + self.model_bits(),
            flood.map_or(limit, |flood| f64::from(flood.bits()).min(limit)),
            encryption,
            degree,
            self.coefficients(degree, moduli.len()),
        );
        Ok(Choice {
            parameters: Parameters::new(degree, &moduli, &prime_bits, encryption)?,
            evaluation_primes,
            noise,
            margin_bits,
            flood,
            failure_probability_log2,
            cost,
        })
    }

    /// For every number of primes the smallest equal ones that leave room for the noise and are secure.
    fn prime_sizes(
        &self,
        degree: usize,
        moduli: &[u64],
        encryption: Encryption,
    ) -> Result<Vec<Vec<usize>>, ParametersError> {
        let t = moduli.iter().copied().max().unwrap_or(0);
        let margin_bits = self.margin_bits(degree, moduli.len(), encryption);
        let least = (*PRIME_BITS.start()).max(bits_of(t) as usize + 1);
        let sizes: Vec<usize> = (least..=*PRIME_BITS.end()).collect();
        let smallest = |primes: usize| {
            // Every bit more of a prime makes more room than noise.
            let enough = |&bits: &usize| {
                let bits = vec![bits; primes];
                let noise = self.noise(degree, t, &bits, encryption);
                fits(self.needed_bits(&noise, margin_bits, degree, moduli.len()), limit(degree, t, &bits))
            };
            let size = sizes.get(sizes.partition_point(|bits| !enough(bits)))?;
            Some(vec![*size; primes])
        };
        let total = |bits: &Vec<usize>| bits.iter().sum::<usize>();
        let found: Vec<Vec<usize>> = PRIMES.filter_map(smallest).collect();
        let (limit_bits, needed_bits) = (security_limit(degree)?, found.iter().map(total).min());
        let secure: Vec<Vec<usize>> = found.into_iter().filter(|bits| total(bits) <= limit_bits).collect();
        if secure.is_empty() {
            // By how much the nearest to secure is not.
            let plaintext_bits = bits_of(t);
            return Err(ParametersError::Noise { plaintext_bits, needed_bits, degree, limit_bits });
        }
        Ok(secure)
    }

    /// Coefficients of the noise of all answers in the run, of every member and the sum.
    fn coefficients(&self, degree: usize, channels: usize) -> f64 {
        let images = self.request.images.max(LEAST_IMAGES);
        let ciphertexts =
            |ensemble: &&IntegerEnsemble| (ensemble.members().len() + 1) * ensemble.architecture().classes;
        let ciphertexts: usize = self.request.ensembles.iter().map(ciphertexts).sum();
        (images.div_ceil(degree) * degree * channels * ciphertexts) as f64
    }

    /// Noise that hides an answer's: of all classes of the largest ensemble in all channels.
    fn flood(
        &self,
        noise: &NoiseEstimate,
        margin_bits: f64,
        degree: usize,
        channels: usize,
    ) -> Option<Flood> {
        let classes = |ensemble: &&IntegerEnsemble| ensemble.architecture().classes;
        let classes = self.request.ensembles.iter().map(classes).max().unwrap_or(1);
        // The new encryption of zero has noise of its own, which must not show either.
        let both = (noise.logits.exp2() + rerandomised_bits(degree).exp2()).log2();
        let coefficients = (degree * classes * channels) as f64;
        self.request.hide_model.then(|| Flood::for_noise(both + margin_bits, coefficients))
    }

    /// Bits of the largest noise in an answer.
    fn needed_bits(&self, noise: &NoiseEstimate, margin_bits: f64, degree: usize, channels: usize) -> f64 {
        match self.flood(noise, margin_bits, degree, channels) {
            // With what was there before it has a bit more.
            Some(flood) => f64::from(flood.bits() + 1),
            None => noise.logits + margin_bits,
        }
    }

    /// Bits by which the noise's standard deviation may be larger than estimated.
    fn model_bits(&self) -> f64 {
        if self.request.evaluations.contains(&Evaluation::Reference) {
            REFERENCE_MODEL_BITS
        } else {
            ENGINE_MODEL_BITS
        }
    }

    fn margin_bits(&self, degree: usize, channels: usize, encryption: Encryption) -> f64 {
        self.model_bits() + tail_bits(FAILURE_LOG2, encryption, degree, self.coefficients(degree, channels))
    }

    /// The noise of the noisiest ensemble, whoever evaluates.
    fn noise(&self, degree: usize, t: u64, prime_bits: &[usize], encryption: Encryption) -> NoiseEstimate {
        let largest = prime_bits.iter().copied().max().unwrap_or(0);
        let estimates = self.norms.iter().flat_map(|norms| {
            self.request.evaluations.iter().map(|&evaluation| {
                NoiseEstimate::new(norms, evaluation, encryption, degree, t, prime_bits.len(), largest)
            })
        });
        // Without ensembles there is the noise of encryption alone.
        estimates.max_by(|a, b| a.logits.total_cmp(&b.logits)).unwrap_or_else(|| {
            NoiseEstimate::new(&Norms::default(), Evaluation::Engine, encryption, degree, t, 2, largest)
        })
    }
}

/// Pairs of pixels within a window beyond which the noise is not estimated: 0.3 GB for every thread.
const MOST_PAIRS: usize = 1 << 25;

fn check_windows(shape: &Architecture) -> Result<(), ParametersError> {
    let reach = 2 * shape.kernel - 1;
    let pairs = shape.pixels().saturating_mul(reach * reach);
    if pairs > MOST_PAIRS {
        let (image_side, kernel) = (shape.image_side, shape.kernel);
        return Err(ParametersError::Windows { image_side, kernel, pairs, most: MOST_PAIRS });
    }
    Ok(())
}

/// log2 of the noise that can be told from the message.
pub(super) fn limit(degree: usize, t: u64, prime_bits: &[usize]) -> f64 {
    // Primes are a little below their power of two: of the numbers that are 1 modulo 2N one in 0.35 b is prime. Three times
    // that for each, one behind the other.
    let below = |(index, &bits): (usize, &usize)| {
        (index + 1) as f64 * 2.1 * (degree * bits) as f64 / (bits as f64).exp2()
    };
    let deficit: f64 = prime_bits.iter().enumerate().map(below).sum();
    prime_bits.iter().sum::<usize>() as f64 - deficit - (t as f64).log2() - 1.0 - 1e-6
}

fn fits(needed_bits: f64, limit: f64) -> bool {
    needed_bits <= largest_noise_bits(limit) as f64
}
/// The error of the choice that came nearer to being one; of several alike, that of the larger degree, which allows more.
pub fn nearer(one: Option<ParametersError>, other: ParametersError) -> ParametersError {
    let distance = |error: &ParametersError| match error {
        ParametersError::Noise { needed_bits, limit_bits, .. } => {
            1.0 + needed_bits.map_or(1e6, |needed| needed as f64 / *limit_bits as f64)
        }
        ParametersError::Insecure { .. } => 1e7,
        // Not even parameters.
        ParametersError::PlaintextModulus { .. } | ParametersError::CiphertextPrimes { .. } => 1e8,
        // Too small for these networks, and nothing else.
        _ => 0.0,
    };
    match one {
        Some(one) if distance(&one) < distance(&other) => one,
        _ => other,
    }
}

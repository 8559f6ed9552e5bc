//! The candidates for parameters, and what speaks against each.

use rayon::prelude::*;
use sottovoce_network::IntegerEnsemble;

use super::cost::{Cost, Sizes, Workload};
use super::{Choice, FAILURE_LOG2, Request};
use crate::engine::BlockNorms;
use crate::noise::{Evaluation, NoiseEstimate, Norms, failure_probability_log2, tail_bits};
use crate::parameters::{Crt, PRIME_BITS, PRIMES, bits_of, largest_noise_bits, security_limit};
use crate::{Encryption, Parameters, ParametersError, PlanError};

/// Bits by which the noise's standard deviation may be larger than estimated: in 240 random networks the engine's logits
/// were at most 0.33 bits above, and all but degenerate ones 0.2 (docs/noise.md).
const MODEL_BITS: f64 = 0.35;

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
        if !fits(&noise, margin_bits, t, prime_bits) {
            return Err(ParametersError::TooSmall {
                found_bits: prime_bits.iter().sum(),
                plaintext_bits: bits_of(t),
                limit: limit(t, prime_bits),
                needed: noise.logits + margin_bits,
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
        let failure_probability_log2 = failure_probability_log2(
            noise.logits + MODEL_BITS,
            largest_noise_bits(limit(t, &prime_bits)) as f64,
            encryption,
            degree,
            self.coefficients(degree, moduli.len()),
        );
        Ok(Choice {
            parameters: Parameters::new(degree, &moduli, &prime_bits, encryption)?,
            evaluation_primes,
            noise,
            margin_bits: self.margin_bits(degree, moduli.len(), encryption),
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
                fits(&self.noise(degree, t, &bits, encryption), margin_bits, t, &bits)
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

    fn margin_bits(&self, degree: usize, channels: usize, encryption: Encryption) -> f64 {
        MODEL_BITS + tail_bits(FAILURE_LOG2, encryption, degree, self.coefficients(degree, channels))
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

/// log2 of the noise that can be told from the message. Primes are a little below their power of two.
fn limit(t: u64, prime_bits: &[usize]) -> f64 {
    prime_bits.iter().sum::<usize>() as f64 - (t as f64).log2() - 1.0 - 1e-6
}

fn fits(noise: &NoiseEstimate, margin_bits: f64, t: u64, prime_bits: &[usize]) -> bool {
    noise.logits + margin_bits <= largest_noise_bits(limit(t, prime_bits)) as f64
}
/// The error of the choice that came nearer to being one.
pub fn nearer(one: Option<ParametersError>, other: ParametersError) -> ParametersError {
    let excess = |error: &ParametersError| match error {
        ParametersError::Noise { needed_bits: Some(needed), limit_bits, .. } => {
            *needed as f64 / *limit_bits as f64
        }
        ParametersError::Noise { needed_bits: None, .. } => f64::MAX,
        // Says more than that there is too much noise; of several, that of the largest degree, which allows most.
        _ => 0.0,
    };
    match one {
        Some(one) if excess(&one) < excess(&other) => one,
        _ => other,
    }
}

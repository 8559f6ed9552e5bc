//! Parameters for ensembles, and what they will cost.
//!
//! A [`Request`] says what is to be evaluated and what is fixed beforehand. Everything else is chosen: ring degree, plaintext
//! moduli, ciphertext primes, kind of encryption. Of all choices that are 128-bit secure and leave room for the noise, the
//! one with the least predicted time is taken.

mod cost;

use serde::{Deserialize, Serialize};
use sottovoce_network::IntegerEnsemble;

use crate::engine::{BlockNorms, Kernel};
use crate::noise::{Evaluation, NoiseEstimate, Norms, failure_probability_log2, tail_bits};
use crate::parameters::{
    Crt, MOST_MODULI, PRIME_BITS, PRIMES, SECURITY_LIMITS, bits_of, largest_noise_bits, plaintext_moduli,
    security_limit,
};
use crate::{Encryption, Parameters, ParametersError, PlanError};
pub use cost::Cost;
use cost::Workload;

/// The probability, as a binary logarithm, with which decryption may fail in a whole run.
pub const FAILURE_LOG2: f64 = -40.0;

/// Bits by which the noise's standard deviation may be larger than estimated: in 240 random networks the engine's logits
/// were at most 0.33 bits above, and all but degenerate ones 0.2 (docs/noise.md).
const MODEL_BITS: f64 = 0.35;

/// Runs are taken to be at least so many images, so that parameters do not depend on a short run's length.
const LEAST_IMAGES: usize = 1_000_000;

/// What is fixed beforehand. Everything that is absent is chosen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Fixed {
    /// What images are encrypted with.
    pub encryption: Option<Encryption>,
    /// The ring degree.
    pub degree: Option<usize>,
    /// The plaintext moduli.
    pub plaintext_moduli: Option<Vec<u64>>,
    /// Bits of every ciphertext prime.
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
            // Where a field is free, the value that the others get along with best.
            let moduli = match &self.plaintext_moduli {
                Some(moduli) => moduli.clone(),
                None => plaintext_moduli(0, 1, degree)?,
            };
            let bits = |t: &u64| bits_of(*t) as usize + 1;
            let least = moduli.iter().map(bits).max().unwrap_or(0).max(*PRIME_BITS.start());
            let primes = self.ciphertext_prime_bits.clone().unwrap_or_else(|| vec![least; *PRIMES.start()]);
            match Parameters::check(degree, &moduli, &primes) {
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
    /// What is fixed beforehand.
    pub fixed: Fixed,
}

/// Parameters with their noise and their costs.
#[derive(Debug, Clone)]
pub struct Choice {
    /// The parameters.
    pub parameters: Parameters,
    /// Primes that the engine lifts ciphertexts to; none where the engine does not evaluate.
    pub evaluation_primes: Option<usize>,
    /// log2 of the noise's standard deviation in the noisiest ensemble, in the channel of the largest plaintext modulus.
    pub noise: NoiseEstimate,
    /// Bits by which the largest coefficient of a run may exceed that deviation.
    pub margin_bits: f64,
    /// A bound on log2 of the probability that decryption fails anywhere in the run.
    pub failure_probability_log2: f64,
    /// What the run is predicted to cost.
    pub cost: Cost,
}

/// Parameters that might be chosen, as numbers.
#[derive(Debug, Clone)]
struct Candidate {
    degree: usize,
    moduli: Vec<u64>,
    prime_bits: Vec<usize>,
    encryption: Encryption,
}

impl Candidate {
    fn largest_modulus(&self) -> u64 {
        self.moduli.iter().copied().max().unwrap_or(0)
    }
}

/// A candidate that will do.
struct Judged {
    candidate: Candidate,
    evaluation_primes: Option<usize>,
    noise: NoiseEstimate,
    cost: Cost,
}

/// What of a request does not depend on the choice.
struct Subject<'a> {
    request: &'a Request<'a>,
    norms: Vec<Norms>,
    /// Of every ensemble, where the engine evaluates.
    block_norms: Vec<BlockNorms>,
    workloads: Vec<Workload>,
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
        let mut best: Option<Judged> = None;
        let mut nearest: Option<ParametersError> = None;
        for degree in self.fixed.degrees() {
            for moduli in self.plaintext_moduli(degree)? {
                for &encryption in &encryptions {
                    match subject.judge(degree, &moduli, encryption) {
                        Ok(judged) => {
                            let seconds = |judged: &Judged| judged.cost.seconds();
                            if best.as_ref().is_none_or(|best| seconds(&judged) < seconds(best)) {
                                best = Some(judged);
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

/// The error of the choice that came nearer to being one.
fn nearer(one: Option<ParametersError>, other: ParametersError) -> ParametersError {
    let excess = |error: &ParametersError| match error {
        ParametersError::Noise { needed_bits: Some(needed), limit_bits, .. } => {
            *needed as f64 / *limit_bits as f64
        }
        ParametersError::Noise { needed_bits: None, .. } => f64::MAX,
        // Says more than that there is too much noise.
        _ => 0.0,
    };
    match one {
        Some(one) if excess(&one) <= excess(&other) => one,
        _ => other,
    }
}

impl<'a> Subject<'a> {
    fn new(request: &'a Request<'a>) -> Result<Self, ParametersError> {
        use rayon::prelude::*;
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

    /// The candidate with this degree, these plaintext moduli and this encryption, and the fewest and then the smallest
    /// ciphertext primes that leave room for the noise.
    fn judge(
        &self,
        degree: usize,
        moduli: &[u64],
        encryption: Encryption,
    ) -> Result<Judged, ParametersError> {
        let prime_bits = match &self.request.fixed.ciphertext_prime_bits {
            Some(bits) => bits.clone(),
            None => self.smallest_primes(degree, moduli, encryption)?,
        };
        Parameters::check(degree, moduli, &prime_bits)?;
        let (holds, largest) = (Crt::new(moduli).largest(), self.request.largest_logit);
        if holds < largest {
            return Err(ParametersError::Holds { holds, largest });
        }
        let candidate = Candidate { degree, moduli: moduli.to_vec(), prime_bits, encryption };
        let (t, prime_bits) = (candidate.largest_modulus(), &candidate.prime_bits);
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
        let cost = Cost::of(&candidate, evaluation_primes, &self.workloads, images, kernel);
        Ok(Judged { candidate, evaluation_primes, noise, cost })
    }

    /// A candidate's parameters.
    fn choice(&self, judged: Judged) -> Result<Choice, ParametersError> {
        let Judged { candidate, evaluation_primes, noise, cost } = judged;
        let t = candidate.largest_modulus();
        let Candidate { degree, moduli, prime_bits, encryption } = candidate;
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

    /// Bits of the fewest and then the smallest primes that leave room for the noise.
    fn smallest_primes(
        &self,
        degree: usize,
        moduli: &[u64],
        encryption: Encryption,
    ) -> Result<Vec<usize>, ParametersError> {
        let t = moduli.iter().copied().max().unwrap_or(0);
        let margin_bits = self.margin_bits(degree, moduli.len(), encryption);
        let least = (*PRIME_BITS.start()).max(bits_of(t) as usize + 1);
        let sizes: Vec<usize> = (least..=*PRIME_BITS.end()).collect();
        let found = PRIMES.filter_map(|primes| {
            // Every bit more of a prime makes more room than noise.
            let enough = |&bits: &usize| {
                let bits = vec![bits; primes];
                fits(&self.noise(degree, t, &bits, encryption), margin_bits, t, &bits)
            };
            let size = sizes.get(sizes.partition_point(|bits| !enough(bits)))?;
            Some(vec![*size; primes])
        });
        let (limit_bits, plaintext_bits) = (security_limit(degree)?, bits_of(t));
        let mut found: Vec<Vec<usize>> = found.collect();
        let secure = found.iter().position(|bits| bits.iter().sum::<usize>() <= limit_bits);
        match secure {
            Some(index) => Ok(found.swap_remove(index)),
            // By how much the nearest to secure is not.
            None => {
                let needed_bits = found.iter().map(|bits| bits.iter().sum()).min();
                Err(ParametersError::Noise { plaintext_bits, needed_bits, degree, limit_bits })
            }
        }
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

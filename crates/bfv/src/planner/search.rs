//! The candidates for parameters, and the reasons against each.

use rayon::prelude::*;
use sottovoce_network::{Architecture, IntegerEnsemble};

use super::cost::{CandidateSizes, Cost, Workload};
use super::noise_room::{answer_primes, noise_room_bits};
use super::prime_sizing::{PrimeCounts, PrimeSizing};
use super::request::{ChosenParameters, FAILURE_LOG2, ParameterRequest};
use crate::engine::compiled::check_inputs;
use crate::engine::flooding::FloodingNoise;
use crate::evaluation::EvaluatorKind;
use crate::modular::bits_of;
use crate::noise::engine_noise::{EngineNoise, LargestNoise};
use crate::noise::estimate::{NoiseEstimate, switching_deviation};
use crate::noise::stage::NoiseStage;
use crate::noise::tail::{MomentBound, TailBound, failure_probability_log2};
use crate::noise::variance::Deviation;
use crate::noise::weight_norms::WeightNorms;
use crate::parameters::channel::trusted_noise_bits;
use crate::parameters::crt::{Crt, plaintext_moduli};
use crate::parameters::encryption::Encryption;
use crate::parameters::error::ParametersError;
use crate::parameters::limits::MAX_PLAINTEXT_MODULI;
use crate::parameters::parameter_set::{Parameters, security_limit};
use crate::parameters::prime_sizes::PrimeSizes;

/// Chooses the fastest parameters that are secure, large enough for logits and noise, and have the fixed values.
///
/// # Errors
/// If there are no such parameters. The error is that of the candidate that is nearest to being one.
pub fn choose_parameters(request: &ParameterRequest<'_>) -> Result<ChosenParameters, ParametersError> {
    let search = Search::new(request)?;
    let encryptions = match request.fixed.encryption {
        Some(encryption) => vec![encryption],
        None => vec![Encryption::PublicKey, Encryption::SecretKey],
    };
    let mut best: Option<Candidate> = None;
    let mut nearest: Option<ParametersError> = None;
    for degree in request.fixed.degrees() {
        for moduli in plaintext_moduli_to_try(request, degree)? {
            for &encryption in &encryptions {
                match search.candidate(degree, &moduli, encryption) {
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
        Some(best) => search.choice(best),
        None => Err(nearest.unwrap_or(ParametersError::PlaintextModuli { count: 0, bits: 0.0 })),
    }
}

/// The plaintext moduli to try: one, two, and more as long as more moduli are smaller.
pub(super) fn plaintext_moduli_to_try(
    request: &ParameterRequest<'_>,
    degree: usize,
) -> Result<Vec<Vec<u64>>, ParametersError> {
    if let Some(moduli) = &request.fixed.plaintext_moduli {
        return Ok(vec![moduli.clone()]);
    }
    security_limit(degree)?;
    let mut tried: Vec<Vec<u64>> = Vec::new();
    let mut refused = None;
    for count in 1..=MAX_PLAINTEXT_MODULI {
        match plaintext_moduli(request.largest_logit, count, degree) {
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

/// Bits by which the deviation of the engine's noise may exceed its estimate. Over 100 random networks it was at most 0.43 bits above
/// for noise with few factors of the key. For noise with four factors it was 0.55 bits above, but there the tail bound is two
/// bits larger than measured (docs/noise.md).
pub(super) const ENGINE_MODEL_BITS: f64 = 0.45;

/// Bits by which the deviation of the reference's noise may exceed its estimate: 1.6 bits were found for rows of weights that have a
/// mean.
const REFERENCE_MODEL_BITS: f64 = 1.7;

/// The least number of images that a run is counted with, so that parameters do not depend on the length of short runs.
pub(super) const MIN_IMAGES: usize = 1_000_000;

/// Parameters that are secure and leave room for the noise, as numbers.
pub struct Candidate {
    sizes: CandidateSizes,
    pub cost: Cost,
}

/// A search for parameters: the request, and everything that is computed once for all candidates.
pub struct Search<'a> {
    request: &'a ParameterRequest<'a>,
    norms: Vec<WeightNorms>,
    /// If the model is hidden, the norms whichever pixels are blank.
    any_pixels: Option<Vec<WeightNorms>>,
    workloads: Vec<Workload>,
}

/// A ring degree, plaintext moduli and a kind of encryption, and everything that does not depend on the ciphertext primes.
struct RingChoice<'a> {
    search: &'a Search<'a>,
    degree: usize,
    moduli: &'a [u64],
    /// The largest plaintext modulus.
    t: u64,
    encryption: Encryption,
    tail: TailBound,
    moments: MomentBound,
    /// Coefficients of the noise of all answers in the run, of every member and the sum.
    coefficients: f64,
}

/// log2 of the largest noise with which a message can be decrypted, at every level.
struct NoiseLimits {
    upload: f64,
    hidden: f64,
    answer: f64,
}

/// Noise that must fit below a limit.
struct NoiseDemand {
    /// Bits of the largest noise.
    needed: f64,
    /// Bits of room for the noise.
    limit: f64,
}

impl<'a> Search<'a> {
    pub fn new(request: &'a ParameterRequest<'a>) -> Result<Self, ParametersError> {
        let ensembles = request.ensembles;
        for ensemble in ensembles {
            check_windows(ensemble.architecture())?;
        }
        if request.evaluators.contains(&EvaluatorKind::Engine) {
            for ensemble in ensembles {
                check_inputs(ensemble.architecture())?;
            }
        }
        Ok(Self {
            request,
            norms: ensembles.par_iter().map(|ensemble| WeightNorms::of(ensemble)).collect(),
            any_pixels: request.hide_model.then(|| {
                ensembles.par_iter().map(|ensemble| WeightNorms::for_any_pixels(ensemble)).collect()
            }),
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
        let ring = RingChoice::new(self, degree, moduli, encryption);
        let all = match &self.request.fixed.ciphertext_prime_bits {
            Some(upload) => {
                let sizes = |hidden| PrimeSizes { upload: upload.clone(), hidden };
                // If there are too few primes, the error names them.
                match self.request.fixed.hidden_primes {
                    Some(hidden) => vec![sizes(hidden)],
                    None => (1..upload.len().max(2)).map(sizes).collect(),
                }
            }
            None => ring.smallest()?,
        };
        let mut best: Result<Candidate, Option<ParametersError>> = Err(None);
        for primes in all {
            match ring.judge(primes) {
                Ok(candidate) => {
                    if best.as_ref().map_or(true, |best| candidate.cost.seconds() < best.cost.seconds()) {
                        best = Ok(candidate);
                    }
                }
                Err(error) => best = best.map_err(|other| Some(nearer(other, error))),
            }
        }
        // `smallest` returns at least one, or an error.
        best.map_err(|error| error.unwrap_or(ParametersError::Degree { found: degree }))
    }

    /// A candidate's parameters.
    pub fn choice(&self, candidate: Candidate) -> Result<ChosenParameters, ParametersError> {
        let Candidate { sizes, cost } = candidate;
        let CandidateSizes { degree, moduli, primes, encryption } = sizes;
        let ring = RingChoice::new(self, degree, &moduli, encryption);
        let noise = ring.noise(&primes);
        let flooding = ring.flooding(&primes);
        Ok(ChosenParameters {
            parameters: Parameters::new(degree, &moduli, &primes, encryption)?,
            noise,
            margin_bits: self.model_bits() + ring.tail.bits(&noise.deviation(NoiseStage::Logits, 0.0)),
            flooding,
            failure_probability_log2: ring.failure_probability_log2(&primes),
            cost,
        })
    }

    /// Bits by which the noise's standard deviation may be larger than estimated.
    fn model_bits(&self) -> f64 {
        if self.request.evaluators.contains(&EvaluatorKind::Reference) {
            REFERENCE_MODEL_BITS
        } else {
            ENGINE_MODEL_BITS
        }
    }
}

impl<'a> RingChoice<'a> {
    fn new(search: &'a Search<'a>, degree: usize, moduli: &'a [u64], encryption: Encryption) -> Self {
        let request = search.request;
        let ciphertexts =
            |ensemble: &&IntegerEnsemble| (ensemble.members().len() + 1) * ensemble.architecture().classes;
        let ciphertexts: usize = request.ensembles.iter().map(ciphertexts).sum();
        let images = request.images.max(MIN_IMAGES).div_ceil(degree) * degree;
        let coefficients = (images * moduli.len() * ciphertexts.max(1)) as f64;
        // If the model is hidden, noise with a mean and noise without have half of the probability each.
        let half = FAILURE_LOG2 - 1.0;
        let tail_log2 = if request.hide_model { half } else { FAILURE_LOG2 };
        let tail = TailBound::new(tail_log2, degree, coefficients);
        let moments = MomentBound::new(half, coefficients);
        let t = moduli.iter().copied().max().unwrap_or(0);
        Self { search, degree, moduli, t, encryption, tail, moments, coefficients }
    }

    /// Checks that primes are secure and leave room for the noise.
    fn judge(&self, primes: PrimeSizes) -> Result<Candidate, ParametersError> {
        let &Self { degree, moduli, encryption, .. } = self;
        Parameters::check(degree, moduli, &primes, encryption)?;
        let request = self.search.request;
        let (holds, largest) = (Crt::new(moduli).largest(), request.largest_logit);
        if holds < largest {
            return Err(ParametersError::Holds { holds, largest });
        }
        let demands = self.demands(&primes);
        let worst = demands.into_iter().max_by(|a, b| (a.needed - a.limit).total_cmp(&(b.needed - b.limit)));
        if let Some(NoiseDemand { needed, limit }) = worst.filter(|worst| worst.needed > worst.limit) {
            return Err(ParametersError::TooSmall {
                found_bits: primes.upload.iter().sum(),
                plaintext_bits: bits_of(self.t),
                limit_bits: limit.max(0.0) as usize,
                needed,
            });
        }
        let sizes = CandidateSizes { degree, moduli: moduli.to_vec(), primes, encryption };
        let cost = self.cost(&sizes);
        Ok(Candidate { sizes, cost })
    }

    fn cost(&self, sizes: &CandidateSizes) -> Cost {
        let Search { request, workloads, .. } = self.search;
        let engine = request.evaluators.contains(&EvaluatorKind::Engine);
        Cost::of(sizes, engine, workloads, request.images, request.kernel)
    }

    /// The smallest secure primes that leave room for the noise, for every number of primes of an upload, of hidden units and of an
    /// answer. Numbers of primes that cannot be faster than others are left out.
    fn smallest(&self) -> Result<Vec<PrimeSizes>, ParametersError> {
        let limit_bits = security_limit(self.degree)?;
        let sizing = PrimeSizing::new(self.degree, self.t, self.encryption);
        let engine = self.search.request.evaluators.contains(&EvaluatorKind::Engine);
        let mut found: Vec<PrimeSizes> = Vec::new();
        let mut fastest = f64::INFINITY;
        for counts in PrimeCounts::all().filter(|counts| engine || counts.dropped() == 1) {
            let seconds = |primes: &PrimeSizes| {
                let (moduli, primes) = (self.moduli.to_vec(), primes.clone());
                self.cost(&CandidateSizes {
                    degree: self.degree,
                    moduli,
                    primes,
                    encryption: self.encryption,
                })
                .seconds()
            };
            let Some(least) = sizing.least(counts) else { continue };
            if seconds(&least) >= fastest {
                continue;
            }
            if let Some(primes) = sizing.smallest(counts, limit_bits, |primes| self.fits(primes)) {
                fastest = fastest.min(seconds(&primes));
                found.push(primes);
            }
        }
        if found.is_empty() {
            // The fewest bits of ciphertext modulus that would leave room for the noise.
            let needed_bits = PrimeCounts::all().fold(None, |needed: Option<usize>, counts| {
                let max = needed.map_or(usize::MAX, |needed| needed - 1);
                let smaller = sizing.smallest(counts, max, |primes| self.fits(primes));
                smaller.map(|primes| primes.all(self.t, self.encryption).iter().sum()).or(needed)
            });
            let (plaintext_bits, degree) = (bits_of(self.t), self.degree);
            return Err(ParametersError::Noise { plaintext_bits, needed_bits, degree, limit_bits });
        }
        Ok(found)
    }

    fn fits(&self, primes: &PrimeSizes) -> bool {
        self.demands(primes).iter().all(|demand| demand.needed <= demand.limit)
    }

    /// The noise that must fit at every level, for every ensemble and every evaluator.
    fn demands(&self, primes: &PrimeSizes) -> Vec<NoiseDemand> {
        let limits = self.limits(primes);
        if let Some(largest) = self.largest(primes) {
            // Together with the answer's own noise the flood has one more bit, which is room for a rounding as well.
            let flooded = f64::from(self.flood(&largest).bits() + 1);
            return limits
                .demands(EvaluatorKind::Engine, &largest, flooded, |dropped| flooded - dropped)
                .into();
        }
        let model_bits = self.search.model_bits();
        let demands = |(evaluator, noise): (EvaluatorKind, NoiseEstimate)| {
            let bound = |deviation: &Deviation| self.tail.bound(deviation) + model_bits;
            let stage = |stage, dropped| bound(&noise.deviation(stage, dropped));
            let largest = LargestNoise {
                products: bound(&noise.products()),
                hidden: stage(NoiseStage::Hidden, 0.0),
                logits: stage(NoiseStage::Logits, 0.0),
            };
            limits.demands(evaluator, &largest, largest.logits, |dropped| stage(NoiseStage::Answer, dropped))
        };
        self.estimates(primes).flat_map(demands).collect()
    }

    /// If the model is hidden, bounds on the noise of every ensemble for any images.
    fn largest(&self, primes: &PrimeSizes) -> Option<LargestNoise> {
        let &Self { search, degree, t, encryption, .. } = self;
        let norms = search.any_pixels.as_ref()?;
        let engine = EngineNoise::new(encryption, degree, t, primes);
        let bounds = norms.iter().map(|norms| engine.largest(norms, &self.tail, &self.moments));
        let model_bits = search.model_bits();
        Some(bounds.fold(LargestNoise::default(), LargestNoise::or_larger).wider(model_bits))
    }

    fn estimates(&self, primes: &PrimeSizes) -> impl Iterator<Item = (EvaluatorKind, NoiseEstimate)> {
        let &Self { search, degree, t, encryption, .. } = self;
        search.norms.iter().flat_map(move |norms| {
            let estimate =
                move |evaluator| NoiseEstimate::new(norms, evaluator, encryption, degree, t, primes);
            search.request.evaluators.iter().map(move |&evaluator| (evaluator, estimate(evaluator)))
        })
    }

    /// The noise of the noisiest ensemble and evaluator.
    fn noise(&self, primes: &PrimeSizes) -> NoiseEstimate {
        let noises = self.estimates(primes).map(|(_, noise)| noise);
        // Without ensembles there is only the noise of encryption.
        noises.max_by(|a, b| a.logits.total_cmp(&b.logits)).unwrap_or_else(|| {
            let (none, engine) = (WeightNorms::default(), EvaluatorKind::Engine);
            NoiseEstimate::new(&none, engine, self.encryption, self.degree, self.t, primes)
        })
    }

    /// The noise that hides noise of at most `largest` in an answer, counted for all classes of the largest ensemble in all channels.
    fn flood(&self, largest: &LargestNoise) -> FloodingNoise {
        let classes = |ensemble: &&IntegerEnsemble| ensemble.architecture().classes;
        let classes = self.search.request.ensembles.iter().map(classes).max().unwrap_or(1);
        // The added encryption of zero has the noise of a rounding, which must be hidden too.
        let zero = self.tail.bound(&switching_deviation(self.degree)) + self.search.model_bits();
        let both = (largest.logits.exp2() + zero.exp2()).log2();
        FloodingNoise::covering(both, (self.degree * classes * self.moduli.len()) as f64)
    }

    /// The noise that hides an answer's own, if the model is hidden.
    fn flooding(&self, primes: &PrimeSizes) -> Option<FloodingNoise> {
        Some(self.flood(&self.largest(primes)?))
    }

    /// The probability for the evaluation that fails most easily.
    fn failure_probability_log2(&self, primes: &PrimeSizes) -> f64 {
        let limits = self.limits(primes);
        let (model_bits, degree, coefficients) = (self.search.model_bits(), self.degree, self.coefficients);
        let of = |deviation: Deviation, limit: f64| {
            failure_probability_log2(&deviation, model_bits, limit, degree, coefficients)
        };
        let flooding = self.flooding(primes);
        let evaluation = |(evaluator, noise): (EvaluatorKind, NoiseEstimate)| {
            let logits = limits.logits(evaluator);
            let dropped = logits - limits.answer;
            let logit = noise.deviation(NoiseStage::Logits, 0.0);
            match flooding {
                // Noise of as many bits as the flooding noise fits beside it.
                Some(flooding) => of(logit, f64::from(flooding.bits()).min(logits)),
                // The answer's noise is nearly the logits', divided: it does not fail by itself.
                None => {
                    of(logit, logits).max(of(noise.deviation(NoiseStage::Answer, dropped), limits.trusted()))
                }
            }
        };
        self.estimates(primes).map(evaluation).fold(-160.0, f64::max)
    }

    fn limits(&self, primes: &PrimeSizes) -> NoiseLimits {
        let limit = |primes: &[usize]| noise_room_bits(self.degree, self.t, primes);
        NoiseLimits {
            upload: limit(&primes.upload),
            hidden: limit(primes.hidden_bits()),
            answer: limit(answer_primes(self.degree, self.t, primes)),
        }
    }
}

impl NoiseLimits {
    /// The noise that must fit at every level of an evaluation. `leaving` is the largest noise of the logits as they leave the evaluation, and
    /// `switched` that of an answer with so many bits fewer.
    fn demands(
        &self,
        evaluator: EvaluatorKind,
        largest: &LargestNoise,
        leaving: f64,
        switched: impl Fn(f64) -> f64,
    ) -> [NoiseDemand; 4] {
        let logits = self.logits(evaluator);
        let demand = |needed, limit| NoiseDemand { needed, limit };
        [
            demand(largest.products, self.upload),
            demand(largest.hidden, logits),
            demand(leaving, logits),
            demand(switched(logits - self.answer), self.trusted()),
        ]
    }

    fn logits(&self, evaluator: EvaluatorKind) -> f64 {
        match evaluator {
            EvaluatorKind::Engine => self.hidden,
            EvaluatorKind::Reference => self.upload,
        }
    }

    /// Bits of the largest noise for which decrypted values are trusted.
    fn trusted(&self) -> f64 {
        trusted_noise_bits(self.answer) as f64
    }
}

/// The most pairs of pixels within windows for which the noise is estimated: 0.3 GB for every thread.
const MAX_PAIRS: usize = 1 << 25;

fn check_windows(shape: &Architecture) -> Result<(), ParametersError> {
    let reach = 2 * shape.kernel - 1;
    let pairs = shape.pixels().saturating_mul(reach * reach);
    if pairs > MAX_PAIRS {
        let (image_side, kernel) = (shape.image_side, shape.kernel);
        return Err(ParametersError::Windows { image_side, kernel, pairs, limit: MAX_PAIRS });
    }
    Ok(())
}

/// The error of the candidate that is nearer to being one. Of equally near errors, it is the one of the larger degree, which allows
/// more.
pub fn nearer(one: Option<ParametersError>, other: ParametersError) -> ParametersError {
    let distance = |error: &ParametersError| match error {
        ParametersError::Noise { needed_bits, limit_bits, .. } => {
            1.0 + needed_bits.map_or(1e6, |needed| needed as f64 / *limit_bits as f64)
        }
        ParametersError::Insecure { .. } | ParametersError::PackedLayout(_) => 1e7,
        // These are not parameters at all.
        ParametersError::PlaintextModulus { .. } | ParametersError::CiphertextPrimes { .. } => 1e8,
        // These are too small for the networks, and otherwise sound.
        _ => 0.0,
    };
    match one {
        Some(one) if distance(&one) < distance(&other) => one,
        _ => other,
    }
}

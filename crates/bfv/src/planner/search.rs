//! The candidates for parameters, and what speaks against each.

use rayon::prelude::*;
use sottovoce_network::{Architecture, IntegerEnsemble};

use super::cost::{Cost, Sizes, Workload};
use super::sizes::{Levels, Sizing};
use super::{Choice, FAILURE_LOG2, Request};
use crate::engine::{Flood, check_inputs};
use crate::noise::{
    Deviation, Evaluation, NoiseEstimate, Norms, Stage, Tail, failure_probability_log2, switching_bits,
};
use crate::parameters::{ANSWER_BITS, Crt, PrimeSizes, bits_of, largest_noise_bits, security_limit};
use crate::{Encryption, Parameters, ParametersError};

/// Over 100 random networks the deviation of the engine's noise was at most 0.43 bits above its estimate where it has few factors
/// of the key, and 0.55 where it has four, for which the tail has two bits more than is found; that of the reference's 1.6,
/// where rows of weights have a mean (docs/noise.md).
const ENGINE_MODEL_BITS: f64 = 0.45;
const REFERENCE_MODEL_BITS: f64 = 1.7;

/// Runs are taken to be at least so many images, so that parameters do not depend on a short run's length.
const LEAST_IMAGES: usize = 1_000_000;

/// Parameters that would do, as numbers.
pub struct Candidate {
    sizes: Sizes,
    pub cost: Cost,
}

/// What of a request does not depend on the choice.
pub struct Subject<'a> {
    request: &'a Request<'a>,
    norms: Vec<Norms>,
    workloads: Vec<Workload>,
}

/// What does not depend on the sizes of primes either.
struct Setting<'a> {
    subject: &'a Subject<'a>,
    degree: usize,
    moduli: &'a [u64],
    /// The largest plaintext modulus.
    t: u64,
    encryption: Encryption,
    tail: Tail,
    /// Coefficients of the noise of all answers in the run, of every member and the sum.
    coefficients: f64,
}

/// log2 of the noise that can be told from the message, at the levels.
struct Limits {
    upload: f64,
    hidden: f64,
    answer: f64,
}

/// Noise that must fit.
struct Demand {
    /// Bits of the largest noise.
    needed: f64,
    /// Bits that there are for it.
    limit: f64,
}

impl<'a> Subject<'a> {
    pub fn new(request: &'a Request<'a>) -> Result<Self, ParametersError> {
        let ensembles = request.ensembles;
        for ensemble in ensembles {
            check_windows(ensemble.architecture())?;
        }
        if request.evaluations.contains(&Evaluation::Engine) {
            for ensemble in ensembles {
                check_inputs(ensemble.architecture())?;
            }
        }
        Ok(Self {
            request,
            norms: ensembles.par_iter().map(|ensemble| Norms::of(ensemble)).collect(),
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
        let setting = Setting::new(self, degree, moduli, encryption);
        let all = match &self.request.fixed.ciphertext_prime_bits {
            Some(upload) => {
                let sizes = |hidden| PrimeSizes { upload: upload.clone(), hidden };
                // Without any, the error says what is wrong with these.
                (1..upload.len().max(2)).map(sizes).collect()
            }
            None => setting.smallest()?,
        };
        let mut best: Result<Candidate, Option<ParametersError>> = Err(None);
        for primes in all {
            match setting.judge(primes) {
                Ok(candidate) => {
                    if best.as_ref().map_or(true, |best| candidate.cost.seconds() < best.cost.seconds()) {
                        best = Ok(candidate);
                    }
                }
                Err(error) => best = best.map_err(|other| Some(nearer(other, error))),
            }
        }
        // There is a size, or an error said so before.
        best.map_err(|error| error.unwrap_or(ParametersError::Degree { found: degree }))
    }

    /// A candidate's parameters.
    pub fn choice(&self, candidate: Candidate) -> Result<Choice, ParametersError> {
        let Candidate { sizes, cost } = candidate;
        let Sizes { degree, moduli, primes, encryption } = sizes;
        let setting = Setting::new(self, degree, &moduli, encryption);
        let noise = setting.noise(&primes);
        let flood = setting.flood(&noise);
        Ok(Choice {
            parameters: Parameters::new(degree, &moduli, &primes, encryption)?,
            noise,
            margin_bits: self.model_bits() + setting.tail.bits(&noise.deviation(Stage::Logits, 0.0)),
            flood,
            failure_probability_log2: setting.failure_probability_log2(&primes),
            cost,
        })
    }

    /// Bits by which the noise's standard deviation may be larger than estimated.
    fn model_bits(&self) -> f64 {
        if self.request.evaluations.contains(&Evaluation::Reference) {
            REFERENCE_MODEL_BITS
        } else {
            ENGINE_MODEL_BITS
        }
    }
}

impl<'a> Setting<'a> {
    fn new(subject: &'a Subject<'a>, degree: usize, moduli: &'a [u64], encryption: Encryption) -> Self {
        let request = subject.request;
        let ciphertexts =
            |ensemble: &&IntegerEnsemble| (ensemble.members().len() + 1) * ensemble.architecture().classes;
        let ciphertexts: usize = request.ensembles.iter().map(ciphertexts).sum();
        let images = request.images.max(LEAST_IMAGES).div_ceil(degree) * degree;
        let coefficients = (images * moduli.len() * ciphertexts.max(1)) as f64;
        let tail = Tail::new(FAILURE_LOG2, degree, coefficients);
        let t = moduli.iter().copied().max().unwrap_or(0);
        Self { subject, degree, moduli, t, encryption, tail, coefficients }
    }

    fn judge(&self, primes: PrimeSizes) -> Result<Candidate, ParametersError> {
        let &Self { degree, moduli, encryption, .. } = self;
        Parameters::check(degree, moduli, &primes, encryption)?;
        let request = self.subject.request;
        let (holds, largest) = (Crt::new(moduli).largest(), request.largest_logit);
        if holds < largest {
            return Err(ParametersError::Holds { holds, largest });
        }
        let demands = self.demands(&primes);
        let worst = demands.max_by(|a, b| (a.needed - a.limit).total_cmp(&(b.needed - b.limit)));
        if let Some(Demand { needed, limit }) = worst.filter(|worst| worst.needed > worst.limit) {
            return Err(ParametersError::TooSmall {
                found_bits: primes.upload.iter().sum(),
                plaintext_bits: bits_of(self.t),
                limit_bits: limit.max(0.0) as usize,
                needed,
            });
        }
        let sizes = Sizes { degree, moduli: moduli.to_vec(), primes, encryption };
        let cost = self.cost(&sizes);
        Ok(Candidate { sizes, cost })
    }

    fn cost(&self, sizes: &Sizes) -> Cost {
        let Subject { request, workloads, .. } = self.subject;
        let engine = request.evaluations.contains(&Evaluation::Engine);
        Cost::of(sizes, engine, workloads, request.images, request.kernel)
    }

    /// For every number of primes, of those that hidden units keep and of those that an answer keeps, the smallest sizes that
    /// leave room for the noise and are secure. Numbers that cannot be faster than others' sizes are left out.
    fn smallest(&self) -> Result<Vec<PrimeSizes>, ParametersError> {
        let limit_bits = security_limit(self.degree)?;
        let sizing = Sizing::new(self.degree, self.t, self.encryption);
        let engine = self.subject.request.evaluations.contains(&Evaluation::Engine);
        let mut found: Vec<PrimeSizes> = Vec::new();
        let mut fastest = f64::INFINITY;
        for levels in Levels::all().filter(|levels| engine || levels.dropped() == 1) {
            let seconds = |primes: &PrimeSizes| {
                let (moduli, primes) = (self.moduli.to_vec(), primes.clone());
                self.cost(&Sizes { degree: self.degree, moduli, primes, encryption: self.encryption })
                    .seconds()
            };
            let Some(least) = sizing.least(levels) else { continue };
            if seconds(&least) >= fastest {
                continue;
            }
            if let Some(primes) = sizing.smallest(levels, limit_bits, |primes| self.fits(primes)) {
                fastest = fastest.min(seconds(&primes));
                found.push(primes);
            }
        }
        if found.is_empty() {
            // By how much the nearest to secure is not.
            let needed_bits = Levels::all().fold(None, |needed: Option<usize>, levels| {
                let most = needed.map_or(usize::MAX, |needed| needed - 1);
                let smaller = sizing.smallest(levels, most, |primes| self.fits(primes));
                smaller.map(|primes| primes.all(self.t, self.encryption).iter().sum()).or(needed)
            });
            let (plaintext_bits, degree) = (bits_of(self.t), self.degree);
            return Err(ParametersError::Noise { plaintext_bits, needed_bits, degree, limit_bits });
        }
        Ok(found)
    }

    fn fits(&self, primes: &PrimeSizes) -> bool {
        self.demands(primes).all(|demand| demand.needed <= demand.limit)
    }

    /// What must fit at every level, for every ensemble and whoever evaluates.
    fn demands(&self, primes: &PrimeSizes) -> impl Iterator<Item = Demand> {
        let limits = self.limits(primes);
        let model_bits = self.subject.model_bits();
        self.estimates(primes)
            .flat_map(move |(evaluation, noise)| {
                let bound = |deviation: &Deviation| self.tail.bound(deviation) + model_bits;
                let stage = |stage, dropped| bound(&noise.deviation(stage, dropped));
                let logits = limits.logits(evaluation);
                let (dropped, trusted) = (logits - limits.answer, limits.trusted());
                let needed = match self.flood(&noise) {
                    // With what was there before it has a bit more, which is room for a rounding as well.
                    Some(flood) => {
                        let needed = f64::from(flood.bits() + 1);
                        [(needed, logits), (needed - dropped, trusted)]
                    }
                    None => [(stage(Stage::Logits, 0.0), logits), (stage(Stage::Answer, dropped), trusted)],
                };
                let [logit, answer] = needed.map(|(needed, limit)| Demand { needed, limit });
                let products = Demand { needed: bound(&noise.products()), limit: limits.upload };
                [products, Demand { needed: stage(Stage::Hidden, 0.0), limit: logits }, logit, answer]
            })
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn estimates(&self, primes: &PrimeSizes) -> impl Iterator<Item = (Evaluation, NoiseEstimate)> {
        let &Self { subject, degree, t, encryption, .. } = self;
        subject.norms.iter().flat_map(move |norms| {
            let estimate =
                move |evaluation| NoiseEstimate::new(norms, evaluation, encryption, degree, t, primes);
            subject.request.evaluations.iter().map(move |&evaluation| (evaluation, estimate(evaluation)))
        })
    }

    /// The noise of the noisiest ensemble, whoever evaluates.
    fn noise(&self, primes: &PrimeSizes) -> NoiseEstimate {
        let noises = self.estimates(primes).map(|(_, noise)| noise);
        // Without ensembles there is the noise of encryption alone.
        noises.max_by(|a, b| a.logits.total_cmp(&b.logits)).unwrap_or_else(|| {
            let (none, engine) = (Norms::default(), Evaluation::Engine);
            NoiseEstimate::new(&none, engine, self.encryption, self.degree, self.t, primes)
        })
    }

    /// Noise that hides an answer's: of all classes of the largest ensemble in all channels.
    fn flood(&self, noise: &NoiseEstimate) -> Option<Flood> {
        let request = self.subject.request;
        let classes = |ensemble: &&IntegerEnsemble| ensemble.architecture().classes;
        let classes = request.ensembles.iter().map(classes).max().unwrap_or(1);
        let logits = noise.deviation(Stage::Logits, 0.0);
        // The new encryption of zero has noise of its own, that of a rounding, which must not show either.
        let both = (logits.bits().exp2() + switching_bits(self.degree).exp2()).log2();
        let margin_bits = self.subject.model_bits() + self.tail.bits(&logits);
        let coefficients = (self.degree * classes * self.moduli.len()) as f64;
        request.hide_model.then(|| Flood::for_noise(both + margin_bits, coefficients))
    }

    /// Of the evaluation that fails most easily.
    fn failure_probability_log2(&self, primes: &PrimeSizes) -> f64 {
        let limits = self.limits(primes);
        let (model_bits, degree, coefficients) = (self.subject.model_bits(), self.degree, self.coefficients);
        let of = |deviation: Deviation, limit: f64| {
            failure_probability_log2(&deviation, model_bits, limit, degree, coefficients)
        };
        let evaluation = |(evaluation, noise): (Evaluation, NoiseEstimate)| {
            let logits = limits.logits(evaluation);
            let dropped = logits - limits.answer;
            let logit = noise.deviation(Stage::Logits, 0.0);
            match self.flood(&noise) {
                // Noise of as many bits as the flood's fits in besides.
                Some(flood) => of(logit, f64::from(flood.bits()).min(logits)),
                // The answer's noise is nearly the logits', divided: it does not fail by itself.
                None => of(logit, logits).max(of(noise.deviation(Stage::Answer, dropped), limits.trusted())),
            }
        };
        self.estimates(primes).map(evaluation).fold(-160.0, f64::max)
    }

    fn limits(&self, primes: &PrimeSizes) -> Limits {
        let limit = |primes: &[usize]| limit(self.degree, self.t, primes);
        Limits {
            upload: limit(&primes.upload),
            hidden: limit(&primes.upload[..primes.hidden]),
            answer: limit(answer_primes(self.degree, self.t, primes)),
        }
    }
}

impl Limits {
    fn logits(&self, evaluation: Evaluation) -> f64 {
        match evaluation {
            Evaluation::Engine => self.hidden,
            Evaluation::Reference => self.upload,
        }
    }

    /// What decryption trusts.
    fn trusted(&self) -> f64 {
        largest_noise_bits(self.answer) as f64
    }
}

/// The primes that an answer keeps.
pub(super) fn answer_primes(degree: usize, t: u64, primes: &PrimeSizes) -> &[usize] {
    let all = &primes.upload[..primes.hidden];
    let enough = |&count: &usize| limit(degree, t, &all[..count]) >= ANSWER_BITS;
    &all[..(1..all.len()).find(enough).unwrap_or(all.len())]
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

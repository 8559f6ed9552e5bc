//! The candidates for parameters of packed evaluation.

use rayon::prelude::*;
use sottovoce_network::IntegerEnsemble;

use super::cost::Cost;
use super::noise_room::noise_room_bits;
use super::packed_cost::{PackedWorkload, packed_cost};
use super::packed_sizing::{PackedCounts, PackedNoiseJudge, PackedSizing};
use super::request::{ChosenParameters, FAILURE_LOG2, ParameterRequest};
use super::search::{ENGINE_MODEL_BITS, MIN_IMAGES, nearer, plaintext_moduli_to_try};
use crate::evaluation::EvaluatorKind;
use crate::modular::bits_of;
use crate::noise::estimate::NoiseEstimate;
use crate::noise::packed_noise::{PackedNoise, PackedNoiseStage, PackedSizes, PackedStages};
use crate::noise::tail::{TailBound, failure_probability_log2};
use crate::noise::variance::Deviation;
use crate::packed::PackedLayout;
use crate::parameters::channel::trusted_noise_bits;
use crate::parameters::crt::Crt;
use crate::parameters::encryption::Encryption;
use crate::parameters::error::ParametersError;
use crate::parameters::limits::{ANSWER_ROOM_BITS, PRIME_BITS};
use crate::parameters::packed_chain::{PackedChain, PackedLevels, Rotation};
use crate::parameters::parameter_set::{Parameters, security_limit};
use crate::parameters::prime_sizes::PrimeSizes;

/// Chooses the fastest parameters for packed evaluation that are secure, large enough for logits and noise, and have the fixed ring degree and plaintext
/// moduli. One set of parameters serves all ensembles of the request.
///
/// # Errors
/// If there are no such parameters, or the request asks for something that packed evaluation does not have. The error is that of the
/// candidate that is nearest to being one.
pub fn choose_packed_parameters(request: &ParameterRequest<'_>) -> Result<ChosenParameters, ParametersError> {
    check(request)?;
    let mut best: Option<Candidate> = None;
    let mut nearest: Option<ParametersError> = None;
    for degree in request.fixed.degrees() {
        for moduli in plaintext_moduli_to_try(request, degree)? {
            let fastest = best.as_ref().map_or(f64::INFINITY, |best| best.cost.seconds());
            match PackedRing::new(request, degree, &moduli).and_then(|ring| ring.candidate(fastest)) {
                Ok(candidate) => best = candidate.or(best),
                Err(error) => nearest = Some(nearer(nearest, error)),
            }
        }
    }
    match best {
        Some(best) => PackedRing::new(request, best.sizes.degree, &best.moduli)?.choice(&best),
        None => Err(nearest.unwrap_or(ParametersError::PlaintextModuli { count: 0, bits: 0.0 })),
    }
}

/// Checks that packed `parameters`, which were chosen for other ensembles, also serve those of the request. Returns them with the noise and
/// the costs of these ensembles.
///
/// # Errors
/// As [`choose_packed_parameters`], or if the parameters are not packed, or lack room for an ensemble or one of its rotations.
pub fn check_packed_parameters(
    request: &ParameterRequest<'_>,
    parameters: &Parameters,
) -> Result<ChosenParameters, ParametersError> {
    check(request)?;
    let refused = ParametersError::NotPacked { refused: "needs parameters for packed evaluation" };
    let chain = parameters.packed().ok_or(refused)?;
    let (degree, moduli) = (parameters.degree(), parameters.plaintext_moduli());
    let ring = PackedRing::new(request, degree, &moduli)?;
    let bits = parameters.ciphertext_primes().iter().map(|&prime| bits_of(prime) as usize);
    let sizes = PackedSizes {
        degree,
        t: ring.t,
        upload: bits.collect(),
        special: chain.special_bits,
        kept: chain.kept,
    };
    let missing_bits = ring.missing_bits(&sizes);
    if missing_bits > 0.0 {
        let limit_bits: usize = sizes.upload.iter().sum();
        // The cast is exact enough: a few bits are missing.
        let needed_bits = Some(limit_bits + missing_bits.ceil() as usize);
        return Err(ParametersError::Noise {
            plaintext_bits: bits_of(ring.t),
            needed_bits,
            degree,
            limit_bits,
        });
    }
    if let Some(missing) = chain.missing(&ring.rotations(sizes.upload.len(), sizes.kept)) {
        return Err(ParametersError::PackedChain {
            reason: format!("there is no key for rotations by {} columns", missing.steps),
        });
    }
    let cost = ring.cost(&sizes);
    let choice = ring.choice(&Candidate { sizes, moduli: moduli.clone(), cost })?;
    Ok(ChosenParameters { parameters: parameters.clone(), ..choice })
}

const NO_NETWORKS: &str = "has parameters for given networks only";

/// Checks that the request asks for nothing that packed evaluation does not have.
fn check(request: &ParameterRequest<'_>) -> Result<(), ParametersError> {
    let fixed = &request.fixed;
    let refused = [
        (request.ensembles.is_empty(), NO_NETWORKS),
        (request.hide_model, "has no noise that hides the model"),
        (fixed.encryption == Some(Encryption::PublicKey), "encrypts with the secret key only"),
        (
            request.evaluators.contains(&EvaluatorKind::Reference),
            "is not possible with the reference evaluator",
        ),
        (
            fixed.ciphertext_prime_bits.is_some(),
            "chooses its ciphertext primes itself, which cannot be fixed",
        ),
    ];
    match refused.into_iter().find(|(found, _)| *found) {
        Some((_, refused)) => Err(ParametersError::NotPacked { refused }),
        None => Ok(()),
    }
}

/// Parameters that are secure and leave room for the noise, as numbers.
struct Candidate {
    sizes: PackedSizes,
    moduli: Vec<u64>,
    cost: Cost,
}

impl Candidate {
    /// The fastest candidates come first, and of equally fast ones those with the smallest messages.
    fn order(&self) -> (f64, usize) {
        (self.cost.seconds(), self.cost.upload_bytes + self.cost.download_bytes + self.cost.key_bytes)
    }
}

/// A ring degree and plaintext moduli, and everything that does not depend on the ciphertext primes.
struct PackedRing<'a> {
    request: &'a ParameterRequest<'a>,
    degree: usize,
    moduli: &'a [u64],
    /// The largest plaintext modulus.
    t: u64,
    workloads: Vec<PackedWorkload>,
    /// Of every ensemble.
    noises: Vec<PackedNoise>,
    tail: TailBound,
    /// Coefficients of the noise of all answers in the run, of every member and the sum.
    coefficients: f64,
}

impl<'a> PackedRing<'a> {
    fn new(
        request: &'a ParameterRequest<'a>,
        degree: usize,
        moduli: &'a [u64],
    ) -> Result<Self, ParametersError> {
        // Moduli that are valid are so with any large enough primes.
        let largest = [*PRIME_BITS.end(); 2];
        Parameters::check(degree, moduli, &PrimeSizes::new(&largest), Encryption::SecretKey)?;
        let workload = |ensemble: &&IntegerEnsemble| {
            let layout = PackedLayout::new(ensemble.architecture(), degree)?;
            Ok(PackedWorkload { layout, members: ensemble.members().len() })
        };
        let workloads =
            request.ensembles.iter().map(workload).collect::<Result<Vec<_>, ParametersError>>()?;
        let ensembles = request.ensembles.iter().zip(&workloads);
        let noises: Vec<PackedNoise> =
            ensembles.map(|(ensemble, workload)| PackedNoise::new(workload.layout, ensemble)).collect();
        let (holds, largest) = (Crt::new(moduli).largest(), request.largest_logit);
        if holds < largest {
            return Err(ParametersError::Holds { holds, largest });
        }
        let ciphertexts: usize = workloads.iter().map(|workload| workload.members + 1).sum();
        let images = request.images.max(MIN_IMAGES);
        let coefficients = images as f64 * (degree * moduli.len() * ciphertexts) as f64;
        Ok(Self {
            request,
            degree,
            moduli,
            t: moduli.iter().copied().max().unwrap_or(0),
            workloads,
            noises,
            tail: TailBound::new(FAILURE_LOG2, degree, coefficients),
            coefficients,
        })
    }

    /// The best candidate that takes less than `fastest` seconds, or `None` if others are at most as fast.
    fn candidate(&self, fastest: f64) -> Result<Option<Candidate>, ParametersError> {
        let limit_bits = security_limit(self.degree)?;
        let sizing = PackedSizing::new(self.degree, self.t);
        let (mut best, mut slower): (Option<Candidate>, bool) = (None, false);
        for counts in PackedCounts::all() {
            let Some(least) = sizing.least(counts) else { continue };
            let fastest = best.as_ref().map_or(fastest, |best| best.cost.seconds());
            if self.cost(&least).seconds() >= fastest {
                slower = true;
                continue;
            }
            // An answer of the fewest primes is the smallest.
            let of_answer = |answer| self.of_counts(&sizing, PackedCounts { answer, ..counts }, limit_bits);
            let found = (1..=counts.hidden).find_map(of_answer);
            best = match (best, found) {
                (Some(best), Some(found)) if best.order() <= found.order() => Some(best),
                (best, found) => found.or(best),
            };
        }
        if best.is_some() || slower {
            return Ok(best.filter(|best| best.cost.seconds() < fastest));
        }
        let needed = |counts: &PackedCounts| Some(self.unlimited(&sizing, counts)?.1);
        let needed_bits = PackedCounts::all().filter_map(|counts| needed(&counts)).min();
        let (plaintext_bits, degree) = (bits_of(self.t), self.degree);
        Err(ParametersError::Noise { plaintext_bits, needed_bits, degree, limit_bits })
    }

    /// Primes that leave room for the noise with the largest special prime, and their bits together, which security may not allow.
    fn unlimited(&self, sizing: &PackedSizing, counts: &PackedCounts) -> Option<(PackedSizes, usize)> {
        let special = sizing.special().next()?;
        let sizes = sizing.smallest(*counts, special, usize::MAX, self)?;
        let bits = sizes.upload.iter().sum::<usize>() + special;
        Some((sizes, bits))
    }

    /// The best candidate with these numbers of primes, over all sizes of the special prime.
    fn of_counts(&self, sizing: &PackedSizing, counts: PackedCounts, limit_bits: usize) -> Option<Candidate> {
        // A smaller special prime makes more noise, so it needs no fewer bits of an upload.
        let (sizes, bits) = self.unlimited(sizing, &counts)?;
        let max = limit_bits.min(bits);
        let smaller: Vec<usize> = sizing.special().skip(1).collect();
        let smaller =
            smaller.into_par_iter().filter_map(|special| sizing.smallest(counts, special, max, self));
        let smaller: Vec<PackedSizes> = smaller.collect();
        let all = Some(sizes).filter(|_| bits <= limit_bits).into_iter().chain(smaller);
        let candidate = |sizes: PackedSizes| {
            let cost = self.cost(&sizes);
            Candidate { sizes, moduli: self.moduli.to_vec(), cost }
        };
        all.map(candidate).reduce(|best, other| if other.order() < best.order() { other } else { best })
    }

    fn cost(&self, sizes: &PackedSizes) -> Cost {
        let rotations = self.rotations(sizes.upload.len(), sizes.kept);
        packed_cost(sizes, &rotations, self.moduli.len(), &self.workloads, self.request.images)
    }

    /// The rotations of all ensembles.
    fn rotations(&self, upload: usize, kept: PackedLevels) -> Vec<Rotation> {
        let of = |workload: &PackedWorkload| workload.layout.rotations(upload, kept);
        Rotation::merged(self.workloads.iter().flat_map(of).collect())
    }

    /// A candidate's parameters.
    fn choice(&self, candidate: &Candidate) -> Result<ChosenParameters, ParametersError> {
        let Candidate { sizes, cost, .. } = candidate;
        let chain = PackedChain {
            special_bits: sizes.special,
            kept: sizes.kept,
            rotations: self.rotations(sizes.upload.len(), sizes.kept),
        };
        // There are ensembles, and so there is a noisiest.
        let stages = self.stages(sizes).ok_or(ParametersError::NotPacked { refused: NO_NETWORKS })?;
        let model_bits = ENGINE_MODEL_BITS + stages.at(PackedNoiseStage::Logits).1;
        let room = |primes| noise_room_bits(self.degree, self.t, sizes.bits(primes));
        let of = |deviation: &Deviation, limit: f64| {
            failure_probability_log2(deviation, model_bits, limit, self.degree, self.coefficients)
        };
        let answer = trusted_noise_bits(room(sizes.kept.answer)) as f64;
        Ok(ChosenParameters {
            parameters: Parameters::new_packed(self.degree, self.moduli, &sizes.upload, chain)?,
            noise: NoiseEstimate::of_packed(&stages, self.degree),
            margin_bits: model_bits + self.tail.bits(&stages.logits),
            failure_probability_log2: of(&stages.logits, room(sizes.kept.hidden))
                .max(of(&stages.answer, answer)),
            flooding: None,
            cost: *cost,
        })
    }
}

impl PackedNoiseJudge for PackedRing<'_> {
    /// The deviations of the noisiest ensemble.
    fn stages(&self, sizes: &PackedSizes) -> Option<PackedStages> {
        let bits = |stages: &PackedStages| {
            let (logits, concentration_bits) = stages.at(PackedNoiseStage::Logits);
            logits.bits() + concentration_bits
        };
        let all = self.noises.iter().map(|noise| noise.stages(sizes));
        all.reduce(|a, b| if bits(&b) > bits(&a) { b } else { a })
    }

    fn missing_bits(&self, sizes: &PackedSizes) -> f64 {
        let room = |primes: usize| noise_room_bits(self.degree, self.t, sizes.bits(primes));
        let PackedLevels { convolution, square, hidden, answer } = sizes.kept;
        let of = |noise: &PackedNoise| {
            let stages = noise.stages(sizes);
            let needed = |stage| {
                let (deviation, concentration_bits) = stages.at(stage);
                self.tail.bound(&deviation) + ENGINE_MODEL_BITS + concentration_bits
            };
            [
                needed(PackedNoiseStage::Convolution) - room(sizes.upload.len()),
                needed(PackedNoiseStage::Square) - room(convolution),
                needed(PackedNoiseStage::Hidden) - room(square),
                needed(PackedNoiseStage::Logits) - room(hidden),
                needed(PackedNoiseStage::Answer) - trusted_noise_bits(room(answer)) as f64,
                ANSWER_ROOM_BITS - room(answer),
            ]
        };
        self.noises.iter().flat_map(of).fold(f64::NEG_INFINITY, f64::max)
    }
}

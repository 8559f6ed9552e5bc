//! Decides how many primes of which sizes packed evaluation has at every level.
//!
//! Each of the three switches before the second square divides noise down to that of a rounding. Dropping more is a waste, and dropping less leaves
//! noise that is squared or multiplied later. So the bits of each switch are tried near the point at which both are equal, and the primes that are
//! left for the logits are made just large enough.

use super::prime_sizing::split_evenly;
use crate::modular::bits_of;
use crate::noise::estimate::switching_deviation;
use crate::noise::packed_noise::{PackedSizes, PackedStages};
use crate::noise::variance::Deviation;
use crate::parameters::limits::{PRIME_BITS, UPLOAD_PRIMES};
use crate::parameters::packed_chain::PackedLevels;

/// The most primes that one switch drops.
const MAX_DROPPED: usize = 2;

/// Bits that are tried below and above the point at which a switch leaves as much of the old noise as of the rounding.
const BELOW: usize = 3;
const ABOVE: usize = 1;

/// The numbers of primes of hidden units and answers, and of those that are dropped before: behind the convolution, behind the squares, and from hidden
/// units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedCounts {
    pub hidden: usize,
    pub answer: usize,
    pub dropped: [usize; 3],
}

impl PackedCounts {
    /// All possible numbers, but for the answer's, which is 1; the fewest primes first.
    pub fn all() -> impl Iterator<Item = Self> {
        let numbers = || 1..=MAX_DROPPED;
        let dropped = move || {
            numbers().flat_map(move |a| numbers().flat_map(move |b| numbers().map(move |c| [a, b, c])))
        };
        UPLOAD_PRIMES.flat_map(move |upload| {
            let hidden = move |dropped: [usize; 3]| {
                let hidden = upload.checked_sub(dropped.iter().sum::<usize>()).filter(|&left| left > 0)?;
                Some(Self { hidden, answer: 1, dropped })
            };
            dropped().filter_map(hidden)
        })
    }

    fn kept(&self) -> PackedLevels {
        let [_, square, hidden] = self.dropped;
        PackedLevels {
            convolution: self.hidden + hidden + square,
            square: self.hidden + hidden,
            hidden: self.hidden,
            answer: self.answer,
        }
    }
}

/// Bits in all primes together that are dropped or kept.
#[derive(Debug, Clone, Copy)]
struct Totals {
    hidden: usize,
    dropped: [usize; 3],
}

/// The noise of packed evaluation under candidates for its moduli.
pub trait PackedNoiseJudge {
    /// The standard deviations at every stage, if anything is evaluated.
    fn stages(&self, sizes: &PackedSizes) -> Option<PackedStages>;

    /// The most bits by which noise is larger than a level has room for. It is not positive if all noise fits.
    fn missing_bits(&self, sizes: &PackedSizes) -> f64;
}

/// Everything that the sizes depend on beside the noise.
pub struct PackedSizing {
    degree: usize,
    t: u64,
    /// The fewest bits of a prime.
    min: usize,
}

impl PackedSizing {
    pub fn new(degree: usize, t: u64) -> Self {
        Self { degree, t, min: (*PRIME_BITS.start()).max(bits_of(t) as usize + 1) }
    }

    /// The sizes that the special prime may have, in steps of two bits.
    pub fn special(&self) -> impl Iterator<Item = usize> + use<> {
        (self.min..=*PRIME_BITS.end()).rev().step_by(2)
    }

    /// The smallest possible primes, for any noise.
    pub fn least(&self, counts: PackedCounts) -> Option<PackedSizes> {
        let of = |primes: usize| primes * self.min;
        self.sizes(counts, Totals { hidden: of(counts.hidden), dropped: counts.dropped.map(of) }, self.min)
    }

    /// Primes with the fewest bits found for which all noise fits, at most `max` bits with the special prime of `special` bits.
    pub fn smallest(
        &self,
        counts: PackedCounts,
        special: usize,
        max: usize,
        judge: &impl PackedNoiseJudge,
    ) -> Option<PackedSizes> {
        // Until noise is known, no prime is larger than the special prime: this would add to the noise.
        let of = |bits: usize| move |primes: usize| primes * bits;
        let mut totals =
            Totals { hidden: of(special)(counts.hidden), dropped: counts.dropped.map(of(self.min)) };
        let mut best: Option<(usize, PackedSizes)> = None;
        let [convolution, square, hidden] = counts.dropped;
        let stages = |totals: &Totals| judge.stages(&self.sizes(counts, *totals, special)?);
        for first in self.near(&stages(&totals)?.convolution, convolution) {
            totals.dropped[0] = first;
            for second in self.near(&stages(&totals)?.square, square) {
                totals.dropped[1] = second;
                for third in self.near(&stages(&totals)?.products, hidden) {
                    totals.dropped[2] = third;
                    let dropped = first + second + third + special;
                    let limit = best.as_ref().map_or(max, |(bits, _)| bits - 1);
                    let Some(room) = limit.checked_sub(dropped) else { continue };
                    if let Some((bits, sizes)) = self.kept(counts, totals, special, room, judge) {
                        totals.hidden = bits;
                        best = Some((dropped + bits, sizes));
                    }
                }
            }
        }
        best.map(|(_, sizes)| sizes)
    }

    /// The fewest bits, at most `max`, for the primes of hidden units.
    fn kept(
        &self,
        counts: PackedCounts,
        totals: Totals,
        special: usize,
        max: usize,
        judge: &impl PackedNoiseJudge,
    ) -> Option<(usize, PackedSizes)> {
        let (least, largest) = (counts.hidden * self.min, counts.hidden * PRIME_BITS.end());
        let fits = |hidden: usize| {
            let sizes = self.sizes(counts, Totals { hidden, ..totals }, special)?;
            (judge.missing_bits(&sizes) <= 0.0).then_some((hidden, sizes))
        };
        let (mut low, mut high) = (least, largest.min(max));
        if low > high {
            return None;
        }
        let mut found = fits(high)?;
        // One bit more is one bit more of room, and hardly more noise.
        while low < high {
            let middle = usize::midpoint(low, high);
            match fits(middle) {
                Some(fitting) => (found, high) = (fitting, middle),
                None => low = middle + 1,
            }
        }
        Some(found)
    }

    /// Bits for `primes` dropped primes, near those that divide the noise to that of a rounding.
    fn near(&self, noise: &Deviation, primes: usize) -> Vec<usize> {
        let excess = (noise.bits() - switching_deviation(self.degree).bits()).max(0.0) as usize;
        let possible = |bits: usize| bits.clamp(primes * self.min, primes * PRIME_BITS.end());
        let mut near: Vec<usize> = (excess.saturating_sub(BELOW)..=excess + ABOVE).map(possible).collect();
        near.dedup();
        near
    }

    fn sizes(&self, counts: PackedCounts, totals: Totals, special: usize) -> Option<PackedSizes> {
        let mut upload = split_evenly(totals.hidden, counts.hidden);
        // The last primes are dropped first.
        for (&bits, &primes) in totals.dropped.iter().zip(&counts.dropped).rev() {
            upload.extend(split_evenly(bits, primes));
        }
        let sound = |bits: &usize| (self.min..=*PRIME_BITS.end()).contains(bits);
        let sizes = PackedSizes { degree: self.degree, t: self.t, upload, special, kept: counts.kept() };
        sizes.upload.iter().all(sound).then_some(sizes)
    }
}

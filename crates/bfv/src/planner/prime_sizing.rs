//! Decides how many primes of which sizes there are at every [level](crate::parameters::level).
//!
//! The dropped primes divide the hidden units' noise. The primes that hidden units keep make room for the noise of the logits. So
//! for every sum H of the kept primes' bits there is a least sum D of the dropped primes' bits, and the smallest H + D is found
//! by trying every H. The primes of a level have nearly equal sizes, which gives the least noise of relinearisation. The
//! exception are the first primes, which an answer keeps: an answer may need larger primes or may have room for smaller ones.

use super::noise_room::noise_room_bits;
use crate::modular::bits_of;
use crate::parameters::encryption::Encryption;
use crate::parameters::limits::{ANSWER_ROOM_BITS, PRIME_BITS, UPLOAD_PRIMES};
use crate::parameters::prime_sizes::PrimeSizes;

/// The numbers of primes of an upload, of hidden units and of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrimeCounts {
    upload: usize,
    hidden: usize,
    answer: usize,
}

impl PrimeCounts {
    /// All possible numbers, the fewest primes first.
    pub fn all() -> impl Iterator<Item = Self> {
        let hidden = |upload| (1..upload).map(move |hidden| (upload, hidden));
        let answer = |(upload, hidden)| (1..=hidden).map(move |answer| Self { upload, hidden, answer });
        UPLOAD_PRIMES.flat_map(hidden).flat_map(answer)
    }

    /// The number of primes that hidden units have lost.
    pub fn dropped(&self) -> usize {
        self.upload - self.hidden
    }
}

/// Everything that the sizes depend on beside the noise.
pub struct PrimeSizing {
    degree: usize,
    t: u64,
    /// Bits of the encryption prime, or 0.
    encryption_bits: usize,
    /// The fewest bits of a prime.
    min: usize,
}

impl PrimeSizing {
    pub fn new(degree: usize, t: u64, encryption: Encryption) -> Self {
        Self {
            degree,
            t,
            encryption_bits: PrimeSizes::encryption_prime(t, encryption).unwrap_or(0),
            min: (*PRIME_BITS.start()).max(bits_of(t) as usize + 1),
        }
    }

    /// The smallest possible primes, for any noise.
    pub fn least(&self, counts: PrimeCounts) -> Option<PrimeSizes> {
        let kept = (0..).map(|more| counts.hidden * self.min + more);
        let kept =
            kept.take(counts.hidden * PRIME_BITS.count()).find_map(|total| self.kept(counts, total))?;
        Some(self.joined(counts, kept, counts.dropped() * self.min))
    }

    /// The primes with the fewest bits for which `fits` is true, at most `max` bits with the encryption prime. If `fits` is true for some
    /// primes, then it must be true with larger dropped primes.
    pub fn smallest(
        &self,
        counts: PrimeCounts,
        max: usize,
        fits: impl Fn(&PrimeSizes) -> bool,
    ) -> Option<PrimeSizes> {
        let dropped = counts.dropped();
        let (least, largest) = (dropped * self.min, dropped * PRIME_BITS.end());
        let mut best: Option<PrimeSizes> = None;
        let mut max = max.saturating_sub(self.encryption_bits);
        for total in counts.hidden * self.min..=counts.hidden * PRIME_BITS.end() {
            let Some(room) = max.checked_sub(total).filter(|&room| room >= least) else { break };
            let Some(kept) = self.kept(counts, total) else { continue };
            let sizes = |dropped| self.joined(counts, kept.clone(), dropped);
            let largest = largest.min(room);
            if !fits(&sizes(largest)) {
                continue;
            }
            let (mut low, mut high) = (least, largest);
            while low < high {
                let middle = usize::midpoint(low, high);
                if fits(&sizes(middle)) { high = middle } else { low = middle + 1 }
            }
            // From here on only fewer bits are of interest.
            max = total + high - 1;
            best = Some(sizes(high));
        }
        best
    }

    fn joined(&self, counts: PrimeCounts, mut kept: Vec<usize>, dropped: usize) -> PrimeSizes {
        kept.extend(split_evenly(dropped, counts.dropped()));
        PrimeSizes { upload: kept, hidden: counts.hidden }
    }

    /// Sizes of the kept primes with `total` bits together, of which the first leave room for an answer.
    fn kept(&self, counts: PrimeCounts, total: usize) -> Option<Vec<usize>> {
        let PrimeCounts { hidden, answer, .. } = counts;
        let (size, larger) = (total / hidden, total % hidden);
        // The bits of the first primes if the larger primes come last.
        let smallest = answer * size + larger.saturating_sub(hidden - answer);
        let needed = (ANSWER_ROOM_BITS + (self.t as f64).log2() + 1.0).ceil() as usize;
        // The answer needs one more bit if primes are far below their power of two.
        (smallest.max(needed)..=smallest.max(needed) + 1).find_map(|first| {
            let rest = total.checked_sub(first)?;
            if answer == hidden && rest > 0 {
                return None;
            }
            let mut sizes = split_evenly(first, answer);
            let enough = noise_room_bits(self.degree, self.t, &sizes) >= ANSWER_ROOM_BITS;
            sizes.extend(split_evenly(rest, hidden - answer));
            let sound = |bits: &usize| (self.min..=*PRIME_BITS.end()).contains(bits);
            (enough && sizes.iter().all(sound)).then_some(sizes)
        })
    }
}

/// `count` nearly equal numbers with that sum, the larger ones first.
pub(super) fn split_evenly(sum: usize, count: usize) -> Vec<usize> {
    (0..count).map(|index| sum / count + usize::from(index < sum % count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(upload: usize, hidden: usize, answer: usize) -> PrimeCounts {
        PrimeCounts { upload, hidden, answer }
    }

    #[test]
    fn the_smallest_sizes_are_those_of_an_exhaustive_search() {
        let sizing = PrimeSizing::new(8192, (1 << 30) + 1, Encryption::SecretKey);
        // A product of kept and a product of dropped primes that are each enough, and one that both make up.
        let fits = |primes: &PrimeSizes| {
            let (kept, dropped) = primes.upload.split_at(primes.hidden);
            let (kept, dropped) = (kept.iter().sum::<usize>(), dropped.iter().sum::<usize>());
            kept >= 88 && 2 * kept + 3 * dropped >= 320
        };
        let found = sizing.smallest(counts(3, 2, 1), 214, fits).unwrap();
        // 2 H + 3 D >= 320, D <= 50: H = 88, D = 48.
        assert_eq!(found.upload.iter().sum::<usize>(), 136);
        let every = (32..=50usize)
            .flat_map(|a| (32..=50usize).flat_map(move |b| (32..=50usize).map(move |c| [a, b, c])));
        let every = every.filter(|sizes| fits(&PrimeSizes::new(sizes)));
        assert_eq!(every.map(|sizes| sizes.iter().sum::<usize>()).min(), Some(136));
        assert_eq!(sizing.smallest(counts(3, 2, 1), 135, fits), None);
    }

    #[test]
    fn an_answer_of_one_prime_gets_one_that_is_large_enough() {
        let sizing = PrimeSizing::new(8192, (1 << 30) + 1, Encryption::SecretKey);
        // 30 + 1 + 14 bits and a little.
        assert_eq!(sizing.kept(counts(3, 2, 1), 80), Some(vec![46, 34]));
        assert_eq!(sizing.kept(counts(3, 2, 1), 93), Some(vec![46, 47]));
        assert_eq!(sizing.kept(counts(3, 2, 2), 80), Some(vec![40, 40]));
        assert_eq!(sizing.kept(counts(3, 2, 1), 76), None);
        assert_eq!(sizing.kept(counts(4, 3, 1), 124), Some(vec![46, 39, 39]));
    }
}

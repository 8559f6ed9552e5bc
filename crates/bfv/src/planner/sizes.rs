//! Sizes of ciphertext primes.
//!
//! The dropped primes divide the hidden units' noise, and the primes that hidden units keep make room for that of the logits. So
//! for every sum H of the kept primes' bits there is a least sum D of the dropped ones', and the smallest H + D is found by
//! trying every H. Within a level primes are as alike as can be, which makes the least noise of relinearisation, but for the
//! first ones: an answer keeps these alone, and may need a larger one or make do with a smaller one.

use super::search::limit;
use crate::Encryption;
use crate::parameters::{ANSWER_BITS, PRIME_BITS, PRIMES, PrimeSizes, bits_of};

/// How many primes there are at every level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    upload: usize,
    hidden: usize,
    answer: usize,
}

impl Levels {
    /// All that there are, those with the fewest primes first.
    pub fn all() -> impl Iterator<Item = Self> {
        let hidden = |upload| (1..upload).map(move |hidden| (upload, hidden));
        let answer = |(upload, hidden)| (1..=hidden).map(move |answer| Self { upload, hidden, answer });
        PRIMES.flat_map(hidden).flat_map(answer)
    }

    /// Primes that hidden units lose.
    pub fn dropped(&self) -> usize {
        self.upload - self.hidden
    }
}

/// What sizes depend on.
pub struct Sizing {
    degree: usize,
    t: u64,
    /// Bits of the encryption prime.
    encryption_bits: usize,
    /// The fewest bits of a prime.
    least: usize,
}

impl Sizing {
    pub fn new(degree: usize, t: u64, encryption: Encryption) -> Self {
        let none = PrimeSizes { upload: Vec::new(), hidden: 0 };
        Self {
            degree,
            t,
            encryption_bits: none.all(t, encryption).iter().sum(),
            least: (*PRIME_BITS.start()).max(bits_of(t) as usize + 1),
        }
    }

    /// The smallest primes that there may be, whatever the noise.
    pub fn least(&self, levels: Levels) -> Option<PrimeSizes> {
        let kept = (0..).map(|more| levels.hidden * self.least + more);
        let kept =
            kept.take(levels.hidden * PRIME_BITS.count()).find_map(|total| self.kept(levels, total))?;
        Some(self.joined(levels, kept, levels.dropped() * self.least))
    }

    /// The fewest bits in all, at most `most` with the encryption prime, of which `fits` is true. Where it is true of some sizes, it
    /// must be true with larger dropped primes.
    pub fn smallest(
        &self,
        levels: Levels,
        most: usize,
        fits: impl Fn(&PrimeSizes) -> bool,
    ) -> Option<PrimeSizes> {
        let dropped = levels.dropped();
        let (least, largest) = (dropped * self.least, dropped * PRIME_BITS.end());
        let mut best: Option<PrimeSizes> = None;
        let mut most = most.saturating_sub(self.encryption_bits);
        for total in levels.hidden * self.least..=levels.hidden * PRIME_BITS.end() {
            let Some(room) = most.checked_sub(total).filter(|&room| room >= least) else { break };
            let Some(kept) = self.kept(levels, total) else { continue };
            let sizes = |dropped| self.joined(levels, kept.clone(), dropped);
            let largest = largest.min(room);
            if !fits(&sizes(largest)) {
                continue;
            }
            let (mut low, mut high) = (least, largest);
            while low < high {
                let middle = usize::midpoint(low, high);
                if fits(&sizes(middle)) { high = middle } else { low = middle + 1 }
            }
            // Only fewer are of interest from here on.
            most = total + high - 1;
            best = Some(sizes(high));
        }
        best
    }

    fn joined(&self, levels: Levels, mut kept: Vec<usize>, dropped: usize) -> PrimeSizes {
        kept.extend(alike(dropped, levels.dropped()));
        PrimeSizes { upload: kept, hidden: levels.hidden }
    }

    /// Sizes of the kept primes with so many bits together, of which the first have room for an answer.
    fn kept(&self, levels: Levels, total: usize) -> Option<Vec<usize>> {
        let Levels { hidden, answer, .. } = levels;
        let (size, larger) = (total / hidden, total % hidden);
        // Where the larger ones come last.
        let smallest = answer * size + larger.saturating_sub(hidden - answer);
        let needed = (ANSWER_BITS + (self.t as f64).log2() + 1.0).ceil() as usize;
        // The answer needs a bit more where primes are far below their power of two.
        (smallest.max(needed)..=smallest.max(needed) + 1).find_map(|first| {
            let rest = total.checked_sub(first)?;
            if answer == hidden && rest > 0 {
                return None;
            }
            let mut sizes = alike(first, answer);
            let enough = limit(self.degree, self.t, &sizes) >= ANSWER_BITS;
            sizes.extend(alike(rest, hidden - answer));
            let sound = |bits: &usize| (self.least..=*PRIME_BITS.end()).contains(bits);
            (enough && sizes.iter().all(sound)).then_some(sizes)
        })
    }
}

/// So many numbers with that sum, as alike as can be, the larger ones first.
fn alike(sum: usize, count: usize) -> Vec<usize> {
    (0..count).map(|index| sum / count + usize::from(index < sum % count)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(upload: usize, hidden: usize, answer: usize) -> Levels {
        Levels { upload, hidden, answer }
    }

    #[test]
    fn the_smallest_sizes_are_those_of_an_exhaustive_search() {
        let sizing = Sizing::new(8192, (1 << 30) + 1, Encryption::SecretKey);
        // A product of kept and a product of dropped primes that are each enough, and one that both make up.
        let fits = |primes: &PrimeSizes| {
            let (kept, dropped) = primes.upload.split_at(primes.hidden);
            let (kept, dropped) = (kept.iter().sum::<usize>(), dropped.iter().sum::<usize>());
            kept >= 88 && 2 * kept + 3 * dropped >= 320
        };
        let found = sizing.smallest(levels(3, 2, 1), 214, fits).unwrap();
        // 2 H + 3 D >= 320, D <= 50: H = 88, D = 48.
        assert_eq!(found.upload.iter().sum::<usize>(), 136);
        let every = (32..=50usize)
            .flat_map(|a| (32..=50usize).flat_map(move |b| (32..=50usize).map(move |c| [a, b, c])));
        let every = every.filter(|sizes| fits(&PrimeSizes::new(sizes)));
        assert_eq!(every.map(|sizes| sizes.iter().sum::<usize>()).min(), Some(136));
        assert_eq!(sizing.smallest(levels(3, 2, 1), 135, fits), None);
    }

    #[test]
    fn an_answer_of_one_prime_gets_one_that_is_large_enough() {
        let sizing = Sizing::new(8192, (1 << 30) + 1, Encryption::SecretKey);
        // 30 + 1 + 14 bits and a little.
        assert_eq!(sizing.kept(levels(3, 2, 1), 80), Some(vec![46, 34]));
        assert_eq!(sizing.kept(levels(3, 2, 1), 93), Some(vec![46, 47]));
        assert_eq!(sizing.kept(levels(3, 2, 2), 80), Some(vec![40, 40]));
        assert_eq!(sizing.kept(levels(3, 2, 1), 76), None);
        assert_eq!(sizing.kept(levels(4, 3, 1), 124), Some(vec![46, 39, 39]));
    }
}

//! The memory that a service can need, as a sum of bounds.

use sottovoce_bfv::Parameters;
use sottovoce_protocol::size;

use super::key_store::CACHE_BYTES;
use super::limits::Limits;
use super::listener::{CONNECTION_BYTES, UNVERIFIED_CONNECTION_BYTES};
use super::upload::WAITING_BYTES;

/// The environment variable with which glibc's allocator gives every block from this size on back to the system at once.
const MMAP_THRESHOLD: &str = "MALLOC_MMAP_THRESHOLD_";
/// Largest such size with which a batch's polynomials are given back: most have more than 100,000 bytes.
const MAX_MMAP_THRESHOLD: u64 = 64 << 10;
/// Share of the other memory that the allocator keeps besides, as a divisor, with such a threshold and without it: batches arrive
/// on several threads, and glibc keeps what one thread has freed for this thread. docs/service.md has measurements.
const ALLOCATOR_DIVISORS: (u64, u64) = (8, 2);

/// Sizes of one kind of evaluation, batched or packed, that follow from the models, in bytes unless said otherwise.
#[derive(Debug, Clone, Copy)]
pub struct ServedSizes<'a> {
    /// The parameters.
    pub parameters: &'a Parameters,
    /// Largest number of pixels that a model reads.
    pub pixels: usize,
    /// The longest answer.
    pub answer: u64,
    /// Memory to evaluate a batch, besides the batch.
    pub evaluation: u64,
}

/// The memory that a service can need at most, in bytes, by what takes it. The sum is an estimate from above, not a limit that
/// the program enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBound {
    /// `--batches` batches, with the pieces that wait to be read.
    pub batches: u64,
    /// The evaluation of one batch, of each kind: buffers stay for the next batch of their kind.
    pub evaluation: u64,
    /// Clients' keys in memory, those that arrive or are read, and the cache of the database.
    pub keys: u64,
    /// Answers that wait.
    pub answers: u64,
    /// Buffers of all connections.
    pub connections: u64,
    /// The program with parameters and models.
    pub program: u64,
    /// Memory that the system's allocator keeps.
    pub allocator: u64,
}

impl MemoryBound {
    /// Returns the bound for a service with these limits that evaluates batches, and packed batches if their sizes are given.
    /// `program` is the memory of the program with parameters and models, before it serves.
    #[must_use]
    pub fn new(
        batched: &ServedSizes<'_>,
        packed: Option<&ServedSizes<'_>>,
        limits: &Limits,
        program: u64,
    ) -> Self {
        let kinds = || [batched].into_iter().chain(packed);
        let largest = |bytes: fn(&ServedSizes<'_>) -> u64| kinds().map(bytes).max().unwrap_or(0);
        let batch = largest(|sizes| size::batch_memory_bytes(sizes.parameters, sizes.pixels)) + WAITING_BYTES;
        let key = largest(|sizes| size::key_memory_bytes(sizes.parameters));
        let in_memory = |sizes: &ServedSizes<'_>, keys: usize| {
            // One engine has its keys prepared, and makes another one's keys ready before it drops them.
            let prepared = 2 * size::prepared_key_memory_bytes(sizes.parameters);
            keys as u64 * size::key_memory_bytes(sizes.parameters) + prepared
        };
        let arriving = |sizes: &ServedSizes<'_>, messages: usize| {
            messages as u64 * size::registration_bytes(sizes.parameters)
        };
        // A batch keeps its keys although others have replaced them in memory.
        let held = (limits.batches + limits.work) as u64 * key;
        let read = limits.work as u64 * largest(|sizes| size::registration_bytes(sizes.parameters));
        let key_bytes = in_memory(batched, limits.keys_in_memory)
            + packed.map_or(0, |packed| in_memory(packed, limits.packed_keys_in_memory))
            + arriving(batched, limits.registrations)
            + packed.map_or(0, |packed| arriving(packed, limits.packed_registrations))
            + held
            + read
            + CACHE_BYTES as u64;
        let connections = limits.of_connections();
        // Connections that were closed for newcomers have not all ended.
        let unverified = (2 * (connections.unverified + Limits::METRICS_CONNECTIONS)) as u64;
        let mut bound = Self {
            batches: limits.batches as u64 * batch,
            evaluation: kinds().map(|sizes| sizes.evaluation).sum(),
            keys: key_bytes,
            answers: limits.answers as u64 * largest(|sizes| sizes.answer),
            connections: connections.verified as u64 * CONNECTION_BYTES
                + unverified * UNVERIFIED_CONNECTION_BYTES,
            program,
            allocator: 0,
        };
        let gives_back = std::env::var(MMAP_THRESHOLD)
            .is_ok_and(|bytes| bytes.parse().is_ok_and(|bytes: u64| bytes <= MAX_MMAP_THRESHOLD));
        let (giving_back, keeping) = ALLOCATOR_DIVISORS;
        bound.allocator = bound.total() / if gives_back { giving_back } else { keeping };
        bound
    }

    /// Returns the sum.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { batches, evaluation, keys, answers, connections, program, allocator } = *self;
        batches + evaluation + keys + answers + connections + program + allocator
    }
}

#[cfg(test)]
mod tests {
    use sottovoce_bfv::Encryption;
    use sottovoce_bfv::parameters::{PackedChain, PackedLevels, PrimeSizes, Rotation};

    use super::*;

    #[test]
    fn every_limit_that_allows_more_memory_raises_the_bound() {
        let parameters =
            Parameters::new(4096, &[65_537], &PrimeSizes::new(&[32, 31]), Encryption::SecretKey).unwrap();
        let rotations = vec![Rotation { steps: 1, primes: 2 }];
        let kept = PackedLevels { convolution: 2, square: 2, hidden: 1, answer: 1 };
        let chain = PackedChain { special_bits: 32, kept, rotations };
        let of_packed = Parameters::new_packed(4096, &[65_537], &[32, 31], chain).unwrap();
        let sizes = ServedSizes { parameters: &parameters, pixels: 64, answer: 1000, evaluation: 5000 };
        let packed = ServedSizes { parameters: &of_packed, pixels: 64, answer: 100, evaluation: 500 };
        let bound = |limits: &Limits| MemoryBound::new(&sizes, Some(&packed), limits, 7000);
        let total = |limits: &Limits| bound(limits).total();
        let limits = Limits::default();
        let raised: [fn(&mut Limits); 8] = [
            |limits| limits.batches += 1,
            |limits| limits.keys_in_memory += 1,
            |limits| limits.packed_keys_in_memory += 1,
            |limits| limits.registrations += 1,
            |limits| limits.packed_registrations += 1,
            |limits| limits.work += 1,
            |limits| limits.answers += 1,
            |limits| limits.connections += 4,
        ];
        for raise in raised {
            let mut more = limits.clone();
            raise(&mut more);
            assert!(total(&more) > total(&limits), "{more:?}");
        }
        let with_packed = bound(&limits);
        assert_eq!((with_packed.evaluation, with_packed.answers, with_packed.program), (5500, 256_000, 7000));
        let bound = MemoryBound::new(&sizes, None, &limits, 7000);
        assert_eq!((bound.evaluation, bound.answers, bound.program), (5000, 256_000, 7000));
        assert!(with_packed.keys > bound.keys && with_packed.batches == bound.batches);
        assert_eq!(bound.batches, 8 * (size::batch_memory_bytes(&parameters, 64) + WAITING_BYTES));
    }
}

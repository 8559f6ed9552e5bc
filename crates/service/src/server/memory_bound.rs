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

/// Sizes that follow from the models and the system, in bytes unless said otherwise.
#[derive(Debug, Clone, Copy)]
pub struct ServedSizes {
    /// Largest number of pixels that a model reads.
    pub pixels: usize,
    /// The longest answer.
    pub answer: u64,
    /// Memory to evaluate a batch, besides the batch.
    pub evaluation: u64,
    /// Memory of the program with parameters and models, before it serves.
    pub program: u64,
}

/// The memory that a service can need at most, in bytes, by what takes it. The sum is an estimate from above, not a limit that
/// the program enforces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBound {
    /// `--batches` batches, with the pieces that wait to be read.
    pub batches: u64,
    /// The evaluation of one batch.
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
    /// Returns the bound for a service with these limits.
    #[must_use]
    pub fn new(parameters: &Parameters, limits: &Limits, sizes: &ServedSizes) -> Self {
        let ServedSizes { pixels, answer, evaluation, program } = *sizes;
        let batch = size::batch_memory_bytes(parameters, pixels) + WAITING_BYTES;
        // A batch keeps its keys although others have replaced them in memory.
        let keys = limits.keys_in_memory + limits.batches + limits.work;
        let messages = (limits.registrations + limits.work) as u64;
        let key_bytes = keys as u64 * size::key_memory_bytes(parameters)
            + messages * size::registration_bytes(parameters)
            + CACHE_BYTES as u64;
        let connections = limits.of_connections();
        // Connections that were closed for newcomers have not all ended.
        let unverified = (2 * (connections.unverified + Limits::METRICS_CONNECTIONS)) as u64;
        let mut bound = Self {
            batches: limits.batches as u64 * batch,
            evaluation,
            keys: key_bytes,
            answers: limits.answers as u64 * answer,
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
    use sottovoce_bfv::parameters::PrimeSizes;

    use super::*;

    #[test]
    fn every_limit_that_allows_more_memory_raises_the_bound() {
        let parameters =
            Parameters::new(4096, &[65_537], &PrimeSizes::new(&[32, 31]), Encryption::SecretKey).unwrap();
        let sizes = ServedSizes { pixels: 64, answer: 1000, evaluation: 5000, program: 7000 };
        let total = |limits: &Limits| MemoryBound::new(&parameters, limits, &sizes).total();
        let limits = Limits::default();
        let raised: [fn(&mut Limits); 6] = [
            |limits| limits.batches += 1,
            |limits| limits.keys_in_memory += 1,
            |limits| limits.registrations += 1,
            |limits| limits.work += 1,
            |limits| limits.answers += 1,
            |limits| limits.connections += 4,
        ];
        for raise in raised {
            let mut more = limits.clone();
            raise(&mut more);
            assert!(total(&more) > total(&limits), "{more:?}");
        }
        let bound = MemoryBound::new(&parameters, &limits, &sizes);
        assert_eq!((bound.evaluation, bound.answers, bound.program), (5000, 256_000, 7000));
        assert_eq!(bound.batches, 8 * (size::batch_memory_bytes(&parameters, 64) + WAITING_BYTES));
    }
}

//! Levels: how many ciphertext primes are left at each step of an evaluation.
//!
//! A *level* is the number of primes that a ciphertext has lost, counted from all primes of the client's keys. Level 0 has all
//! primes. A higher level has fewer primes and a smaller ciphertext modulus. Switching the modulus down raises the level, and
//! no operation lowers it. `fhe` counts levels in the same way. Primes are lost from the last one on.
//!
//! | ciphertexts | level | primes | switched down to this level by |
//! | --- | --- | --- | --- |
//! | public-key encryption, while it is made | [`Level::KEY`] | [`Channel::key_primes`](super::Channel::key_primes) | |
//! | upload | [`Channel::upload_level`](super::Channel::upload_level) | [`Channel::ciphertext_primes`](super::Channel::ciphertext_primes) | `client::public_key_encryption` |
//! | hidden units | [`Channel::hidden_level`](super::Channel::hidden_level) | [`Channel::hidden_primes`](super::Channel::hidden_primes) | `engine::modulus_switching` |
//! | answer | [`Channel::answer_level`](super::Channel::answer_level) | [`Channel::answer_primes`](super::Channel::answer_primes) | `engine::modulus_switching`; by `fhe` in the reference and for answers with flooding noise (`engine::flooding`) |
//!
//! The planner decides all levels before anything is encrypted: `planner::prime_sizing` chooses the number and the sizes of the
//! primes at each level, and [`PrimeSizes`](super::PrimeSizes) carries the choice. An answer keeps
//! the fewest primes that leave room for its noise.

/// The number of primes that a ciphertext has lost. See the [module](self) for the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(usize);

impl Level {
    /// The level of the client's keys, which have all primes.
    pub const KEY: Self = Self(0);

    /// The level of ciphertexts that have lost so many primes.
    pub(crate) const fn after_dropping(primes: usize) -> Self {
        Self(primes)
    }

    /// The number of primes that are lost.
    #[must_use]
    pub const fn dropped_primes(self) -> usize {
        self.0
    }
}

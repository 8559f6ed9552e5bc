//! Random networks and images for examples, benchmarks and tests.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::architecture::Architecture;
use crate::block::Block;
use crate::ensemble::{EnsembleError, IntegerEnsemble};
use crate::integer_network::{IntegerNetwork, NetworkError};
use crate::pixel_levels::PixelLevels;

/// Draws random networks of one architecture, and quantised images for them.
///
/// The same seed and the same calls draw the same numbers. A sampler starts with 4 pixel levels, largest weights of
/// 3, 3 and 7 (convolution, hidden, output), no zeros beyond the drawn ones, and biases of 1. Every network has the
/// logit scale 1.
///
/// ```
/// use sottovoce_network::{Architecture, NetworkSampler};
///
/// let shape = Architecture { image_side: 8, maps: 2, hidden: 6, ..Architecture::default() };
/// let mut sampler = NetworkSampler::new(shape, 1).with_largest_weights([1, 1, 3]);
/// let ensemble = sampler.ensemble(3)?;
/// let image = sampler.images(1);
/// assert_eq!(ensemble.member_logits(&image)?.len(), 3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct NetworkSampler<R = StdRng> {
    architecture: Architecture,
    pixel_levels: PixelLevels,
    largest_weights: [u32; 3],
    densities: [f64; 3],
    largest_bias: Option<u32>,
    rng: R,
}

/// Members that a sampler drew, but that make no ensemble.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SamplerError {
    /// A member is no network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The members make no ensemble.
    #[error(transparent)]
    Ensemble(#[from] EnsembleError),
}

impl NetworkSampler {
    /// Creates a sampler with a generator of its own, which starts from `seed`.
    #[must_use]
    pub fn new(architecture: Architecture, seed: u64) -> Self {
        Self::with_rng(architecture, StdRng::seed_from_u64(seed))
    }
}

impl<R: Rng> NetworkSampler<R> {
    /// Creates a sampler that draws from `rng`.
    pub fn with_rng(architecture: Architecture, rng: R) -> Self {
        Self {
            architecture,
            pixel_levels: PixelLevels::FOUR,
            largest_weights: [3, 3, 7],
            densities: [1.0; 3],
            largest_bias: None,
            rng,
        }
    }

    /// Sets the grey levels of a pixel.
    #[must_use]
    pub fn with_pixel_levels(self, pixel_levels: PixelLevels) -> Self {
        Self { pixel_levels, ..self }
    }

    /// Sets the largest absolute weights of the three blocks. Weights are uniform up to them.
    #[must_use]
    pub fn with_largest_weights(self, largest_weights: [u32; 3]) -> Self {
        Self { largest_weights, ..self }
    }

    /// Sets the probability, by block, that a weight is drawn; it is zero otherwise.
    ///
    /// # Panics
    /// The methods that draw networks panic if a probability is not between 0 and 1.
    #[must_use]
    pub fn with_densities(self, densities: [f64; 3]) -> Self {
        Self { densities, ..self }
    }

    /// Draws biases uniformly from `-largest..=largest` instead of setting all to 1.
    #[must_use]
    pub fn with_random_biases(self, largest: u32) -> Self {
        Self { largest_bias: Some(largest), ..self }
    }

    /// Draws a network.
    ///
    /// # Errors
    /// If the architecture is invalid, or values could exceed 127 bits.
    pub fn network(&mut self) -> Result<IntegerNetwork, NetworkError> {
        self.architecture.validate()?;
        let rng = &mut self.rng;
        let mut settings = self.largest_weights.map(i64::from).into_iter().zip(self.densities);
        let blocks = self.architecture.block_shapes().map(|shape| {
            let (largest, density) = settings.next().unwrap_or_default();
            let weight =
                |_, _| if rng.random_bool(density) { rng.random_range(-largest..=largest) } else { 0 };
            let block = Block::from_fn(shape.rows, shape.columns, weight, |_| 1);
            match self.largest_bias.map(i128::from) {
                Some(largest) => {
                    block.map(|_, _, &weight| weight, |_, _| rng.random_range(-largest..=largest))
                }
                None => block,
            }
        });
        IntegerNetwork::new(self.architecture, self.pixel_levels, 1.0, blocks)
    }

    /// Draws an ensemble, one member after the other.
    ///
    /// # Errors
    /// If `members` is 0, a member cannot be drawn (see [`network`](Self::network)), or the sum of the members' logits
    /// could exceed 127 bits.
    pub fn ensemble(&mut self, members: usize) -> Result<IntegerEnsemble, SamplerError> {
        let networks = (0..members).map(|_| self.network()).collect::<Result<_, _>>()?;
        Ok(IntegerEnsemble::new(networks)?)
    }

    /// Draws `count` images of quantised pixels: `count * architecture.pixels()` bytes, image after image, each
    /// uniform in `0..=pixel_levels.largest()`.
    pub fn images(&mut self, count: usize) -> Vec<u8> {
        let levels = u16::from(self.pixel_levels);
        // Below 256, because there are at most 256 levels.
        (0..count * self.architecture.pixels()).map(|_| self.rng.random_range(0..levels) as u8).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Architecture =
        Architecture { image_side: 6, kernel: 3, maps: 2, hidden: 3, ..Architecture::PAPER };

    #[test]
    fn the_same_seed_draws_the_same_ensemble_and_images() {
        let draw = |seed| {
            let mut sampler = NetworkSampler::new(SHAPE, seed).with_random_biases(9);
            (sampler.ensemble(2).unwrap(), sampler.images(3))
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn weights_biases_and_pixels_stay_within_their_limits() {
        let mut sampler = NetworkSampler::new(SHAPE, 1)
            .with_pixel_levels(PixelLevels::BINARY)
            .with_largest_weights([1, 2, 0])
            .with_densities([1.0, 0.5, 1.0]);
        let network = sampler.network().unwrap();
        for ((_, block), largest) in network.blocks().into_iter().zip([1, 2, 0]) {
            assert!(block.weights().iter().all(|weight| weight.abs() <= largest));
            assert!(block.biases().iter().all(|bias| *bias == 1));
        }
        let images = sampler.images(4);
        assert!(images.len() == 4 * SHAPE.pixels() && images.iter().all(|pixel| *pixel <= 1));
    }

    #[test]
    fn an_ensemble_without_members_is_refused() {
        let error = NetworkSampler::new(SHAPE, 1).ensemble(0).unwrap_err();
        assert_eq!(error, SamplerError::Ensemble(EnsembleError::Empty));
    }
}

//! Integer networks of trained members, and the range of their logits.

use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{
    Block, EnsembleError, ForwardError, IntegerBlock, IntegerEnsemble, IntegerNetwork, NetworkError,
    ObservedRange, TrainedMember,
};

/// Members that cannot become an integer ensemble.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// A weight, bias or step is not a finite number, or a step is not positive.
    #[error("the {block} block of member {member} has a {what} that cannot be rounded: {value}")]
    NotFinite {
        /// The member, from 1.
        member: usize,
        /// The block.
        block: &'static str,
        /// Weight, bias or step.
        what: &'static str,
        /// The value.
        value: f64,
    },
    /// The rounded blocks are no valid network.
    #[error("member {member} cannot be an integer network")]
    Network {
        /// The member, from 1.
        member: usize,
        /// The network's error.
        source: NetworkError,
    },
    /// The members are no valid ensemble.
    #[error("the members are no valid ensemble")]
    Ensemble(#[from] EnsembleError),
}

/// Rounds every member.
///
/// # Errors
/// If a member cannot be rounded, or the members have different logit scales.
pub fn round_members(members: &[TrainedMember]) -> Result<IntegerEnsemble, ExportError> {
    let networks = members
        .iter()
        .enumerate()
        .map(|(index, member)| round_member(member, index + 1))
        .collect::<Result<_, _>>()?;
    Ok(IntegerEnsemble::new(networks)?)
}

/// Rounds one member: weights to the nearest multiple of their block's step, clamped to the largest integer; biases
/// to the nearest multiple of the scale of their block's output. Errors name the member by `number`.
///
/// # Errors
/// If a value is not finite or the rounded values are no valid network.
pub fn round_member(member: &TrainedMember, number: usize) -> Result<IntegerNetwork, ExportError> {
    let TrainedMember { aware, quantisation, .. } = member;
    let [convolution_scale, hidden_scale, logit_scale] = quantisation.output_scales();
    let [convolution_step, hidden_step, output_step] = quantisation.steps;
    let [convolution_largest, hidden_largest, output_largest] = quantisation.largest_weights;
    let round = |name, block: &Block<f32>, step: f64, scale: f64, largest: u32| {
        let not_finite = |what, value| ExportError::NotFinite { member: number, block: name, what, value };
        for value in [step, scale] {
            if !(value.is_finite() && value > 0.0) {
                return Err(not_finite("step", value));
            }
        }
        for (what, values) in [("weight", block.weights()), ("bias", block.biases())] {
            if let Some(&value) = values.iter().find(|value| !value.is_finite()) {
                return Err(not_finite(what, value.into()));
            }
        }
        Ok(rounded(block, step, largest.into(), scale))
    };
    let blocks = [
        round("convolution", &aware.convolution, convolution_step, convolution_scale, convolution_largest)?,
        round("hidden", &aware.hidden, hidden_step, hidden_scale, hidden_largest)?,
        round("output", &aware.output, output_step, logit_scale, output_largest)?,
    ];
    IntegerNetwork::new(aware.architecture, quantisation.pixel_levels, logit_scale, blocks)
        .map_err(|source| ExportError::Network { member: number, source })
}

fn rounded(block: &Block<f32>, step: f64, largest: f64, scale: f64) -> IntegerBlock {
    // Casts saturate. The network's bounds then refuse a bias beyond 127 bits.
    block.map(
        |_, _, &weight| (f64::from(weight) / step).round().clamp(-largest, largest) as i64,
        |_, &bias| (f64::from(bias) / scale).round() as i128,
    )
}

/// Returns the largest absolute logits of the members and of their sum, over `images` and the blank image, which fills the empty
/// slots of a batch. The plaintext modulus must be larger than these. `advance` is called after every image.
///
/// # Errors
/// If the images have another size than the network reads.
///
/// ```rust
/// use sottovoce_dataset::LabelledImages;
/// use sottovoce_export::observe_logits;
/// use sottovoce_network::{Architecture, NetworkSampler};
///
/// let shape = Architecture { image_side: 8, maps: 2, hidden: 6, ..Architecture::default() };
/// let ensemble = NetworkSampler::new(shape, 1).ensemble(2)?;
/// let images = LabelledImages::new(8, vec![200; 64], vec![3])?;
/// let range = observe_logits(&ensemble, &images, &|| {})?;
/// assert!(range.largest() > 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn observe_logits(
    ensemble: &IntegerEnsemble,
    images: &LabelledImages,
    advance: &(dyn Fn() + Sync),
) -> Result<ObservedRange, ForwardError> {
    let levels = ensemble.pixel_levels();
    let range = |index| {
        let range = ObservedRange::of(&ensemble.member_logits(&levels.quantise_all(images.image(index)))?);
        advance();
        Ok(range)
    };
    let range = (0..images.len())
        .into_par_iter()
        .map(range)
        .try_reduce(ObservedRange::default, |a, b| Ok(a.merge(b)))?;
    Ok(blank_range(ensemble)?.merge(range))
}

/// Returns the largest absolute logits of the blank image, which fills the empty slots of a batch.
pub(crate) fn blank_range(ensemble: &IntegerEnsemble) -> Result<ObservedRange, ForwardError> {
    let blank = vec![0; ensemble.architecture().pixels()];
    Ok(ObservedRange::of(&ensemble.member_logits(&blank)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sottovoce_network::{Architecture, BlockShape, FloatNetwork, Padding, PixelLevels, Quantisation};

    use super::*;

    const SHAPE: Architecture = Architecture {
        image_side: 5,
        kernel: 3,
        stride: 2,
        padding: Padding { leading: 0, trailing: 0 },
        maps: 2,
        hidden: 4,
        classes: 3,
    };

    /// Weights on a grid of steps 0.5, 0.25, 0.125 for pixels in multiples of 1/3, and biases on the grids of their
    /// outputs.
    fn on_grid(weight: impl Fn(usize) -> i32) -> TrainedMember {
        let quantisation = Quantisation {
            pixel_levels: PixelLevels::new(4).unwrap(),
            steps: [0.5, 0.25, 0.125],
            largest_weights: [7, 7, 7],
        };
        let scales = quantisation.output_scales();
        let mut index = 0;
        let [convolution, hidden, output] =
            SHAPE.block_shapes().map(|BlockShape { rows, columns, .. }| {
                let (step, scale) = (quantisation.steps[index] as f32, scales[index] as f32);
                index += 1;
                Block::from_fn(
                    rows,
                    columns,
                    |row, column| weight(row * columns + column + index) as f32 * step,
                    |row| (row as f32 - 1.0) * scale,
                )
            });
        let aware = FloatNetwork { architecture: SHAPE, convolution, hidden, output };
        TrainedMember { float: aware.clone(), aware, quantisation }
    }

    proptest! {
        #[test]
        fn a_network_on_the_grid_keeps_its_logits(
            seed in 0usize..1000,
            pixels in prop::collection::vec(0u8..=3, 25),
        ) {
            let member = on_grid(|i| ((i * 31 + seed * 17) % 15) as i32 - 7);
            let network = round_member(&member, 1).unwrap();
            let bytes: Vec<u8> = pixels.iter().map(|level| level * 85).collect();
            let real = member.aware.logits(&bytes);
            let integer = network.logits(&pixels).unwrap();
            let largest = real.iter().fold(1.0f64, |most, z| most.max(f64::from(z.abs())));
            for (integer, real) in integer.iter().zip(&real) {
                let back = *integer as f64 * network.logit_scale();
                prop_assert!((back - f64::from(*real)).abs() < 1e-4 * largest, "{} for {}", back, real);
            }
        }
    }

    #[test]
    fn weights_beyond_the_largest_integer_are_held_at_it() {
        let network = round_member(&on_grid(|i| i as i32 * 5), 1).unwrap();
        assert!(network.hidden().weights().iter().all(|weight| weight.abs() <= 7));
        assert!(network.hidden().weights().contains(&7));
    }

    #[test]
    fn a_weight_that_is_not_a_number_is_never_exported() {
        let mut member = on_grid(|_| 1);
        member.aware.hidden = member.aware.hidden.map(|_, _, _| f32::NAN, |_, b| *b);
        let error = round_member(&member, 2).unwrap_err().to_string();
        assert_eq!(error, "the hidden block of member 2 has a weight that cannot be rounded: NaN");
        let mut member = on_grid(|_| 1);
        member.quantisation.steps[1] = 0.0;
        assert!(matches!(round_member(&member, 1), Err(ExportError::NotFinite { what: "step", .. })));
    }

    #[test]
    fn members_on_different_scales_are_refused() {
        let mut other = on_grid(|_| 1);
        other.quantisation.steps[2] = 0.13;
        assert!(matches!(round_members(&[on_grid(|_| 1), other]), Err(ExportError::Ensemble(_))));
    }
}

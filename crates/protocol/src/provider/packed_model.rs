//! The check that packed parameters have everything that a model needs.

use sottovoce_bfv::Parameters;
use sottovoce_bfv::packed::{PackedInput, PackedLayout};
use sottovoce_bfv::parameters::Rotation;
use sottovoce_network::Architecture;

use crate::error::ProtocolError;

/// Returns what clients must know of a model of this architecture to pack images for it, or `None` under batched parameters.
///
/// # Errors
/// If the architecture does not fit in the slots of packed parameters, or needs a rotation that they do not have.
pub fn packed_input(
    parameters: &Parameters,
    architecture: &Architecture,
) -> Result<Option<PackedInput>, ProtocolError> {
    let Some(chain) = parameters.packed() else { return Ok(None) };
    let layout = PackedLayout::new(architecture, parameters.degree())?;
    let needed = layout.rotations(parameters.ciphertext_primes().len(), chain.kept);
    match chain.missing(&needed) {
        Some(Rotation { steps, primes }) => Err(ProtocolError::MissingRotation { steps, primes }),
        None => Ok(Some(*layout.input())),
    }
}

#[cfg(test)]
mod tests {
    use sottovoce_bfv::parameters::{PackedChain, PackedLevels};

    use super::*;

    const KEPT: PackedLevels = PackedLevels { convolution: 2, square: 2, hidden: 1, answer: 1 };

    #[test]
    fn models_share_packed_parameters_only_if_they_have_the_rotations_of_all() {
        let small = Architecture { image_side: 8, maps: 2, hidden: 8, classes: 3, ..Architecture::PAPER };
        let larger = Architecture { hidden: 32, ..small };
        let rotations = |shape| PackedLayout::new(shape, 4096).unwrap().rotations(2, KEPT);
        let parameters = |rotations| {
            let chain = PackedChain { special_bits: 32, kept: KEPT, rotations };
            Parameters::new_packed(4096, &[65_537], &[30, 31], chain).unwrap()
        };
        let of_small = parameters(rotations(&small));
        assert_eq!(packed_input(&of_small, &small).unwrap().unwrap().image_side, 8);
        let error = packed_input(&of_small, &larger).unwrap_err().to_string();
        assert!(error.contains("rotation by"), "{error}");
        // A key for fewer primes than the model needs is no key for it.
        let mut fewer = rotations(&small);
        fewer.last_mut().unwrap().primes = 1;
        let error = packed_input(&parameters(fewer), &small).unwrap_err();
        assert!(matches!(error, ProtocolError::MissingRotation { primes: 2, .. }), "{error}");
        let error = packed_input(&of_small, &Architecture::PAPER).unwrap_err();
        assert!(matches!(error, ProtocolError::PackedLayout(_)), "{error}");
        let of_both = parameters(Rotation::merged([rotations(&small), rotations(&larger)].concat()));
        assert!([small, larger].iter().all(|shape| packed_input(&of_both, shape).unwrap().is_some()));
    }
}

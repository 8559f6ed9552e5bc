//! How large the logits become.

use rayon::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ForwardError, IntegerEnsemble, ObservedRange};

/// The largest absolute logits of the members and of their sum over `images` and the blank image, which
/// fills the slots that a batch leaves empty; `advance` is told of every
/// image done.
///
/// # Errors
/// If the images have another size than the network reads.
pub fn observe(
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

/// The range of the blank image, which fills the slots that a batch leaves empty.
pub(crate) fn blank_range(ensemble: &IntegerEnsemble) -> Result<ObservedRange, ForwardError> {
    let blank = vec![0; ensemble.architecture().pixels()];
    Ok(ObservedRange::of(&ensemble.member_logits(&blank)?))
}

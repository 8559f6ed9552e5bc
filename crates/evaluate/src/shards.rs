//! Evaluation of one setting in shards, and the merge of shards. A shard is a range of test images; each shard can run on its own machine.

use serde::{Deserialize, Serialize};

use crate::evaluation::Evaluation;
use crate::records::parameter_record::ParameterRecord;
use crate::records::setting_rows::{AccuracyRow, Domain, PairRow, RecallRow};

/// The evaluation of a range of the test images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shard {
    /// Index of the first image among all test images, from 0.
    pub first: usize,
    /// Index after the last image.
    pub end: usize,
    /// Fingerprint of the evaluated exported networks.
    pub networks: String,
    /// The evaluation. Only the shard that begins with the first test image evaluates the held-out images.
    pub evaluation: Evaluation,
}

/// The reason why shards cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    /// No shard has evaluated some of the images.
    #[error("the test images {first} to {} of {images} are in no shard", end - 1)]
    Gap {
        /// The first missing image, from 0.
        first: usize,
        /// Index after the last missing image.
        end: usize,
        /// Number of all test images.
        images: usize,
    },
    /// Two shards have evaluated the same images.
    #[error("the test images {first} to {} are in two shards", end - 1)]
    Overlap {
        /// The first repeated image, from 0.
        first: usize,
        /// Index after the last repeated image.
        end: usize,
    },
    /// A shard ends after the last test image.
    #[error("a shard ends at test image {end}, but there are only {images} test images")]
    Beyond {
        /// Index after the shard's last image.
        end: usize,
        /// Number of all test images.
        images: usize,
    },
    /// The rows of a shard count another number of images than its range has.
    #[error("a shard of the test images {first} to {} has rows of {found} images", end - 1)]
    Images {
        /// The shard's first image, from 0.
        first: usize,
        /// Index after the shard's last image.
        end: usize,
        /// Number of images in the shard's rows.
        found: usize,
    },
    /// Two shards differ in a property that must be equal for all shards.
    #[error("the shards that begin at test images {first} and {other} differ in their {property}")]
    Different {
        /// First image of the first shard.
        first: usize,
        /// First image of the other shard.
        other: usize,
        /// Name of the property.
        property: &'static str,
    },
}

/// Merges the shards of one setting into the evaluation of all `images` test images. Except for times and measured noise, the result
/// equals the result of one evaluation without shards.
///
/// # Errors
/// If an image is in no shard or in two, or the shards differ in setting, networks, parameters or evaluator.
pub fn merge_shards(mut shards: Vec<Shard>, images: usize) -> Result<Evaluation, MergeError> {
    shards.sort_by_key(|shard| (shard.first, shard.end));
    let mut reached = 0;
    for shard in &shards {
        let (first, end) = (shard.first, shard.end);
        if first > reached {
            return Err(MergeError::Gap { first: reached, end: first, images });
        }
        if first < reached {
            return Err(MergeError::Overlap { first, end: reached.min(end) });
        }
        if end > images {
            return Err(MergeError::Beyond { end, images });
        }
        let wrong = shard.evaluation.accuracy.iter().find(|row| row.images != end - first);
        if let Some(AccuracyRow { images: found, .. }) = wrong {
            return Err(MergeError::Images { first, end, found: *found });
        }
        reached = end;
    }
    if reached < images || shards.is_empty() {
        return Err(MergeError::Gap { first: reached, end: images, images });
    }
    let mut shards = shards.into_iter();
    let Some(Shard { first, networks, evaluation: mut merged, .. }) = shards.next() else {
        return Err(MergeError::Gap { first: 0, end: images, images });
    };
    for shard in shards {
        let difference = find_difference(&merged, &shard.evaluation)
            .or((networks != shard.networks).then_some("exported networks"));
        if let Some(property) = difference {
            return Err(MergeError::Different { first, other: shard.first, property });
        }
        add_shard(&mut merged, shard.evaluation);
    }
    Ok(merged)
}

/// Returns the name of the first property in which two evaluations differ, among those that must be equal for all shards.
fn find_difference(one: &Evaluation, other: &Evaluation) -> Option<&'static str> {
    // The measured noise may differ.
    let planned =
        |record: &ParameterRecord| ParameterRecord { noise_bits: 0, noise_budget_bits: 0, ..record.clone() };
    let voters = |evaluation: &Evaluation| -> Vec<(String, Domain)> {
        evaluation.accuracy.iter().map(|row| (row.voter.clone(), row.domain)).collect()
    };
    let ranges = |evaluation: &Evaluation| {
        let range = &evaluation.range;
        (range.rests_on, range.observed.clone(), range.largest.clone(), range.proven.clone())
    };
    let labels = |evaluation: &Evaluation| -> Vec<(String, u8)> {
        evaluation.recall.iter().map(|row| (row.voter.clone(), row.label)).collect()
    };
    [
        (one.setting == other.setting, "setting"),
        (planned(&one.parameters) == planned(&other.parameters), "encryption parameters"),
        (ranges(one) == ranges(other), "range of logits"),
        (one.evaluator.split(',').next() == other.evaluator.split(',').next(), "evaluator"),
        (voters(one) == voters(other) && labels(one) == labels(other), "voters"),
        (one.sizes == other.sizes, "message sizes"),
    ]
    .into_iter()
    .find_map(|(equal, property)| (!equal).then_some(property))
}

/// Adds the counts of another shard, whose rows are in the same order.
fn add_shard(merged: &mut Evaluation, shard: Evaluation) {
    for (row, other) in merged.accuracy.iter_mut().zip(shard.accuracy) {
        row.images += other.images;
        row.correct += other.correct;
        row.accuracy = row.correct as f64 / row.images as f64;
        row.mismatches = row.mismatches.zip(other.mismatches).map(|(one, other)| one + other);
    }
    let batches = merged.layers.iter().map(|row| row.batch).max().unwrap_or(0);
    merged.layers.extend(shard.layers.into_iter().map(|mut row| {
        row.batch += batches;
        row
    }));
    if merged.validation.is_empty() {
        merged.validation = shard.validation;
    }
    for (row, RecallRow { images, correct, .. }) in merged.recall.iter_mut().zip(shard.recall) {
        row.images += images;
        row.correct += correct;
    }
    for (row, PairRow { both, ensemble_only, member_only, neither, .. }) in
        merged.pairs.iter_mut().zip(shard.pairs)
    {
        row.both += both;
        row.ensemble_only += ensemble_only;
        row.member_only += member_only;
        row.neither += neither;
    }
    let (parameters, other) = (&mut merged.parameters, shard.parameters);
    parameters.noise_bits = parameters.noise_bits.max(other.noise_bits);
    parameters.noise_budget_bits = parameters.noise_budget_bits.min(other.noise_budget_bits);
    merged.range.images_outside += shard.range.images_outside;
    merged.seconds += shard.seconds;
}

//! The ranges of an experiment's fields, one by one and together.

use std::fmt::Display;

use sottovoce_bfv::ParametersError;
use sottovoce_bfv::planner::FixedParameters;
use sottovoce_dataset::{SplitMethod, group_labels};

use super::experiment::{Averaging, EncryptionConfig, EnsembleConfig, Experiment};

/// Largest number of members: each takes a minute of encrypted evaluation, so a larger number is a slip.
const MAX_MEMBERS: usize = 100;

/// An error is the path to the field at fault, and what is wrong with the field.
type Checked = Result<(), (&'static [&'static str], String)>;

fn require(holds: bool, path: &'static [&'static str], message: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err((path, message.into())) }
}

/// The first value of a list that equals an earlier value.
pub fn repeated<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter()
        .enumerate()
        .find(|(index, value)| list.iter().take(*index).any(|earlier| earlier == *value))
        .map(|(_, value)| value)
}

fn require_distinct<T: PartialEq + Display>(list: &[T], path: &'static [&'static str]) -> Checked {
    match repeated(list) {
        Some(value) => Err((path, format!("holds {value} twice; a value may occur once"))),
        None => Ok(()),
    }
}

fn check_logit_bits(bits: u32, path: &'static [&'static str]) -> Checked {
    require(
        (8..=100).contains(&bits),
        path,
        format!(
            "is {bits}, but must be between 8 and 100: the plaintext moduli hold at most 100 bits together"
        ),
    )
}

/// Checks every field by itself and together with the others.
///
/// The table `[encryption]` is not checked if it equals `checked`, which was checked before: the check searches for primes.
///
/// # Errors
/// The first field that makes no sense.
pub fn check(experiment: &Experiment, checked: Option<&EncryptionConfig>) -> Checked {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    require(
        !experiment.name.is_empty()
            && experiment.name.chars().all(plain)
            && !experiment.name.starts_with('.'),
        &["name"],
        format!("is {:?}, but it names a folder: letters, digits, '-', '_' and '.'", experiment.name),
    )?;
    for (path, count) in [
        (&["data", "train_images"][..], experiment.data.train_images),
        (&["data", "test_images"], experiment.data.test_images),
        (&["training", "float_epochs"], experiment.training.float_epochs),
        (&["training", "quantised_epochs"], experiment.training.quantised_epochs),
        (&["training", "batch"], experiment.training.batch),
    ] {
        require(count > 0, path, "is 0, but must be at least 1".to_owned())?;
    }
    experiment
        .architecture
        .validate()
        .map_err(|error| (&["architecture"][..], format!("is impossible: {error}")))?;
    check_training(experiment)?;
    let margin = experiment.encryption.range_margin;
    require(
        (0.0..=100.0).contains(&margin),
        &["encryption", "range_margin"],
        format!("is {margin}, but must be between 0 and 100"),
    )?;
    if checked != Some(&experiment.encryption) {
        check_parameters(&experiment.encryption)?;
    }
    check_data(experiment)?;
    check_ensemble(experiment)?;
    check_baselines(&experiment.ensemble)?;
    check_bits(&experiment.bits.logit_bits)
}

/// Checks that the fixed parameters are secure and valid. Whether they suffice for the networks is known when there are networks.
fn check_parameters(encryption: &EncryptionConfig) -> Checked {
    // The degree first: the other fields depend on it.
    let degree = FixedParameters { degree: encryption.degree, ..FixedParameters::default() };
    let refused = |error| format!("cannot be used: {error}");
    degree.check().map_err(|error| (&["encryption", "degree"][..], refused(error)))?;
    encryption.policy().fixed.check().map_err(|error| {
        let path: &[&str] = match error {
            ParametersError::PlaintextModulus { .. } | ParametersError::PlaintextModuli { .. } => {
                &["encryption", "plaintext_moduli"]
            }
            _ => &["encryption", "ciphertext_prime_bits"],
        };
        (path, refused(error))
    })
}

fn check_training(experiment: &Experiment) -> Checked {
    let training = &experiment.training;
    for (path, value, max) in [
        (&["training", "float_rate"][..], training.float_rate, 1.0),
        (&["training", "quantised_rate"], training.quantised_rate, 1.0),
        (&["training", "clip"], training.clip, f64::MAX),
    ] {
        let message = if max == 1.0 { "must be above 0 and at most 1" } else { "must be above 0" };
        require(value > 0.0 && value <= max, path, format!("is {value}, but {message}"))?;
    }
    let augmentation = &training.augmentation;
    for (path, value, max) in [
        (&["training", "weight_decay"][..], training.weight_decay, 1.0),
        (&["training", "range_penalty"], training.range_penalty, 1.0),
        (&["training", "logit_adjustment"], training.logit_adjustment, 1.0),
        (&["training", "augmentation", "rotation_degrees"], augmentation.rotation_degrees.into(), 180.0),
        (
            &["training", "augmentation", "shift_pixels"],
            augmentation.shift_pixels.into(),
            experiment.architecture.image_side as f64,
        ),
        (&["training", "augmentation", "scale"], augmentation.scale.into(), 0.9),
    ] {
        require((0.0..=max).contains(&value), path, format!("is {value}, but must be between 0 and {max}"))?;
    }
    require(
        training.density > 0.0 && training.density <= 1.0,
        &["training", "density"],
        format!("is {}, but must be above 0 and at most 1", training.density),
    )?;
    check_logit_bits(training.logit_bits, &["training", "logit_bits"])?;
    require(
        training.largest_weights.iter().all(|weight| (1..=1 << 20).contains(weight)),
        &["training", "largest_weights"],
        format!("is {:?}, but each must be between 1 and {}", training.largest_weights, 1 << 20),
    )
}

fn check_data(experiment: &Experiment) -> Checked {
    let (all, held_out) = (experiment.data.train_images, experiment.data.validation_images);
    require(
        held_out < all,
        &["data", "validation_images"],
        format!("is {held_out}, but must be less than the {all} training images that they are taken from"),
    )?;
    let first = experiment.data.first_label.unwrap_or_default();
    require(first <= 1, &["data", "first_label"], format!("is {first}, but must be 0 or 1"))?;
    let path = &["elapsed", "images"];
    for &images in &experiment.elapsed.images {
        require(
            (1..=all).contains(&images),
            path,
            format!("holds {images}, but must be between 1 and the {all} of `data.train_images`"),
        )?;
    }
    require_distinct(&experiment.elapsed.images, path)
}

fn check_ensemble(experiment: &Experiment) -> Checked {
    let EnsembleConfig { members, splits, shares, seeds, averaging, .. } = &experiment.ensemble;
    require(
        (1..=MAX_MEMBERS).contains(members),
        &["ensemble", "members"],
        format!("is {members}, but must be between 1 and {MAX_MEMBERS}"),
    )?;
    let path = &["ensemble", "splits"];
    require(!splits.is_empty(), path, "is empty: there is no setting to run")?;
    for split in splits.iter().filter(|split| !matches!(split, SplitMethod::Dirichlet { .. })) {
        group_labels(split, *members, experiment.architecture.classes, 0)
            .map_err(|error| (&path[..], format!("holds {split}, which does not fit: {error}")))?;
    }
    require_distinct(splits, path)?;
    require(!shares.is_empty(), &["ensemble", "shares"], "is empty: there is no setting to run")?;
    let path = &["ensemble", "seeds"];
    require(!seeds.is_empty(), path, "is empty: there is nothing to run")?;
    require(repeated(seeds).is_none(), path, format!("is {seeds:?}, but a seed may occur once only"))?;
    // TOML integers have 63 bits, and the merged configuration is written as TOML.
    require(
        seeds.iter().all(|seed| i64::try_from(*seed).is_ok()),
        path,
        format!("is {seeds:?}, but a seed has at most 63 bits"),
    )?;
    require(
        *averaging == Averaging::Sum || experiment.data.validation_images > 0,
        &["ensemble", "averaging"],
        "is \"weighted\", but `data.validation_images` is 0: votes are chosen on validation images",
    )
}

fn check_baselines(ensemble: &EnsembleConfig) -> Checked {
    require(
        !ensemble.baselines || ensemble.members > 1,
        &["ensemble", "baselines"],
        "is true, but `ensemble.members` is 1: with one member there is no ensemble to compare with",
    )
}

fn check_bits(logit_bits: &[u32]) -> Checked {
    let path = &["bits", "logit_bits"];
    for &bits in logit_bits {
        check_logit_bits(bits, path)?;
    }
    require_distinct(logit_bits, path)
}

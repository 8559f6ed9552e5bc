//! Whether an experiment's fields make sense.

use sottovoce_bfv::ParametersError;
use sottovoce_bfv::planner::Fixed;
use sottovoce_dataset::{SplitMethod, groups};

use super::experiment::{Averaging, EncryptionPlan, EnsemblePlan, Experiment};

/// More members than this are a slip: each takes a minute of encrypted evaluation.
const MOST_MEMBERS: usize = 100;

/// A field that makes no sense, as the path to it and what is wrong with it.
type Checked = Result<(), (&'static [&'static str], String)>;

fn require(holds: bool, path: &'static [&'static str], message: impl Into<String>) -> Checked {
    if holds { Ok(()) } else { Err((path, message.into())) }
}

/// What stands in a list more than once.
fn twice<T: PartialEq>(list: &[T]) -> Option<&T> {
    list.iter().enumerate().find(|(index, value)| list[..*index].contains(value)).map(|(_, value)| value)
}

fn check_logit_bits(bits: u32, path: &'static [&'static str]) -> Checked {
    require(
        (8..=100).contains(&bits),
        path,
        format!("is {bits}, but must be between 8 and 100: plaintext moduli together hold no more"),
    )
}

impl Experiment {
    /// The first field that makes no sense, alone or beside the others. Encryption that was `checked` before, which takes searches
    /// for primes, is not checked again.
    pub(super) fn check(&self, checked: Option<&EncryptionPlan>) -> Checked {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        require(
            !self.name.is_empty() && self.name.chars().all(plain) && !self.name.starts_with('.'),
            &["name"],
            format!("is {:?}, but it names a folder: letters, digits, '-', '_' and '.'", self.name),
        )?;
        for (path, count) in [
            (&["data", "train_images"][..], self.data.train_images),
            (&["data", "test_images"], self.data.test_images),
            (&["training", "float_epochs"], self.training.float_epochs),
            (&["training", "quantised_epochs"], self.training.quantised_epochs),
            (&["training", "batch"], self.training.batch),
        ] {
            require(count > 0, path, "is 0, but must be at least 1".to_owned())?;
        }
        self.architecture
            .validate()
            .map_err(|error| (&["architecture"][..], format!("is impossible: {error}")))?;
        self.check_training()?;
        let margin = self.encryption.range_margin;
        require(
            (0.0..=100.0).contains(&margin),
            &["encryption", "range_margin"],
            format!("is {margin}, but must be between 0 and 100"),
        )?;
        if checked != Some(&self.encryption) {
            self.check_parameters()?;
        }
        self.check_data()?;
        self.check_ensemble()?;
        self.check_baselines()?;
        self.check_bits()
    }

    /// Whether what is fixed of the parameters is secure and can work; whether it is enough for the networks shows when
    /// there are any.
    fn check_parameters(&self) -> Checked {
        let encryption = &self.encryption;
        // The degree's own mistakes first: the other fields are judged under it.
        let alone = Fixed { degree: encryption.degree, ..Fixed::default() };
        let refused = |error| format!("cannot be used: {error}");
        alone.check().map_err(|error| (&["encryption", "degree"][..], refused(error)))?;
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

    fn check_training(&self) -> Checked {
        let training = &self.training;
        for (path, value, most) in [
            (&["training", "float_rate"][..], training.float_rate, 1.0),
            (&["training", "quantised_rate"], training.quantised_rate, 1.0),
            (&["training", "clip"], training.clip, f64::MAX),
        ] {
            let message = if most == 1.0 { "must be above 0 and at most 1" } else { "must be above 0" };
            require(value > 0.0 && value <= most, path, format!("is {value}, but {message}"))?;
        }
        let augmentation = &training.augmentation;
        for (path, value, most) in [
            (&["training", "weight_decay"][..], training.weight_decay, 1.0),
            (&["training", "range_penalty"], training.range_penalty, 1.0),
            (&["training", "logit_adjustment"], training.logit_adjustment, 1.0),
            (&["training", "augmentation", "rotation_degrees"], augmentation.rotation_degrees.into(), 180.0),
            (
                &["training", "augmentation", "shift_pixels"],
                augmentation.shift_pixels.into(),
                self.architecture.image_side as f64,
            ),
            (&["training", "augmentation", "scale"], augmentation.scale.into(), 0.9),
        ] {
            require(
                (0.0..=most).contains(&value),
                path,
                format!("is {value}, but must be between 0 and {most}"),
            )?;
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

    fn check_data(&self) -> Checked {
        let (all, held_out) = (self.data.train_images, self.data.validation_images);
        require(
            held_out < all,
            &["data", "validation_images"],
            format!(
                "is {held_out}, but they are taken from {all} training images, of which some must be left"
            ),
        )?;
        let first = self.data.first_label.unwrap_or_default();
        require(first <= 1, &["data", "first_label"], format!("is {first}, but must be 0 or 1"))?;
        let path = &["elapsed", "images"];
        for &images in &self.elapsed.images {
            require(
                (1..=all).contains(&images),
                path,
                format!("holds {images}, but must be between 1 and the {all} of `data.train_images`"),
            )?;
        }
        let repeated = twice(&self.elapsed.images);
        require(repeated.is_none(), path, format!("holds {} twice", repeated.unwrap_or(&0)))
    }

    fn check_ensemble(&self) -> Checked {
        let EnsemblePlan { members, splits, shares, seeds, averaging, .. } = &self.ensemble;
        require(
            (1..=MOST_MEMBERS).contains(members),
            &["ensemble", "members"],
            format!("is {members}, but must be between 1 and {MOST_MEMBERS}"),
        )?;
        let path = &["ensemble", "splits"];
        require(!splits.is_empty(), path, "is empty: there is no setting to run")?;
        for split in splits.iter().filter(|split| !matches!(split, SplitMethod::Dirichlet { .. })) {
            groups(split, *members, self.architecture.classes, 0)
                .map_err(|error| (&path[..], format!("holds {split}, which does not fit: {error}")))?;
        }
        let repeated = twice(splits).map(SplitMethod::to_string).unwrap_or_default();
        require(repeated.is_empty(), path, format!("holds {repeated} twice; every split may be there once"))?;
        require(!shares.is_empty(), &["ensemble", "shares"], "is empty: there is no setting to run")?;
        let path = &["ensemble", "seeds"];
        require(!seeds.is_empty(), path, "is empty: there is nothing to run")?;
        require(
            twice(seeds).is_none(),
            path,
            format!("is {seeds:?}, but every seed may be there once only"),
        )?;
        // TOML integers have 63 bits; the resolved configuration must be writable again.
        require(
            seeds.iter().all(|seed| i64::try_from(*seed).is_ok()),
            path,
            format!("is {seeds:?}, but a seed has at most 63 bits"),
        )?;
        require(
            *averaging == Averaging::Sum || self.data.validation_images > 0,
            &["ensemble", "averaging"],
            "is \"weighted\", but `data.validation_images` is 0: votes are chosen on validation images",
        )
    }

    fn check_baselines(&self) -> Checked {
        require(
            !self.ensemble.baselines || self.ensemble.members > 1,
            &["ensemble", "baselines"],
            "is true, but `ensemble.members` is 1: with one member there is no ensemble to compare with",
        )
    }

    fn check_bits(&self) -> Checked {
        let path = &["bits", "logit_bits"];
        for &bits in &self.bits.logit_bits {
            check_logit_bits(bits, path)?;
        }
        let repeated = twice(&self.bits.logit_bits);
        require(repeated.is_none(), path, format!("holds {} twice", repeated.unwrap_or(&0)))
    }
}

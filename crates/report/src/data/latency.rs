//! The number of images from which batches are faster than packed images.

use sottovoce_evaluate::records::{EvaluationForm, FormLatency};

/// Returns the number of images at which both forms take the same time, if the packed form is faster for fewer images and the
/// batched form for more: the point at which the lines between measured numbers of images cross, on logarithmic axes. Returns `None`
/// if the lines do not cross, or a form was not measured.
#[must_use]
pub fn crossing_images(forms: &[FormLatency]) -> Option<f64> {
    let seconds_of = |form: EvaluationForm| {
        let rows = &forms.iter().find(|latency| latency.form == form)?.rows;
        Some(rows.iter().map(|row| (row.images, row.seconds)).collect::<Vec<_>>())
    };
    let packed = seconds_of(EvaluationForm::Packed)?;
    let batched = seconds_of(EvaluationForm::Batched)?;
    // Logarithms of the number of images and of the ratio of seconds.
    let mut ratios: Vec<(f64, f64)> = packed
        .iter()
        .filter_map(|&(images, packed)| {
            let batched = batched.iter().find(|(other, _)| *other == images)?.1;
            let ratio = (packed / batched).ln();
            ratio.is_finite().then_some(((images as f64).ln(), ratio))
        })
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    ratios.array_windows().find_map(|&[(from, below), (to, above)]| {
        (below <= 0.0 && above > 0.0).then(|| (from + (to - from) * below / (below - above)).exp())
    })
}

#[cfg(test)]
mod tests {
    use sottovoce_evaluate::records::LatencyRow;

    use super::*;

    fn form(form: EvaluationForm, seconds: &[(usize, f64)]) -> FormLatency {
        let row = |&(images, seconds): &(usize, f64)| LatencyRow {
            images,
            measured_images: images,
            batches: 1,
            encrypt_seconds: 0.0,
            transfer_seconds: 0.0,
            provider_seconds: seconds,
            decrypt_seconds: 0.0,
            seconds,
            seconds_all: vec![seconds],
            upload_bytes: 1,
            download_bytes: 1,
        };
        FormLatency {
            form,
            degree: 8192,
            plaintext_moduli: vec![65_537],
            ciphertext_modulus_bits: 140.0,
            key_modulus_bits: 140.0,
            security_limit_bits: 214,
            key_seconds: 0.0,
            key_seconds_all: Vec::new(),
            registration_seconds: 0.0,
            registration_bytes: 1,
            noise_bits: 15,
            noise_budget_bits: 9,
            mismatches: 0,
            rows: seconds.iter().map(row).collect(),
        }
    }

    #[test]
    fn forms_cross_at_the_ratio_of_their_seconds() {
        // In the given order, the largest number of images comes first.
        let packed = form(EvaluationForm::Packed, &[(1000, 100.0), (1, 0.1), (100, 10.0)]);
        let batched = form(EvaluationForm::Batched, &[(1000, 0.8), (100, 0.8), (1, 0.8)]);
        let crossing = crossing_images(&[packed.clone(), batched.clone()]).unwrap();
        assert!((crossing - 8.0).abs() < 1e-9, "{crossing}");
        assert_eq!(crossing_images(std::slice::from_ref(&batched)), None);

        let slow = form(EvaluationForm::Batched, &[(1, 0.8), (1000, 800.0)]);
        assert_eq!(crossing_images(&[packed, slow]), None);
    }
}

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sottovoce_bfv::Encryption;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{
    Architecture, Block, FloatNetwork, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels,
};

use crate::records::Domain;
use crate::{EvaluateError, Evaluation, Evaluator, Setting, Subject, evaluate_setting};

const SHAPE: Architecture = Architecture {
    image_side: 5,
    kernel: 3,
    stride: 2,
    padding: Padding { leading: 0, trailing: 0 },
    maps: 1,
    hidden: 2,
    classes: 3,
};

/// The same random weights in integers and in floating point.
fn member(rng: &mut StdRng) -> (FloatNetwork, IntegerNetwork) {
    let blocks = IntegerNetwork::shapes(&SHAPE).map(|(_, [rows, columns])| {
        Block::from_fn(rows, columns, |_, _| rng.random_range(-2i64..=2), |_| 1i128)
    });
    let [convolution, hidden, output] =
        blocks.each_ref().map(|b| b.map(|_, _, w| *w as f32, |_, b| *b as f32));
    let float = FloatNetwork { architecture: SHAPE, convolution, hidden, output };
    // Two levels: pixels are 0 and 1, as in floating point.
    let integer = IntegerNetwork::new(SHAPE, PixelLevels::new(2).unwrap(), 1.0, blocks).unwrap();
    (float, integer)
}

fn images(count: usize, rng: &mut StdRng) -> LabelledImages {
    let pixels = (0..count * 25).map(|_| if rng.random() { 255 } else { 0 }).collect();
    LabelledImages::new(5, pixels, (0..count).map(|_| rng.random_range(0..3)).collect()).unwrap()
}

fn setting() -> Setting {
    Setting { split: "regular".into(), number: 3, share_low: 0.7, share_high: 0.8, seed: 1 }
}

#[test]
fn all_three_domains_agree_on_two_batches_and_nothing_differs_from_the_oracle() {
    let mut rng = StdRng::seed_from_u64(1);
    let (floats, integers): (Vec<_>, Vec<_>) = (0..2).map(|_| member(&mut rng)).unzip();
    let ensemble = IntegerEnsemble::new(integers).unwrap();
    let test = images(8192 + 5, &mut rng);
    let setting = setting();
    let subject = Subject {
        setting: &setting,
        floats: &floats,
        ensemble: &ensemble,
        observed_logit: ensemble.proven_logits(),
        range_margin: 0.0,
        encryption: Encryption::PublicKey,
        test: &test,
        evaluator: Evaluator::Engine,
    };
    for evaluator in [Evaluator::Engine, Evaluator::Reference] {
        check(&evaluate_setting(&Subject { evaluator, ..subject }, &()).unwrap());
    }
}

fn check(evaluation: &Evaluation) {
    assert_eq!(evaluation.accuracy.len(), 3 * 3);
    for (index, row) in evaluation.accuracy.iter().enumerate() {
        assert_eq!(row.correct, evaluation.accuracy[index % 3].correct, "{row:?}");
        assert_eq!(row.mismatches, (row.domain == Domain::Encrypted).then_some(0));
        assert_eq!((row.images, row.setting), (8197, 3));
    }
    // Encryption, two members of five layers, sum and decryption, for two batches; the engine lists what the
    // members share of the convolution by itself.
    let shared = usize::from(evaluation.evaluator.starts_with("engine"));
    assert_eq!(evaluation.layers.len(), 2 * (1 + shared + 2 * 5 + 2));
    assert_eq!(evaluation.range.images_outside, 0);
    assert!(evaluation.parameters.noise_budget_bits > 0);
}

#[test]
fn logits_beyond_the_plaintext_modulus_are_counted_and_not_hidden() {
    let mut rng = StdRng::seed_from_u64(2);
    let (float, integer) = member(&mut rng);
    // A bias far beyond the range that the run is told of.
    let output = integer.output().map(|_, _, w| *w, |_, b| b + 1_000_000_000);
    let blocks = [integer.convolution().clone(), integer.hidden().clone(), output];
    let integer = IntegerNetwork::new(SHAPE, PixelLevels::new(2).unwrap(), 1.0, blocks).unwrap();
    let ensemble = IntegerEnsemble::new(vec![integer]).unwrap();
    let (test, setting) = (images(7, &mut rng), setting());
    let subject = Subject {
        setting: &setting,
        floats: &[float],
        ensemble: &ensemble,
        observed_logit: 1000,
        range_margin: 0.25,
        encryption: Encryption::PublicKey,
        test: &test,
        evaluator: Evaluator::Engine,
    };
    let evaluation = evaluate_setting(&subject, &()).unwrap();
    assert_eq!(evaluation.range.images_outside, 7);
    let encrypted = evaluation.accuracy.iter().filter(|row| row.domain == Domain::Encrypted);
    assert!(encrypted.map(|row| row.mismatches).all(|count| count == Some(8192 * 3)));
}

#[test]
fn nothing_to_classify_and_other_members_are_refused() {
    let mut rng = StdRng::seed_from_u64(3);
    let (float, integer) = member(&mut rng);
    let ensemble = IntegerEnsemble::new(vec![integer]).unwrap();
    let (setting, none, test) = (setting(), images(0, &mut rng), images(1, &mut rng));
    let subject = Subject {
        setting: &setting,
        floats: &[float],
        ensemble: &ensemble,
        observed_logit: 1000,
        range_margin: 0.25,
        encryption: Encryption::PublicKey,
        test: &none,
        evaluator: Evaluator::Engine,
    };
    assert!(matches!(evaluate_setting(&subject, &()), Err(EvaluateError::NoImages)));
    let subject = Subject { floats: &[], test: &test, ..subject };
    assert!(matches!(evaluate_setting(&subject, &()), Err(EvaluateError::Members { .. })));
}

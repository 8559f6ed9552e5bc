use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sottovoce_bfv::Encryption;
use sottovoce_bfv::planner::FixedParameters;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{
    Architecture, FloatNetwork, IntegerEnsemble, IntegerNetwork, NetworkSampler, Padding, PixelLevels,
};
use sottovoce_protocol::size;

use crate::records::{Domain, Setting};
use crate::{
    EncryptedImages, EvaluateError, Evaluation, Evaluator, LatencyInputs, ParameterPolicy, RangeKind,
    RangedEnsemble, Session, SettingInputs, evaluate_setting, measure_elapsed, measure_latency,
};

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
    // Two levels: pixels are 0 and 1, as in floating point.
    let integer = NetworkSampler::with_rng(SHAPE, rng)
        .with_pixel_levels(PixelLevels::BINARY)
        .with_largest_weights([2; 3])
        .network()
        .unwrap();
    let [convolution, hidden, output] =
        integer.blocks().map(|(_, block)| block.map(|_, _, w| *w as f32, |_, b| *b as f32));
    (FloatNetwork { architecture: SHAPE, convolution, hidden, output }, integer)
}

fn images(count: usize, rng: &mut StdRng) -> LabelledImages {
    let pixels = (0..count * 25).map(|_| if rng.random() { 255 } else { 0 }).collect();
    LabelledImages::new(5, pixels, (0..count).map(|_| rng.random_range(0..3)).collect()).unwrap()
}

fn setting() -> Setting {
    Setting { split: "regular".into(), number: 3, share_low: 0.7, share_high: 0.8, seed: 1 }
}

/// A policy with the paper's ring degree.
fn policy(range: RangeKind, range_margin: f64, encryption: Encryption) -> ParameterPolicy {
    let fixed =
        FixedParameters { encryption: Some(encryption), degree: Some(8192), ..FixedParameters::default() };
    ParameterPolicy { range, range_margin, hide_model: false, fixed }
}

fn session_of(
    ensembles: &[&IntegerEnsemble],
    observed_logit: Option<i128>,
    policy: &ParameterPolicy,
    evaluator: Evaluator,
) -> Result<Session, EvaluateError> {
    let ranged = |&ensemble| RangedEnsemble { ensemble, observed_logit, proven_logit: None };
    let ensembles: Vec<RangedEnsemble<'_>> = ensembles.iter().map(ranged).collect();
    Session::new(&ensembles, policy, 9000, evaluator)
}

/// A random ensemble, and a session whose parameters hold its proven range.
fn ensemble(members: usize, rng: &mut StdRng) -> (Vec<FloatNetwork>, IntegerEnsemble, Session) {
    let (floats, integers): (Vec<_>, Vec<_>) = (0..members).map(|_| member(rng)).unzip();
    let ensemble = IntegerEnsemble::new(integers).unwrap();
    let policy = policy(RangeKind::Proven, 0.0, Encryption::PublicKey);
    let session = session_of(&[&ensemble], None, &policy, Evaluator::default()).unwrap();
    (floats, ensemble, session)
}

#[test]
fn all_three_domains_agree_on_two_batches_and_there_are_no_mismatches() {
    let mut rng = StdRng::seed_from_u64(1);
    let (floats, ensemble, session) = ensemble(2, &mut rng);
    let (test, validation) = (images(8192 + 5, &mut rng), images(20, &mut rng));
    let setting = setting();
    let policy = policy(RangeKind::Proven, 0.0, Encryption::PublicKey);
    let by_reference = session_of(&[&ensemble], None, &policy, Evaluator::Reference).unwrap();
    let [engine, reference] = [&session, &by_reference].map(|session| {
        let set = EncryptedImages::new(session, &test);
        let inputs = SettingInputs {
            setting: &setting,
            floats: &floats,
            ensemble: &ensemble,
            observed_logit: Some(7),
            validation: &validation,
            test: &set,
        };
        evaluate_setting(&inputs, &()).unwrap()
    });
    assert_eq!((session.evaluator(), reference.evaluator.as_str()), (Evaluator::default(), "reference"));
    check(&engine);
    check(&reference);
    assert_eq!(engine.validation, reference.validation);
    assert_eq!(engine.validation.iter().map(|row| row.images).collect::<Vec<_>>(), [20; 3]);
    assert_eq!((engine.sizes[0].message.as_str(), engine.sizes[0].ciphertexts), ("upload", 25));
    assert_eq!((engine.sizes[1].message.as_str(), engine.sizes[1].ciphertexts), ("answer", 3));
    let parameters = session.parameters();
    assert_eq!(engine.sizes[0].bytes as u64, size::batch_bytes(parameters, 25));
    assert_eq!(engine.sizes[1].bytes as u64, size::answer_bytes(parameters, 3));
    assert_eq!(session.registration_bytes() as u64, size::registration_bytes(parameters));
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

    // The same answers, counted by label and in pairs.
    let correct = |voter: &str| {
        let encrypted = evaluation.accuracy.iter().filter(|row| row.domain == Domain::Encrypted);
        encrypted.filter(|row| row.voter == voter).map(|row| row.correct).sum::<usize>()
    };
    assert_eq!(evaluation.recall.len(), 3 * 3);
    for voter in ["member-1", "member-2", "ensemble"] {
        let recall = evaluation.recall.iter().filter(|row| row.voter == voter);
        assert_eq!(recall.clone().map(|row| row.correct).sum::<usize>(), correct(voter));
        assert_eq!(recall.map(|row| row.images).sum::<usize>(), 8197);
    }
    assert_eq!(evaluation.pairs.len(), 2);
    for row in &evaluation.pairs {
        assert_eq!(row.both + row.ensemble_only, correct("ensemble"));
        assert_eq!(row.both + row.member_only, correct(&row.member));
        assert_eq!(row.both + row.ensemble_only + row.member_only + row.neither, 8197);
    }
}

#[test]
fn one_encryption_serves_ensembles_of_different_size() {
    let mut rng = StdRng::seed_from_u64(4);
    let (two, ensemble_of_two, _) = ensemble(2, &mut rng);
    let (one, ensemble_of_one, _) = ensemble(1, &mut rng);
    let policy = policy(RangeKind::Proven, 0.0, Encryption::SecretKey);
    let session =
        session_of(&[&ensemble_of_two, &ensemble_of_one], None, &policy, Evaluator::default()).unwrap();
    let (test, none, setting) = (images(9, &mut rng), images(0, &mut rng), setting());
    let set = EncryptedImages::new(&session, &test);
    let evaluations = [(&two, &ensemble_of_two), (&one, &ensemble_of_one)].map(|(floats, ensemble)| {
        let inputs = SettingInputs {
            setting: &setting,
            floats,
            ensemble,
            observed_logit: Some(7),
            validation: &none,
            test: &set,
        };
        let evaluation = evaluate_setting(&inputs, &()).unwrap();
        assert_eq!(evaluation.accuracy.iter().filter_map(|row| row.mismatches).sum::<u64>(), 0);
        assert_eq!(evaluation.parameters.plaintext_moduli, session.parameters().plaintext_moduli());
        assert!(evaluation.validation.is_empty());
        evaluation
    });
    // The images are encrypted once, and both settings record that time.
    let [two, one] = evaluations.each_ref().map(|evaluation: &Evaluation| -> Vec<f64> {
        let rows = evaluation.layers.iter().filter(|row| row.layer == "EncryptedLayer");
        rows.map(|row| row.seconds).collect()
    });
    assert_eq!((two.len(), &two), (1, &one));

    let (floats, stranger, _) = ensemble(1, &mut rng);
    let inputs = SettingInputs {
        setting: &setting,
        floats: &floats,
        ensemble: &stranger,
        observed_logit: Some(7),
        validation: &none,
        test: &set,
    };
    let error = evaluate_setting(&inputs, &()).unwrap_err();
    assert!(matches!(error, EvaluateError::UnknownEnsemble { .. }), "{error}");
}

#[test]
fn the_time_of_each_size_is_that_of_its_full_batches_and_its_last_batch() {
    let mut rng = StdRng::seed_from_u64(5);
    let (_, ensemble, session) = ensemble(2, &mut rng);
    let test = images(8192 + 5, &mut rng);
    let measure = |sizes: &[usize]| measure_elapsed(&ensemble, &session, &test, sizes, &());
    let elapsed = measure(&[8197, 10, 8192]).unwrap();
    assert_eq!(elapsed.mismatches, 0);
    let found: Vec<_> = elapsed.rows.iter().map(|row| (row.images, row.batches)).collect();
    assert_eq!(found, [(10, 1), (8192, 1), (8197, 2)]);
    let seconds: Vec<f64> = elapsed.rows.iter().map(|row| row.seconds).collect();
    assert!(seconds[0] != seconds[1] && seconds[1] < seconds[2], "{seconds:?}");
    for row in &elapsed.rows {
        let steps = row.encrypt_seconds + row.transfer_seconds + row.evaluate_seconds + row.decrypt_seconds;
        assert!(row.transfer_seconds > 0.0 && (steps - row.seconds).abs() < 1e-9);
    }
    assert!(matches!(
        measure(&[8198]),
        Err(EvaluateError::TooFewImages { requested: 8198, available: 8197 })
    ));
    let policy = policy(RangeKind::Proven, 0.0, Encryption::SecretKey);
    let session = session_of(&[&ensemble], None, &policy, Evaluator::Reference).unwrap();
    assert_eq!(measure_elapsed(&ensemble, &session, &test, &[5], &()).unwrap().mismatches, 0);
}

#[test]
fn logits_beyond_the_plaintext_modulus_are_counted_and_not_hidden() {
    let mut rng = StdRng::seed_from_u64(2);
    let (float, integer) = member(&mut rng);
    // A bias far beyond the observed range that the session is given.
    let output = integer.output().map(|_, _, w| *w, |_, b| b + 1_000_000_000);
    let blocks = [integer.convolution().clone(), integer.hidden().clone(), output];
    let integer = IntegerNetwork::new(SHAPE, PixelLevels::new(2).unwrap(), 1.0, blocks).unwrap();
    let ensemble = IntegerEnsemble::new(vec![integer]).unwrap();
    let (test, setting) = (images(7, &mut rng), setting());
    let policy = policy(RangeKind::Observed, 0.25, Encryption::PublicKey);
    let session = session_of(&[&ensemble], Some(1000), &policy, Evaluator::default()).unwrap();
    let inputs = SettingInputs {
        setting: &setting,
        floats: &[float],
        ensemble: &ensemble,
        observed_logit: Some(1000),
        validation: &test,
        test: &EncryptedImages::new(&session, &test),
    };
    let evaluation = evaluate_setting(&inputs, &()).unwrap();
    assert_eq!(evaluation.range.images_outside, 7);
    let encrypted = evaluation.accuracy.iter().filter(|row| row.domain == Domain::Encrypted);
    assert!(encrypted.map(|row| row.mismatches).all(|count| count == Some(8192 * 3)));
}

#[test]
fn nothing_to_classify_other_members_and_other_pixels_are_refused() {
    let mut rng = StdRng::seed_from_u64(3);
    let (floats, ensemble, session) = ensemble(1, &mut rng);
    let (setting, none, test) = (setting(), images(0, &mut rng), images(1, &mut rng));
    let inputs = SettingInputs {
        setting: &setting,
        floats: &floats,
        ensemble: &ensemble,
        observed_logit: Some(1000),
        validation: &none,
        test: &EncryptedImages::new(&session, &none),
    };
    assert!(matches!(evaluate_setting(&inputs, &()), Err(EvaluateError::NoImages)));
    let set = EncryptedImages::new(&session, &test);
    let inputs = SettingInputs { floats: &[], test: &set, ..inputs };
    assert!(matches!(evaluate_setting(&inputs, &()), Err(EvaluateError::MemberCount { .. })));

    let other = ensemble.members()[0].clone();
    let blocks = [other.convolution(), other.hidden(), other.output()].map(Clone::clone);
    let other = IntegerNetwork::new(SHAPE, PixelLevels::new(3).unwrap(), 1.0, blocks).unwrap();
    let other = IntegerEnsemble::new(vec![other]).unwrap();
    let inputs = SettingInputs { floats: &floats, ensemble: &other, ..inputs };
    let expected =
        |error: &EvaluateError| matches!(error, EvaluateError::PixelLevels { expected: 2, found: 3 });
    assert!(evaluate_setting(&inputs, &()).is_err_and(|error| expected(&error)));
    let policy = policy(RangeKind::Observed, 0.0, Encryption::PublicKey);
    let session = |ensembles: &[&IntegerEnsemble], observed| {
        session_of(ensembles, observed, &policy, Evaluator::default())
    };
    assert!(session(&[&ensemble, &other], Some(7)).is_err_and(|error| expected(&error)));
    assert!(matches!(session(&[], None), Err(EvaluateError::NoEnsembles)));
    assert!(matches!(session(&[&ensemble], None), Err(EvaluateError::NoObservedRange)));
}

#[test]
fn the_planner_finds_three_primes_for_the_members_of_the_papers_experiment() {
    let members =
        std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../results/reference/paper/members"));
    for setting in 1..=6 {
        let folder = members.join(format!("regular-{setting}-seed1/ensemble"));
        let exported = sottovoce_network::disk::read_ensemble(&folder).unwrap();
        let ranged = RangedEnsemble {
            ensemble: &exported.ensemble,
            observed_logit: exported.origin.observed.map(|o| o.largest()),
            proven_logit: None,
        };
        for encryption in [Some(Encryption::PublicKey), None] {
            let fixed = FixedParameters { encryption, ..FixedParameters::default() };
            let policy =
                ParameterPolicy { range: RangeKind::Observed, range_margin: 0.15, hide_model: false, fixed };
            let choice = policy.choose(&[ranged], 10_000, &[Evaluator::default()]).unwrap();
            let primes = choice.parameters.ciphertext_primes().len();
            assert!(primes <= 3, "setting {setting}: {primes} primes");
            assert!(choice.failure_probability_log2 < -40.0);
        }
    }
}

#[test]
fn latencies_are_measured_for_every_number_of_images_and_are_exact() {
    let mut rng = StdRng::seed_from_u64(8);
    // A bias far beyond the observed range.
    let (first, second) = (member(&mut rng).1, member(&mut rng).1);
    let output = second.output().map(|_, _, w| *w, |_, b| b + 1_000_000_000);
    let blocks = [second.convolution().clone(), second.hidden().clone(), output];
    let second = IntegerNetwork::new(SHAPE, PixelLevels::BINARY, 1.0, blocks).unwrap();
    let ensemble = IntegerEnsemble::new(vec![first, second]).unwrap();
    let images = images(12, &mut rng);
    let ranged = RangedEnsemble { ensemble: &ensemble, observed_logit: Some(1), proven_logit: None };
    let latency = |range, counts: &[usize]| {
        let policy = policy(range, 0.0, Encryption::SecretKey);
        let parameters = policy.choose(&[ranged], 12, &[Evaluator::default()]).unwrap().parameters;
        let inputs = LatencyInputs {
            ensemble: &ensemble,
            images: &images,
            counts,
            rounds: 2,
            max_single_images: 5,
            forms: std::slice::from_ref(&parameters),
            evaluator: Evaluator::default(),
        };
        measure_latency(&inputs, &()).map(|mut forms| (forms.pop().unwrap(), parameters.clone()))
    };

    let (batched, parameters) = latency(RangeKind::Proven, &[1, 12]).unwrap();
    assert_eq!((batched.mismatches, batched.key_seconds_all.len()), (0, 2));
    assert_eq!(batched.rows.iter().map(|row| row.images).collect::<Vec<_>>(), [1, 12]);
    for row in &batched.rows {
        assert_eq!((row.batches, row.is_scaled(), row.seconds_all.len()), (1, false, 2));
        assert_eq!(row.upload_bytes, size::batch_bytes(&parameters, 25));
        assert_eq!(row.download_bytes, size::answer_bytes(&parameters, 3));
    }

    assert!(latency(RangeKind::Observed, &[12]).unwrap().0.mismatches > 0);
    let error = latency(RangeKind::Proven, &[13]).unwrap_err();
    assert!(matches!(error, EvaluateError::TooFewImages { requested: 13, available: 12 }), "{error}");
}

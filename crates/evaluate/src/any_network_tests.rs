//! Property tests: every network is evaluated exactly, or refused with a reason.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sottovoce_bfv::planner::FixedParameters;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{
    Architecture, Block, BlockShape, IntegerEnsemble, IntegerNetwork, Padding, PixelLevels,
};

use crate::{EvaluateError, Evaluator, ParameterPolicy, RangeKind, RangedEnsemble, Session, predict_images};

/// How a layer's weights are drawn.
#[derive(Debug, Clone, Copy)]
enum Weights {
    Zero,
    /// Random weights of at most this many bits.
    UpTo(u32),
    /// All weights are the largest number of this many bits.
    All(u32),
    /// All weights are zero except one, whose magnitude has this many bits.
    One(u32),
}

fn weights() -> impl Strategy<Value = Weights> {
    prop_oneof![
        Just(Weights::Zero),
        (1u32..8).prop_map(Weights::UpTo),
        (8u32..40).prop_map(Weights::UpTo),
        (1u32..20).prop_map(Weights::All),
        (1u32..60).prop_map(Weights::One),
    ]
}

fn architectures() -> impl Strategy<Value = Architecture> {
    (1usize..8, 1usize..4, 1usize..3, 0usize..2, 0usize..2, 1usize..4, 1usize..6, 2usize..5)
        .prop_map(|(image_side, kernel, stride, leading, trailing, maps, hidden, classes)| Architecture {
            image_side,
            kernel,
            stride: stride.min(kernel),
            padding: Padding { leading: leading.min(kernel - 1), trailing: trailing.min(kernel - 1) },
            maps,
            hidden,
            classes,
        })
        .prop_filter("the kernel fits", |shape| shape.validate().is_ok())
}

fn block(kind: Weights, BlockShape { rows, columns, .. }: BlockShape, rng: &mut StdRng) -> Block<i64, i128> {
    let one = rng.random_range(0..rows * columns);
    let weights = (0..rows * columns).map(|index| match kind {
        Weights::Zero => 0,
        Weights::UpTo(bits) => rng.random_range(-(1 << bits)..=1 << bits),
        Weights::All(bits) => (1 << bits) - 1,
        Weights::One(bits) if index == one => -(1 << bits),
        Weights::One(_) => 0,
    });
    let weights = weights.collect();
    let biases = (0..rows).map(|_| rng.random_range(-1000..=1000)).collect();
    Block::new(columns, weights, biases).unwrap()
}

/// Classifies random images. Returns the bits of the plaintext modulus under which the answers were exact, or the reason of a refusal.
fn outcome(
    shape: Architecture,
    kinds: [Weights; 3],
    members: usize,
    levels: u16,
    seed: u64,
) -> Result<f64, String> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut member = || {
        let mut kinds = kinds.into_iter();
        let blocks = shape.block_shapes().map(|shape| block(kinds.next().unwrap(), shape, &mut rng));
        IntegerNetwork::new(shape, PixelLevels::new(levels).unwrap(), 1.0, blocks)
    };
    let networks: Result<Vec<_>, _> = (0..members).map(|_| member()).collect();
    let ensemble = match networks.map_err(|e| e.to_string()) {
        Ok(networks) => IntegerEnsemble::new(networks).map_err(|e| e.to_string())?,
        Err(reason) => return Err(reason),
    };
    let policy = ParameterPolicy {
        range: RangeKind::Proven,
        range_margin: 0.0,
        hide_model: false,
        fixed: FixedParameters::default(),
    };
    let ranged = RangedEnsemble { ensemble: &ensemble, observed_logit: None, proven_logit: None };
    let evaluator = Evaluator::default();
    let session = match Session::new(&[ranged], &policy, 50, evaluator) {
        Ok(session) => session,
        Err(EvaluateError::Parameters(reason)) => return Err(reason.to_string()),
        Err(other) => panic!("{other}"),
    };
    let pixels: Vec<u8> = (0..50 * shape.pixels()).map(|_| rng.random()).collect();
    let images = LabelledImages::new(shape.image_side, pixels, vec![0; 50]).unwrap();
    let (_, summary) = predict_images(ranged, &session, &images, &()).unwrap();
    assert_eq!((summary.mismatches, summary.range.images_outside), (0, 0));
    Ok(summary.parameters.plaintext_bits)
}

/// Asserts that a reason has a number of bits, or names a quantity that exceeds a limit.
fn assert_is_a_reason(reason: &str) {
    assert!(reason.contains("bits") || reason.contains("exceed"), "{reason}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_network_runs_exactly_or_is_refused_with_a_reason(
        shape in architectures(),
        kinds in [weights(), weights(), weights()],
        members in prop_oneof![4 => 1usize..4, 1 => Just(20usize)],
        levels in prop_oneof![Just(2u16), Just(4), Just(256)],
        seed in any::<u64>(),
    ) {
        if let Err(reason) = outcome(shape, kinds, members, levels, seed) {
            assert_is_a_reason(&reason);
        }
    }
}

const ONE_PIXEL: Architecture = Architecture {
    image_side: 1,
    kernel: 1,
    stride: 1,
    padding: Padding { leading: 0, trailing: 0 },
    maps: 1,
    hidden: 1,
    classes: 2,
};

#[test]
fn extreme_networks_are_evaluated_exactly() {
    let small = Architecture { image_side: 4, kernel: 2, maps: 2, hidden: 3, ..ONE_PIXEL };
    for (shape, kinds, members, least_bits) in [
        (ONE_PIXEL, [Weights::UpTo(3); 3], 1, 0.0),
        (ONE_PIXEL, [Weights::Zero; 3], 1, 0.0),
        (small, [Weights::UpTo(2); 3], 20, 20.0),
        // Several plaintext moduli, and weights beyond bytes.
        (small, [Weights::UpTo(4), Weights::UpTo(12), Weights::UpTo(15)], 2, 60.0),
        (ONE_PIXEL, [Weights::One(3), Weights::One(3), Weights::One(50)], 1, 60.0),
        (small, [Weights::All(4), Weights::All(18), Weights::All(12)], 1, 80.0),
    ] {
        let bits = outcome(shape, kinds, members, 16, 1);
        assert!(bits.as_ref().is_ok_and(|bits| *bits >= least_bits), "{kinds:?}: {bits:?}");
    }
}

#[test]
fn networks_with_too_large_weights_are_refused() {
    for kinds in [[Weights::One(20); 3], [Weights::One(60), Weights::One(1), Weights::One(1)]] {
        let reason = outcome(ONE_PIXEL, kinds, 1, 256, 1).unwrap_err();
        assert_is_a_reason(&reason);
    }
}

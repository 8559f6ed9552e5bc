use proptest::prelude::*;

use super::*;
use crate::{Architecture, BlockShape, IntegerBlock, IntegerNetwork, Padding, PixelLevels, sum_logits};

/// Binary digits of the largest weights of the three blocks, and of their biases.
type Sizes = [(u32, u32); 3];

fn shapes() -> impl Strategy<Value = Architecture> {
    let kernel = (1usize..=3).prop_flat_map(|kernel| (Just(kernel), 1..=kernel, 0..kernel, 0..kernel));
    (3usize..=4, kernel, 1usize..=2, 1usize..=4, 2usize..=3).prop_map(
        |(image_side, (kernel, stride, leading, trailing), maps, hidden, classes)| {
            let padding = Padding { leading, trailing };
            Architecture { image_side, kernel, stride, padding, maps, hidden, classes }
        },
    )
}

/// Numbers of up to `bits` bits, zeros and the extremes often among them.
fn numbers(count: usize, bits: u32) -> impl Strategy<Value = Vec<i64>> {
    let most = ((1i128 << bits) - 1) as i64;
    let number = prop_oneof![
        4 => -most..=most,
        2 => Just(0),
        1 => prop_oneof![Just(most), Just(-most), Just(if bits == 63 { i64::MIN } else { -most })],
    ];
    prop::collection::vec(number, count)
}

/// A row of zeros now and then.
fn block(
    BlockShape { rows, columns, .. }: BlockShape,
    (weight, bias): (u32, u32),
) -> impl Strategy<Value = IntegerBlock> {
    (numbers(rows * columns, weight), numbers(rows, bias), 0..2 * rows).prop_map(
        move |(weights, biases, blank)| {
            let weight = |row, column| if row == blank { 0 } else { weights[row * columns + column] };
            IntegerBlock::from_fn(rows, columns, weight, |row| biases[row].into())
        },
    )
}

/// One to three members with numbers of `sizes`, or `None` where they are refused for their range.
fn ensembles(
    levels: impl Strategy<Value = u16>,
    sizes: impl Strategy<Value = Sizes>,
) -> impl Strategy<Value = Option<IntegerEnsemble>> {
    (shapes(), levels, sizes).prop_flat_map(|(shape, levels, sizes)| {
        let [a, b, c] = shape.block_shapes();
        let blocks = (block(a, sizes[0]), block(b, sizes[1]), block(c, sizes[2]));
        prop::collection::vec(blocks, 1..=3).prop_map(move |members| {
            let levels = PixelLevels::new(levels).unwrap();
            let members =
                members.into_iter().map(|(a, b, c)| IntegerNetwork::new(shape, levels, 1.0, [a, b, c]));
            IntegerEnsemble::new(members.collect::<Result<_, _>>().ok()?).ok()
        })
    })
}

const SMALL: Sizes = [(2, 3), (2, 5), (3, 8)];

fn assert_in_order(range: &ProvenRange) {
    let [norms, intervals, quadratic] = RangeMethod::ALL.map(|method| range.by(method));
    for of in [|range: &LogitRange| range.members, |range: &LogitRange| range.ensemble] {
        assert!(of(&quadratic) <= of(&intervals) && of(&intervals) <= of(&norms), "{range:?}");
    }
    assert_eq!(range.best().1, quadratic.largest());
}

fn assert_within(range: &ProvenRange, ensemble: &IntegerEnsemble, image: &[u8]) {
    let logits = ensemble.member_logits(image).unwrap();
    let largest = |logits: &[i128]| logits.iter().map(|logit| logit.abs()).max().unwrap();
    let (members, sum) =
        (logits.iter().map(|logits| largest(logits)).max().unwrap(), largest(&sum_logits(&logits)));
    for method in RangeMethod::ALL {
        let LogitRange { members: most, ensemble: most_sum } = range.by(method);
        assert!(members <= most, "{method}: a member has {members}, not {most}");
        assert!(sum <= most_sum, "{method}: the sum is {sum}, not {most_sum}");
    }
}

/// Image number `index` of those with `levels` levels.
fn image(index: u64, levels: u16, pixels: usize) -> Vec<u8> {
    let levels = u64::from(levels);
    (0..pixels as u32).map(|pixel| (index / levels.pow(pixel) % levels) as u8).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_image_is_within_every_range(
        ensemble in ensembles(2u16..=256, Just(SMALL)),
        images in prop::collection::vec(prop::collection::vec(prop_oneof![Just(0u8), Just(255), any::<u8>()], 16), 50),
    ) {
        let ensemble = ensemble.unwrap();
        let range = ProvenRange::of(&ensemble);
        assert_in_order(&range);
        let levels = ensemble.pixel_levels();
        for image in images {
            assert_within(&range, &ensemble, &levels.quantise_all(&image[..ensemble.architecture().pixels()]));
        }
    }

    #[test]
    fn numbers_of_any_size_are_within_every_range_and_never_panic(
        ensemble in ensembles(
            2u16..=256,
            // Twice as many bits behind each square; just within 127 and beyond.
            (0u32..=12, 0u32..=30, 0u32..=63, 0u32..=30, 0u32..=60, 0u32..=63)
                .prop_map(|(a, b, c, d, e, f)| [(a, d), (b, e), (c, f)]),
        ),
        corners in any::<u64>(),
    ) {
        if let Some(ensemble) = ensemble {
            let range = ProvenRange::of(&ensemble);
            assert_in_order(&range);
            let most = ensemble.pixel_levels().largest();
            let pixels = ensemble.architecture().pixels();
            for index in [0, corners, !corners, u64::MAX] {
                let corner: Vec<u8> = image(index, 2, pixels).iter().map(|pixel| pixel * most).collect();
                assert_within(&range, &ensemble, &corner);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn all_images_of_two_levels_are_within_every_range(ensemble in ensembles(Just(2u16), Just(SMALL))) {
        let ensemble = ensemble.unwrap();
        let range = ProvenRange::of(&ensemble);
        let pixels = ensemble.architecture().pixels();
        (0..1 << pixels).for_each(|index| assert_within(&range, &ensemble, &image(index, 2, pixels)));
    }

    #[test]
    fn a_range_does_not_change_when_all_logits_change_their_sign(ensemble in ensembles(2u16..=8, Just(SMALL))) {
        let ensemble = ensemble.unwrap();
        let negated = ensemble.members().iter().map(|member| {
            let output = member.output().map(|_, _, weight| -weight, |_, bias| -bias);
            let blocks = [member.convolution().clone(), member.hidden().clone(), output];
            IntegerNetwork::new(*member.architecture(), member.pixel_levels(), 1.0, blocks).unwrap()
        });
        let negated = IntegerEnsemble::new(negated.collect()).unwrap();
        prop_assert_eq!(ProvenRange::of(&ensemble), ProvenRange::of(&negated));
    }
}

#[test]
fn every_method_improves_on_the_one_before() {
    // One window, h = (x0 + x1)^2 - (x0 - x1)^2 = 4 x0 x1 with pixels of 0 and 1. The norms let both squares add up
    // to 2^2 + 2^2; intervals know their signs and the second one's [0, 1], hence [-1, 4]; the form knows [0, 4].
    // A bias of -3 makes that 11, [-4, 1] and [-3, 1].
    let shape = Architecture {
        image_side: 2,
        kernel: 2,
        stride: 1,
        padding: Padding { leading: 0, trailing: 0 },
        maps: 2,
        hidden: 1,
        classes: 2,
    };
    let blocks = [
        IntegerBlock::new(4, vec![1, 1, 0, 0, 1, -1, 0, 0], vec![0, 0]).unwrap(),
        IntegerBlock::new(2, vec![1, -1], vec![-3]).unwrap(),
        IntegerBlock::new(1, vec![1, -1], vec![0, 0]).unwrap(),
    ];
    let network = IntegerNetwork::new(shape, PixelLevels::BINARY, 1.0, blocks).unwrap();
    let range = ProvenRange::of(&IntegerEnsemble::new(vec![network]).unwrap());
    let both = |most| LogitRange { members: most, ensemble: most };
    assert_eq!(range.by(RangeMethod::Norms), both(121));
    assert_eq!(range.by(RangeMethod::Intervals), both(16));
    assert_eq!(range.by(RangeMethod::Quadratic), both(9));
    assert_eq!(range.best(), (RangeMethod::Quadratic, 9));
    assert!((range.saved_bits(RangeMethod::Quadratic) - (121f64 / 9.0).log2()).abs() < 1e-12);
}

#[test]
fn members_that_oppose_each_other_are_known_to_cancel() {
    let shape = Architecture {
        image_side: 4,
        kernel: 2,
        stride: 2,
        padding: Padding { leading: 0, trailing: 0 },
        maps: 2,
        hidden: 3,
        classes: 2,
    };
    let network = |sign: i64| {
        let weight = |name: &str, row: usize, column: usize| {
            let sign = if name == "output" { sign } else { 1 };
            sign * ((row * 7 + column * 5) as i64 % 9 - 4)
        };
        IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 0).unwrap()
    };
    let range = ProvenRange::of(&IntegerEnsemble::new(vec![network(1), network(-1)]).unwrap());
    let norms = range.by(RangeMethod::Norms);
    assert_eq!(norms.ensemble, 2 * norms.members);
    // The norms add up; an interval and its negative do less so.
    let intervals = range.by(RangeMethod::Intervals);
    assert!(intervals.ensemble < 2 * intervals.members);
}

#[test]
fn shapes_too_large_for_forms_keep_their_intervals() {
    let shape = Architecture {
        image_side: 64,
        kernel: 64,
        stride: 1,
        padding: Padding { leading: 0, trailing: 0 },
        maps: 1,
        hidden: 1,
        classes: 2,
    };
    let weight = |_: &str, _, column: usize| 1 - (column % 3) as i64;
    let network = IntegerNetwork::from_fn(shape, PixelLevels::BINARY, weight, |_, _| 7).unwrap();
    let range = ProvenRange::of(&IntegerEnsemble::new(vec![network]).unwrap());
    assert_eq!(range.by(RangeMethod::Quadratic), range.by(RangeMethod::Intervals));
    assert_eq!(range.best().0, RangeMethod::Intervals);
}

use ndarray::{ArrayD, IxDyn};

use sottovoce_network::Padding;

use super::*;
use crate::import::formats::symbolic::layers::{
    BatchNormStatistics, Windows, average_pool, batch_norm, convolve,
};
use crate::import::formats::symbolic::recognise::recognise;
use crate::import::real_network::RealNetwork;

/// Pseudo-random numbers in -1..1.
fn numbers(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

fn constant(shape: &[usize], seed: u64) -> Value {
    Value::Constant(numbers(shape, seed))
}

/// A network on images of 12 x 12 pixels in PyTorch's layout. `before` is applied to the convolution's outputs.
fn traced(
    windows: Windows,
    channels_last: bool,
    before: impl Fn(&Value) -> Value,
) -> Result<RealNetwork, LayerError> {
    let mut trace = Trace::default();
    let image = trace.input(&[1, 1, 12, 12])?;
    let maps = before(&convolve(&image, &numbers(&[2, 1, 3, 3], 1), Some(&numbers(&[2], 2)), windows)?);
    let maps = trace.square(&maps)?;
    let maps = if channels_last { maps.transpose(&[0, 2, 3, 1])? } else { maps };
    let flat = maps.flatten(1)?;
    let width = flat.shape()[1];
    let hidden = flat.matmul(&constant(&[width, 4], 3))?.add(&constant(&[4], 4))?;
    let hidden = trace.multiply(&hidden, &hidden.clone())?;
    let logits = hidden.matmul(&constant(&[4, 3], 5))?.add(&constant(&[3], 6))?;
    recognise(&trace, &logits.softmax()?)
}

/// The logits of the same network, by loops over the definition. `value(map, row, column)` is an output of the
/// convolution.
fn expected(side: usize, channels_last: bool, value: impl Fn(usize, usize, usize) -> f64) -> Vec<f64> {
    let mut flat = Vec::new();
    for i in 0..2 * side * side {
        let (map, row, column) = if channels_last {
            (i % 2, i / 2 / side, i / 2 % side)
        } else {
            (i / side / side, i / side % side, i % side)
        };
        flat.push(value(map, row, column).powi(2));
    }
    let (w1, b1) = (numbers(&[flat.len(), 4], 3), numbers(&[4], 4));
    let hidden: Vec<f64> = (0..4)
        .map(|unit| {
            let sum: f64 = flat.iter().enumerate().map(|(i, value)| value * w1[[i, unit]]).sum();
            (sum + b1[[unit]]).powi(2)
        })
        .collect();
    let (w2, b2) = (numbers(&[4, 3], 5), numbers(&[3], 6));
    (0..3).map(|c| b2[[c]] + (0..4).map(|unit| hidden[unit] * w2[[unit, c]]).sum::<f64>()).collect()
}

/// One output of the test's convolution, by the definition.
fn window(image: &[f64], windows: Windows, map: usize, row: usize, column: usize) -> f64 {
    let (kernels, biases) = (numbers(&[2, 1, 3, 3], 1), numbers(&[2], 2));
    let mut sum = biases[[map]];
    for y in 0..3 {
        for x in 0..3 {
            let at = |axis: usize, window: usize, tap: usize| {
                (window * windows.stride[axis] + tap).checked_sub(windows.padding[axis].0).filter(|&i| i < 12)
            };
            if let (Some(i), Some(j)) = (at(0, row, y), at(1, column, x)) {
                sum += kernels[[map, 0, y, x]] * image[i * 12 + j];
            }
        }
    }
    sum
}

fn image() -> Vec<f64> {
    numbers(&[144], 9).iter().map(|value| value.abs()).collect()
}

fn assert_close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found} for {expected}");
    }
}

#[test]
fn a_convolution_is_recognised_with_its_kernel_stride_and_padding_in_both_orders_of_flattening() {
    for (stride, leading, trailing, side) in
        [(2, 1, 0, 6), (1, 1, 1, 12), (3, 0, 0, 4), (2, 0, 1, 6), (2, 2, 2, 7)]
    {
        for channels_last in [false, true] {
            let windows = Windows { stride: [stride; 2], padding: [(leading, trailing); 2] };
            let network = traced(windows, channels_last, Value::clone).unwrap();
            let architecture = network.architecture();
            assert_eq!(
                (architecture.kernel, architecture.stride, architecture.convolution_side()),
                (3, stride, side)
            );
            assert_eq!(architecture.padding.leading, leading);
            assert_eq!((architecture.maps, architecture.hidden, architecture.classes), (2, 4, 3));
            let image = image();
            let expected =
                expected(side, channels_last, |map, row, column| window(&image, windows, map, row, column));
            assert_close(&network.logits(&image), &expected);
        }
    }
}

#[test]
fn batch_norm_and_pooling_before_the_square_make_a_larger_convolution() {
    let windows = Windows::valid([1, 1]);
    let (gamma, mean, variance) = (numbers(&[2], 20), numbers(&[2], 21), numbers(&[2], 22).mapv(f64::abs));
    let norm = BatchNormStatistics {
        gamma: Some(&gamma),
        beta: None,
        mean: &mean,
        variance: &variance,
        epsilon: 1e-3,
    };
    let network = traced(windows, false, |maps| {
        average_pool(&batch_norm(maps, 1, &norm).unwrap(), [2, 2], Windows::valid([2, 2]), false).unwrap()
    })
    .unwrap();
    let architecture = network.architecture();
    assert_eq!((architecture.kernel, architecture.stride), (4, 2));
    assert_eq!(architecture.padding, Padding { leading: 0, trailing: 0 });
    let image = image();
    let expected = expected(5, false, |map, row, column| {
        let one = |y: usize, x: usize| {
            let value = window(&image, windows, map, 2 * row + y, 2 * column + x);
            (value - mean[[map]]) / (variance[[map]] + 1e-3).sqrt() * gamma[[map]]
        };
        (one(0, 0) + one(0, 1) + one(1, 0) + one(1, 1)) / 4.0
    });
    assert_close(&network.logits(&image), &expected);
}

#[test]
fn an_offset_of_the_pixels_is_folded_where_windows_read_no_zeros_and_refused_where_they_do() {
    let network = |padding: usize, pad_first: bool| {
        let mut trace = Trace::default();
        let image = trace.input(&[1, 12, 12, 1]).unwrap().transpose(&[0, 3, 1, 2]).unwrap();
        let normalise = |image: &Value| {
            image.subtract(&Value::scalar(0.25)).unwrap().divide(&Value::scalar(0.5)).unwrap()
        };
        let sides = [(0, 0), (0, 0), (padding, padding), (padding, padding)];
        let image = if pad_first {
            normalise(&image.pad(&sides, 0.0).unwrap())
        } else {
            normalise(&image).pad(&sides, 0.0).unwrap()
        };
        let maps = convolve(&image, &numbers(&[2, 1, 3, 3], 1), None, Windows::valid([3, 3])).unwrap();
        let maps = trace.square(&maps).unwrap().flatten(1).unwrap();
        let hidden = maps.matmul(&constant(&[maps.shape()[1], 4], 3)).unwrap();
        let hidden = trace.power(&hidden, &Value::scalar(2.0)).unwrap();
        recognise(&trace, &hidden.matmul(&constant(&[4, 3], 5)).unwrap())
    };
    assert!(network(0, false).is_ok());
    assert!(network(1, true).is_ok());
    let refusal = network(1, false).unwrap_err().to_string();
    assert!(refusal.contains("one bias for a map cannot be both"), "{refusal}");
}

#[test]
fn kernels_that_are_not_square_become_square_ones_with_zeros() {
    let mut trace = Trace::default();
    let image = trace.input(&[1, 1, 12, 12]).unwrap();
    let windows = Windows { stride: [2, 2], padding: [(0, 0), (1, 1)] };
    let maps = convolve(&image, &numbers(&[2, 1, 2, 4], 1), None, windows).unwrap();
    let maps = trace.square(&maps).unwrap().flatten(1).unwrap();
    let hidden = maps.matmul(&constant(&[maps.shape()[1], 4], 3)).unwrap();
    let hidden = trace.square(&hidden).unwrap();
    let network = recognise(&trace, &hidden.matmul(&constant(&[4, 3], 5)).unwrap()).unwrap();
    assert_eq!(network.architecture().kernel, 4);
    assert_eq!(network.architecture().padding.leading, 1);
}

#[test]
fn networks_of_other_families_are_refused_with_the_reason() {
    let mut trace = Trace::default();
    let image = trace.input(&[1, 1, 12, 12]).unwrap();
    let kernels = numbers(&[2, 1, 3, 3], 1);
    let maps = convolve(&image, &kernels, None, Windows::valid([1, 1])).unwrap();
    let no_square = recognise(&trace, &maps).unwrap_err().to_string();
    assert!(no_square.contains("has 0 squares"), "{no_square}");
    let squares = trace.square(&maps).unwrap();
    let second = convolve(&squares, &numbers(&[2, 2, 3, 3], 2), None, Windows::valid([1, 1])).unwrap_err();
    assert!(second.to_string().contains("second convolution"));
    let skip = squares.add(&maps).unwrap_err();
    assert!(skip.to_string().contains("skips a square"));
    let product = trace.multiply(&squares, &squares.scale(&Value::scalar(2.0)).unwrap()).unwrap_err();
    assert!(product.to_string().contains("the square of one value"));
    assert!(
        squares.softmax().unwrap().scale(&Value::scalar(2.0)).unwrap_err().to_string().contains("softmax")
    );
    assert!(trace.power(&squares, &Value::scalar(3.0)).unwrap_err().to_string().contains("trained again"));

    let mut dense = Trace::default();
    let flat = dense.input(&[1, 144]).unwrap();
    let hidden = dense.square(&flat.matmul(&constant(&[144, 6], 1)).unwrap()).unwrap();
    let hidden = dense.square(&hidden.matmul(&constant(&[6, 4], 1)).unwrap()).unwrap();
    let refusal = recognise(&dense, &hidden.matmul(&constant(&[4, 3], 1)).unwrap()).unwrap_err().to_string();
    assert!(refusal.contains("follows no convolution"), "{refusal}");
    for shape in [&[1, 3, 12, 12][..], &[1, 12, 10], &[1, 143]] {
        assert!(Trace::default().input(shape).unwrap_err().to_string().contains("square grey images"));
    }
}

#[test]
fn a_square_of_transposed_maps_is_in_the_order_of_the_transposed_axes() {
    let windows = Windows::valid([2, 2]);
    let kernels = numbers(&[2, 1, 3, 3], 1);
    let network = |square_first: bool| {
        let mut trace = Trace::default();
        let image = trace.input(&[1, 1, 12, 12]).unwrap();
        let maps = convolve(&image, &kernels, None, windows).unwrap();
        let last = [0, 2, 3, 1];
        let squares = if square_first {
            trace.square(&maps).unwrap().transpose(&last)
        } else {
            trace.square(&maps.transpose(&last).unwrap())
        };
        let flat = squares.unwrap().flatten(1).unwrap();
        let hidden = flat.matmul(&constant(&[flat.shape()[1], 4], 3)).unwrap();
        let hidden = trace.square(&hidden).unwrap();
        recognise(&trace, &hidden.matmul(&constant(&[4, 3], 5)).unwrap()).unwrap()
    };
    assert_eq!(network(true), network(false));
}

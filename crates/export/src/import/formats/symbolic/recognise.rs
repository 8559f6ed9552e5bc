//! Recognition of a network of this family in traced linear maps.

use std::collections::BTreeMap;

use sottovoce_network::{Architecture, Block, Padding};

use super::affine::{Affine, OutputPosition, by_variable};
use super::trace::Trace;
use super::value::Value;
use crate::import::error::LayerError;
use crate::import::real_network::RealNetwork;

/// Largest difference of equal coefficients of one tap at two positions, as a fraction of the largest coefficient.
/// Folded constants have a rounding error near 1e-16, and weights have at most 24 bits.
const TOLERANCE: f64 = 1e-9;

/// The supported family, for errors.
const FAMILY: &str = "convolution, square, dense, square, dense";

/// Returns the network whose logits are `output`, on the numbers that its input takes.
///
/// # Errors
/// If it is not convolution, square, dense layer, square and dense layer.
pub fn recognise(trace: &Trace, output: &Value) -> Result<RealNetwork, LayerError> {
    let Value::Signal(output) = output else {
        return Err(LayerError::new("does not depend on the image"));
    };
    let [convolution, hidden] = trace.squared.as_slice() else {
        return Err(LayerError::new(format!(
            "has {} squares before it; a network of this family has 2 ({FAMILY})",
            trace.squared.len()
        )));
    };
    if output.squares != 2 {
        return Err(LayerError::new(format!(
            "has {} squares before it; a network of this family has 2 ({FAMILY})",
            output.squares
        )));
    }
    let logits: Vec<Affine> = output.numbers.iter().cloned().collect();
    let (mut architecture, convolution, order) = recognise_convolution(trace, convolution)?;
    architecture.hidden = hidden.len();
    architecture.classes = logits.len();
    architecture
        .validate()
        .map_err(|error| LayerError::new(format!("ends a network of impossible sizes: {error}")))?;
    let hidden = dense(hidden, architecture.activations(), |variable| order.get(variable as usize).copied());
    let output = dense(&logits, architecture.hidden, |variable| Some(variable as usize));
    let blocks = [convolution, hidden, output];
    let finite =
        |block: &Block<f64>| block.weights().iter().chain(block.biases()).all(|value| value.is_finite());
    if !blocks.iter().all(finite) {
        return Err(LayerError::new("ends a network with weights that are not finite numbers"));
    }
    for (block, layer) in blocks.iter().zip(["convolution", "hidden layer", "output layer"]) {
        if block.weights().iter().all(|&weight| weight == 0.0) {
            return Err(LayerError::new(format!(
                "gives the same answer for every image: all weights of the {layer} are 0. The file may have been saved before \
                 training, or before weights were loaded"
            )));
        }
    }
    Ok(RealNetwork::new(architecture, blocks))
}

/// Returns the first linear map as a convolution (with one hidden unit and class, until those are known), and the
/// index of each of its outputs in this project's order: map, row, column.
///
/// # Errors
/// If the map is no convolution.
fn recognise_convolution(
    trace: &Trace,
    outputs: &[Affine],
) -> Result<(Architecture, Block<f64>, Vec<usize>), LayerError> {
    let placed: Option<Vec<(OutputPosition, &Affine)>> =
        outputs.iter().map(|output| Some((output.position?, output))).collect();
    let Some(placed) = placed else {
        return Err(LayerError::new(format!(
            "belongs to a network whose first square follows no convolution of the image; this family has one ({FAMILY})"
        )));
    };
    let extent = |of: fn(&OutputPosition) -> u32| {
        placed.iter().map(|(place, _)| of(place) as usize + 1).max().unwrap_or(0)
    };
    let (maps, rows, columns) =
        (extent(|place| place.map), extent(|place| place.row), extent(|place| place.column));
    let distinct: BTreeMap<OutputPosition, usize> =
        placed.iter().enumerate().map(|(index, (place, _))| (*place, index)).collect();
    if rows != columns || distinct.len() != outputs.len() || outputs.len() != maps * rows * columns {
        return Err(LayerError::new(format!(
            "belongs to a network whose convolution has {rows} x {columns} windows, of which {} outputs are used; all of a \
             square's are needed",
            outputs.len()
        )));
    }
    let order = placed
        .iter()
        .map(|(place, _)| (place.map as usize * rows + place.row as usize) * columns + place.column as usize);
    let order: Vec<usize> = order.collect();
    let mut reason = None;
    for stride in 1..=trace.side {
        match fit(trace.side, &placed, maps, rows, stride) {
            Ok((architecture, block)) => return Ok((architecture, block, order)),
            // The first error about biases is more useful than that no stride fits.
            Err(Misfit::Bias(refusal)) => reason = reason.or(Some(refusal)),
            Err(Misfit::Weights) => {}
        }
    }
    Err(reason.unwrap_or_else(|| {
        LayerError::new(format!(
            "belongs to a network whose first linear map is not one convolution with square kernels, one stride and like padding \
             above and left ({FAMILY})"
        ))
    }))
}

/// Returns the convolution with this stride.
///
/// # Errors
/// If the linear map is no such convolution.
fn fit(
    image_side: usize,
    placed: &[(OutputPosition, &Affine)],
    maps: usize,
    side: usize,
    stride: usize,
) -> Result<(Architecture, Block<f64>), Misfit> {
    // Offsets of the pixels that are read, from the start of the window without padding.
    let offset = |pixel: usize, window: u32| pixel as i64 - i64::from(window) * stride as i64;
    let offsets = placed.iter().flat_map(|(place, output)| {
        output.terms.iter().flat_map(move |&(pixel, _)| {
            let (row, column) = (pixel as usize / image_side, pixel as usize % image_side);
            [offset(row, place.row), offset(column, place.column)]
        })
    });
    let (first, last) = offsets.fold((0, 0), |(first, last), offset| (first.min(offset), last.max(offset)));
    let (leading, behind) = (first.unsigned_abs() as usize, last.unsigned_abs() as usize);
    let kernel = (leading + behind + 1).max(stride);
    if kernel > 2 * image_side {
        return Err(Misfit::Weights);
    }
    let mut architecture = Architecture {
        image_side,
        kernel,
        stride,
        padding: Padding { leading, trailing: 0 },
        maps,
        hidden: 1,
        classes: 2,
    };
    let trailing = (0..kernel).find(|&trailing| {
        architecture.padding.trailing = trailing;
        architecture.validate().is_ok() && architecture.convolution_side() == side
    });
    architecture.padding.trailing = trailing.ok_or(Misfit::Weights)?;
    let mut weights = vec![None; maps * architecture.taps()];
    let mut biases: Vec<Option<(f64, OutputPosition)>> = vec![None; maps];
    let largest = placed.iter().flat_map(|(_, output)| &output.terms);
    let largest = largest.fold(0.0, |largest: f64, (_, weight)| largest.max(weight.abs()));
    let mut uneven = None;
    for (place, output) in placed {
        let coefficients = by_variable(output);
        let map = place.map as usize;
        let position = place.row as usize * side + place.column as usize;
        let mut read = 0;
        for (tap, pixel) in architecture.window(position) {
            let found = coefficients.get(&(pixel as u32));
            read += usize::from(found.is_some());
            let found = found.copied().unwrap_or(0.0);
            let Some(slot) = weights.get_mut(map * architecture.taps() + tap) else {
                return Err(Misfit::Weights);
            };
            match *slot {
                None => *slot = Some(found),
                Some(weight) if f64::abs(weight - found) <= TOLERANCE * largest => {}
                Some(_) => return Err(Misfit::Weights),
            }
        }
        if read != coefficients.len() {
            return Err(Misfit::Weights);
        }
        let Some(slot) = biases.get_mut(map) else { return Err(Misfit::Weights) };
        match *slot {
            None => *slot = Some((output.constant, *place)),
            Some((bias, _)) if (bias - output.constant).abs() <= TOLERANCE * (largest + bias.abs()) => {}
            Some((bias, first)) => uneven = uneven.or(Some((map, first, bias, *place, output.constant))),
        }
    }
    if let Some((map, first, one, second, other)) = uneven {
        return Err(Misfit::Bias(LayerError::new(format!(
            "belongs to a network whose convolution adds {one} at row {}, column {} of map {map} and {other} at row {}, column {}: \
             pixels have an offset inside the image, and the zeros around it have none, so one bias for a map cannot be both. \
             Use instead: the same network trained without padding (\"valid\"), with inputs without an offset (p / 255), or with \
             the image padded before its pixels are normalised",
            first.row, first.column, second.row, second.column
        ))));
    }
    // A tap that no window reads has no effect.
    let weights = weights.into_iter().map(Option::unwrap_or_default).collect();
    let biases = biases.into_iter().map(|bias| bias.map_or(0.0, |(bias, _)| bias)).collect();
    let block = Block::new(architecture.taps(), weights, biases).ok_or(Misfit::Weights)?;
    Ok((architecture, block))
}

/// The reason why a stride is not that of the convolution.
enum Misfit {
    /// Two windows have different weights.
    Weights,
    /// All weights fit, but the biases differ from window to window.
    Bias(LayerError),
}

/// Returns a linear map as a dense layer, with its columns moved to the indices that `column` returns.
#[expect(
    clippy::indexing_slicing,
    reason = "there are as many rows as outputs, each of as many weights as columns"
)]
fn dense(outputs: &[Affine], columns: usize, column: impl Fn(u32) -> Option<usize>) -> Block<f64> {
    let mut weights = vec![0.0; outputs.len() * columns];
    for (row, output) in weights.chunks_exact_mut(columns).zip(outputs) {
        for &(variable, weight) in &output.terms {
            if let Some(slot) = column(variable).and_then(|column| row.get_mut(column)) {
                *slot += weight;
            }
        }
    }
    Block::from_fn(
        outputs.len(),
        columns,
        |row, column| weights[row * columns + column],
        |row| outputs[row].constant,
    )
}

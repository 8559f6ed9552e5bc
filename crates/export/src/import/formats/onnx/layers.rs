//! Layers with weights, poolings, and layers that are the identity in inference mode.

use ndarray::{ArrayD, Dimension as _, IxDyn};

use super::node::{Node, keep_batch};
use super::operand::{Element, Operand};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::layers::{self, BatchNormStatistics, Windows, batch_norm, convolve};
use crate::import::formats::symbolic::value::{Value, axis_index};

/// Largest size of kernels, strides, dilations and paddings along an axis: 4 times the side of the largest image.
const MAX_TAPS: i64 = 1 << 14;

/// Evaluates identity and dropout, which is the identity in inference mode.
pub fn inference_identity(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["ratio", "seed", "is_test"])?;
    if node.operator == "Dropout"
        && let Some(training) = node.optional(2)
        && training.to_scalar()? != 0.0
    {
        return Err(LayerError::new(
            "is a dropout in training mode; export the model in evaluation mode (`model.eval()`)",
        ));
    }
    node.input(0).cloned()
}

/// Evaluates softmax and its logarithm over all logits.
pub fn softmax(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axis"])?;
    let input = node.input(0)?;
    let shape = input.value.shape();
    // Operator sets before 13 join all axes from `axis` on.
    let joined = node.opset < 13;
    let first = axis_index(node.integer("axis")?.unwrap_or(if joined { 1 } else { -1 }), shape.len())?;
    let over: usize = shape.iter().skip(first).take(if joined { shape.len() } else { 1 }).product();
    if over != shape.iter().product::<usize>() {
        return Err(LayerError::new(format!(
            "is a softmax over axis {first} of the shape {shape:?}, not over all logits of an image"
        )));
    }
    Ok(input.with(input.value.softmax()?))
}

/// Evaluates a convolution with constant kernels.
pub fn convolution(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"])?;
    let input = node.input(0)?;
    let kernels = node.input(1)?.value.as_constant()?;
    let bias = node.optional(2).map(|bias| bias.value.as_constant()).transpose()?;
    let groups = node.integer("group")?.unwrap_or(1);
    let channels = input.value.shape().get(1).copied().unwrap_or(0);
    let kernels = ungrouped(kernels, groups, channels)?;
    let kernels = spread(&kernels, pair(node, "dilations", 1, [1, 1])?)?;
    let &[_, _, rows, columns] = kernels.shape() else {
        return Err(LayerError::new(format!(
            "has kernels of the shape {:?}; images have two axes",
            kernels.shape()
        )));
    };
    if let Some(stated) = node.integers("kernel_shape")?
        && !stated.iter().eq(node
            .input(1)?
            .value
            .shape()
            .iter()
            .skip(2)
            .map(|&size| size as i64)
            .collect::<Vec<_>>()
            .iter())
    {
        return Err(LayerError::new(format!(
            "states kernels of {stated:?}, but has {:?}",
            node.input(1)?.value.shape()
        )));
    }
    let windows = windows(node, input, [rows, columns])?;
    check_float_image(input)?;
    Ok(input.with(convolve(&input.value, &kernels, bias, windows)?))
}

/// Evaluates the mean over windows.
pub fn average_pool(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[
        "auto_pad",
        "ceil_mode",
        "count_include_pad",
        "dilations",
        "kernel_shape",
        "pads",
        "strides",
    ])?;
    let input = node.input(0)?;
    if pair(node, "dilations", 1, [1, 1])? != [1, 1] {
        return Err(LayerError::new("is an average pooling with dilated windows, which is not supported"));
    }
    if node.integers("kernel_shape")?.is_none() {
        return Err(LayerError::new("is an average pooling without `kernel_shape`"));
    }
    let kernel = pair(node, "kernel_shape", 1, [1, 1])?;
    let windows = windows(node, input, kernel)?;
    if node.flag("ceil_mode", false)? {
        for ((&side, size), (&stride, (before, behind))) in
            sides(input)?.iter().zip(kernel).zip(windows.stride.iter().zip(windows.padding))
        {
            let free = (side + before + behind).saturating_sub(size);
            if free % stride != 0 {
                return Err(LayerError::new(format!(
                    "is an average pooling whose last window lies partly outside the image (`ceil_mode`): windows of {size} with \
                     stride {stride} on {side} numbers. Use instead: `ceil_mode=False`, or a size that windows fill"
                )));
            }
        }
    }
    check_float_image(input)?;
    let counts_padding = node.flag("count_include_pad", false)?;
    Ok(input.with(layers::average_pool(&input.value, kernel, windows, counts_padding)?))
}

/// Evaluates the mean over all rows and columns.
pub fn global_average_pool(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    let input = node.input(0)?;
    check_float_image(input)?;
    Ok(input.with(layers::average_pool(&input.value, sides(input)?, Windows::valid([1, 1]), false)?))
}

/// Evaluates BatchNorm with fixed statistics.
pub fn batch_normalization(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["epsilon", "momentum", "spatial", "training_mode"])?;
    if node.flag("training_mode", false)? {
        return Err(LayerError::new(
            "is a BatchNorm in training mode, whose factors depend on the images of a batch; export the model in evaluation mode \
             (`model.eval()`)",
        ));
    }
    if !node.flag("spatial", true)? {
        return Err(LayerError::new(
            "is a BatchNorm with statistics for every pixel, which is not supported",
        ));
    }
    let constant = |index: usize| node.input(index).and_then(|input| input.value.as_constant());
    let statistics = BatchNormStatistics {
        gamma: Some(constant(1)?),
        beta: Some(constant(2)?),
        mean: constant(3)?,
        variance: constant(4)?,
        epsilon: node.float("epsilon")?.unwrap_or(1e-5),
    };
    let input = node.input(0)?;
    check_float_image(input)?;
    Ok(input.with(batch_norm(&input.value, 1, &statistics)?))
}

/// Evaluates `alpha A B + beta C`, with either matrix transposed.
pub fn gemm(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["alpha", "beta", "transA", "transB"])?;
    let oriented = |index: usize, name: &str| -> Result<Operand, LayerError> {
        let operand = node.input(index)?;
        if operand.value.shape().len() != 2 {
            return Err(LayerError::new(format!(
                "multiplies a tensor of the shape {:?} as a matrix",
                operand.value.shape()
            )));
        }
        if !node.flag(name, false)? {
            return Ok(operand.clone());
        }
        keep_batch(node, !operand.is_signal())?;
        Ok(operand.with(operand.value.transpose(&[1, 0])?))
    };
    let (left, right) = (oriented(0, "transA")?, oriented(1, "transB")?);
    let product = product(node, &left, &right)?;
    let factor = |name: &str| Ok::<f64, LayerError>(node.float(name)?.unwrap_or(1.0));
    let scaled = |value: &Value, factor: f64| {
        if factor == 1.0 { Ok(value.clone()) } else { value.scale(&Value::scalar(factor)) }
    };
    let value = scaled(&product.value, factor("alpha")?)?;
    let Some(offset) = node.optional(2) else { return Ok(product.with(value)) };
    Ok(product.with(value.add(&scaled(&offset.value, factor("beta")?)?)?))
}

/// Evaluates the product of matrices.
pub fn matmul(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    product(node, node.input(0)?, node.input(1)?)
}

/// Evaluates `(x - zero point) * scale` of constants, which are weights stored as integers.
pub fn dequantize(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axis", "block_size", "output_dtype"])?;
    let input = node.input(0)?;
    if input.is_signal() {
        return Err(LayerError::new(
            "turns a rounded value of the image into floating-point numbers. Use instead: the float model before it was quantised",
        ));
    }
    if node.integer("block_size")?.unwrap_or(0) != 0 {
        return Err(LayerError::new(
            "has a scale for every block of numbers, which is not supported; one for an axis is",
        ));
    }
    let rank = input.value.shape().len();
    // There is one number for a whole tensor, or one for each index of an axis.
    let along = |operand: &Operand| -> Result<Value, LayerError> {
        let count = operand.value.as_constant()?.len();
        if count == 1 {
            return operand.value.reshape(&[]);
        }
        let axis = axis_index(node.integer("axis")?.unwrap_or(1), rank)?;
        let shape: Vec<usize> = (0..rank).map(|own| if own == axis { count } else { 1 }).collect();
        operand.value.reshape(&shape)
    };
    let shifted = match node.optional(2) {
        Some(zero) => input.value.subtract(&along(zero)?)?,
        None => input.value.clone(),
    };
    Ok(Operand { value: shifted.scale(&along(node.input(1)?)?)?, element: Element::Float })
}

/// Returns the product of two tensors as matrices. The left one has the rows of the batch.
fn product(node: &Node<'_>, left: &Operand, right: &Operand) -> Result<Operand, LayerError> {
    // A constant matrix on the left would mix the rows of a batch.
    keep_batch(node, !right.is_signal())?;
    check_float_image(left)?;
    check_float_image(right)?;
    Ok(left.with(left.value.matmul(&right.value)?))
}

/// Returns kernels that read all channels, with weights of zero for channels of other groups.
fn ungrouped(kernels: &ArrayD<f64>, groups: i64, channels: usize) -> Result<ArrayD<f64>, LayerError> {
    if groups == 1 {
        return Ok(kernels.clone());
    }
    let misfit = || {
        LayerError::new(format!(
            "has kernels of the shape {:?} in {groups} groups for {channels} channels",
            kernels.shape()
        ))
    };
    let groups = usize::try_from(groups).map_err(|_| misfit())?;
    let &[maps, own, rows, columns] = kernels.shape() else { return Err(misfit()) };
    if groups == 0 || maps % groups != 0 || own.checked_mul(groups) != Some(channels) {
        return Err(misfit());
    }
    let maps_of_group = maps / groups;
    let shape = [maps, channels, rows, columns];
    // Broadcasting checks the size.
    let mut all = Value::scalar(0.0).broadcast(&shape)?.as_constant()?.clone();
    for ((map, channel, row, column), &weight) in indexed(kernels) {
        let channel = map / maps_of_group.max(1) * own + channel;
        if let Some(slot) = all.get_mut(IxDyn(&[map, channel, row, column])) {
            *slot = weight;
        }
    }
    Ok(all)
}

/// Returns dilated kernels, with zeros between their weights.
fn spread(kernels: &ArrayD<f64>, dilations: [usize; 2]) -> Result<ArrayD<f64>, LayerError> {
    let &[maps, channels, rows, columns] = kernels.shape() else { return Ok(kernels.clone()) };
    if dilations == [1, 1] {
        return Ok(kernels.clone());
    }
    let [down, right] = dilations;
    let extent = |size: usize, dilation: usize| {
        size.saturating_sub(1).saturating_mul(dilation).saturating_add(size.min(1))
    };
    let shape = [maps, channels, extent(rows, down), extent(columns, right)];
    let mut all = Value::scalar(0.0).broadcast(&shape)?.as_constant()?.clone();
    for ((map, channel, row, column), &weight) in indexed(kernels) {
        if let Some(slot) = all.get_mut(IxDyn(&[map, channel, row * down, column * right])) {
            *slot = weight;
        }
    }
    Ok(all)
}

/// Returns weights with their map, channel, row and column.
fn indexed(kernels: &ArrayD<f64>) -> impl Iterator<Item = ((usize, usize, usize, usize), &f64)> {
    kernels.indexed_iter().filter_map(|(index, weight)| match *index.slice() {
        [map, channel, row, column] => Some(((map, channel, row, column), weight)),
        _ => None,
    })
}

/// Returns the windows of a convolution or pooling.
fn windows(node: &Node<'_>, input: &Operand, kernel: [usize; 2]) -> Result<Windows, LayerError> {
    let stride = pair(node, "strides", 1, [1, 1])?;
    let auto = node.text("auto_pad")?.unwrap_or_else(|| "NOTSET".to_owned());
    let mut windows = match auto.as_str() {
        "NOTSET" => {
            let pads = node.integers("pads")?.unwrap_or(&[0; 4]);
            let &[top, left, bottom, right] = pads else {
                return Err(LayerError::new(format!(
                    "has {} paddings; images have 4: above, left, below, right",
                    pads.len()
                )));
            };
            let [top, left, bottom, right] = [top, left, bottom, right].map(|size| bounded("pads", size, 0));
            return Ok(Windows { stride, padding: [(top?, bottom?), (left?, right?)] });
        }
        "VALID" => Windows::valid(stride),
        "SAME_UPPER" | "SAME_LOWER" => Windows::same(sides(input)?, kernel, stride),
        other => return Err(LayerError::new(format!("has the unknown padding {other:?}"))),
    };
    if auto == "SAME_LOWER" {
        // An odd zero is before the image.
        windows.padding = windows.padding.map(|(before, behind)| (behind, before));
    }
    Ok(windows)
}

/// Returns the rows and columns of an image.
fn sides(input: &Operand) -> Result<[usize; 2], LayerError> {
    match input.value.shape() {
        &[_, _, rows, columns] => Ok([rows, columns]),
        other => Err(LayerError::new(format!(
            "reads an image of the shape {other:?}, not [1, channels, rows, columns]"
        ))),
    }
}

/// Returns an attribute with one number for rows and one for columns.
fn pair(node: &Node<'_>, name: &str, least: i64, default: [usize; 2]) -> Result<[usize; 2], LayerError> {
    match node.integers(name)? {
        None => Ok(default),
        Some(&[rows, columns]) => Ok([bounded(name, rows, least)?, bounded(name, columns, least)?]),
        Some(other) => {
            Err(LayerError::new(format!("has {} {name}; images have 2: rows and columns", other.len())))
        }
    }
}

/// Checks the bounds of a size.
fn bounded(name: &str, size: i64, least: i64) -> Result<usize, LayerError> {
    usize::try_from(size)
        .ok()
        .filter(|_| (least..=MAX_TAPS).contains(&size))
        .ok_or_else(|| LayerError::new(format!("has {name} of {size}; {least} to {MAX_TAPS} are supported")))
}

/// Refuses images of integers, whose sums may wrap around.
fn check_float_image(operand: &Operand) -> Result<(), LayerError> {
    if operand.is_signal() && operand.element != Element::Float {
        return Err(LayerError::new(
            "computes with an image of integers; the network must turn its image into floating-point numbers first",
        ));
    }
    Ok(())
}

//! Operators of PyTorch's ATen library that networks of this family use.

use super::operands::{Operands, positive};
use super::shapes::{expanded, flattened, moved, reshaped, selected, sliced, squeezed, transposed};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::layers::{self, BatchNormStatistics, Windows, convolve};
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::symbolic::value::Value;

/// The result of a node.
#[derive(Debug)]
pub enum NodeResult {
    /// A tensor.
    Value(Value),
    /// The unchanged input, with the reason why the layer is left out.
    LeftOut(Value, &'static str),
    /// A whole number that follows from a shape.
    Number(i64),
    /// No result: the node is a check.
    Nothing,
}

/// Evaluates one node.
///
/// # Errors
/// If its operator cannot be evaluated on ciphertexts, or an argument does not fit.
pub fn evaluate(node: &Operands<'_>, trace: &mut Trace) -> Result<NodeResult, LayerError> {
    let name = node.operator();
    let operator = name.strip_prefix("aten.").unwrap_or(name);
    let value = match operator {
        "conv2d.default" | "conv2d.padding" | "convolution.default" => convolution(node)?,
        "linear.default" => {
            let product = node.tensor("input")?.matmul(&transposed(node.tensor("weight")?)?)?;
            match node.optional_tensor("bias")? {
                Some(bias) => product.add(bias)?,
                None => product,
            }
        }
        "addmm.default" => {
            let product = node.tensor("mat1")?.matmul(node.tensor("mat2")?)?;
            let bias = scaled(node.tensor("self")?, node.number("beta")?)?;
            bias.add(&scaled(&product, node.number("alpha")?)?)?
        }
        "mm.default" => node.tensor("self")?.matmul(node.tensor("mat2")?)?,
        "matmul.default" => node.tensor("self")?.matmul(node.tensor("other")?)?,
        "square.default" => trace.square(node.tensor("self")?)?,
        "pow.Tensor_Scalar" | "pow.Tensor_Tensor" => {
            trace.power(node.tensor("self")?, &node.tensor_or_number("exponent")?)?
        }
        "mul.Tensor" | "mul.Scalar" | "multiply.Tensor" => {
            trace.multiply(node.tensor("self")?, &node.tensor_or_number("other")?)?
        }
        "div.Tensor" | "div.Scalar" | "true_divide.Tensor" => {
            node.tensor("self")?.divide(&node.tensor_or_number("other")?)?
        }
        "add.Tensor" | "add.Scalar" => {
            node.tensor("self")?.add(&scaled(&node.tensor_or_number("other")?, node.number("alpha")?)?)?
        }
        "sub.Tensor" | "sub.Scalar" => node
            .tensor("self")?
            .subtract(&scaled(&node.tensor_or_number("other")?, node.number("alpha")?)?)?,
        "rsub.Tensor" | "rsub.Scalar" => {
            node.tensor_or_number("other")?.subtract(&scaled(node.tensor("self")?, node.number("alpha")?)?)?
        }
        "neg.default" => scaled(node.tensor("self")?, Some(-1.0))?,
        "batch_norm.default" | "_native_batch_norm_legit_no_training.default" => batch_norm(node)?,
        "avg_pool2d.default" => on_image(node.tensor("self")?, |image| average_pool(node, image))?,
        "adaptive_avg_pool2d.default" | "_adaptive_avg_pool2d.default" => {
            on_image(node.tensor("self")?, |image| adaptive_pool(node, image))?
        }
        "mean.dim" | "mean.default" => reduced(node, Value::mean)?,
        "sum.dim_IntList" | "sum.default" => reduced(node, Value::sum)?,
        "pad.default" | "constant_pad_nd.default" => padded(node)?,
        "view.default" | "reshape.default" | "_unsafe_view.default" => reshaped(node)?,
        "flatten.using_ints" => flattened(node)?,
        "expand.default" => expanded(node)?,
        "permute.default" => {
            let value = node.tensor("self")?;
            value.transpose(&node.axes("dims", value.shape().len())?)?
        }
        "transpose.int" => {
            let value = node.tensor("self")?;
            let axes = value.shape().len();
            let mut order: Vec<usize> = (0..axes).collect();
            order.swap(node.axis("dim0", axes, 0)?, node.axis("dim1", axes, 0)?);
            value.transpose(&order)?
        }
        "movedim.int" | "movedim.intlist" => moved(node)?,
        "t.default" | "numpy_T.default" => transposed(node.tensor("self")?)?,
        "squeeze.default" | "squeeze.dim" | "squeeze.dims" => squeezed(node)?,
        "unsqueeze.default" => {
            let value = node.tensor("self")?;
            let mut shape = value.shape().to_vec();
            shape.insert(node.axis("dim", shape.len() + 1, 0)?, 1);
            value.reshape(&shape)?
        }
        "cat.default" => {
            let parts = node.tensors("tensors")?;
            let axes = parts.first().map_or(0, |part| part.shape().len());
            Value::concatenate(node.axis("dim", axes, 0)?, &parts)?
        }
        "slice.Tensor" => sliced(node)?,
        "select.int" => selected(node)?,
        "softmax.int" | "_softmax.default" | "log_softmax.int" | "_log_softmax.default" => {
            let why = "a softmax changes no prediction";
            return Ok(NodeResult::LeftOut(node.tensor("self")?.softmax()?, why));
        }
        "dropout.default"
        | "feature_dropout.default"
        | "alpha_dropout.default"
        | "feature_alpha_dropout.default" => {
            if node.flag("train", false)? {
                return Err(training("drops values at random"));
            }
            return Ok(NodeResult::LeftOut(node.tensor("input")?.clone(), "dropout is for training only"));
        }
        "_to_copy.default" | "to.dtype" | "to.device" | "to.dtype_layout" | "to.other" => converted(node)?,
        "contiguous.default"
        | "clone.default"
        | "detach.default"
        | "detach_.default"
        | "alias.default"
        | "lift_fresh_copy.default" => node.tensor("self")?.clone(),
        "sym_size.int" => {
            let value = node.tensor("self")?;
            let axis = node.axis("dim", value.shape().len(), 0)?;
            return Ok(NodeResult::Number(value.shape().get(axis).map_or(0, |&size| size as i64)));
        }
        "_assert_tensor_metadata.default"
        | "_assert_scalar.default"
        | "sym_constrain_range_for_size.default" => {
            return Ok(NodeResult::Nothing);
        }
        "_operator.mul" | "_operator.add" | "_operator.sub" | "_operator.floordiv" => {
            return arithmetic(node, operator);
        }
        _ => return Err(unsupported(name, operator)),
    };
    Ok(NodeResult::Value(value))
}

/// Returns why an operator without a rule is refused.
fn unsupported(name: &str, operator: &str) -> LayerError {
    let base = operator.split('.').next().unwrap_or(operator);
    let activation = match base.trim_end_matches('_') {
        "relu" => "a ReLU",
        "relu6" | "hardtanh" | "clamp" | "clamp_min" | "clamp_max" => "a clamp, such as ReLU6",
        "leaky_relu" => "a leaky ReLU",
        "prelu" | "_prelu_kernel" => "a PReLU",
        "elu" => "an ELU",
        "selu" => "a SELU",
        "celu" => "a CELU",
        "gelu" => "a GELU",
        "silu" => "a SiLU",
        "mish" => "a Mish",
        "tanh" => "a tanh",
        "sigmoid" => "a sigmoid",
        "softplus" => "a softplus",
        "abs" => "an absolute value",
        "hardswish" | "hardsigmoid" | "hardshrink" | "softshrink" => "a piecewise function",
        "max_pool2d" | "max_pool2d_with_indices" | "adaptive_max_pool2d" => "a max pooling",
        _ => {
            return LayerError::new(format!(
                "calls {name}, which is not supported. Use instead: a convolution, dense layers, squares (x * x), average pooling, \
                 BatchNorm, dropout, sums and products with constants, and changes of shape"
            ));
        }
    };
    LayerError::not_a_square(activation)
}

/// Returns the error of a layer that was exported in training mode.
fn training(what: &str) -> LayerError {
    LayerError::new(format!(
        "{what}, because the network was exported while it was in training mode; call `model.eval()` before \
         `torch.export.export`"
    ))
}

fn scaled(value: &Value, factor: Option<f64>) -> Result<Value, LayerError> {
    match factor {
        None | Some(1.0) => Ok(value.clone()),
        Some(factor) => value.scale(&Value::scalar(factor)),
    }
}

/// Applies `layer` to an image, which may have no axis for the batch.
fn on_image(value: &Value, layer: impl Fn(&Value) -> Result<Value, LayerError>) -> Result<Value, LayerError> {
    let &[channels, rows, columns] = value.shape() else { return layer(value) };
    let output = layer(&value.reshape(&[1, channels, rows, columns])?)?;
    let shape = output.shape().get(1..).unwrap_or_default().to_vec();
    output.reshape(&shape)
}

fn convolution(node: &Operands<'_>) -> Result<Value, LayerError> {
    let kernels = node.tensor("weight")?.as_constant()?;
    let bias = node.optional_tensor("bias")?.map(Value::as_constant).transpose()?;
    let dilation = node.sides("dilation", [1, 1])?;
    if dilation != [1, 1] {
        return Err(LayerError::new(format!(
            "is a dilated convolution ({dilation:?}), which is not supported. Use instead: a convolution with neighbouring taps"
        )));
    }
    if node.integer("groups")?.unwrap_or(1) != 1 {
        return Err(LayerError::new(
            "is a grouped convolution, which is not supported. Use instead: a convolution with `groups=1`",
        ));
    }
    if node.flag("transposed", false)? {
        return Err(LayerError::new(
            "is a transposed convolution, which is not supported. Use instead: a convolution",
        ));
    }
    let stride = node.sides("stride", [1, 1])?;
    let padding = match (node.operator().ends_with(".padding"), kernels.shape()) {
        (false, _) => node.sides("padding", [0, 0])?.map(|zeros| (zeros, zeros)),
        (true, &[_, _, rows, columns]) => match node.word("padding")?.unwrap_or("valid") {
            "valid" => [(0, 0); 2],
            // PyTorch adds the odd zero after the image, and only allows "same" with a stride of 1.
            "same" => [rows, columns].map(|taps| (taps.saturating_sub(1) / 2, taps / 2)),
            other => return Err(LayerError::new(format!("is padded as {other:?}, which is not known"))),
        },
        (true, shape) => {
            return Err(LayerError::new(format!("has kernels of the shape {shape:?}, not of four axes")));
        }
    };
    on_image(node.tensor("input")?, |image| convolve(image, kernels, bias, Windows { stride, padding }))
}

fn batch_norm(node: &Operands<'_>) -> Result<Value, LayerError> {
    if node.flag("training", false)? {
        return Err(training("normalises with the statistics of a batch"));
    }
    let constant = |name| node.optional_tensor(name)?.map(Value::as_constant).transpose();
    let (Some(mean), Some(variance)) = (constant("running_mean")?, constant("running_var")?) else {
        return Err(LayerError::new(
            "normalises with the statistics of a batch, because it keeps none (`track_running_stats=False`)",
        ));
    };
    let statistics = BatchNormStatistics {
        gamma: constant("weight")?,
        beta: constant("bias")?,
        mean,
        variance,
        epsilon: node.number("eps")?.unwrap_or(1e-5),
    };
    layers::batch_norm(node.tensor("input")?, 1, &statistics)
}

#[expect(clippy::indexing_slicing, reason = "the axis is 0 or 1")]
fn average_pool(node: &Operands<'_>, value: &Value) -> Result<Value, LayerError> {
    let kernel = node.sides("kernel_size", [1, 1])?;
    let stride = node.sides("stride", kernel)?;
    let padding = node.sides("padding", [0, 0])?;
    if (0..2).any(|axis| padding[axis] > kernel[axis] / 2 || stride[axis] == 0) {
        return Err(LayerError::new(format!(
            "pools with windows of {kernel:?}, stride {stride:?} and padding {padding:?}"
        )));
    }
    if node.integer("divisor_override")?.is_some() {
        return Err(LayerError::new(
            "divides by another number (`divisor_override`), which is not supported",
        ));
    }
    let counts_padding = node.flag("count_include_pad", true)?;
    if let (true, &[_, _, rows, columns]) = (node.flag("ceil_mode", false)?, value.shape()) {
        let sides = [rows, columns];
        let uneven =
            |axis: usize| (sides[axis] + 2 * padding[axis]).saturating_sub(kernel[axis]) % stride[axis] != 0;
        if uneven(0) || uneven(1) {
            return Err(LayerError::new(
                "pools windows that reach beyond the image (`ceil_mode=True`), which is not supported. Use instead: \
                 `ceil_mode=False`",
            ));
        }
    }
    layers::average_pool(
        value,
        kernel,
        Windows { stride, padding: padding.map(|zeros| (zeros, zeros)) },
        counts_padding,
    )
}

#[expect(clippy::indexing_slicing, reason = "the axis is 0 or 1")]
fn adaptive_pool(node: &Operands<'_>, value: &Value) -> Result<Value, LayerError> {
    let &[_, _, rows, columns] = value.shape() else {
        return Err(LayerError::new(format!(
            "pools a tensor of the shape {:?}, not of four axes",
            value.shape()
        )));
    };
    let outputs = node.sides("output_size", [1, 1])?;
    let sides = [rows, columns];
    if (0..2).any(|axis| outputs[axis] == 0 || sides[axis] % outputs[axis] != 0) {
        return Err(LayerError::new(format!(
            "pools {rows} x {columns} numbers to {} x {} with windows of different sizes, which is not supported. Use instead: an \
             output whose sides divide the input's",
            outputs[0], outputs[1]
        )));
    }
    let kernel = [rows / outputs[0], columns / outputs[1]];
    layers::average_pool(value, kernel, Windows::valid(kernel), true)
}

/// Evaluates sums or means over some axes, or all.
fn reduced(
    node: &Operands<'_>,
    reduce: impl Fn(&Value, &[usize]) -> Result<Value, LayerError>,
) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    let mut axes = node.axes("dim", value.shape().len())?;
    axes.sort_unstable();
    axes.dedup();
    if axes.is_empty() {
        axes = (0..value.shape().len()).collect();
    }
    let reduced = reduce(value, &axes)?;
    if node.flag("keepdim", false)? {
        return Ok(reduced);
    }
    let kept =
        reduced.shape().iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &size)| size);
    reduced.reshape(&kept.collect::<Vec<_>>())
}

fn padded(node: &Operands<'_>) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    if let Some(mode) = node.word("mode")?
        && mode != "constant"
    {
        return Err(LayerError::new(format!(
            "pads by the mode {mode:?}, which is not supported. Use instead: `mode=\"constant\"`"
        )));
    }
    let mut sides = vec![(0, 0); value.shape().len()];
    let numbers = node.integers("pad")?;
    // The pairs begin with the last axis.
    let (pairs, rest) = numbers.as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > sides.len() {
        return Err(LayerError::new(format!(
            "pads {numbers:?} numbers around the shape {:?}",
            value.shape()
        )));
    }
    for (side, &[before, behind]) in sides.iter_mut().rev().zip(pairs) {
        if before < 0 || behind < 0 {
            return Err(LayerError::new("cuts off a margin (negative padding), which is not supported"));
        }
        *side = (positive(before)?, positive(behind)?);
    }
    value.pad(&sides, node.number("value")?.unwrap_or(0.0))
}

/// Evaluates a change of type or device. Rounding to integers is not linear.
fn converted(node: &Operands<'_>) -> Result<Value, LayerError> {
    const FLOATS: [u32; 4] = [6, 7, 8, 13];
    match node.dtype("dtype") {
        Some(dtype) if !FLOATS.contains(&dtype) => {
            Err(LayerError::new("turns numbers into integers, which cannot be evaluated on ciphertexts"))
        }
        _ => Ok(node.tensor("self")?.clone()),
    }
}

/// Evaluates Python's operators on sizes.
fn arithmetic(node: &Operands<'_>, operator: &str) -> Result<NodeResult, LayerError> {
    let operand =
        |name: &str| node.integer(name)?.ok_or_else(|| LayerError::new(format!("has no argument {name:?}")));
    let (left, right) = (operand("a")?, operand("b")?);
    let result = match operator {
        "_operator.mul" => left.checked_mul(right),
        "_operator.add" => left.checked_add(right),
        "_operator.sub" => left.checked_sub(right),
        _ => left.checked_div_euclid(right),
    };
    result
        .map(NodeResult::Number)
        .ok_or_else(|| LayerError::new(format!("computes {operator} of {left} and {right}")))
}

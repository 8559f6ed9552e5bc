//! Evaluation of the operators of a graph.

use super::node::{Batch, Node};
use super::operand::Operand;
use super::{arithmetic, layers, structure};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::trace::Trace;

/// Evaluates the first output of a node.
///
/// # Errors
/// If the operator cannot be evaluated, or its inputs or attributes are wrong.
pub fn evaluate(trace: &mut Trace, node: &Node<'_>) -> Result<Operand, LayerError> {
    let output = match node.operator {
        "Identity" | "Dropout" => layers::inference_identity(node),
        "Conv" => layers::convolution(node),
        "AveragePool" => layers::average_pool(node),
        "GlobalAveragePool" => layers::global_average_pool(node),
        "BatchNormalization" => layers::batch_normalization(node),
        "Gemm" => layers::gemm(node),
        "MatMul" => layers::matmul(node),
        "Softmax" | "LogSoftmax" => layers::softmax(node),
        "DequantizeLinear" => layers::dequantize(node),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" => arithmetic::binary(trace, node),
        "Neg" => arithmetic::negate(node),
        "ReduceMean" | "ReduceSum" => arithmetic::reduce(node),
        "Sqrt" | "Reciprocal" if !node.has_signal() => arithmetic::constant_unary(node),
        "Equal" if !node.has_signal() => arithmetic::equal(node),
        "Where" if !node.has_signal() => arithmetic::choose(node),
        "Range" => arithmetic::range(node),
        "Cast" => arithmetic::cast(node),
        "Shape" => structure::shape(node),
        "Reshape" => structure::reshape(node),
        "Flatten" => structure::flatten(node),
        "Transpose" => structure::transpose(node),
        "Squeeze" => structure::squeeze(node),
        "Unsqueeze" => structure::unsqueeze(node),
        "Expand" => structure::expand(node),
        "Concat" => structure::concat(node),
        "Gather" => structure::gather(node),
        "Slice" => structure::slice(node),
        "Pad" => structure::pad(node),
        other => Err(refusal(other)),
    }?;
    if node.batch != Batch::One && output.is_signal() && output.value.shape().first() != Some(&1) {
        return Err(LayerError::new(format!(
            "makes the shape {:?} of one image, so it moves or mixes the images of a batch; axis 0 must stay the batch. Exporting \
             the model with a batch of one fixed image avoids this",
            output.value.shape()
        )));
    }
    Ok(output)
}

/// Returns why an operator cannot be evaluated.
fn refusal(operator: &str) -> LayerError {
    let kind = match operator {
        "Relu" => "a ReLU",
        "MaxPool" | "GlobalMaxPool" => "a maximum pooling",
        "Sigmoid" => "a sigmoid",
        "Tanh" => "a tanh",
        "Elu" => "an ELU",
        "Selu" => "a SELU",
        "Gelu" => "a GELU",
        "LeakyRelu" => "a leaky ReLU",
        "PRelu" => "a PReLU",
        "ThresholdedRelu" => "a thresholded ReLU",
        "HardSigmoid" => "a hard sigmoid",
        "HardSwish" => "a hard swish",
        "Swish" => "a swish",
        "Mish" => "a Mish",
        "Celu" => "a CELU",
        "Erf" => "an error function",
        "Softplus" => "a softplus",
        "Softsign" => "a softsign",
        "Clip" => "a clipping to a range",
        "Abs" => "an absolute value",
        "Exp" | "Log" | "Sqrt" | "Reciprocal" | "Max" | "Min" | "Sign" | "Floor" | "Ceil" | "Round" => {
            return LayerError::not_a_square(&format!("the function {operator} of the image"));
        }
        "InstanceNormalization"
        | "LayerNormalization"
        | "GroupNormalization"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "LRN" => {
            return LayerError::new(format!(
                "is a {operator}, whose factors depend on the image, which cannot be evaluated on ciphertexts. Use instead: \
                 BatchNormalization, whose factors are fixed after training"
            ));
        }
        "QuantizeLinear"
        | "DynamicQuantizeLinear"
        | "QLinearConv"
        | "QLinearMatMul"
        | "ConvInteger"
        | "MatMulInteger" => {
            return LayerError::new(format!(
                "is a {operator}, which rounds values that depend on the image, and ciphertexts cannot be rounded. Use instead: \
                 the float model before it was quantised; this program rounds weights itself"
            ));
        }
        "If" | "Loop" | "Scan" => {
            return LayerError::new(format!(
                "is a branch or loop ({operator}), which is not supported. Use instead: a model whose forward function has none, \
                 exported by tracing"
            ));
        }
        _ => {
            return LayerError::new(format!(
                "is the operator {operator}, which is not supported. Use instead: convolution, square, dense, square, dense, with \
                 average pooling, BatchNorm, dropout, constant factors and offsets, and reordered axes"
            ));
        }
    };
    LayerError::not_a_square(kind)
}

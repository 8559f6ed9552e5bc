//! Symbolic evaluation of an exported program, node by node.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};

use super::operands::{NodeValue, Operands};
use super::operators::{NodeResult, evaluate};
use super::program::ExportedProgram;
use super::schema::{Argument, InputSpec, Node, OutputSpec, Program, Size};
use super::weights::Weights;
use crate::import::error::ImportError;
use crate::import::formats::symbolic::recognise::recognise;
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::symbolic::value::Value;
use crate::import::formats::weights_file::FileNetwork;

/// Largest number of axes of a tensor.
const MAX_AXES: usize = 16;

/// Returns the network of an exported program.
///
/// # Errors
/// If it does not take one image and return one tensor, or a layer cannot be evaluated on ciphertexts.
pub fn network(file: &str, exported: ExportedProgram<'_>) -> Result<FileNetwork, ImportError> {
    let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
    let (program, mut weights) = exported.into_parts();
    let input = only_input(&program).map_err(malformed)?;
    let output = only_output(&program).map_err(malformed)?;
    let (shape, batch) = input_shape(&program, input).map_err(malformed)?;
    // The first dense layer has more weights than the image has pixels, so a shape that is larger than the file is
    // damaged.
    if shape
        .iter()
        .try_fold(1usize, |product, &size| product.checked_mul(size))
        .is_none_or(|pixels| pixels > weights.file_length())
    {
        return Err(malformed(format!(
            "it takes images of the shape {shape:?}, which have more pixels than it has bytes"
        )));
    }
    let mut trace = Trace::default();
    let image = trace.input(&shape).map_err(|refusal| refusal.at(file, input))?;
    let mut slots = BTreeMap::from([(input.to_owned(), NodeValue::Tensor(image))]);
    let names = stored_names(&program);
    let mut remarks = Vec::new();
    for node in &program.graph_module.graph.nodes {
        for tensor in tensors_read(node) {
            if let (false, Some(stored)) = (slots.contains_key(tensor), names.get(tensor)) {
                slots.insert(tensor.to_owned(), NodeValue::Tensor(constant(file, &mut weights, stored)?));
            }
        }
        let layer = node.layer();
        let outcome = evaluate(&Operands::new(node, &slots, batch), &mut trace)
            .map_err(|refusal| refusal.at(file, &layer))?;
        let result = match outcome {
            NodeResult::Nothing => continue,
            NodeResult::Value(value) => NodeValue::Tensor(value),
            NodeResult::LeftOut(value, why) => {
                remarks.push(format!("the layer {layer:?} is left out: {why}"));
                NodeValue::Tensor(value)
            }
            NodeResult::Number(number) => NodeValue::Number(number),
        };
        // Operators with several results, such as BatchNorm, have the important one first.
        if let Some(name) = node.outputs.first().and_then(Argument::name) {
            slots.insert(name.to_owned(), result);
        }
    }
    let Some(NodeValue::Tensor(logits)) = slots.get(output) else {
        return Err(malformed(format!("it returns {output:?}, which nothing makes")));
    };
    let last =
        program.graph_module.graph.nodes.iter().rev().find(|node| makes(node, output)).map(Node::layer);
    let network = recognise(&trace, logits)
        .map_err(|refusal| refusal.at(file, &last.unwrap_or_else(|| output.to_owned())))?;
    Ok(FileNetwork { network, framework: framework(&program.torch_version), remarks })
}

/// Returns "PyTorch 2.15.0" for "2.15.0+cu132".
fn framework(version: &str) -> String {
    let release = version.split('+').next().unwrap_or_default();
    if release.is_empty() { "PyTorch".to_owned() } else { format!("PyTorch {release}") }
}

fn makes(node: &Node, name: &str) -> bool {
    node.outputs.iter().any(|output| output.name() == Some(name))
}

/// Returns the names of the tensors that a node reads.
fn tensors_read(node: &Node) -> impl Iterator<Item = &str> {
    node.inputs
        .iter()
        .flat_map(|input| match &input.arg {
            Argument::AsTensor(tensor) => std::slice::from_ref(tensor),
            Argument::AsTensors(tensors) => tensors.as_slice(),
            _ => &[],
        })
        .map(|tensor| tensor.name.as_str())
}

/// Returns the graph's inputs that the file holds, with their names in the archive.
fn stored_names(program: &Program) -> BTreeMap<&str, &str> {
    let specs = program.graph_module.signature.input_specs.iter();
    let stored = specs.filter_map(|spec| match spec {
        InputSpec::Parameter { arg, parameter_name: name }
        | InputSpec::Buffer { arg, buffer_name: name }
        | InputSpec::TensorConstant { arg, tensor_constant_name: name } => {
            Some((arg.name.as_str(), name.as_str()))
        }
        _ => None,
    });
    stored.collect()
}

/// Reads a tensor of the file as a constant.
fn constant(file: &str, weights: &mut Weights<'_>, name: &str) -> Result<Value, ImportError> {
    let origin = format!("the tensor {name:?} of {file}");
    let tensor = weights.tensor(name, &origin)?;
    let misfit = |_| ImportError::Malformed {
        file: origin.clone(),
        reason: "its shape does not fit its values".to_owned(),
    };
    ArrayD::from_shape_vec(IxDyn(&tensor.shape), tensor.values).map(Value::Constant).map_err(misfit)
}

/// Returns the name of the network's only input.
fn only_input(program: &Program) -> Result<&str, String> {
    let inputs = program.graph_module.signature.input_specs.iter().filter_map(|spec| match spec {
        InputSpec::UserInput { arg } => arg.name(),
        _ => None,
    });
    match *inputs.collect::<Vec<_>>().as_slice() {
        [input] => Ok(input),
        ref inputs => {
            Err(format!("the network takes {} inputs ({}), not one image", inputs.len(), inputs.join(", ")))
        }
    }
}

/// Returns the name of the network's only result.
fn only_output(program: &Program) -> Result<&str, String> {
    let outputs = program.graph_module.signature.output_specs.iter().filter_map(|spec| match spec {
        OutputSpec::UserOutput { arg } => arg.name(),
        OutputSpec::Other(_) => None,
    });
    match *outputs.collect::<Vec<_>>().as_slice() {
        [output] => Ok(output),
        ref outputs => Err(format!(
            "the network returns {} tensors ({}), not only logits",
            outputs.len(),
            outputs.join(", ")
        )),
    }
}

/// Returns the input's shape for one image, and the size of the batch if it is fixed and not 1.
fn input_shape(program: &Program, input: &str) -> Result<(Vec<usize>, Option<i64>), String> {
    let meta = program.graph_module.graph.tensor_values.get(input);
    let meta = meta.ok_or_else(|| format!("it has no shape of its input {input:?}"))?;
    if meta.sizes.len() > MAX_AXES {
        return Err(format!("its input {input:?} has {} axes", meta.sizes.len()));
    }
    let mut sizes = meta
        .sizes
        .iter()
        .map(|size| {
            size.example()
                .ok_or_else(|| format!("it leaves open a size of its input {input:?} besides the batch"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    // Two fixed sizes that are equal are the rows and columns of one image.
    let one_image =
        matches!(meta.sizes.as_slice(), [Size::AsInt(rows), Size::AsInt(columns)] if rows == columns);
    let mut batch = None;
    if let (Some(first), [size, _, ..], false) = (sizes.first_mut(), meta.sizes.as_slice(), one_image) {
        batch = size.known().filter(|&size| size > 1);
        *first = 1;
    }
    let shape = sizes
        .iter()
        .map(|&size| usize::try_from(size).map_err(|_| format!("its input {input:?} has a size of {size}")));
    Ok((shape.collect::<Result<_, _>>()?, batch))
}

//! Names, tensors and whole networks of ONNX files.

use std::collections::HashSet;

use prost::Message as _;

use super::graph::{self, Evaluator};
use super::message;
use super::node::Batch;
use super::operand::{Element, Operand};
use super::tensor::{self, ReadExternalFile, Storage, read_external_file};
use crate::import::error::{ImportError, LayerError};
use crate::import::formats::symbolic::recognise::recognise;
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::tensor::Tensor;
use crate::import::formats::weights_file::{FileNetwork, WeightsFile};

/// Reads the network of a file, which every ONNX file is.
///
/// # Errors
/// If the file cannot be read, or its graph is no network of this family.
pub fn network(file: &WeightsFile<'_>, _side: usize) -> Result<Option<FileNetwork>, ImportError> {
    let mut read = |name: &str| read_external_file(file.location, name);
    read_network(&file.name(), file.bytes, &mut read).map(Some)
}

/// Reads the network of a file. `read_external` reads another file of the model's folder by its plain name, for weights
/// that are stored beside the model.
///
/// # Errors
/// If the file cannot be read, or its graph is no network of this family.
fn read_network(
    file: &str,
    bytes: &[u8],
    read_external: &mut ReadExternalFile<'_>,
) -> Result<FileNetwork, ImportError> {
    let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
    let model = decode(file, bytes)?;
    let graph = model.graph.as_ref().ok_or_else(|| malformed("it holds no graph".to_owned()))?;
    let output = output(graph).map_err(malformed)?;
    let input = input(graph, output).map_err(malformed)?;
    let (shape, batch) = one_image(&input).map_err(|refusal| refusal.at(file, input.name))?;
    let mut trace = Trace::default();
    let image = trace.input(&shape).map_err(|refusal| refusal.at(file, input.name))?;
    let evaluator = Evaluator::new(file, &model, trace, batch, Storage::new(file, read_external))?;
    let image = Operand { value: image, element: input.element };
    let (trace, logits, mut remarks) = evaluator.run(&model, graph, (input.name, image), output)?;
    let network = recognise(&trace, &logits.value).map_err(|refusal| refusal.at(file, output))?;
    if let Batch::Fixed(images) = batch {
        remarks.push(format!("the file fixes a batch of {images} images; the network is read for one image"));
    }
    Ok(FileNetwork { network, framework: framework(&model), remarks })
}

/// Returns the names of a file's constants, which include its weights.
///
/// # Errors
/// If it is no ONNX file.
pub fn names(file: &WeightsFile<'_>) -> Result<Vec<String>, ImportError> {
    let model = decode(&file.name(), file.bytes)?;
    let graph = model.graph.unwrap_or_default();
    Ok(graph.initializer.into_iter().map(|tensor| tensor.name).collect())
}

/// Reads the constant `name` of a file.
///
/// # Errors
/// If its numbers cannot be read.
pub fn tensor(file: &WeightsFile<'_>, name: &str, origin: &str) -> Result<Tensor, ImportError> {
    let (path, mut read) = (file.name(), |name: &str| read_external_file(file.location, name));
    let graph = decode(&path, file.bytes)?.graph.unwrap_or_default();
    let tensor = graph.initializer.iter().find(|tensor| tensor.name == name);
    let tensor =
        tensor.ok_or_else(|| tensor::malformed(origin, "the file holds no constant of this name"))?;
    Storage::new(&path, &mut read).tensor(tensor, origin)
}

fn decode(file: &str, bytes: &[u8]) -> Result<message::Model, ImportError> {
    message::Model::decode(bytes).map_err(|error| ImportError::Malformed {
        file: file.to_owned(),
        reason: format!("it is not an ONNX model, or is damaged ({error})"),
    })
}

/// The input that depends on the image.
struct Input<'a> {
    name: &'a str,
    element: Element,
    /// Sizes of the axes, each `None` if it is open; `None` if the file has no shape.
    shape: Option<Vec<Option<usize>>>,
}

/// Returns the only output that a node makes.
fn output(graph: &message::Graph) -> Result<&str, String> {
    let made = |name: &str| graph.node.iter().any(|node| node.output.iter().any(|output| output == name));
    let outputs: Vec<&str> =
        graph.output.iter().map(|output| &*output.name).filter(|name| made(name)).collect();
    match *outputs.as_slice() {
        [output] => Ok(output),
        [] => Err("its graph has no output that a node makes".to_owned()),
        _ => Err(format!(
            "its graph has the outputs {outputs:?}; export a model whose only output is the logits"
        )),
    }
}

/// Returns the only input that the output depends on. Old files list their constants as inputs.
fn input<'a>(graph: &'a message::Graph, output: &'a str) -> Result<Input<'a>, String> {
    let (_, uses) = graph::needed(&graph.node, &[output]);
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| &*tensor.name).collect();
    let free = graph
        .input
        .iter()
        .filter(|input| uses.contains_key(&*input.name) && !constants.contains(&*input.name));
    let inputs: Vec<&message::ValueInfo> = free.collect();
    let input = match *inputs.as_slice() {
        [input] => input,
        [] => {
            return Err(
                "its output depends on no input; its nodes may be out of order, or one may be missing"
                    .to_owned(),
            );
        }
        _ => {
            let names: Vec<&str> = inputs.iter().map(|input| &*input.name).collect();
            return Err(format!(
                "its output depends on the inputs {names:?}; a network with one input, the image, is supported"
            ));
        }
    };
    let tensor = input.r#type.as_ref().and_then(|own| own.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| format!("its input {:?} is not a tensor", input.name))?;
    let element = tensor::element(tensor.elem_type).map_err(|_| {
        format!("its input {:?} is not a tensor of numbers (type {})", input.name, tensor.elem_type)
    })?;
    let size = |dimension: &message::Dimension| {
        // Some exporters write -1 for an open size.
        dimension.dim_value.and_then(|size| usize::try_from(size).ok())
    };
    let shape = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(size).collect());
    Ok(Input { name: &input.name, element, shape })
}

/// Returns the input's shape for one image, and how the network accepts several.
fn one_image(input: &Input<'_>) -> Result<(Vec<usize>, Batch), LayerError> {
    let advice = "export the model with images of a fixed size, such as [1, 1, 28, 28]";
    let Some(sizes) = &input.shape else {
        return Err(LayerError::new(format!("is an input without a shape; {advice}")));
    };
    let shown: Vec<String> =
        sizes.iter().map(|size| size.map_or("?".to_owned(), |size| size.to_string())).collect();
    let shown = shown.join(", ");
    let (first, rest) =
        sizes.split_first().ok_or_else(|| LayerError::new(format!("is an input without axes; {advice}")))?;
    let rest: Option<Vec<usize>> = rest.iter().copied().collect();
    let rest =
        rest.ok_or_else(|| LayerError::new(format!("is an input of the shape [{shown}]; {advice}")))?;
    let sides: Vec<usize> = rest.iter().copied().filter(|&size| size != 1).collect();
    // True if the axes after the first are an image.
    let image = match *sides.as_slice() {
        [rows, columns] => rows == columns,
        [pixels] => Some(pixels) != *first && pixels.isqrt().pow(2) == pixels,
        _ => false,
    };
    let with_first = |first: usize| [vec![first], rest.clone()].concat();
    Ok(match *first {
        None => (with_first(1), Batch::Open),
        Some(images) if images > 1 && image => (with_first(1), Batch::Fixed(images)),
        Some(size) => (with_first(size), Batch::One),
    })
}

/// Returns the program that wrote the file, with its version.
fn framework(model: &message::Model) -> String {
    let name = match &*model.producer_name {
        "pytorch" => "PyTorch",
        name => name,
    };
    // A build or a revision may follow the version.
    let version = model.producer_version.split([' ', '+']).next().unwrap_or_default();
    let plain = |text: &str| text.len() <= 64 && text.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    match (name, version) {
        (name, version) if !plain(name) || !plain(version) || name.is_empty() => "ONNX".to_owned(),
        (name, "") => format!("{name} (ONNX)"),
        (name, version) => format!("{name} {version} (ONNX)"),
    }
}

#[cfg(test)]
mod tests;

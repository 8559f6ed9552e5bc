//! Hand-made graphs for tests.

use prost::Message as _;

use crate::import::error::ImportError;
use crate::import::formats::onnx::message::{
    Attribute, Dimension, Graph, Model, Node, OperatorSet, Shape, Tensor, TensorType, Type, ValueInfo,
};
use crate::import::formats::onnx::reader::read_network;
use crate::import::formats::weights_file::FileNetwork;

/// Pseudo-random numbers in -1..1, exact in 16 bits.
pub fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 56) as f32 - 128.0) / 128.0
        })
        .collect()
}

/// A float32 constant.
pub fn floats(name: &str, dims: &[i64], seed: u64) -> Tensor {
    let count = dims.iter().product::<i64>() as usize;
    values(name, dims, numbers(count, seed))
}

/// A float32 constant of given numbers.
pub fn values(name: &str, dims: &[i64], numbers: Vec<f32>) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: dims.to_vec(),
        data_type: 1,
        float_data: numbers,
        ..Tensor::default()
    }
}

/// A constant list of 64-bit integers.
pub fn integers(name: &str, numbers: &[i64]) -> Tensor {
    Tensor {
        name: name.to_owned(),
        dims: vec![numbers.len() as i64],
        data_type: 7,
        int64_data: numbers.to_vec(),
        ..Tensor::default()
    }
}

/// A node with the name `op_type/output`. Spaces separate inputs and outputs; `_` is an omitted one.
pub fn node(op_type: &str, inputs: &str, outputs: &str, attribute: Vec<Attribute>) -> Node {
    let optional = |name: &str| if name == "_" { String::new() } else { name.to_owned() };
    let names = |text: &str| text.split(' ').filter(|name| !name.is_empty()).map(optional).collect();
    Node {
        name: format!("{op_type}/{outputs}"),
        op_type: op_type.to_owned(),
        input: names(inputs),
        output: names(outputs),
        attribute,
        ..Node::default()
    }
}

/// An attribute of one whole number.
pub fn int(name: &str, i: i64) -> Attribute {
    Attribute { name: name.to_owned(), i, r#type: 2, ..Attribute::default() }
}

/// An attribute of whole numbers.
pub fn ints(name: &str, ints: &[i64]) -> Attribute {
    Attribute { name: name.to_owned(), ints: ints.to_vec(), r#type: 7, ..Attribute::default() }
}

/// An attribute of one number.
pub fn float(name: &str, f: f32) -> Attribute {
    Attribute { name: name.to_owned(), f, r#type: 1, ..Attribute::default() }
}

/// An attribute of text.
pub fn text(name: &str, s: &str) -> Attribute {
    Attribute { name: name.to_owned(), s: s.as_bytes().to_vec(), r#type: 3, ..Attribute::default() }
}

/// A float32 input or output; sizes below zero are open.
pub fn value_info(name: &str, dims: &[i64]) -> ValueInfo {
    let dim = dims.iter().map(|&size| Dimension { dim_value: (size >= 0).then_some(size) }).collect();
    let tensor_type = Some(TensorType { elem_type: 1, shape: Some(Shape { dim }) });
    ValueInfo { name: name.to_owned(), r#type: Some(Type { tensor_type }) }
}

/// A network on images of 6 x 6 pixels: 2 maps of 3 x 3 with stride 1, 4 hidden units, 3 classes. Its nodes are Conv/c, Mul/s,
/// Flatten/f, Gemm/h, Mul/q and Gemm/y.
pub fn network() -> Model {
    let node = vec![
        node("Conv", "x k b", "c", vec![]),
        node("Mul", "c c", "s", vec![]),
        node("Flatten", "s", "f", vec![]),
        node("Gemm", "f w1 b1", "h", vec![]),
        node("Mul", "h h", "q", vec![]),
        node("Gemm", "q w2 b2", "y", vec![]),
    ];
    let initializer = vec![
        floats("k", &[2, 1, 3, 3], 1),
        floats("b", &[2], 2),
        floats("w1", &[32, 4], 3),
        floats("b1", &[4], 4),
        floats("w2", &[4, 3], 5),
        floats("b2", &[3], 6),
    ];
    let input = vec![value_info("x", &[-1, 1, 6, 6])];
    let output = vec![value_info("y", &[-1, 3])];
    Model {
        producer_name: "hand".to_owned(),
        producer_version: "1.0".to_owned(),
        graph: Some(Graph { node, initializer, input, output, ..Graph::default() }),
        opset_import: vec![OperatorSet { domain: String::new(), version: 20 }],
        functions: vec![],
    }
}

/// The graph of a model.
pub fn graph(model: &mut Model) -> &mut Graph {
    model.graph.as_mut().unwrap()
}

/// Replaces the node `name` by nodes and constants.
pub fn replace(model: &mut Model, name: &str, nodes: Vec<Node>, constants: Vec<Tensor>) {
    let graph = graph(model);
    let index = graph.node.iter().position(|node| node.name == name).unwrap();
    graph.node.splice(index..=index, nodes);
    graph.initializer.retain(|own| constants.iter().all(|new| new.name != own.name));
    graph.initializer.extend(constants);
}

/// Reads a model without external data.
pub fn read(model: &Model) -> Result<FileNetwork, ImportError> {
    read_network("hand.onnx", &model.encode_to_vec(), &mut |name| panic!("reads {name}"))
}

/// The error of a model.
pub fn refusal(model: &Model) -> String {
    read(model).unwrap_err().to_string()
}

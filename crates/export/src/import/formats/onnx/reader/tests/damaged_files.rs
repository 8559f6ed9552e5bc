//! Damaged ONNX files cause no panic.

use prost::Message as _;

use crate::import::fixtures::framework_files::files;
use crate::import::fixtures::pseudo_random::PseudoRandom;
use crate::import::formats::onnx::message::{Attribute, Entry, Model, Node, Segment, Tensor};
use crate::import::formats::onnx::reader::read_network;

use super::hand_made;

/// Number of damaged files in each of the two tests.
const DAMAGED: usize = 8000;

/// Chooses a number that code may not expect.
fn edge_number(choices: &mut PseudoRandom) -> i64 {
    const EDGES: [i64; 16] =
        [0, 1, 2, 3, 5, 7, 8, 32, -1, -2, 4097, 1 << 31, -(1 << 31), 1 << 53, i64::MAX, i64::MIN];
    EDGES[choices.below(EDGES.len())]
}

/// Small files of every kind.
fn originals() -> Vec<Vec<u8>> {
    let paths = [
        "torch/paper.dynamo.onnx",
        "torch/paper.one-file.dynamo.onnx",
        "torch/batch-norm.unfolded.torchscript.onnx",
        "torch/padded-then-normalised.torchscript.onnx",
        "torch/overlapping-pool.dynamo.onnx",
        "tf2onnx/paper.onnx",
        "tf2onnx/paper.opset9.onnx",
        "tf2onnx/global-pooling.onnx",
        "tf2onnx/softmax.onnx",
    ];
    let all = [files("torch", "graph"), files("tf2onnx", "graph")].concat();
    let files = all.iter().filter(|file| paths.contains(&&*file.path)).map(|file| file.bytes());
    files.chain([hand_made::network().encode_to_vec(), every_operator().encode_to_vec()]).collect()
}

/// A network with operators that the other files do not have.
fn every_operator() -> Model {
    let mut model = hand_made::network();
    let nodes = vec![
        hand_made::node("Pad", "x sides", "p", vec![]),
        hand_made::node("Slice", "p from to axes steps", "cut", vec![]),
        hand_made::node("Gather", "cut indices", "g", vec![hand_made::int("axis", 2)]),
        hand_made::node("Expand", "g target", "e", vec![]),
        hand_made::node("Unsqueeze", "e axes", "u", vec![]),
        hand_made::node("Squeeze", "u axes", "v", vec![]),
        hand_made::node("Range", "start limit step", "r", vec![]),
        hand_made::node("ConstantOfShape", "r", "zeros", vec![]),
        hand_made::node("ReduceSum", "zeros", "zero", vec![hand_made::int("keepdims", 0)]),
        hand_made::node("Where", "zero zero zero", "w", vec![]),
        hand_made::node("Add", "v w", "z", vec![]),
        hand_made::node(
            "Conv",
            "z k b",
            "c",
            vec![
                hand_made::text("auto_pad", "SAME_LOWER"),
                hand_made::ints("kernel_shape", &[3, 3]),
                hand_made::ints("strides", &[1, 1]),
                hand_made::ints("dilations", &[1, 1]),
                hand_made::int("group", 1),
            ],
        ),
    ];
    let scalar = |name: &str, number: i64| Tensor { dims: vec![], ..hand_made::integers(name, &[number]) };
    let constants = vec![
        hand_made::integers("sides", &[0, 0, 1, 1, 0, 0, 1, 1]),
        hand_made::integers("from", &[1, 1]),
        hand_made::integers("to", &[7, -1]),
        hand_made::integers("axes", &[2, 3]),
        hand_made::integers("steps", &[1, 1]),
        hand_made::integers("indices", &[0, 1, 2, 3, 4, -1]),
        hand_made::integers("target", &[1, 1, 6, 6]),
        scalar("start", 2),
        scalar("limit", 4),
        scalar("step", 1),
        hand_made::floats("w1", &[72, 4], 3),
    ];
    hand_made::replace(&mut model, "Conv/c", nodes, constants);
    assert!(hand_made::read(&model).is_ok(), "{:?}", hand_made::read(&model));
    model
}

/// Reads a file; the test only fails on a panic.
fn try_file(bytes: &[u8]) -> bool {
    let sibling = vec![0; 2000];
    read_network("damaged.onnx", bytes, &mut |_| Ok(sibling.clone())).is_ok()
}

#[test]
fn damaged_bytes_make_no_panic() {
    let originals = originals();
    let mut choices = PseudoRandom(1);
    for round in 0..DAMAGED {
        let mut bytes = originals[round % originals.len()].clone();
        for _ in 0..=choices.below(3) {
            let place = choices.below(bytes.len());
            match choices.below(4) {
                0 => bytes.truncate(place),
                1 => {
                    let other = &originals[choices.below(originals.len())];
                    let from = choices.below(other.len());
                    let part = &other[from..other.len().min(from + choices.below(64))];
                    bytes.splice(place..place, part.iter().copied());
                }
                2 => {
                    let end = bytes.len().min(place + choices.below(16));
                    bytes.drain(place..end);
                }
                _ => {
                    let bit = choices.below(8);
                    if let Some(byte) = bytes.get_mut(place) {
                        *byte ^= 1 << bit;
                    }
                }
            }
        }
        try_file(&bytes);
    }
}

#[test]
fn damaged_fields_make_no_panic() {
    let originals: Vec<Model> = originals().iter().map(|bytes| Model::decode(&**bytes).unwrap()).collect();
    let mut choices = PseudoRandom(2);
    let mut read = 0;
    for round in 0..DAMAGED {
        let mut model = originals[round % originals.len()].clone();
        for _ in 0..=choices.below(2) {
            damage(&mut model, &mut choices);
        }
        read += usize::from(try_file(&model.encode_to_vec()));
    }
    // Some damage has no effect; most has.
    assert!((DAMAGED / 50..DAMAGED).contains(&read), "{read} files were read");
}

/// Changes one thing in a model.
fn damage(model: &mut Model, choices: &mut PseudoRandom) {
    let number = edge_number(choices);
    let Some(graph) = &mut model.graph else { return };
    match choices.below(10) {
        0 => {
            if let Some(set) = choices.choose(&mut model.opset_import) {
                set.version = number.clamp(0, 30);
            }
        }
        1 => {
            let input = choices.choose(&mut graph.input).and_then(|input| input.r#type.as_mut());
            let tensor = input.and_then(|own| own.tensor_type.as_mut());
            if let Some(shape) = tensor.and_then(|tensor| tensor.shape.as_mut()) {
                match choices.below(3) {
                    0 => shape.dim.truncate(choices.below(4)),
                    _ => {
                        if let Some(size) = choices.choose(&mut shape.dim) {
                            size.dim_value = Some(number);
                        }
                    }
                }
            }
        }
        2 | 3 => {
            damage_tensor(choices.below(graph.initializer.len()), &mut graph.initializer, choices, number)
        }
        4 => {
            let (from, to) = (choices.below(graph.node.len()), choices.below(graph.node.len()));
            graph.node.swap(from, to);
        }
        5 => {
            if !graph.node.is_empty() {
                graph.node.remove(choices.below(graph.node.len()));
            }
        }
        6 => {
            // A node reads another value.
            let names: Vec<String> = graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
            let outputs: Vec<String> = graph.node.iter().flat_map(|node| node.output.clone()).collect();
            let all = [names, outputs, vec!["x".to_owned(), String::new()]].concat();
            let name = all[choices.below(all.len())].clone();
            if let Some(node) = choices.choose(&mut graph.node) {
                match choices.choose(&mut node.input) {
                    Some(input) => *input = name,
                    None => node.input.push(name),
                }
            }
        }
        7 => {
            let operators: Vec<String> = graph.node.iter().map(|node| node.op_type.clone()).collect();
            let operator = operators.get(choices.below(operators.len())).cloned().unwrap_or_default();
            if let Some(node) = choices.choose(&mut graph.node) {
                node.op_type = operator;
            }
        }
        _ => {
            let Some(node) = choices.choose(&mut graph.node) else { return };
            damage_attribute(node, choices, number);
        }
    }
}

fn damage_attribute(node: &mut Node, choices: &mut PseudoRandom, number: i64) {
    let known = [
        "axis",
        "axes",
        "perm",
        "pads",
        "strides",
        "kernel_shape",
        "group",
        "dilations",
        "keepdims",
        "to",
        "start",
        "alpha",
    ];
    if choices.below(4) == 0 {
        let name = known[choices.below(known.len())];
        let other = edge_number(choices);
        node.attribute.push(match choices.below(2) {
            0 => hand_made::int(name, number),
            _ => hand_made::ints(name, &[number, other]),
        });
        return;
    }
    let Some(attribute): Option<&mut Attribute> = choices.choose(&mut node.attribute) else { return };
    match choices.below(6) {
        0 => attribute.i = number,
        1 => attribute.r#type = (number % 12) as i32,
        2 => attribute.f = [f32::NAN, f32::INFINITY, 0.0, -1.0][choices.below(4)],
        3 => attribute.ints.truncate(choices.below(3)),
        4 => attribute.t = None,
        _ => {
            if let Some(own) = choices.choose(&mut attribute.ints) {
                *own = number;
            }
        }
    }
}

fn damage_tensor(index: usize, tensors: &mut [Tensor], choices: &mut PseudoRandom, number: i64) {
    let Some(tensor) = tensors.get_mut(index) else { return };
    match choices.below(9) {
        0 => tensor.dims.push(number),
        1 => tensor.dims.truncate(choices.below(3)),
        2 => {
            if let Some(size) = choices.choose(&mut tensor.dims) {
                *size = number;
            }
        }
        3 => tensor.data_type = (number % 27) as i32,
        4 => {
            let entry = |key: &str, value: String| Entry { key: key.to_owned(), value };
            tensor.data_location = 1;
            let offset = edge_number(choices);
            tensor.external_data = vec![
                entry("location", "data".to_owned()),
                entry("offset", offset.to_string()),
                entry("length", number.to_string()),
            ];
        }
        5 => tensor.segment = Some(Segment {}),
        6 => {
            // Sizes and axes in other fields, if the tensor has them.
            let bytes = number.to_le_bytes();
            if let Some(raw) = tensor.raw_data.as_mut().filter(|raw| raw.len() >= 8) {
                let place = choices.below(raw.len() / 8) * 8;
                raw[place..place + 8].copy_from_slice(&bytes);
            }
            if let Some(own) = choices.choose(&mut tensor.int64_data) {
                *own = number;
            }
        }
        7 => {
            if let Some(own) = choices.choose(&mut tensor.float_data) {
                *own = [f32::NAN, f32::INFINITY, 1e38, 0.0][choices.below(4)];
            }
        }
        _ => tensor.raw_data = None,
    }
}

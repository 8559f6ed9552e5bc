mod damaged_files;
mod hand_made;

use std::path::Path;

use super::*;
use crate::import::fixtures::framework_files::{File, files, weights_file};
use hand_made::{
    float, floats, graph, int, integers, ints, network as made, node, numbers, read as read_made, refusal,
    replace, text, value_info, values,
};

/// Reads a file that a framework made, with its external data.
fn read(file: &File) -> Result<FileNetwork, ImportError> {
    let path = file.path();
    read_network(&file.path, &file.bytes(), &mut |name| read_external_file(&path, name))
}

#[test]
fn files_of_torch_and_tf2onnx_compute_what_the_frameworks_computed_or_are_refused_by_name() {
    let all = [files("torch", "graph"), files("tf2onnx", "graph")].concat();
    let graphs = all.iter().filter(|file| file.path.ends_with(".onnx"));
    let problems: Vec<String> = graphs.filter_map(|file| file.difference(&read(file))).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The logits of a pseudo-random image.
fn logits(model: &FileNetwork) -> Vec<f64> {
    let side = model.network.architecture().image_side;
    let image: Vec<f64> = numbers(side * side, 9).into_iter().map(f64::from).collect();
    model.network.logits(&image)
}

/// Checks that a change to the hand-made network does not change its logits.
fn assert_same(changed: &message::Model) {
    let (found, expected) = (read_made(changed).unwrap(), read_made(&made()).unwrap());
    for (found, expected) in logits(&found).iter().zip(logits(&expected)) {
        assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found} for {expected}");
    }
}

#[test]
fn a_hand_made_network_computes_what_its_definition_says() {
    let model = read_made(&made()).unwrap();
    let [image, kernels, first, second] = [(36, 9), (18, 1), (128, 3), (12, 5)]
        .map(|(count, seed)| numbers(count, seed).into_iter().map(f64::from).collect::<Vec<_>>());
    let biases = |count, seed| numbers(count, seed).into_iter().map(f64::from).collect::<Vec<_>>();
    let mut squares = vec![];
    for (map, bias) in biases(2, 2).iter().enumerate() {
        for (row, column) in (0..16).map(|index| (index / 4, index % 4)) {
            let taps =
                (0..9).map(|tap| kernels[map * 9 + tap] * image[(row + tap / 3) * 6 + column + tap % 3]);
            squares.push((bias + taps.sum::<f64>()).powi(2));
        }
    }
    let dense = |inputs: &[f64], weights: &[f64], biases: Vec<f64>| -> Vec<f64> {
        let units = biases.len();
        let unit = |(unit, bias): (usize, &f64)| {
            bias + inputs
                .iter()
                .enumerate()
                .map(|(index, value)| value * weights[index * units + unit])
                .sum::<f64>()
        };
        biases.iter().enumerate().map(unit).collect()
    };
    let hidden: Vec<f64> = dense(&squares, &first, biases(4, 4)).iter().map(|value| value * value).collect();
    let expected = dense(&hidden, &second, biases(3, 6));
    for (found, expected) in logits(&model).iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found} for {expected}");
    }
    assert_eq!(model.framework, "hand 1.0 (ONNX)");
    assert!(model.remarks.is_empty());
}

#[test]
fn functions_that_are_no_squares_are_refused_by_their_node() {
    for (operator, word) in [
        ("Relu", "is a ReLU, which cannot be evaluated on ciphertexts"),
        ("Sigmoid", "is a sigmoid"),
        ("Tanh", "is a tanh"),
        ("MaxPool", "an average pooling in place of a maximum"),
        ("Abs", "is an absolute value"),
        ("Exp", "the function Exp of the image"),
        ("LayerNormalization", "Use instead: BatchNormalization"),
        ("QuantizeLinear", "before it was quantised"),
        ("If", "branch or loop"),
        ("Einsum", "is the operator Einsum, which is not supported. Use instead: convolution, square, dense"),
    ] {
        let mut model = made();
        replace(&mut model, "Mul/s", vec![node(operator, "c", "s", vec![])], vec![]);
        let refusal = refusal(&model);
        assert!(
            refusal.contains(&format!("hand.onnx: the layer \"{operator}/s\" ")) && refusal.contains(word),
            "{refusal}"
        );
    }
    // An error names a node without a name by its output.
    let mut model = made();
    let relu = message::Node { name: String::new(), ..node("Relu", "c", "s", vec![]) };
    replace(&mut model, "Mul/s", vec![relu], vec![]);
    assert!(refusal(&model).contains("the layer \"s\" is a ReLU"));
}

#[test]
fn nodes_that_the_output_does_not_depend_on_are_not_evaluated() {
    let mut model = made();
    graph(&mut model).node.insert(1, node("Relu", "c", "unused", vec![]));
    assert_same(&model);
}

#[test]
fn operators_of_the_family_compute_the_same_in_every_spelling() {
    let two = || values("two", &[], vec![2.0]);
    let swapped = || {
        let numbers = numbers(128, 3);
        values("w1", &[4, 32], (0..128).map(|index| numbers[index % 32 * 4 + index / 32]).collect())
    };
    let cases: Vec<(&str, Vec<message::Node>, Vec<message::Tensor>)> = vec![
        ("Mul/s", vec![node("Pow", "c two", "s", vec![])], vec![two()]),
        ("Flatten/f", vec![node("Reshape", "s to", "f", vec![])], vec![integers("to", &[0, -1])]),
        (
            "Flatten/f",
            vec![node("Reshape", "s to", "f", vec![int("allowzero", 1)])],
            vec![integers("to", &[-1, 32])],
        ),
        ("Flatten/f", vec![node("Flatten", "s", "f", vec![int("axis", -3)])], vec![]),
        (
            "Flatten/f",
            // tf2onnx computes the shape like this: the batch of the tensor's own shape, and -1.
            vec![
                node("Shape", "s", "all", vec![]),
                node("Cast", "all", "narrow", vec![int("to", 6)]),
                node("Slice", "narrow zero one zero", "first", vec![]),
                node("Concat", "first rest", "to32", vec![int("axis", 0)]),
                node("Cast", "to32", "to", vec![int("to", 7)]),
                node("Reshape", "s to", "f", vec![]),
            ],
            vec![
                integers("zero", &[0]),
                integers("one", &[1]),
                message::Tensor {
                    data_type: 6,
                    int64_data: vec![],
                    int32_data: vec![-1],
                    ..integers("rest", &[-1])
                },
            ],
        ),
        (
            "Flatten/f",
            // 49 / 49 and 7 / 2 are integer quotients.
            vec![
                node("Div", "n m", "quotient", vec![]),
                node("Sub", "quotient shift", "to", vec![]),
                node("Reshape", "s to", "f", vec![]),
            ],
            vec![integers("n", &[49, 71]), integers("m", &[49, 2]), integers("shift", &[0, 3])],
        ),
        ("Gemm/h", vec![node("Gemm", "f w1 b1", "h", vec![int("transB", 1)])], vec![swapped()]),
        (
            "Gemm/h",
            vec![node("MatMul", "f w1", "product", vec![]), node("Add", "b1 product", "h", vec![])],
            vec![],
        ),
        (
            "Gemm/h",
            vec![
                node("Transpose", "w1", "w", vec![]),
                node("Unsqueeze", "b1 axes", "row", vec![]),
                node("Gemm", "f w row", "h", vec![int("transB", 1), float("alpha", 1.0)]),
            ],
            vec![integers("axes", &[0])],
        ),
        (
            "Gemm/h",
            vec![
                node("Add", "b1 b1", "twice", vec![]),
                node("Mul", "f two", "g", vec![]),
                node("Gemm", "g w1 twice", "h", vec![float("alpha", 0.5), float("beta", 0.5)]),
            ],
            vec![two()],
        ),
        (
            "Conv/c",
            vec![
                node("Identity", "x", "same", vec![]),
                node("Dropout", "same", "kept mask", vec![]),
                node("Neg", "kept", "n", vec![]),
                node("Neg", "n", "m", vec![]),
                node(
                    "Conv",
                    "m k b",
                    "c",
                    vec![
                        text("auto_pad", "VALID"),
                        ints("kernel_shape", &[3, 3]),
                        ints("strides", &[1, 1]),
                        ints("dilations", &[1, 1]),
                        int("group", 1),
                    ],
                ),
            ],
            vec![],
        ),
        (
            "Conv/c",
            // Padded by 1 and sliced again.
            vec![
                node("Pad", "x sides", "padded", vec![text("mode", "constant")]),
                node("Slice", "padded from to axes", "cut", vec![]),
                node("Gather", "cut indices", "rows", vec![int("axis", -2)]),
                node("Conv", "rows k b", "c", vec![]),
            ],
            vec![
                integers("sides", &[0, 0, 1, 1, 0, 0, 1, 1]),
                integers("from", &[1, -7]),
                integers("to", &[-1, 7]),
                integers("axes", &[2, 3]),
                integers("indices", &[0, 1, 2, 3, 4, -1]),
            ],
        ),
    ];
    for (name, nodes, constants) in cases {
        let mut model = made();
        replace(&mut model, name, nodes, constants);
        assert_same(&model);
    }
}

#[test]
fn a_softmax_over_all_logits_is_left_out_with_a_remark_and_any_other_is_refused() {
    let with = |axis: i64, version: i64| {
        let mut model = made();
        let last = vec![
            node("Gemm", "q w2 b2", "logits", vec![]),
            node("Softmax", "logits", "y", vec![int("axis", axis)]),
        ];
        replace(&mut model, "Gemm/y", last, vec![]);
        model.opset_import[0].version = version;
        model
    };
    for (axis, version) in [(-1, 20), (1, 20), (1, 11), (0, 11)] {
        assert_same(&with(axis, version));
    }
    assert_eq!(
        read_made(&with(1, 13)).unwrap().remarks,
        ["the softmax \"Softmax/y\" is left out: it changes no prediction"]
    );
    assert!(refusal(&with(0, 20)).contains("softmax over axis 0 of the shape [1, 3]"));
}

#[test]
fn dilated_and_grouped_convolutions_are_convolutions_with_zeros() {
    let mut model = made();
    let dilated = node(
        "Conv",
        "x k b",
        "c",
        vec![ints("dilations", &[2, 2]), ints("strides", &[1, 1]), ints("pads", &[1, 1, 1, 1])],
    );
    replace(&mut model, "Conv/c", vec![dilated], vec![]);
    let architecture = *read_made(&model).unwrap().network.architecture();
    assert_eq!((architecture.kernel, architecture.padding.leading), (5, 1));
    // Two channels from one 1 x 1 convolution, each read by its own group.
    let mut model = made();
    let nodes = vec![
        node("Conv", "x ones", "copies", vec![]),
        node("Conv", "copies k b", "c", vec![int("group", 2)]),
    ];
    replace(&mut model, "Conv/c", nodes, vec![values("ones", &[2, 1, 1, 1], vec![1.0, 1.0])]);
    assert_same(&model);
}

#[test]
fn a_fixed_batch_in_shapes_is_read_for_one_image() {
    for target in [vec![8, 32], vec![8, -1], vec![-1, 32], vec![0, 32]] {
        let mut model = made();
        graph(&mut model).input[0] = value_info("x", &[8, 1, 6, 6]);
        replace(
            &mut model,
            "Flatten/f",
            vec![node("Reshape", "s to", "f", vec![])],
            vec![integers("to", &target)],
        );
        assert_same(&model);
        assert_eq!(
            read_made(&model).unwrap().remarks,
            ["the file fixes a batch of 8 images; the network is read for one image"]
        );
    }
}

#[test]
fn operations_that_mix_the_images_of_a_batch_are_refused_unless_it_is_one_image() {
    let cases = [
        ("Transpose", "s", vec![ints("perm", &[1, 0, 2, 3])]),
        ("Flatten", "s", vec![int("axis", 0)]),
        ("Flatten", "s", vec![int("axis", 2)]),
        ("Reshape", "s to", vec![]),
        ("ReduceMean", "s axes", vec![]),
        ("Squeeze", "s axes", vec![]),
        ("Unsqueeze", "s axes", vec![]),
        ("Gather", "s axes", vec![]),
        ("Concat", "s s", vec![int("axis", 0)]),
    ];
    for (operator, inputs, attributes) in cases {
        let mut model = made();
        let constants = vec![integers("axes", &[0]), integers("to", &[-1, 16])];
        replace(&mut model, "Flatten/f", vec![node(operator, inputs, "f", attributes)], constants);
        let refusal = refusal(&model);
        assert!(
            refusal.contains(&format!("{operator}/f")) && refusal.contains("images of a batch"),
            "{refusal}"
        );
    }
    let mut model = made();
    graph(&mut model).input[0] = value_info("x", &[1, 1, 6, 6]);
    let moved = vec![
        node("Transpose", "s", "t", vec![ints("perm", &[1, 0, 2, 3])]),
        node("Flatten", "t", "f", vec![int("axis", 0)]),
    ];
    replace(&mut model, "Flatten/f", moved, vec![]);
    assert_same(&model);
}

#[test]
fn average_pooling_counts_windows_as_the_attributes_say() {
    let pooled = |attributes: Vec<message::Attribute>, width: i64| {
        let mut model = made();
        let nodes = vec![node("AveragePool", "s", "p", attributes), node("Flatten", "p", "f", vec![])];
        replace(&mut model, "Flatten/f", nodes, vec![floats("w1", &[width, 4], 3)]);
        model
    };
    let kernel = |size: i64| ints("kernel_shape", &[size, size]);
    let stride = || ints("strides", &[2, 2]);
    assert!(read_made(&pooled(vec![kernel(2), stride()], 8)).is_ok());
    assert!(read_made(&pooled(vec![kernel(2), stride(), int("ceil_mode", 1)], 8)).is_ok());
    let error = refusal(&pooled(vec![kernel(3), stride(), int("ceil_mode", 1)], 8));
    assert!(error.contains("AveragePool/p") && error.contains("`ceil_mode=False`"), "{error}");
    let with = |counts: i64| {
        let attributes =
            vec![kernel(2), stride(), ints("pads", &[1, 1, 1, 1]), int("count_include_pad", counts)];
        logits(&read_made(&pooled(attributes, 18)).unwrap())
    };
    assert_ne!(with(0), with(1));
}

#[test]
fn only_graphs_of_one_image_and_one_output_are_read() {
    // Old files list constants as inputs. An input that nothing reads is ignored.
    let mut model = made();
    graph(&mut model).input.extend([value_info("k", &[2, 1, 3, 3]), value_info("unused", &[3])]);
    assert_same(&model);
    replace(
        &mut model,
        "Conv/c",
        vec![node("Add", "x other", "z", vec![]), node("Conv", "z k b", "c", vec![])],
        vec![],
    );
    graph(&mut model).input.push(value_info("other", &[-1, 1, 6, 6]));
    assert!(refusal(&model).contains("depends on the inputs [\"x\", \"other\"]"));
    let mut model = made();
    graph(&mut model).output.push(value_info("h", &[-1, 4]));
    assert!(refusal(&model).contains("outputs [\"y\", \"h\"]"));
    for (dims, word) in [
        (vec![-1, 3, 6, 6], "square grey images of one channel"),
        (vec![-1, 1, -1, -1], "of the shape [?, 1, ?, ?]; export the model with images of a fixed size"),
        (vec![], "without axes"),
    ] {
        let mut model = made();
        graph(&mut model).input[0] = value_info("x", &dims);
        let refusal = refusal(&model);
        assert!(refusal.contains("the layer \"x\"") && refusal.contains(word), "{refusal}");
    }
}

#[test]
fn what_would_change_the_meaning_of_a_file_is_refused() {
    let refused = |change: fn(&mut message::Model)| {
        let mut model = made();
        change(&mut model);
        refusal(&model)
    };
    let refusals = [
        (
            refused(|model| model.opset_import[0].version = 6),
            "version 6 of the ONNX operator set; 7 and later",
        ),
        (
            refused(|model| graph(model).node[0].attribute.push(int("flip", 1))),
            "the attribute \"flip\", which is not known",
        ),
        (
            refused(|model| graph(model).node[0].attribute.push(text("strides", "1"))),
            "\"strides\" of the type 3",
        ),
        (
            refused(|model| graph(model).node[0].domain = "com.example".to_owned()),
            "operator Conv of \"com.example\"",
        ),
        (
            refused(|model| graph(model).node[3].input[2] = "z".to_owned()),
            "reads \"z\", which no earlier node makes",
        ),
        (refused(|model| graph(model).node.swap(3, 4)), "its nodes may be out of order"),
        (refused(|model| graph(model).node[3].input[0] = "z".to_owned()), "its output depends on no input"),
        (refused(|model| graph(model).initializer[0].data_type = 17), "8-bit floating-point numbers"),
        (refused(|model| graph(model).initializer[0].dims[0] = 3), "does not fit its 18 values"),
        (refused(|model| graph(model).initializer[0].dims[0] = -1), "impossible shape"),
        (refused(|model| graph(model).initializer[0].segment = Some(message::Segment {})), "in segments"),
        (
            refused(|model| graph(model).initializer[0].float_data[4] = f32::NAN),
            "hand.onnx::k holds NaN at [0, 0, 1, 1]",
        ),
        (refused(|model| graph(model).initializer[1].name = "k".to_owned()), "two constants \"k\""),
        (
            refused(|model| {
                let values = Some(Box::new(graph(model).initializer.remove(0)));
                graph(model).sparse_initializer.push(message::SparseTensor { values });
            }),
            "its constant \"k\" is stored as a sparse tensor",
        ),
        (refused(|model| model.graph = None), "holds no graph"),
        (
            refused(|model| graph(model).initializer.push(floats("c", &[1], 1))),
            "makes \"c\", which another node makes too",
        ),
    ];
    for (refusal, word) in refusals {
        assert!(refusal.contains(word), "{refusal} has no {word:?}");
    }
    assert!(
        read_network("a.onnx", b"PK\x03\x04 no model", &mut |_| panic!())
            .unwrap_err()
            .to_string()
            .contains("not an ONNX model")
    );
}

#[test]
fn constants_of_every_type_are_read_from_lists_and_from_bytes() {
    let expected: Vec<f64> = vec![0.0, 1.0, 1.0, 0.0, 2.0, 100.0];
    let small: Vec<i32> = expected.iter().map(|&value| value as i32).collect();
    macro_rules! bytes {
        ($type:ty) => {
            expected.iter().flat_map(|&value| (value as $type).to_le_bytes()).collect::<Vec<u8>>()
        };
    }
    let half: Vec<half::f16> = expected.iter().map(|&value| half::f16::from_f64(value)).collect();
    let brain: Vec<half::bf16> = expected.iter().map(|&value| half::bf16::from_f64(value)).collect();
    let blank = || message::Tensor { name: "t".to_owned(), dims: vec![2, 3], ..Default::default() };
    let in_small = || message::Tensor { int32_data: small.clone(), ..blank() };
    let unsigned =
        || message::Tensor { uint64_data: small.iter().map(|&value| value as u64).collect(), ..blank() };
    let lists: Vec<(i32, message::Tensor, Vec<u8>)> = vec![
        (
            1,
            message::Tensor { float_data: expected.iter().map(|&value| value as f32).collect(), ..blank() },
            bytes!(f32),
        ),
        (2, in_small(), bytes!(u8)),
        (3, in_small(), bytes!(i8)),
        (4, in_small(), bytes!(u16)),
        (5, in_small(), bytes!(i16)),
        (6, in_small(), bytes!(i32)),
        (
            7,
            message::Tensor { int64_data: small.iter().map(|&value| i64::from(value)).collect(), ..blank() },
            bytes!(i64),
        ),
        (
            10,
            message::Tensor {
                int32_data: half.iter().map(|value| i32::from(value.to_bits())).collect(),
                ..blank()
            },
            half.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ),
        (11, message::Tensor { double_data: expected.clone(), ..blank() }, bytes!(f64)),
        (12, unsigned(), bytes!(u32)),
        (13, unsigned(), bytes!(u64)),
        (
            16,
            message::Tensor {
                int32_data: brain.iter().map(|value| i32::from(value.to_bits())).collect(),
                ..blank()
            },
            brain.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ),
    ];
    for (data_type, listed, bytes) in lists {
        let listed = message::Tensor { data_type, ..listed };
        let raw = message::Tensor { data_type, raw_data: Some(bytes), ..blank() };
        for stored in [listed, raw] {
            let mut model = made();
            graph(&mut model).initializer.push(stored);
            let (path, bytes) = (Path::new("hand.onnx"), model.encode_to_vec());
            assert_eq!(names(&weights_file(path, &bytes)).unwrap(), ["k", "b", "w1", "b1", "w2", "b2", "t"]);
            let tensor = tensor(&weights_file(path, &bytes), "t", "the tensor").unwrap();
            assert_eq!((tensor.shape, tensor.values), (vec![2, 3], expected.clone()), "type {data_type}");
        }
    }
}

/// The hand-made network with the hidden layer's weights in another file.
fn with_external(entries: &[(&str, &str)]) -> message::Model {
    let mut model = made();
    let tensor = &mut graph(&mut model).initializer[2];
    tensor.float_data.clear();
    tensor.data_location = 1;
    let entry =
        |&(key, value): &(&str, &str)| message::Entry { key: key.to_owned(), value: value.to_owned() };
    tensor.external_data = entries.iter().map(entry).collect();
    model
}

#[test]
fn weights_beside_the_model_are_read_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut data = vec![7; 8];
    data.extend(numbers(128, 3).into_iter().flat_map(f32::to_le_bytes));
    std::fs::write(folder.path().join("net.data"), &data).unwrap();
    std::fs::write(elsewhere.path().join("secret"), &data).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("secret"), folder.path().join("link")).unwrap();
    std::os::unix::fs::symlink("net.data", folder.path().join("near")).unwrap();
    let path = folder.path().join("net.onnx");
    let read = |entries: &[(&str, &str)]| {
        read_network("net.onnx", &with_external(entries).encode_to_vec(), &mut |name| {
            read_external_file(&path, name)
        })
    };
    let expected = logits(&read_made(&made()).unwrap());
    for (location, length) in [("net.data", true), ("net.data", false), ("near", true)] {
        let mut entries = vec![("location", location), ("offset", "8")];
        entries.extend(length.then_some(("length", "512")));
        assert_eq!(logits(&read(&entries).unwrap()), expected);
    }
    let secret = elsewhere.path().join("secret").display().to_string();
    let above = format!("../{}/secret", elsewhere.path().file_name().unwrap().to_str().unwrap());
    let refusals: Vec<(Vec<(&str, &str)>, &str)> = vec![
        (vec![("location", &secret)], "only a file in the model's own folder"),
        (vec![("location", &above)], "only a file in the model's own folder"),
        (vec![("location", "..")], "only a file in the model's own folder"),
        (vec![("location", "C:net.data")], "only a file in the model's own folder"),
        (vec![("location", "a\\b")], "only a file in the model's own folder"),
        (vec![], "only a file in the model's own folder"),
        (vec![("location", "link"), ("offset", "8")], "is a link to another folder, which is not followed"),
        (vec![("location", "missing")], "cannot read the weights"),
        (
            vec![("location", "net.data"), ("offset", "9")],
            "its bytes begin at 9 of \"net.data\", which has 520",
        ),
        (vec![("location", "net.data"), ("offset", "18446744073709551615")], "its bytes begin at"),
        (vec![("location", "net.data"), ("offset", "-1")], "its offset in \"net.data\" is not a number"),
        (vec![("location", "net.data"), ("length", "500")], "it has 500 bytes in \"net.data\""),
    ];
    for (entries, word) in refusals {
        let refusal = read(&entries).unwrap_err().to_string();
        assert!(refusal.contains(word), "{entries:?}: {refusal}");
    }
}

#[test]
fn functions_of_the_file_are_evaluated_where_they_are_called() {
    let with = |body: Vec<message::Node>| {
        let mut model = made();
        let call = message::Node {
            domain: "local".to_owned(),
            ..node("Dense", "f w1 b1", "h", vec![int("turned", 0)])
        };
        replace(&mut model, "Gemm/h", vec![call], vec![]);
        model.opset_import.push(message::OperatorSet { domain: "local".to_owned(), version: 1 });
        model.functions.push(message::Function {
            name: "Dense".to_owned(),
            domain: "local".to_owned(),
            input: ["a", "w", "b"].map(str::to_owned).to_vec(),
            output: vec!["z".to_owned()],
            node: body,
            opset_import: vec![message::OperatorSet { domain: String::new(), version: 18 }],
            ..message::Function::default()
        });
        model
    };
    let refers = |name: &str, to: &str| message::Attribute { ref_attr_name: to.to_owned(), ..int(name, 1) };
    let gemm = |attributes| node("Gemm", "a w b", "z", attributes);
    assert_same(&with(vec![gemm(vec![refers("transB", "turned"), refers("transA", "unknown")])]));
    let error = refusal(&with(vec![node("Relu", "a", "r", vec![]), node("Gemm", "r w b", "z", vec![])]));
    assert!(error.contains("the layer \"Dense/h/Relu/r\" is a ReLU"), "{error}");
    let itself = message::Node { domain: "local".to_owned(), ..node("Dense", "a w b", "z", vec![]) };
    assert!(refusal(&with(vec![itself])).contains("calls functions more than 16 deep"));
}

#[test]
fn weights_stored_as_integers_are_scaled_exactly() {
    let mut model = made();
    let integers: Vec<i32> = numbers(128, 3).iter().map(|&value| (value * 128.0) as i32 + 3).collect();
    let quantised = message::Tensor {
        data_type: 3,
        float_data: vec![],
        int32_data: integers,
        ..floats("w", &[32, 4], 3)
    };
    let zero =
        message::Tensor { data_type: 3, int32_data: vec![3], name: "zero".to_owned(), ..Default::default() };
    // The first weight is -128; its difference from the zero point still fits.
    let nodes = vec![
        node("DequantizeLinear", "w scale zero", "w1", vec![int("axis", 1)]),
        node("Gemm", "f w1 b1", "h", vec![]),
    ];
    replace(&mut model, "Gemm/h", nodes, vec![quantised, zero, values("scale", &[4], vec![0.0078125; 4])]);
    graph(&mut model).initializer.retain(|tensor| tensor.name != "w1");
    assert_same(&model);
}

#[test]
fn batch_norm_in_training_and_padding_that_repeats_the_image_are_refused() {
    let with = |nodes: Vec<message::Node>| {
        let mut model = made();
        let constants = vec![
            values("one", &[1], vec![1.0]),
            integers("sides", &[0, 0, 1, 1, 0, 0, 1, 1]),
            integers("cut", &[0, 0, -1, 0, 0, 0, 0, 0]),
        ];
        replace(&mut model, "Conv/c", [nodes, vec![node("Conv", "z k b", "c", vec![])]].concat(), constants);
        refusal(&model)
    };
    let norm = vec![node("BatchNormalization", "x one one one one", "z", vec![int("training_mode", 1)])];
    assert!(with(norm).contains("is a BatchNorm in training mode"));
    assert!(
        with(vec![node("Pad", "x sides", "z", vec![text("mode", "reflect")])])
            .contains("the mode \"reflect\"")
    );
    assert!(with(vec![node("Pad", "x cut", "z", vec![])]).contains("negative paddings"));
}

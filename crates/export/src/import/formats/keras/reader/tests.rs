mod damaged_files;

use ndarray::{ArrayD, IxDyn};

use super::*;
use crate::import::fixtures::framework_files::{File, files, weights_file};
use crate::import::formats::symbolic::layers::{Windows, convolve};
use crate::import::formats::symbolic::value::Value;

/// Files of both versions.
fn keras(kind: &str) -> Vec<File> {
    files("keras", kind)
}

/// The file of that name.
fn file(path: &str) -> File {
    let all = [keras("graph"), keras("weights")].concat();
    all.into_iter().find(|file| file.path == path).unwrap()
}

fn read(file: &File) -> Result<FileNetwork, ImportError> {
    let side = file.expected.architecture.map(|architecture| architecture.image_side);
    read_network(&file.path, &file.bytes(), side)
}

#[test]
fn every_whole_model_computes_what_keras_computed() {
    let differences: Vec<String> =
        keras("graph").iter().filter_map(|file| file.difference(&read(file))).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

fn tensor(file: &File, name: &str) -> Option<Tensor> {
    let bytes = file.bytes();
    let weights = weights_file(&file.path, &bytes);
    let known = names(&weights).unwrap();
    known.contains(&name.to_owned()).then(|| super::tensor(&weights, name, name).unwrap())
}

fn array(tensor: Tensor) -> ArrayD<f64> {
    ArrayD::from_shape_vec(IxDyn(&tensor.shape), tensor.values).unwrap()
}

/// A network of the tensors that are named after its layers, as a description puts them together.
fn assembled(file: &File) -> FileNetwork {
    let architecture = file.expected.architecture.unwrap();
    let tensors = file.tensors.as_ref().unwrap();
    let names = names(&weights_file(&file.path, &file.bytes())).unwrap();
    // A nested model's name comes before its layer's.
    let find = |part: &str, weight: &str| {
        let own = format!("{}/{weight}", tensors[part].as_str().unwrap());
        let nested = format!("/{own}");
        let found: Vec<&String> =
            names.iter().filter(|name| **name == own || name.ends_with(&nested)).collect();
        assert!(found.len() <= 1, "{found:?}");
        found.first().map(|name| array(tensor(file, name).unwrap()))
    };
    let mut trace = Trace::default();
    let side = architecture.image_side;
    let image = trace.input(&[1, 1, side, side]).unwrap();
    let padding = (architecture.padding.leading, architecture.padding.trailing);
    let windows = Windows { stride: [architecture.stride; 2], padding: [padding; 2] };
    let kernels = find("convolution", "kernel").unwrap().permuted_axes(IxDyn(&[3, 2, 0, 1]));
    let maps = convolve(&image, &kernels, find("convolution", "bias").as_ref(), windows).unwrap();
    let maps = trace.square(&maps).unwrap();
    let last = file.flatten.as_deref() == Some("channels-last");
    let flat = if last { maps.transpose(&[0, 2, 3, 1]).unwrap() } else { maps }.flatten(1).unwrap();
    let dense = |input: &Value, part: &str| {
        let output = input.matmul(&Value::Constant(find(part, "kernel").unwrap())).unwrap();
        find(part, "bias").map_or(output.clone(), |bias| output.add(&Value::Constant(bias)).unwrap())
    };
    let hidden = dense(&flat, "hidden");
    let hidden = trace.square(&hidden).unwrap();
    let network = recognise(&trace, &dense(&hidden, "output")).unwrap();
    FileNetwork { network, framework: String::new(), remarks: Vec::new() }
}

#[test]
fn tensors_of_files_of_weights_are_found_by_layers_own_names() {
    let mut checked = 0;
    for file in keras("weights") {
        let names = names(&weights_file(&file.path, &file.bytes())).unwrap();
        let affine = names.iter().any(|name| name.contains("normalization"));
        if names.iter().all(|name| name.contains("/vars/")) {
            assert!(file.path.starts_with("keras2"), "{names:?}");
            continue;
        }
        if affine || file.pool.is_some() || file.inside.is_some() || file.tensors.is_none() {
            assert!(names.iter().any(|name| name.ends_with("/kernel")), "{names:?}");
            continue;
        }
        assert_eq!(file.difference(&Ok(assembled(&file))), None);
        checked += 1;
    }
    assert!(checked >= 4);
}

#[test]
fn names_are_those_of_the_layers_and_not_of_the_paths() {
    let file = file("keras3/names-counted-high.keras");
    assert_eq!(
        names(&weights_file(&file.path, &file.bytes())).unwrap(),
        [
            "conv2d_4/bias",
            "conv2d_4/kernel",
            "dense_10/bias",
            "dense_10/kernel",
            "dense_9/bias",
            "dense_9/kernel"
        ]
    );
    let by_path =
        super::tensor(&weights_file(&file.path, &file.bytes()), "layers/dense_1/vars/0", "w").unwrap();
    assert_eq!(Some(by_path.values), tensor(&file, "dense_10/kernel").map(|tensor| tensor.values));
}

#[test]
fn names_are_paths_where_keras_2_wrote_no_names() {
    let file = file("keras2/nested.weights.h5");
    let names = names(&weights_file(&file.path, &file.bytes())).unwrap();
    assert_eq!(names[0], "layers/dense/vars/0");
    assert_eq!(tensor(&file, "layers/dense/vars/0").unwrap().shape, [6, 3]);
    assert_eq!(tensor(&file, "layers/sequential_1/layers/dense/vars/0").unwrap().shape, [50, 6]);
}

#[test]
fn the_optimiser_is_left_out_of_the_names() {
    let file = file("keras3/fitted.weights.h5");
    let names = names(&weights_file(&file.path, &file.bytes())).unwrap();
    assert_eq!(names.len(), 6, "{names:?}");
}

/// The configuration and the weights of an archive.
fn parts(bytes: &[u8]) -> (Json, Vec<u8>) {
    let mut archive = Archive::open("", bytes).unwrap();
    (serde_json::from_slice(&archive.entry("config.json").unwrap()).unwrap(), archive.entry(WEIGHTS).unwrap())
}

/// An archive whose configuration is changed.
fn changed(path: &str, change: impl Fn(&mut Json)) -> Result<FileNetwork, ImportError> {
    let (mut config, weights) = parts(&file(path).bytes());
    change(&mut config);
    read_network("net.keras", &damaged_files::archive(&serde_json::to_vec(&config).unwrap(), &weights), None)
}

/// The configuration of the first layer of a class.
fn layer<'a>(config: &'a mut Json, class: &str) -> &'a mut Json {
    let layers = config["config"]["layers"].as_array_mut().unwrap();
    &mut layers.iter_mut().find(|layer| layer["class_name"] == class).unwrap()["config"]
}

fn computes_what_keras_computed(path: &str) {
    let file = file(path);
    assert_eq!(file.difference(&read(&file)), None);
}

#[test]
fn weights_are_joined_by_the_layers_own_names() {
    // `layers/dense_1` of the archive is `dense_10`, which HDF5 lists before `dense_9`.
    computes_what_keras_computed("keras3/names-counted-high.keras");
    computes_what_keras_computed("keras3/names-counted-high.h5");
    computes_what_keras_computed("keras3/nested.keras");
}

#[test]
fn layers_are_counted_where_keras_2_wrote_no_names() {
    computes_what_keras_computed("keras2/paper.keras");
}

#[test]
fn batch_norm_without_scale_and_centre_has_its_mean_first() {
    computes_what_keras_computed("keras3/batch-norm-bare.keras");
    computes_what_keras_computed("keras3/batch-norm.h5");
}

#[test]
fn channels_first_flattens_by_the_layers_that_say_so() {
    computes_what_keras_computed("keras3/channels-first-process.keras");
    computes_what_keras_computed("keras3/channels-first-convolution.keras");
}

#[test]
fn int8_weights_are_read_with_their_scales_and_a_remark() {
    computes_what_keras_computed("keras3/int8.keras");
    let remarks = read(&file("keras3/int8.keras")).unwrap().remarks;
    assert!(remarks.iter().any(|remark| remark.contains("\"dense\" is quantised")), "{remarks:?}");
}

#[test]
fn bfloat16_is_read_from_its_two_opaque_bytes() {
    let kernel = tensor(&file("keras3/bfloat16.weights.h5"), "conv2d/kernel").unwrap();
    assert_eq!(kernel.shape, [3, 3, 1, 2]);
    assert!(kernel.values.iter().all(|&value| f64::from(half::bf16::from_f64(value)) == value));
    assert!(kernel.values.iter().any(|&value| value != 0.0 && value.abs() < 2.0));
}

#[test]
fn the_framework_and_its_version_are_named() {
    for (path, framework) in [("keras3/paper.keras", "Keras 3.15.1"), ("keras2/paper.h5", "Keras 2.15.0")] {
        assert_eq!(read(&file(path)).unwrap().framework, framework);
    }
}

#[test]
fn a_lambda_that_is_arithmetic_is_read_and_any_other_is_assumed_with_a_remark() {
    let read = |code: &str| {
        changed("keras3/lambda.keras", |config| {
            layer(config, "Conv2D")["activation"]["value"][0] = code.into()
        })
    };
    let told = |model: FileNetwork| {
        model.remarks.iter().any(|remark| remark.contains("\"conv2d\" is Python code that is not executed"))
    };
    assert!(!told(changed("keras3/lambda.keras", |_| {}).unwrap()));
    assert!(told(read("4wAA").unwrap()));
}

#[test]
fn the_square_is_recognised_however_it_is_spelled() {
    let spelled = |function: Json| {
        changed("keras3/paper.keras", move |config| layer(config, "Conv2D")["activation"] = function.clone())
    };
    let plain = spelled("square".into()).unwrap();
    for function in [
        serde_json::json!({"module": "keras.ops", "class_name": "function", "config": "square", "registered_name": "square"}),
        serde_json::json!({"class_name": "__lambda__", "config": {"value": ["", null, null]}}),
        serde_json::json!({"class_name": "__lambda__", "config": {"code": "", "defaults": null, "closure": null}}),
        serde_json::json!(["", null, null]),
        serde_json::json!("<lambda>"),
        serde_json::json!("Digits>my_square"),
        serde_json::json!({"module": "keras.layers", "class_name": "Lambda", "config": {"name": "l", "function": "square"}}),
        serde_json::json!({"value": ["", null, null]}),
    ] {
        let text = function.to_string();
        assert_eq!(spelled(function).unwrap().network, plain.network, "{text}");
    }
    for (function, words) in [
        (serde_json::json!("relu"), "the layer \"conv2d\" is followed by its activation \"relu\""),
        (
            serde_json::json!("Mine>act"),
            "the layer \"conv2d\" has the activation \"act\", of which the file only holds the name",
        ),
        (
            serde_json::json!({"class_name": "LeakyReLU", "config": {"name": "other"}}),
            "the layer \"conv2d\" is a LeakyReLU",
        ),
        (serde_json::json!(7), "the layer \"conv2d\" has activation 7, which is not understood"),
    ] {
        let error = spelled(function).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn what_is_not_supported_is_refused_by_the_layers_own_name() {
    for (class, field, value, words) in [
        (
            "Conv2D",
            "dilation_rate",
            serde_json::json!([2, 2]),
            "the layer \"conv2d\" has a dilation of [2, 2]",
        ),
        ("Conv2D", "groups", 2.into(), "the layer \"conv2d\" has 2 groups"),
        ("Conv2D", "strides", serde_json::json!([2, 1]), "the layer \"conv2d\" has strides of [2, 1]"),
        ("Conv2D", "padding", "causal".into(), "the layer \"conv2d\" has the padding \"causal\""),
        ("Conv2D", "name", "conv2d_9".into(), "the layer \"conv2d_9\" has no kernel in the file"),
        (
            "Dense",
            "dtype",
            serde_json::json!({"config": {"mode": "int4/128"}}),
            "the layer \"dense\" is quantised as int4/128",
        ),
        (
            "InputLayer",
            "batch_shape",
            serde_json::json!([null, null, null, 1]),
            "leaves sizes of its images open, and they are needed: ? x ? x 1",
        ),
    ] {
        let error = changed("keras3/paper.keras", |config| layer(config, class)[field] = value.clone())
            .unwrap_err()
            .to_string();
        assert!(error.contains(words), "{error}");
    }
    let error = changed("keras3/paper.keras", |config| {
        config["config"]["layers"][3]["class_name"] = "TFSMLayer".into()
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the layer \"flatten\" is a TFSMLayer layer, which is not supported"), "{error}");
    let error = read(&file("keras3/subclassed.keras")).unwrap_err().to_string();
    assert!(
        error
            .contains("the layer \"Subclassed\" is a model of the class Subclassed, which is the user's own"),
        "{error}"
    );
}

#[test]
fn a_file_of_weights_alone_is_no_network() {
    let file = file("keras3/fitted.weights.h5");
    assert!(!holds_model(&file.bytes()));
    let error = read_network(&file.path, &file.bytes(), None).unwrap_err().to_string();
    assert!(error.contains("it holds only weights"), "{error}");
    for path in ["keras3/paper.keras", "keras2/paper.h5"] {
        assert!(holds_model(&self::file(path).bytes()));
    }
}

#[test]
fn a_model_that_is_called_as_in_training_is_refused() {
    let error = changed("keras3/functional-product.keras", |config| {
        config["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] = serde_json::json!({"training": true});
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the layer \"maps\" is called with training=True"), "{error}");
}

mod damaged_files;

use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::*;
use crate::import::fixtures::framework_files::{File, files, weights_file};
use crate::import::formats::npz;
use crate::import::formats::tensor::Tensor;

/// Files of weights that cannot be read by name, with a word of the error.
const REFUSED: [(&str, &str); 4] = [
    ("torch/list.pt", "torch.save(model.state_dict()"),
    ("torch/paper.scripted.pt", "torch.jit.load"),
    ("torch/paper.torchscript.pt", "torch.jit.load"),
    ("torch/paper.whole-module.legacy.pth", "weights_only=False).state_dict()"),
];

/// A file of the index, by its path.
pub fn bytes_of(path: &str) -> Vec<u8> {
    let kind = if path.ends_with(".pt2") { "graph" } else { "weights" };
    files(path, kind).first().map(File::bytes).unwrap()
}

/// All entries of an archive.
pub fn unpacked(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let config = zip::read::Config { archive_offset: zip::read::ArchiveOffset::Known(0) };
    let mut archive = ZipArchive::with_config(config, Cursor::new(bytes)).unwrap();
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        entries.push((entry.name().unwrap().into_owned(), bytes));
    }
    entries
}

/// An archive of entries.
pub fn packed(entries: &[(String, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An exported program with its JSON changed.
fn changed(path: &str, entry: &str, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut entries = unpacked(&bytes_of(path));
    for (_, bytes) in entries.iter_mut().filter(|(name, _)| name.ends_with(entry)) {
        let mut value: Value = serde_json::from_slice(bytes).unwrap();
        change(&mut value);
        *bytes = serde_json::to_vec(&value).unwrap();
    }
    packed(&entries, CompressionMethod::Stored)
}

/// Reads the network of an exported program.
fn traced(name: &str, bytes: &[u8]) -> Result<FileNetwork, ImportError> {
    network(&weights_file(name, bytes), 0).map(|network| network.expect("an exported program"))
}

fn error_of(bytes: &[u8]) -> String {
    network(&weights_file("net.pt2", bytes), 0).unwrap_err().to_string()
}

fn read(path: &str, name: &str) -> Tensor {
    tensor(&weights_file(path, &bytes_of(path)), name, path).unwrap()
}

#[test]
fn exported_programs_compute_what_pytorch_computes() {
    let programs = files("torch/", "graph").into_iter().filter(|file| file.path.ends_with(".pt2"));
    let problems: Vec<String> =
        programs.filter_map(|file| file.difference(&traced(&file.path, &file.bytes()))).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// A file that `torch_programs.py` makes.
pub fn made(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/torch-programs").join(name))
        .unwrap()
}

#[test]
fn decomposed_operators_constants_of_the_code_and_single_images_are_traced() {
    for name in ["constants", "decomposed", "unusual", "one-image"] {
        let model = traced("net.pt2", &made(&format!("{name}.pt2"))).unwrap();
        let predictions = made(&format!("{name}.npz"));
        let [inputs, logits] = ["inputs", "logits"]
            .map(|array| npz::tensor(&weights_file(name, &predictions), array, name).unwrap());
        let images = inputs.values.chunks(144).zip(logits.values.chunks(3));
        assert_eq!(images.len(), 8);
        for (image, expected) in images {
            let worst = model
                .network
                .logits(image)
                .iter()
                .zip(expected)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f64::max);
            assert!(worst < 1e-4, "{name}: {:?} {expected:?}", model.network.logits(image));
        }
    }
}

#[test]
fn a_directory_that_is_as_long_as_zip64s_records_from_its_end_is_found() {
    // Its first header has 76 bytes, which confuses readers that search for the directory from the archive's end.
    let bytes = made("twenty-one-characters.pt");
    assert_eq!(
        names(&weights_file("net.pt", &bytes)).unwrap(),
        ["fc1.bias", "fc1.weight", "fc2.weight", "kernels"]
    );
}

#[test]
fn every_state_dict_has_the_tensors_of_its_network_under_their_own_names() {
    let readable = ["pt", "pth", "ckpt"];
    let has_kind = |file: &File| readable.iter().any(|kind| file.path.ends_with(&format!(".{kind}")));
    for file in files("torch/", "weights").into_iter().filter(has_kind) {
        let (path, bytes) = (Path::new(&file.path), file.bytes());
        let names =
            match (names(&weights_file(path, &bytes)), REFUSED.iter().find(|(path, _)| *path == file.path)) {
                (Ok(names), None) => names,
                (Err(error), Some((_, words))) => {
                    assert!(error.to_string().contains(words), "{error}");
                    continue;
                }
                (names, _) => panic!("{}: {names:?}", file.path),
            };
        for part in file.tensors.as_ref().unwrap().values() {
            for name in [&part["weights"], &part["bias"]].into_iter().filter_map(Value::as_str) {
                assert!(
                    name == "none" || names.iter().any(|known| known == name),
                    "{}: {names:?}",
                    file.path
                );
            }
        }
        for name in &names {
            tensor(&weights_file(path, &bytes), name, name).unwrap();
        }
    }
}

#[test]
fn values_come_in_logical_order_whatever_their_strides_and_containers() {
    let expected: Vec<Tensor> =
        ["conv.weight", "fc1.weight", "fc2.bias"].map(|name| read("torch/paper.pt", name)).into();
    for other in [
        "channels-last.pt",
        "transposed-view.pt",
        "transposed-view.legacy.pth",
        "sliced-view.pt",
        "tied.pt",
        "legacy.pth",
        "protocol4.pt",
        "parameters.pt",
        "data-parallel.pt",
        "checkpoint.pt",
        "whole-module.pt",
        "pt2",
        "transposed-view.pt2",
        "tied.pt2",
    ] {
        let path = format!("torch/paper.{other}");
        for (name, expected) in ["conv.weight", "fc1.weight", "fc2.bias"].iter().zip(&expected) {
            let found = read(&path, name);
            assert_eq!((&found.shape, &found.values), (&expected.shape, &expected.values), "{path} {name}");
        }
    }
}

#[test]
fn a_checkpoint_shows_the_network_and_not_the_optimiser() {
    let path = "torch/paper.checkpoint.pt";
    let shown = names(&weights_file(path, &bytes_of(path))).unwrap();
    assert_eq!(shown, ["conv.bias", "conv.weight", "fc1.bias", "fc1.weight", "fc2.bias", "fc2.weight"]);
    let shown = names(&weights_file("net.ckpt", &made("lightning.ckpt"))).unwrap();
    assert_eq!(shown, ["fc1.bias", "fc1.weight", "fc2.weight", "kernels"]);
}

#[test]
fn two_networks_in_one_file_keep_their_keys() {
    let shown = names(&weights_file("net.pt", &made("two-networks.pt"))).unwrap();
    assert_eq!(shown.len(), 8);
    assert!(shown.iter().any(|name| name == "ema_state_dict.kernels"), "{shown:?}");
    assert!(shown.iter().any(|name| name == "state_dict.kernels"), "{shown:?}");
}

#[test]
fn a_view_that_repeats_a_number_is_refused_without_unpacking_it() {
    let error =
        tensor(&weights_file("net.pt", &made("expanded.pt")), "weight", "net.pt").unwrap_err().to_string();
    assert!(error.contains("4194304 bytes, more than 16 times the file"), "{error}");
}

#[test]
fn a_whole_module_in_the_old_format_is_refused_with_what_makes_a_readable_file() {
    let error = names(&weights_file("net.pth", &made("whole-module.legacy.pth"))).unwrap_err().to_string();
    assert!(error.contains("torch.load(\"net.pth\", weights_only=False).state_dict()"), "{error}");
}

#[test]
fn numbers_of_16_and_64_bits_are_read() {
    let exact = read("torch/paper.float64.pt", "fc1.weight");
    for (path, error) in [("torch/paper.half.pt", 1e-3), ("torch/paper.bfloat16.pt", 1e-2)] {
        let rounded = read(path, "fc1.weight");
        assert_eq!(rounded.shape, exact.shape);
        let worst = rounded.values.iter().zip(&exact.values).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst > 0.0 && worst < error, "{path}: {worst}");
    }
}

#[test]
fn layers_that_are_left_out_are_remarked() {
    let model = traced("net.pt2", &bytes_of("torch/batch-norm.pt2")).unwrap();
    assert_eq!(model.remarks, ["the layer \"dropout (dropout)\" is left out: dropout is for training only"]);
    assert_eq!(model.framework, "PyTorch 2.15.0");
}

#[test]
fn a_network_exported_while_it_trains_is_refused_with_what_to_call() {
    let training = changed("torch/batch-norm.pt2", "model.json", |model| {
        for node in model["graph_module"]["graph"]["nodes"].as_array_mut().unwrap() {
            for input in node["inputs"].as_array_mut().unwrap() {
                if input["name"] == "training" {
                    input["arg"] = json!({"as_bool": true});
                }
            }
        }
    });
    let error = error_of(&training);
    assert!(error.contains("bn1") && error.contains("model.eval()"), "{error}");
}

#[test]
fn an_unknown_operator_is_refused_with_its_layer_and_what_fits() {
    let unknown = changed("torch/paper.pt2", "model.json", |model| {
        model["graph_module"]["graph"]["nodes"][1]["target"] = json!("torch.ops.aten.fft_fft.default");
    });
    let error = error_of(&unknown);
    for words in ["net.pt2", "conv (conv2d)", "aten.fft_fft.default", "Use instead"] {
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn other_versions_and_kinds_are_refused_with_what_makes_a_readable_file() {
    let schema =
        changed("torch/paper.pt2", "model.json", |model| model["schema_version"]["major"] = json!(9));
    assert!(error_of(&schema).contains("version 9 of the schema"), "{}", error_of(&schema));
    let without = |entry: &str| {
        let mut entries = unpacked(&bytes_of("torch/paper.pt2"));
        entries.retain(|(name, _)| !name.ends_with(entry));
        packed(&entries, CompressionMethod::Stored)
    };
    assert!(error_of(&without("model_weights_config.json")).contains("torch.export.load(\"net.pt2\")"));
    assert!(error_of(&without("model.json")).contains("models/model.json"));
    let state_dict = bytes_of("torch/paper.pt");
    assert_eq!(network(&weights_file("net.pt2", &state_dict), 0).unwrap(), None);
    assert_eq!(network(&weights_file("net.pt2", b""), 0).unwrap(), None);
}

#[test]
fn views_beyond_their_storage_and_impossible_shapes_are_refused() {
    let config = "model_weights_config.json";
    let with = |field: &str, value: Value| {
        let bytes = changed("torch/paper.pt2", config, |weights| {
            weights["config"]["fc1.weight"]["tensor_meta"][field] = value.clone();
        });
        error_of(&bytes)
    };
    let sizes = |sizes: [i64; 2]| json!([{"as_int": sizes[0]}, {"as_int": sizes[1]}]);
    for (field, value, words) in [
        ("strides", sizes([73, 1]), "reaches beyond the 432 numbers stored"),
        ("storage_offset", json!({"as_int": 1}), "reaches beyond"),
        ("strides", sizes([i64::MAX, i64::MAX]), "reaches beyond"),
        ("strides", sizes([-1, 1]), "not all known"),
        ("sizes", sizes([i64::MAX, i64::MAX]), "is impossible"),
        ("sizes", sizes([1 << 20, 1 << 20]), "more than the file has bytes"),
        ("sizes", sizes([0, 72]), "is empty"),
        ("dtype", json!(9), "model.float()"),
        ("layout", json!(1), "layout 1"),
    ] {
        let error = with(field, value);
        assert!(error.contains(words) && error.contains("\"fc1.weight\""), "{error}");
    }
}

#[test]
fn an_archive_that_claims_more_than_it_could_hold_is_refused() {
    // The first central header's claimed size.
    let mut bytes = bytes_of("torch/paper.pt");
    let header = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes[header + 24..header + 28].copy_from_slice(&u32::MAX.to_le_bytes()[..4]);
    bytes[header + 27] = 0x7f;
    let error = names(&weights_file("net.pt", &bytes)).unwrap_err().to_string();
    assert!(error.contains("claim to unpack to"), "{error}");
    // A megabyte of zeros in a kilobyte.
    let mut entries = unpacked(&bytes_of("torch/paper.pt"));
    entries.push(("paper/data/9".to_owned(), vec![0; 4 << 20]));
    let error = names(&weights_file("net.pt", &packed(&entries, CompressionMethod::Deflated)))
        .unwrap_err()
        .to_string();
    assert!(error.contains("more than 16 times"), "{error}");
}

#[test]
fn archives_that_were_packed_again_are_read() {
    let bytes = packed(&unpacked(&bytes_of("torch/paper.pt")), CompressionMethod::Deflated);
    let tensor = tensor(&weights_file("net.pt", &bytes), "fc1.weight", "net.pt").unwrap();
    assert_eq!(tensor.values, read("torch/paper.pt", "fc1.weight").values);
}

#[test]
fn what_is_no_file_of_pytorch_is_refused() {
    for bytes in
        [&b""[..], b"PK\x03\x04", b"\x80\x02}q\x00.", b"weights", &packed(&[], CompressionMethod::Stored)]
    {
        assert!(names(&weights_file("net.pt", bytes)).is_err(), "{bytes:?}");
    }
    let other = packed(&[("notes.txt".to_owned(), b"no weights".to_vec())], CompressionMethod::Stored);
    let error = names(&weights_file("net.pt", &other)).unwrap_err().to_string();
    assert!(
        error.contains("no entry data.pkl") && error.contains("torch.save(model.state_dict()"),
        "{error}"
    );
}

//! Biases and padding of a description, and the errors of files that only fit partly.

use std::fs;

use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, Padding};

use crate::import::description::fields::{Description, Layout};
use crate::import::fixtures::labelled_images::{label, pixels};
use crate::import::fixtures::small_network::{SHAPE, folder, network, read, tensors, toml, write_npz};
use crate::import::readings::alternatives::better_readings;
use crate::import::real_network::RealNetwork;
use crate::import::weight_files::WeightFiles;

/// The network's logits by the definition, from mapped pixels and a border around the image.
fn logits_with_border(network: &RealNetwork, image: &[u8], border: f64, map: fn(f64) -> f64) -> Vec<f64> {
    let shape = *network.architecture();
    let Padding { leading, trailing } = shape.padding;
    let side = shape.image_side + leading + trailing;
    let mut framed = vec![border; side * side];
    for (index, &pixel) in image.iter().enumerate() {
        let (row, column) = (index / shape.image_side, index % shape.image_side);
        framed[(row + leading) * side + column + leading] = map(f64::from(pixel) / 255.0);
    }
    let unpadded = Architecture { image_side: side, padding: Padding { leading: 0, trailing: 0 }, ..shape };
    RealNetwork::new(unpadded, network.blocks().clone()).logits(&framed)
}

fn normalise(p: f64) -> f64 {
    (p - 0.25) / 0.5
}

const BLANK: &str = "pixels = { mean = 0.25, std = 0.5, padding = \"blank\" }";

#[test]
fn an_offset_is_folded_exactly_where_the_padding_is_blank_pixels() {
    let folder = folder(Layout::Pytorch);
    let folded = &read(folder.path(), &toml("pytorch", BLANK)).unwrap().members[0];
    let image: Vec<u8> = (0..36).map(|i| (i * 53 % 256) as u8).collect();
    let pixels: Vec<f64> = image.iter().map(|&pixel| f64::from(pixel) / 255.0).collect();
    let direct = logits_with_border(&network(SHAPE), &image, normalise(0.0), normalise);
    for (found, expected) in folded.logits(&pixels).iter().zip(&direct) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} for {expected}");
    }
    // Zeros added after the normalisation are another function.
    let zeros = logits_with_border(&network(SHAPE), &image, 0.0, normalise);
    assert!(direct.iter().zip(&zeros).any(|(a, b)| (a / b - 1.0).abs() > 1e-3));
    let refused = read(folder.path(), &toml("pytorch", &BLANK.replace("\"blank\"", "\"zero\""))).unwrap_err();
    assert!(refused.to_string().contains("write `padding = \"blank\"` in [pixels]"), "{refused}");
}

#[test]
fn a_layer_may_be_without_biases_beside_others_that_have_them() {
    let expected = network(SHAPE);
    let folder = folder(Layout::Pytorch);
    let all = tensors(&expected, Layout::Pytorch);
    let kept: Vec<_> = all.into_iter().filter(|(name, ..)| name != "convolution.bias").collect();
    write_npz(&folder.path().join("net.npz"), &kept);
    let missing = read(folder.path(), &toml("pytorch", "")).unwrap_err().to_string();
    assert!(
        missing.contains("no tensor \"convolution.bias\"; if the layer has no bias, write `bias = \"none\"`")
    );
    assert!(!missing.contains("did you mean"), "{missing}");
    let text = toml("pytorch", "").replace("\"convolution.bias\"", "\"none\"");
    let blocks = read(folder.path(), &text).unwrap().members[0].blocks().clone();
    assert_eq!(blocks[0].biases(), [0.0; 2]);
    assert_eq!(blocks[0].weights(), expected.blocks()[0].weights());
    assert_eq!(blocks[1], expected.blocks()[1]);
}

#[test]
fn a_layer_may_have_its_biases_behind_its_weights_beside_others_that_have_them_apart() {
    let expected = network(SHAPE);
    let folder = folder(Layout::Pytorch);
    let mut all = tensors(&expected, Layout::Pytorch);
    all.extend(
        tensors(&expected, Layout::Cryptonets)
            .into_iter()
            .map(|(name, shape, values)| (name + ".and.bias", shape, values)),
    );
    write_npz(&folder.path().join("net.npz"), &all);
    let text = toml("pytorch", "").replace(
        "{ weights = \"output.weights\", bias = \"output.bias\" }",
        "{ weights = \"output.weights.and.bias\", bias = \"last\" }",
    );
    let imported = read(folder.path(), &text).unwrap();
    assert_eq!(imported.members, [expected]);
    // The tensors that no layer reads are reported.
    let unread = ["convolution.weights.and.bias", "hidden.weights.and.bias", "output.bias", "output.weights"];
    assert_eq!(imported.unread_tensors["net.npz"], unread);
}

#[test]
fn a_file_of_which_all_is_read_has_nothing_unread() {
    assert!(read(folder(Layout::Keras).path(), &toml("keras", "")).unwrap().unread_tensors.is_empty());
}

#[test]
fn a_layer_of_zeros_is_refused_by_name() {
    let folder = folder(Layout::Pytorch);
    let mut all = tensors(&network(SHAPE), Layout::Pytorch);
    all[2].2.fill(0.0);
    write_npz(&folder.path().join("net.npz"), &all);
    let error = read(folder.path(), &toml("pytorch", "")).unwrap_err().to_string();
    assert!(
        error.contains(
            "the tensor \"hidden.weights\" of net.npz holds only zeros, so the hidden layer of member 1"
        ),
        "{error}"
    );
}

/// 200 images of 6 x 6 pixels with the labels of a network.
fn labelled(logits: impl Fn(&[u8]) -> Vec<f64>) -> LabelledImages {
    label(6, pixels(36 * 200), logits)
}

fn readings(folder: &std::path::Path, text: &str, images: &LabelledImages) -> Vec<(String, f64)> {
    let description: Description = toml::from_str(text).unwrap();
    better_readings(&description, &mut WeightFiles::new(folder, images.side()), images, 1.0)
}

#[test]
fn flat_lists_that_lie_the_other_way_are_found() {
    let float = network(SHAPE);
    let folder = folder(Layout::Pytorch);
    for (name, _, values) in tensors(&float, Layout::Pytorch) {
        let list: String = values.iter().map(|value| format!("{value}\n")).collect();
        fs::write(folder.path().join(format!("{name}.txt")), list).unwrap();
    }
    let text = toml("pytorch", "")
        .replace("file = \"net.npz\"\n", "")
        .replace("weights\"", "weights.txt\"")
        .replace("bias\"", "bias.txt\"");
    let images =
        labelled(|image| float.logits(&image.iter().map(|&p| f64::from(p) / 255.0).collect::<Vec<_>>()));
    let layer = text.replace("output.weights.txt\"", "output.weights.txt\", axes = \"IO\"");
    let found = readings(folder.path(), &layer, &images);
    assert!(
        found.contains(&("axes = \"OI\"` in the output layer of each of the `members".to_owned(), 100.0)),
        "{found:?}"
    );
    let both = text.replace("[[members]]", "[axes]\ndense = \"IO\"\n[[members]]");
    let found = readings(folder.path(), &both, &images);
    assert!(found.contains(&("axes.dense = \"OI\"".to_owned(), 100.0)), "{found:?}");
}

#[test]
fn a_normalisation_that_was_left_out_is_found_behind_padding_too() {
    let float = network(SHAPE);
    let folder = folder(Layout::Pytorch);
    let map: fn(f64) -> f64 = |p| (p - 0.1307) / 0.3081;
    let images = labelled(|image| logits_with_border(&float, image, map(0.0), map));
    let found = readings(folder.path(), &toml("pytorch", ""), &images);
    let expected = "pixels = { mean = 0.1307, std = 0.3081, padding = \"blank\" }".to_owned();
    assert!(found.contains(&(expected, 100.0)), "{found:?}");
}

//! Imports of small networks in all layouts and formats.

mod advice;
mod biases_and_padding;
mod damaged_files;

use std::fs;
use std::path::Path;

use ::safetensors::Dtype;
use proptest::prelude::*;
use sottovoce_network::{Architecture, Padding, PixelLevels};

use super::*;
use crate::import::fixtures::labelled_images::images;
use crate::import::fixtures::small_network::{
    SHAPE, folder, network, npy, read, tensors, toml, write_csv, write_npz, write_safetensors,
};
use crate::import::quantise::ensemble::equalise;

const LAYOUTS: [(Layout, &str); 3] =
    [(Layout::Keras, "keras"), (Layout::Pytorch, "pytorch"), (Layout::Cryptonets, "cryptonets")];

#[track_caller]
fn error(folder: &Path, text: &str) -> String {
    read(folder, text).unwrap_err().to_string()
}

#[track_caller]
fn problem(text: &str) -> String {
    check_description(&toml::from_str(text).unwrap()).unwrap_err().to_string()
}

#[test]
fn every_layout_in_every_format_is_the_same_network() {
    let expected = network(SHAPE);
    for (layout, name) in LAYOUTS {
        let folder = folder(layout);
        let tensors = tensors(&expected, layout);
        let path = |file: &str| folder.path().join(file);
        let check = |text: &str| {
            let imported = read(folder.path(), text).unwrap();
            assert_eq!(imported.members, std::slice::from_ref(&expected), "{text}");
            imported
        };
        assert_eq!(check(&toml(name, "")).files.len(), 1);
        for dtype in [Dtype::F64, Dtype::F32, Dtype::F16, Dtype::BF16] {
            write_safetensors(&path("net.safetensors"), &tensors, dtype);
            check(&toml(name, "").replace("net.npz", "net.safetensors"));
        }
        write_csv(folder.path(), &tensors);
        for (tensor, shape, values) in &tensors {
            fs::write(path(&format!("{tensor}.npy")), npy(shape, values)).unwrap();
            // A flat list, one number on a line.
            let list: String = values.iter().map(|value| format!("{value}\n")).collect();
            fs::write(path(&format!("{tensor}.txt")), list).unwrap();
        }
        for kind in ["csv", "npy", "txt"] {
            let text = toml(name, "")
                .replace("file = \"net.npz\"\n", "")
                .replace("weights\"", &format!("weights.{kind}\""))
                .replace("bias\"", &format!("bias.{kind}\""));
            // A list of weights with biases in it does not determine the number of outputs.
            let sizes = if kind == "txt" {
                "architecture = { maps = 2, hidden = 4, classes = 3,"
            } else {
                "architecture = {"
            };
            let text = text.replace("architecture = {", sizes);
            assert_eq!(check(&text).files.len(), tensors.len());
        }
    }
}

#[test]
fn one_line_of_a_file_for_each_layer_is_read() {
    // CryptoNets' own reader has a file with a line of weights for each layer, and one of biases.
    let expected = network(SHAPE);
    let folder = folder(Layout::Pytorch);
    let line = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n";
    let weights: String = expected.blocks().iter().map(|block| line(block.weights())).collect();
    let biases: String = expected.blocks().iter().map(|block| line(block.biases())).collect();
    fs::write(folder.path().join("weights.csv"), weights).unwrap();
    fs::write(folder.path().join("biases.csv"), biases).unwrap();
    let text = "layout = \"cryptonets\"\nactivation = \"square\"\n\
        architecture = { padding = { leading = 1, trailing = 0 }, stride = 2 }\n[[members]]\n\
        convolution = { weights = \"weights.csv::1\", bias = \"biases.csv::1\" }\n\
        hidden = { weights = \"weights.csv::2\", bias = \"biases.csv::2\" }\n\
        output = { weights = \"weights.csv::3\", bias = \"biases.csv::3\" }\n";
    assert_eq!(read(folder.path(), text).unwrap().members, [expected]);
}

#[test]
fn files_that_numpy_and_safetensors_wrote_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import/fixtures/files");
    let keras = read(&folder, &toml("keras", "").replace("net.npz", "numpy.npz")).unwrap();
    assert_eq!(keras.members, [network(SHAPE)]);
    let pytorch = read(&folder, &toml("pytorch", "").replace("net.npz", "python.safetensors")).unwrap();
    assert_eq!(pytorch.members, [network(SHAPE)]);
}

#[test]
fn a_layer_may_have_axes_and_biases_of_its_own() {
    let folder = folder(Layout::Pytorch);
    let mut all = tensors(&network(SHAPE), Layout::Pytorch);
    let keras = tensors(&network(SHAPE), Layout::Keras);
    all[4] = keras[4].clone();
    write_npz(&folder.path().join("net.npz"), &all);
    let text = toml("pytorch", "").replace("output.bias\"", "output.bias\", axes = \"IO\"");
    assert_eq!(read(folder.path(), &text).unwrap().members, [network(SHAPE)]);
    // Without biases.
    let text = toml("pytorch", "bias = \"none\"").replace(", bias = \"output.bias\"", "");
    let imported = read(folder.path(), &text).map(|imported| imported.members);
    assert!(imported.is_err(), "the output layer is [in, out]");
    let text = text.replace("\"output.weights\"", "\"output.weights\", axes = \"IO\"");
    let without = &read(folder.path(), &text).unwrap().members[0];
    assert_eq!(without.blocks()[2].biases(), [0.0; 3]);
    assert_eq!(without.blocks()[2].weights(), network(SHAPE).blocks()[2].weights());
}

#[test]
fn the_architecture_is_told_by_the_tensors() {
    let folder = folder(Layout::Keras);
    let without = |from: &str, to: &str| toml("keras", "").replace(from, to);
    let padding = "architecture = { padding = { leading = 1, trailing = 0 } }";
    assert_eq!(
        error(folder.path(), &without(padding, "")),
        "`architecture.stride` is not given and the weights do not determine it: the hidden layer has 18 inputs, which does not \
         follow from any stride with 2 maps of 6 x 6 pixels, kernels of 3 x 3, and no padding given; these fit: stride 2 with 1 or 2 \
         zeros (leading and trailing together); stride 3 with 3 or 4 zeros (leading and trailing together)"
    );
    assert!(
        error(folder.path(), &without(padding, "architecture = { stride = 2 }"))
            .contains("`architecture.padding` is not given and the weights do not determine it: the hidden layer has 18 inputs")
    );
    // Keras adds an odd zero after the image.
    let same = without(padding, "architecture = { padding = \"same\" }");
    let found = *read(folder.path(), &same).unwrap().members[0].architecture();
    assert_eq!(found, Architecture { padding: Padding { leading: 0, trailing: 1 }, ..SHAPE });
    let wrong = without(padding, "architecture = { hidden = 5, stride = 2, padding = 1 }");
    assert!(error(folder.path(), &wrong).contains("needs"), "{}", error(folder.path(), &wrong));
}

#[test]
fn shapes_that_do_not_fit_are_refused_with_what_would() {
    let pytorch = folder(Layout::Pytorch);
    for (text, words) in [
        (
            toml("keras", ""),
            &[
                "the convolution of member 1 needs [3, 3, 1, 2] (in the order HWIO)",
                "it would fit with `axes.convolution = \"OIHW\"`",
                "layout = \"pytorch\"",
            ][..],
        ),
        (
            toml("pytorch", "axes = { dense = \"IO\" }"),
            &[
                "the tensor \"hidden.weights\" of net.npz has the shape [4, 18]",
                "the hidden layer of member 1 needs [18, 4] (in the order IO)",
                "it would fit with `axes.dense = \"OI\"`",
            ],
        ),
        (
            toml("pytorch", "bias = \"last\"")
                .replace(", bias = \"hidden.bias\"", "")
                .replace("} }", "}, stride = 2, hidden = 4 }"),
            &["[4, 18]", "it would fit with a separate `bias`, or `bias = \"none\"`"],
        ),
        (
            toml("pytorch", "").replace("bias = \"output.bias\"", "bias = \"hidden.bias\""),
            &["the tensor \"output.weights\"", "[3, 4]", "[4, 4]"],
        ),
        (toml("pytorch", "").replace("bias = \"hidden.bias\"", "bias = \"hidden.weights\""), &["hidden"]),
        (
            toml("pytorch", "").replace(", bias = \"output.bias\"", ""),
            &["the output layer of member 1 names no `bias`", "`bias = \"last\"`"],
        ),
    ] {
        let error = error(pytorch.path(), &text);
        for word in words {
            assert!(error.contains(word), "{word:?} is not in: {error}");
        }
    }
    let cryptonets = folder(Layout::Cryptonets);
    let text =
        toml("cryptonets", "bias = \"none\"\n").replace("} }", "}, stride = 2, kernel = 3, maps = 2 }");
    let error = error(cryptonets.path(), &text);
    assert!(error.contains("it would fit with `bias = \"last\"` and no `bias` for this layer"), "{error}");
}

#[test]
fn members_of_other_shapes_are_refused_by_number() {
    let folder = folder(Layout::Pytorch);
    let other = network(Architecture { hidden: 5, ..SHAPE });
    write_npz(&folder.path().join("other.npz"), &tensors(&other, Layout::Pytorch));
    let one = toml("pytorch", "");
    let member = &one[one.find("[[members]]").unwrap()..];
    let two = one.clone() + member;
    assert_eq!(read(folder.path(), &two).unwrap().members.len(), 2);
    let error = error(folder.path(), &(one.clone() + &member.replace("net.npz", "other.npz")));
    assert!(error.contains("other.npz") && error.contains("the hidden layer of member 2"), "{error}");
}

#[test]
fn files_that_cannot_be_read_are_refused_with_what_is_there() {
    let folder = folder(Layout::Pytorch);
    fs::write(folder.path().join("broken.npz"), "PK and nothing").unwrap();
    fs::write(folder.path().join("broken.safetensors"), "nothing").unwrap();
    fs::write(folder.path().join("latin.csv"), [b'1', 0xe9]).unwrap();
    let text = toml("pytorch", "");
    for (from, to, words) in [
        ("net.npz", "none.npz", &["cannot read the weights", "none.npz"][..]),
        (
            "net.npz",
            "net.tflite",
            &["net.tflite has an unknown format; files can end in .csv, .txt, .npy", "numpy.savez"],
        ),
        ("net.npz", "broken.npz", &["broken.npz cannot be used: it is not a NumPy archive"]),
        ("net.npz", "broken.safetensors", &["it is not a safetensors file"]),
        (
            "hidden.weights",
            "hiden.weights",
            &["no tensor \"hiden.weights\"", "did you mean \"hidden.weights\"?"],
        ),
        ("hidden.weights", "xyz", &["it holds \"convolution.bias\", \"convolution.weights\""]),
        ("hidden.weights", "latin.csv::1", &["latin.csv cannot be used: it is not text in UTF-8"]),
    ] {
        let error = error(folder.path(), &text.replace(from, to));
        for word in words {
            assert!(error.contains(word), "{word:?} is not in: {error}");
        }
    }
    let nameless = text.replace("file = \"net.npz\"\n", "").replacen("convolution.weights", "net.npz", 1);
    assert!(error(folder.path(), &nameless).contains("net.npz holds several tensors; name one as"));
    fs::write(folder.path().join("one.npy"), npy(&[1], &[1.0])).unwrap();
    assert!(
        error(folder.path(), &text.replace("hidden.weights", "one.npy::a"))
            .contains("one array without a name")
    );
    let mut bad = tensors(&network(SHAPE), Layout::Pytorch);
    bad[0].2[5] = f64::INFINITY;
    write_npz(&folder.path().join("net.npz"), &bad);
    assert!(error(folder.path(), &text).contains("holds inf at [0, 0, 1, 2]"));
}

#[test]
fn fields_that_make_no_sense_are_refused() {
    let text = toml("pytorch", "");
    for (from, to, words) in [
        (
            "\"square\"",
            "\"relu\"",
            "`activation` is \"relu\", but only \"square\" can be evaluated on ciphertexts",
        ),
        ("[[members]]", "axes = { convolution = \"HWI\" }\n[[members]]", "`axes.convolution` is \"HWI\""),
        ("[[members]]", "axes = { dense = \"HW\" }\n[[members]]", "`axes.dense` is \"HW\""),
        ("[[members]]", "pixels = { mean = 0.1, scale = 2.0 }\n[[members]]", "`pixels` has both"),
        ("[[members]]", "pixels = { std = 0.0 }\n[[members]]", "`pixels.std` is 0"),
        (
            "[[members]]",
            "quantisation = { pixel_levels = 300 }\n[[members]]",
            "`quantisation.pixel_levels` is 300",
        ),
        (
            "[[members]]",
            "quantisation = { pixel_levels = -3 }\n[[members]]",
            "`quantisation.pixel_levels` is 0",
        ),
        (
            "[[members]]",
            "quantisation = { scales = [1, 0, 1], pixel_levels = 4 }\n[[members]]",
            "each must be above 0",
        ),
        (
            "[[members]]",
            "quantisation = { scales = [1, 1, 1] }\n[[members]]",
            "write the number of grey levels",
        ),
        ("[[members]]", "quantisation = { tolerance = -1.0 }\n[[members]]", "`quantisation.tolerance` is -1"),
        ("[[members]]", "data = { images = 0 }\n[[members]]", "`data.images` is 0"),
        ("layout", "name = \"../x\"\nlayout", "`name` is \"../x\", but may hold only letters, digits"),
        (
            "bias\" }\nhidden",
            "bias\", axes = \"OI\" }\nhidden",
            "number 1: the `axes` of its convolution layer is \"OI\"",
        ),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert!(problem(&changed).contains(words), "{}", problem(&changed));
    }
    let none = "members = []\nlayout = \"keras\"\nactivation = \"square\"";
    assert!(problem(none).contains("`members` are 0"));
    let middle = toml("cryptonets", "axes = { convolution = \"HOW\" }");
    assert!(problem(&middle).contains("O must be first or last"));
    for (wrong, words) in [
        ("quantisation = { scales = [1, 2] }", "three scales"),
        ("quantisation = { scales = \"serch\" }", "or \"search\""),
        ("architecture = { padding = \"full\" }", "\"valid\" (none), \"same\""),
        ("pixel = { std = 1.0 }", "unknown field `pixel`"),
    ] {
        let error = toml::from_str::<Description>(&(wrong.to_owned() + "\nlayout = \"keras\"")).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

/// The network's logits, if pixels of 0..=255 are mapped before it reads them.
fn mapped_logits(network: &RealNetwork, image: &[u8], map: impl Fn(f64) -> f64) -> Vec<f64> {
    network.logits(&image.iter().map(|&pixel| map(f64::from(pixel))).collect::<Vec<_>>())
}

#[test]
fn pixel_normalisation_is_folded_exactly() {
    let shape = Architecture { padding: Padding { leading: 0, trailing: 0 }, image_side: 7, ..SHAPE };
    let float = network(shape);
    let folder = folder(Layout::Pytorch);
    write_npz(&folder.path().join("net.npz"), &tensors(&float, Layout::Pytorch));
    let image: Vec<u8> = (0..49).map(|i| (i * 53 % 256) as u8).collect();
    type Map = fn(f64) -> f64;
    let maps: [(&str, Map); 4] = [
        ("mean = 0.1307, std = 0.3081", |p| (p / 255.0 - 0.1307) / 0.3081),
        ("scale = 255.0", |p| p),
        ("scale = 2.0, offset = -1.0", |p| p / 127.5 - 1.0),
        ("scale = -1.0, offset = 1.0", |p| 1.0 - p / 255.0),
    ];
    for (pixels, map) in maps {
        let text = toml("pytorch", &format!("pixels = {{ {pixels} }}")).replace(
            "{ padding = { leading = 1, trailing = 0 } }",
            "{ image_side = 7, padding = \"valid\", stride = 2 }",
        );
        let folded = &read(folder.path(), &text).unwrap().members[0];
        let expected = mapped_logits(&float, &image, map);
        for (found, expected) in mapped_logits(folded, &image, |p| p / 255.0).iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-9, "{pixels}: {found} for {expected}");
        }
    }
}

#[test]
fn an_offset_where_zeros_are_padded_is_refused_with_what_would_fit() {
    let folder = folder(Layout::Pytorch);
    let error = error(folder.path(), &toml("pytorch", "pixels = { mean = 0.25, std = 0.5 }"));
    for words in
        ["offset -0.5 cannot be folded", "padding 1 leading, 0 trailing", "Use instead:", "\"valid\""]
    {
        assert!(error.contains(words), "{error}");
    }
    // A scale without an offset can be folded.
    assert!(read(folder.path(), &toml("pytorch", "pixels = { std = 0.5 }")).is_ok());
}

fn plan(text: &str) -> QuantisationOptions {
    toml::from_str(text).unwrap()
}

#[test]
fn chosen_scales_round_every_weight_and_bias_at_its_scale() {
    let members = [network(SHAPE), network(SHAPE)];
    let plan = plan("scales = [4, 2, 0.5]\npixel_levels = 17");
    let outcome = quantise(&members, &plan, &images(20), &images(10), &|_| {}).unwrap();
    let [first, second] = outcome.ensemble.members() else { panic!("two members") };
    assert_eq!(first, second);
    for ((integer, real), (weight, output)) in first.blocks().iter().zip(members[0].blocks()).zip([
        (4.0, 64.0),
        (2.0, 64.0 * 64.0 * 2.0),
        (0.5, 8192.0 * 8192.0 * 0.5),
    ]) {
        assert!(
            integer.1.weights().iter().zip(real.weights()).all(|(i, r)| *i == (r * weight).round() as i64)
        );
        assert!(
            integer.1.biases().iter().zip(real.biases()).all(|(i, r)| *i == (r * output).round() as i128)
        );
    }
    assert_eq!(first.logit_scale(), 1.0 / (8192.0 * 8192.0 * 0.5));
    assert_eq!(first.pixel_levels(), PixelLevels::new(17).unwrap());
    assert_eq!(outcome.rows.len(), 2);
    assert_eq!(outcome.rows[1].training.largest_logit, outcome.observed.largest() as f64);
}

#[test]
fn a_search_finds_fewer_bits_within_its_tolerance() {
    let members = [network(SHAPE)];
    let (train, test) = (images(300), images(50));
    let found = |tolerance: f64| {
        let plan = plan(&format!("tolerance = {tolerance:?}"));
        let outcome = quantise(&members, &plan, &train, &test, &|_| {}).unwrap();
        let chosen =
            outcome.rows.iter().find(|row| matches!(row.kind, AccuracyRowKind::Rounded { chosen: true, .. }));
        chosen.unwrap().training
    };
    let (strict, loose) = (found(0.5), found(10.0));
    assert!(strict.accuracy() >= 99.5 && loose.accuracy() >= 90.0);
    assert!(loose.bits() < strict.bits(), "{} {}", loose.bits(), strict.bits());
}

#[test]
fn a_tolerance_that_cannot_be_kept_is_refused_with_the_best_there_is() {
    let plan = plan("tolerance = 0.0\npixel_levels = 2");
    let error =
        quantise(&[network(SHAPE)], &plan, &images(300), &images(5), &|_| {}).unwrap_err().to_string();
    assert!(error.contains("within 0 points of the float network's 100.00 % on 300 images"), "{error}");
    assert!(error.contains("with 2 pixel levels. Raise `quantisation.tolerance`, or"), "{error}");
}

#[test]
fn scales_that_leave_the_integers_are_refused_with_advice() {
    let refused = |scales: &str| {
        let plan = plan(&format!("pixel_levels = 256\nscales = {scales}"));
        quantise(&[network(SHAPE)], &plan, &images(2), &images(2), &|_| {}).unwrap_err().to_string()
    };
    let error = refused("[1e5, 1e5, 1e-10]");
    assert!(
        error.contains("with 256 pixel levels and the scales [100000, 100000, 1e-10]; smaller scales"),
        "{error}"
    );
    assert!(refused("[1e30, 1, 1]").contains("a weight in the convolution layer of member 1 would be"));
}

#[test]
fn other_readings_that_are_far_better_are_told() {
    let folder = folder(Layout::Pytorch);
    let text = toml("pytorch", "axes = { flatten = \"channels-last\" }");
    let description: Description = toml::from_str(&text).unwrap();
    let better = better_readings(&description, &mut WeightFiles::new(folder.path(), 6), &images(200), 20.0);
    assert!(better.contains(&("axes.flatten = \"channels-first\"".to_owned(), 100.0)), "{better:?}");
}

#[test]
fn equalising_changes_no_logit() {
    let network = network(SHAPE);
    let equal = equalise(&network);
    let image: Vec<u8> = (0..36).map(|i| i * 7).collect();
    let logits = |network: &RealNetwork| mapped_logits(network, &image, |p| p / 255.0);
    for (before, after) in logits(&network).iter().zip(logits(&equal)) {
        assert!((after / before - 1.0).abs() < 1e-9);
    }
}

proptest! {
    #[test]
    fn any_order_of_axes_gives_the_same_network(
        order in prop::sample::select(AxisOrder::parse_convolution("OIHW").unwrap().alternatives()),
        dense in prop::sample::select(vec!["OI", "IO"]),
    ) {
        let expected = network(SHAPE);
        let size = |letter| match letter { 'O' => 2, 'I' => 1, _ => 3 };
        let mut all = tensors(&expected, if dense == "IO" { Layout::Keras } else { Layout::Pytorch });
        let mut values = vec![0.0; 18];
        for (o, row) in expected.blocks()[0].row_iter().enumerate() {
            for (tap, &weight) in row.iter().enumerate() {
                let place = |letter| match letter { 'O' => o, 'H' => tap / 3, 'W' => tap % 3, _ => 0 };
                values[order.offset(size, place)] = weight;
            }
        }
        all[0] = ("convolution.weights".to_owned(), order.shape(size), values);
        let folder = tempfile::TempDir::new().unwrap();
        write_npz(&folder.path().join("net.npz"), &all);
        let flatten = if dense == "IO" { "channels-last" } else { "channels-first" };
        let axes = format!("axes = {{ convolution = \"{order}\", dense = \"{dense}\", flatten = \"{flatten}\" }}");
        prop_assert_eq!(read(folder.path(), &toml("pytorch", &axes)).unwrap().members, vec![expected]);
    }
}

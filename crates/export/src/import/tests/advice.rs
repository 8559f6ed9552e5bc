//! Files with usual mistakes: their errors, and the result of following the advice of an error.

use std::fs;
use std::path::Path;

use ::safetensors::Dtype;
use proptest::prelude::*;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{Architecture, Padding};

use crate::import::fixtures::labelled_images::label;
use crate::import::fixtures::small_network::{
    Named, SHAPE, folder, network, read, tensors, toml, write_csv, write_npz, write_safetensors,
};
use crate::import::*;

/// A description of CSV files, one for each tensor.
fn csv_toml(layout: &str, more: &str) -> String {
    toml(layout, more)
        .replace("file = \"net.npz\"\n", "")
        .replace("weights\"", "weights.csv\"")
        .replace("bias\"", "bias.csv\"")
}

/// Writes a table as pandas' `to_csv` does.
fn write_pandas(path: &Path, (_, shape, values): &Named, header: bool, index: bool) {
    let columns = values.len() / shape[0];
    let mut text = String::new();
    let mut line = |first: String, fields: Vec<String>| {
        let first = if index { vec![first] } else { Vec::new() };
        text += &([first, fields].concat().join(",") + "\n");
    };
    if header {
        line(String::new(), (0..columns).map(|column| column.to_string()).collect());
    }
    for (row, number) in values.chunks(columns).zip(0..) {
        line(number.to_string(), row.iter().map(f64::to_string).collect());
    }
    fs::write(path, text).unwrap();
}

#[track_caller]
fn assert_says(error: &ImportError, words: &[&str]) {
    let error = error.to_string();
    for word in words {
        assert!(error.contains(word), "{word:?} is not in: {error}");
    }
}

#[test]
fn an_index_and_a_header_as_pandas_writes_them_are_named_and_never_read_as_weights() {
    let expected = network(SHAPE);
    for (layout, name) in [(Layout::Pytorch, "pytorch"), (Layout::Keras, "keras")] {
        let folder = folder(layout);
        let all = tensors(&expected, layout);
        let hidden = &all[2];
        let path = folder.path().join("hidden.weights.csv");
        for stride in ["", ", stride = 2"] {
            let text = csv_toml(name, "").replace("} }", &format!("}}{stride} }}"));
            for (header, index, words) in [
                (false, true, "the first column reads 0, 1, 2, ... as an index does"),
                (true, false, "line 1 reads 0, 1, 2, ... as column names do"),
                (true, true, "line 1 (`,0,1,2,3"),
            ] {
                write_csv(folder.path(), &all);
                write_pandas(&path, hidden, header, index);
                let error = read(folder.path(), &text).unwrap_err();
                assert_says(
                    &error,
                    &[words, "`frame.to_csv(\"hidden.weights.csv\", index=False, header=False)`"],
                );
                assert!(!error.to_string().contains("`bias"), "{error}");
                // The file is changed as the error says.
                write_pandas(&path, hidden, false, false);
                assert_eq!(read(folder.path(), &text).unwrap().members, std::slice::from_ref(&expected));
            }
        }
    }
}

#[test]
fn an_output_layer_with_a_header_is_no_network_of_one_class_more() {
    let folder = folder(Layout::Pytorch);
    let all = tensors(&network(SHAPE), Layout::Pytorch);
    write_csv(folder.path(), &all);
    write_pandas(&folder.path().join("output.weights.csv"), &all[4], true, false);
    let text = csv_toml("pytorch", "").replace("\"output.bias.csv\"", "\"none\"");
    assert_says(
        &read(folder.path(), &text).unwrap_err(),
        &["output.weights.csv", "line 1 reads 0, 1, 2, ... as column names do"],
    );
    write_csv(folder.path(), &all);
    assert_eq!(read(folder.path(), &text).unwrap().members[0].architecture().classes, 3);
}

#[test]
fn a_list_of_biases_with_a_header_or_an_index_is_blamed_and_its_weights_are_not() {
    let folder = folder(Layout::Pytorch);
    let all = tensors(&network(SHAPE), Layout::Pytorch);
    let biases: Vec<String> = all[3].2.iter().map(|bias| format!("{bias:?}\n")).collect();
    let path = folder.path().join("hidden.bias.csv");
    let text = csv_toml("pytorch", "").replace("} }", "}, stride = 2 }");
    for (contents, words) in [
        (format!("0\n{}", biases.concat()), "line 1 reads `0`, as the header that pandas writes over a list"),
        (format!("bias\n{}", biases.concat()), "line 1 (`bias`) is a header"),
        (format!(",0\n0,{}1,{}2,{}", biases[0], biases[1], biases[2]), "line 1 (`,0`) is a header"),
        (
            format!("0,{}1,{}2,{}3,{}", biases[0], biases[1], biases[2], biases[3]),
            "the first column reads 0, 1, 2",
        ),
    ] {
        write_csv(folder.path(), &all);
        fs::write(&path, contents).unwrap();
        assert_says(&read(folder.path(), &text).unwrap_err(), &["hidden.bias.csv", words]);
    }
}

#[test]
fn decimal_commas_are_named_wherever_they_can_be_told() {
    let folder = folder(Layout::Pytorch);
    let all = tensors(&network(SHAPE), Layout::Pytorch);
    let text = csv_toml("pytorch", "").replace("} }", "}, stride = 2, hidden = 4 }");
    let (_, shape, values) = &all[2];
    let comma = |value: &f64| format!("{value:.3}").replace('.', ",");
    let rows = |separator: &str| -> String {
        values
            .chunks(values.len() / shape[0])
            .map(|row| row.iter().map(comma).collect::<Vec<_>>().join(separator) + "\n")
            .collect()
    };
    for (contents, words) in [
        (
            rows(";"),
            "with two separators, commas and semicolons. If the commas are decimal commas (`0,5` for a half)",
        ),
        (rows("; "), "write decimal points (`0.5`)"),
        (rows(" "), "the commas are decimal commas, which cannot be read: write decimal points"),
        (rows("\t"), "the commas are decimal commas"),
        (rows("\n"), "its lines look like numbers with decimal commas, such as `"),
    ] {
        write_csv(folder.path(), &all);
        let path = folder.path().join("hidden.weights.csv");
        fs::write(&path, &contents).unwrap();
        assert_says(&read(folder.path(), &text).unwrap_err(), &["hidden.weights.csv", words]);
        // The file is changed as the error says.
        fs::write(&path, contents.replace(',', ".")).unwrap();
        assert_eq!(read(folder.path(), &text).unwrap().members, [network(SHAPE)]);
    }
}

/// Changes the description as an error suggests.
fn followed(text: &str, error: &str) -> String {
    let Some((_, advice)) = error.split_once(" fit with ") else { panic!("no advice in: {error}") };
    let quoted = |from: &str| {
        let start = advice.find(&format!("`{from}")).map(|at| at + 1)?;
        advice[start..].split('`').next().map(str::to_owned)
    };
    let layer = ["convolution", "hidden", "output"]
        .into_iter()
        .find(|layer| error.contains(&format!("{layer}.weights")));
    let layer = layer.unwrap();
    let mut text = text.to_owned();
    for field in ["axes.convolution", "axes.dense"] {
        if let Some(line) = quoted(field) {
            // A field may only occur once.
            let others: Vec<&str> = text.lines().filter(|line| !line.starts_with(field)).collect();
            text = format!("{line}\n{}", others.join("\n"));
        }
    }
    let table = text.lines().find(|line| line.starts_with(&format!("{layer} = "))).unwrap().to_owned();
    let own = format!("bias = \"{layer}.bias\"");
    let said =
        [own.as_str(), "bias = \"none\"", "bias = \"last\""].into_iter().find(|bias| table.contains(bias));
    if advice.contains("`bias = \"last\"") {
        let axes = quoted("axes = ").map_or(String::new(), |axes| format!(", {axes}"));
        text = text.replace(&table, &table.replace(said.unwrap(), &format!("bias = \"last\"{axes}")));
    } else if advice.contains("a separate `bias`") {
        text = text.replace(&table, &table.replace(said.unwrap(), &own));
    }
    text
}

/// Reads the members of a description, after following the advice of every error.
#[track_caller]
fn read_by_advice(folder: &Path, text: &str) -> Vec<RealNetwork> {
    let mut text = text.to_owned();
    for _ in 0..4 {
        match read(folder, &text) {
            Ok(imported) => return imported.members,
            Err(error) => {
                let next = followed(&text, &error.to_string());
                assert_ne!(next, text, "{error}");
                text = next;
            }
        }
    }
    panic!("advice without an end: {text}")
}

#[test]
fn following_the_advice_on_axes_reads_the_network() {
    for (layout, text) in [
        (Layout::Pytorch, toml("keras", "axes.flatten = \"channels-first\"")),
        (Layout::Keras, toml("pytorch", "axes.flatten = \"channels-last\"")),
        (Layout::Pytorch, toml("pytorch", "axes.dense = \"IO\"")),
        (Layout::Keras, toml("keras", "axes.convolution = \"OIHW\"")),
        (Layout::Keras, toml("keras", "axes.convolution = \"OHWI\"\naxes.dense = \"OI\"")),
    ] {
        let folder = folder(layout);
        assert!(read(folder.path(), &text).is_err());
        assert_eq!(read_by_advice(folder.path(), &text), [network(SHAPE)], "{text}");
    }
}

#[test]
fn following_the_advice_on_biases_reads_the_network() {
    let expected = network(SHAPE);
    let folder = folder(Layout::Pytorch);
    let sizes = "}, stride = 2, kernel = 3, hidden = 4 }";
    for (index, name) in ["convolution", "hidden", "output"].into_iter().enumerate() {
        let mut all = tensors(&expected, Layout::Pytorch);
        all[2 * index] = tensors(&expected, Layout::Cryptonets)[index].clone();
        write_npz(&folder.path().join("net.npz"), &all);
        // The bias follows the weights, and is in a separate tensor too.
        let text = toml("pytorch", "").replace("} }", sizes);
        let twice = format!("its last column is the bias that the tensor \"{name}.bias\" of net.npz holds");
        assert_says(&read(folder.path(), &text).unwrap_err(), &[&twice, "in place of that bias"]);
        assert_eq!(read_by_advice(folder.path(), &text), std::slice::from_ref(&expected));
        // The bias follows the weights, and the description says that there is none.
        let text = text.replace(&format!("\"{name}.bias\""), "\"none\"");
        assert_says(
            &read(folder.path(), &text).unwrap_err(),
            &["`bias = \"last\"` and no `bias` for this layer"],
        );
        assert_eq!(read_by_advice(folder.path(), &text), std::slice::from_ref(&expected));
        // The bias is in a separate tensor, and the description says that it follows the weights.
        write_npz(&folder.path().join("net.npz"), &tensors(&expected, Layout::Pytorch));
        let text = text.replace("\"none\"", "\"last\"");
        assert_says(&read(folder.path(), &text).unwrap_err(), &["a separate `bias`, or `bias = \"none\"`"]);
        assert_eq!(read_by_advice(folder.path(), &text), std::slice::from_ref(&expected));
    }
}

#[test]
fn a_column_too_many_beside_a_bias_that_fits_is_no_bias() {
    let folder = folder(Layout::Pytorch);
    let mut all = tensors(&network(SHAPE), Layout::Pytorch);
    let (name, shape, values) = all[4].clone();
    // The column is neither an index nor the bias.
    let wide = values.chunks(shape[1]).flat_map(|row| [&[7.5], row].concat()).collect();
    all[4] = (name, vec![shape[0], shape[1] + 1], wide);
    write_npz(&folder.path().join("net.npz"), &all);
    let error = read(folder.path(), &toml("pytorch", "")).unwrap_err();
    assert_says(
        &error,
        &["it has one column too many, which is not the bias that the tensor \"output.bias\""],
    );
    assert!(!error.to_string().contains("fit with"), "{error}");
}

/// The network's tensors with the values of some in the memory order of a transposed array.
fn in_memory_order(tensors: &[Named], transposed: &[&str]) -> Vec<Named> {
    let reorder = |(name, shape, values): &Named| {
        let values = match transposed.contains(&name.as_str()) {
            // The memory of a transposed row-major array is column-major.
            true => {
                let mut memory = vec![0.0; values.len()];
                for (index, &value) in values.iter().enumerate() {
                    let (mut rest, mut offset, mut places) = (index, 0, Vec::new());
                    for &size in shape.iter().rev() {
                        places.push((rest % size, size));
                        rest /= size;
                    }
                    for (place, size) in places {
                        offset = offset * size + place;
                    }
                    memory[offset] = value;
                }
                memory
            }
            false => values.clone(),
        };
        (name.clone(), shape.clone(), values)
    };
    tensors.iter().map(reorder).collect()
}

#[test]
fn values_in_memory_order_are_found_and_read_as_the_advice_says() {
    let float = network(SHAPE);
    let images = labelled(&float, |p| p);
    for (layout, name) in [(Layout::Pytorch, "pytorch"), (Layout::Keras, "keras")] {
        let reversed = if layout == Layout::Keras { ("OIWH", "OI") } else { ("WHIO", "IO") };
        for (transposed, expected) in [
            (&["hidden.weights"][..], format!("memory = \"{}\"` in the hidden layer", reversed.1)),
            (&["output.weights"], format!("memory = \"{}\"` in the output layer", reversed.1)),
            (&["convolution.weights"], format!("memory = \"{}\"` in the convolution", reversed.0)),
            (
                &["convolution.weights", "hidden.weights", "output.weights"],
                format!(
                    "memory = \"{}\"` in the convolution and `memory = \"{}\"` in the hidden layer and `memory = \"{}\"` in the output \
                     layer",
                    reversed.0, reversed.1, reversed.1
                ),
            ),
        ] {
            let folder = folder(layout);
            let all = in_memory_order(&tensors(&float, layout), transposed);
            write_safetensors(&folder.path().join("net.safetensors"), &all, Dtype::F64);
            let mut text = toml(name, "").replace("net.npz", "net.safetensors");
            let found = readings(folder.path(), &text, &images);
            assert!(
                found.contains(&(format!("{expected} of each of the `members"), 100.0)),
                "{expected:?} is not in {found:?}"
            );
            // The description is changed as the advice says.
            for tensor in transposed {
                let order = if *tensor == "convolution.weights" { reversed.0 } else { reversed.1 };
                text = text.replace(&format!("\"{tensor}\""), &format!("\"{tensor}\", memory = \"{order}\""));
            }
            assert_eq!(read(folder.path(), &text).unwrap().members, std::slice::from_ref(&float));
        }
    }
}

#[test]
fn a_file_that_safetensors_wrote_of_column_major_arrays_is_read_as_the_advice_says() {
    // The tensors of python.safetensors, written by safetensors.numpy 0.8.0 as `save_file({k: numpy.asfortranarray(v) ...})`.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import/fixtures/files");
    let text = toml("pytorch", "").replace("net.npz", "fortran.safetensors");
    let found = readings(&folder, &text, &labelled(&network(SHAPE), |p| p));
    let all = "memory = \"WHIO\"` in the convolution and `memory = \"IO\"` in the hidden layer and `memory = \"IO\"` in the output \
               layer of each of the `members";
    assert_eq!(found.first(), Some(&(all.to_owned(), 100.0)));
    let text = text
        .replace("\"convolution.weights\"", "\"convolution.weights\", memory = \"WHIO\"")
        .replace("\"hidden.weights\"", "\"hidden.weights\", memory = \"IO\"")
        .replace("\"output.weights\"", "\"output.weights\", memory = \"IO\"");
    assert_eq!(read(&folder, &text).unwrap().members, [network(SHAPE)]);
}

#[test]
fn an_order_in_memory_that_is_none_of_the_axes_is_refused() {
    for (memory, words) in [
        ("\"convolution.weights\", memory = \"HWI\"", "the `memory` of its convolution layer is \"HWI\""),
        ("\"convolution.weights\", memory = \"OI\"", "must be an order of the letters OIHW"),
    ] {
        let text = toml("pytorch", "").replace("\"convolution.weights\"", memory);
        let problem = check_description(&toml::from_str(&text).unwrap()).unwrap_err().to_string();
        assert!(problem.contains(words), "{problem}");
    }
}

#[test]
fn a_pickled_list_is_called_one_whatever_is_looked_for_in_it() {
    let folder = folder(Layout::Pytorch);
    let header = "{'descr': '|O', 'fortran_order': False, 'shape': (6,), }\n";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(b"\x80\x04pickle.");
    fs::write(folder.path().join("net.npy"), bytes).unwrap();
    let by_name = toml("pytorch", "").replace("net.npz", "net.npy");
    let alone = toml("pytorch", "").replace("\"hidden.weights\"", "\"net.npy::0\"");
    let file = toml("pytorch", "").replace("file = \"net.npz\"\n", "").replace(".weights\"", ".npy\"");
    fs::copy(folder.path().join("net.npy"), folder.path().join("convolution.npy")).unwrap();
    for text in [by_name, alone, file] {
        assert_says(
            &read(folder.path(), &text).unwrap_err(),
            &["it is pickled", "saves its arrays as arr_0, arr_1"],
        );
    }
}

/// Images with the labels that a network gives them if it reads `map` of a pixel.
fn labelled(network: &RealNetwork, map: impl Fn(f64) -> f64) -> LabelledImages {
    let size = network.architecture().pixels();
    let pixels: Vec<u8> =
        (0..size * 200).map(|i| if i % 5 < 3 { 0 } else { (i * i * 31 % 256) as u8 }).collect();
    label(network.architecture().image_side, pixels, |image| {
        network.logits(&image.iter().map(|&pixel| map(f64::from(pixel) / 255.0)).collect::<Vec<_>>())
    })
}

fn readings(folder: &Path, text: &str, images: &LabelledImages) -> Vec<(String, f64)> {
    let description: Description = toml::from_str(text).unwrap();
    check_description(&description).unwrap();
    better_readings(&description, &mut WeightFiles::new(folder, images.side()), images, 1.0)
}

/// A network without padding, and the folder and description of its file.
fn unpadded() -> (RealNetwork, tempfile::TempDir, String) {
    let shape = Architecture { padding: Padding { leading: 0, trailing: 0 }, image_side: 7, ..SHAPE };
    let folder = tempfile::TempDir::new().unwrap();
    write_npz(&folder.path().join("net.npz"), &tensors(&network(shape), Layout::Pytorch));
    let text = toml("pytorch", "").replace(
        "{ padding = { leading = 1, trailing = 0 } }",
        "{ image_side = 7, padding = \"valid\", stride = 2 }",
    );
    (network(shape), folder, text)
}

#[test]
fn the_normalisation_of_a_data_set_is_the_first_reading_that_is_named() {
    let (float, folder, text) = unpadded();
    for (mean, std) in [(0.1307, 0.3081), (0.286, 0.353), (0.1918, 0.3483), (0.1751, 0.3332)] {
        let images = labelled(&float, |p| (p - mean) / std);
        for given in ["", "pixels.scale = 255.0\n", &format!("pixels = {{ mean = {std}, std = {mean} }}\n")] {
            let found = readings(folder.path(), &format!("{given}{text}"), &images);
            let truth = (format!("pixels = {{ mean = {mean}, std = {std} }}"), 100.0);
            assert_eq!(found.first(), Some(&truth), "{given}: {found:?}");
        }
    }
}

#[test]
fn a_mean_and_a_deviation_that_were_swapped_or_are_of_bytes_are_found() {
    let (float, folder, text) = unpadded();
    let images = labelled(&float, |p| (p - 0.2) / 0.4);
    for given in ["mean = 0.4, std = 0.2", "mean = 51.0, std = 102.0"] {
        let found = readings(folder.path(), &format!("pixels = {{ {given} }}\n{text}"), &images);
        assert!(found.contains(&("pixels = { mean = 0.2, std = 0.4 }".to_owned(), 100.0)), "{found:?}");
    }
}

#[test]
fn a_number_of_units_that_the_weights_do_not_share_is_refused_with_the_true_counts() {
    let folder = folder(Layout::Cryptonets);
    let all = tensors(&network(SHAPE), Layout::Cryptonets);
    let text = toml("cryptonets", "").replace("\"hidden.weights\"", "\"hidden.csv::1\"");
    let line = all[1].2.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    fs::write(folder.path().join("hidden.csv"), line).unwrap();
    for (hidden, words) in [
        (
            20_000,
            "needs as many values, and a bias, for each of its 20000 units, and 76 are not 20000 times as many",
        ),
        (76, "76 are not 76 times as many"),
        (5, "76 are not 5 times as many; is `architecture.hidden` right?"),
    ] {
        let text = text.replace("} }", &format!("}}, hidden = {hidden}, maps = 2, classes = 3 }}"));
        assert_says(&read(folder.path(), &text).unwrap_err(), &["line 1 of hidden.csv", "[76]", words]);
    }
    let right = text.replace("} }", "}, hidden = 4, maps = 2, classes = 3 }");
    assert_eq!(read(folder.path(), &right).unwrap().members, [network(SHAPE)]);
}

proptest! {
    #[test]
    fn a_size_that_is_mistyped_never_wraps(
        field in 0usize..7,
        size in prop_oneof![0usize..30, 0usize..1 << 20, any::<usize>()],
        (layout, name) in
            prop::sample::select(vec![(Layout::Keras, "keras"), (Layout::Pytorch, "pytorch"), (Layout::Cryptonets, "cryptonets")]),
    ) {
        let folder = folder(layout);
        let mut description: Description = toml::from_str(&toml(name, "")).unwrap();
        let architecture = &mut description.architecture;
        match field {
            0 => architecture.image_side = Some(size),
            1 => architecture.kernel = Some(size),
            2 => architecture.stride = Some(size),
            3 => architecture.maps = Some(size),
            4 => architecture.hidden = Some(size),
            5 => architecture.classes = Some(size),
            _ => architecture.padding = Some(PaddingMode::Both(size)),
        }
        if let Err(error) = read_members(&description, &mut WeightFiles::new(folder.path(), 6), 6) {
            // The largest number in an error is a limit of the architecture.
            let error = error.to_string();
            for number in error.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse::<u128>().ok()) {
                prop_assert!(number <= size.max(1 << 27) as u128, "{}", error);
            }
        }
    }
}

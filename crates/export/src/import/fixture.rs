//! One small network, written as other programs would.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, tensor::TensorView};
use sottovoce_network::{Architecture, Block, Padding};
use tempfile::TempDir;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::{Description, ImportError, Imported, Layout, RealNetwork, Sources, read_members};

/// 6 x 6 pixels, two maps of 3 x 3 with stride 2 and a zero row and column in front: 18 activations.
pub const SHAPE: Architecture = Architecture {
    image_side: 6,
    kernel: 3,
    stride: 2,
    padding: Padding { leading: 1, trailing: 0 },
    maps: 2,
    hidden: 4,
    classes: 3,
};

/// A network whose weights are all different eighths, which every format can hold.
pub fn network(shape: Architecture) -> RealNetwork {
    let block = |rows: usize, columns: usize, seed: usize| {
        let weight =
            |row: usize, column: usize| ((row * columns + column) * 37 + seed) as f64 % 101.0 / 8.0 - 6.0;
        Block::from_fn(rows, columns, weight, |row| row as f64 / 4.0 - seed as f64 / 8.0)
    };
    let (taps, inputs) = (shape.taps(), shape.activations());
    let blocks =
        [block(shape.maps, taps, 1), block(shape.hidden, inputs, 2), block(shape.classes, shape.hidden, 3)];
    RealNetwork::new(shape, blocks)
}

/// A tensor to write: name, shape, values.
pub type Named = (String, Vec<usize>, Vec<f64>);

/// The network's tensors in a layout: weights of each layer, and biases where the layout has them apart.
pub fn tensors(network: &RealNetwork, layout: Layout) -> Vec<Named> {
    let shape = network.architecture();
    let (kernel, maps, positions) = (shape.kernel, shape.maps, shape.positions());
    let mut named = Vec::new();
    for (block, name) in network.blocks().iter().zip(["convolution", "hidden", "output"]) {
        let (rows, columns) = (block.rows(), block.columns());
        let (shape, values): (Vec<usize>, Vec<f64>) = match layout {
            Layout::Keras => {
                // The kernel's axes or the inputs first, outputs last.
                let input = |place: usize| match name {
                    "hidden" => place % maps * positions + place / maps,
                    _ => place,
                };
                let values = (0..rows * columns).map(|i| block.row(i % rows)[input(i / rows)]);
                let shape =
                    if name == "convolution" { vec![kernel, kernel, 1, rows] } else { vec![columns, rows] };
                (shape, values.collect())
            }
            Layout::Pytorch => {
                let shape =
                    if name == "convolution" { vec![rows, 1, kernel, kernel] } else { vec![rows, columns] };
                (shape, block.weights().to_vec())
            }
            Layout::Cryptonets => {
                let row = |row: usize| [block.row(row), &[block.biases()[row]]].concat();
                (vec![rows, columns + 1], (0..rows).flat_map(row).collect())
            }
        };
        named.push((format!("{name}.weights"), shape, values));
        if layout != Layout::Cryptonets {
            named.push((format!("{name}.bias"), vec![rows], block.biases().to_vec()));
        }
    }
    named
}

/// The bytes of a `.npy` file.
pub fn npy(shape: &[usize], values: &[f64]) -> Vec<u8> {
    let sizes: String = shape.iter().map(|size| format!("{size},")).collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({sizes}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(values.iter().flat_map(|&value| (value as f32).to_le_bytes()));
    bytes
}

/// Writes tensors as one `.npz`.
pub fn write_npz(path: &Path, tensors: &[Named]) {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, shape, values) in tensors {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        archive.write_all(&npy(shape, values)).unwrap();
    }
    fs::write(path, archive.finish().unwrap().into_inner()).unwrap();
}

/// Writes tensors as one `.safetensors`, with numbers of one type.
pub fn write_safetensors(path: &Path, tensors: &[Named], dtype: Dtype) {
    let bytes = |value: f64| -> Vec<u8> {
        match dtype {
            Dtype::F16 => f16::from_f64(value).to_le_bytes().to_vec(),
            Dtype::BF16 => bf16::from_f64(value).to_le_bytes().to_vec(),
            Dtype::F32 => (value as f32).to_le_bytes().to_vec(),
            _ => value.to_le_bytes().to_vec(),
        }
    };
    let data: Vec<Vec<u8>> = tensors
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|&value| bytes(value)).collect())
        .collect();
    let views = tensors.iter().zip(&data).map(|((name, shape, _), data)| {
        (name.as_str(), TensorView::new(dtype, shape.clone(), data).unwrap())
    });
    fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// Writes each tensor as a CSV file, a line for each place of the first axis.
pub fn write_csv(folder: &Path, tensors: &[Named]) {
    for (name, shape, values) in tensors {
        let line = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        let text: String = values.chunks(values.len() / shape[0]).map(|row| line(row) + "\n").collect();
        fs::write(folder.join(format!("{name}.csv")), text).unwrap();
    }
}

/// A description of the network in `net.npz`, with the layout's conventions; `more` is added to it.
pub fn toml(layout: &str, more: &str) -> String {
    let layer = |name: &str| match layout {
        "cryptonets" => format!("{name} = \"{name}.weights\"\n"),
        _ => format!("{name} = {{ weights = \"{name}.weights\", bias = \"{name}.bias\" }}\n"),
    };
    let layers = ["convolution", "hidden", "output"].map(layer).concat();
    format!(
        "layout = \"{layout}\"\nactivation = \"square\"\n\
         architecture = {{ padding = {{ leading = 1, trailing = 0 }} }}\n{more}\n\
         [[members]]\nfile = \"net.npz\"\n{layers}"
    )
}

/// A folder with `net.npz` in a layout.
pub fn folder(layout: Layout) -> TempDir {
    let folder = TempDir::new().unwrap();
    write_npz(&folder.path().join("net.npz"), &tensors(&network(SHAPE), layout));
    folder
}

/// What the description `text` makes of the files in a folder.
pub fn read(folder: &Path, text: &str) -> Result<Imported, ImportError> {
    let description: Description = toml::from_str(text).unwrap();
    description.check().unwrap();
    read_members(&description, &mut Sources::new(folder, 6), 6)
}

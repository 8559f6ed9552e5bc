//! Damaged and hostile files of tensors: each is read or refused, and none causes a panic.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use safetensors::Dtype;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::import::description::fields::Layout;
use crate::import::fixtures::framework_files::weights_file;
use crate::import::fixtures::pseudo_random::PseudoRandom;
use crate::import::fixtures::small_network::{
    self, SHAPE, network, npy, tensors, write_csv, write_safetensors,
};
use crate::import::formats::npz;
use crate::import::readings::framework_logits::FrameworkLogits;
use crate::import::weight_files::WeightFiles;

/// Number of damaged files of each format.
const DAMAGED: usize = 10_000;

/// Returns the bytes with up to three changes; one file in eight is unchanged.
fn damage(numbers: &mut PseudoRandom, original: &[u8]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..numbers.below(8).min(3) {
        let start = numbers.below(bytes.len());
        let end = bytes.len().min(start + 1 + numbers.below(32));
        match numbers.below(8) {
            0 => bytes.truncate(start),
            1 => drop(bytes.drain(start..end)),
            2 => {
                let part = bytes[start..end].to_vec();
                let place = numbers.below(bytes.len());
                drop(bytes.splice(place..place, part));
            }
            // Sizes, places and counts may become any value.
            3 => bytes[start..end.min(start + 8)].fill([0x00, 0xff, 0x7f, 0x80][numbers.below(4)]),
            4 => {
                let texts: [&[u8]; 12] = [
                    b"(",
                    b")",
                    b",",
                    b";",
                    b"\"",
                    b"\n",
                    b"-",
                    b"nan",
                    b"1e999",
                    b"9999999999999999999",
                    b"{",
                    b"\xef\xbb\xbf",
                ];
                drop(bytes.splice(start..start, texts[numbers.below(texts.len())].iter().copied()));
            }
            5 => {
                // Replaces the next digit.
                if let Some(digit) = bytes[start..].iter_mut().find(|byte| byte.is_ascii_digit()) {
                    *digit = b'0' + numbers.below(10) as u8;
                }
            }
            _ => {
                if let Some(byte) = bytes.get_mut(start) {
                    *byte ^= 1 << numbers.below(8);
                }
            }
        }
    }
    bytes
}

/// A compressed archive of arrays, with correct checksums.
fn archive(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, array) in arrays {
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(array).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Arrays of one small network.
fn arrays() -> [(&'static str, Vec<u8>); 2] {
    [("weights", npy(&[2, 9], &[0.5; 18])), ("bias", npy(&[2], &[-1.0, 2.0]))]
}

/// Returns whether an import finds at least one tensor in a file.
fn is_read(name: &str, bytes: Vec<u8>) -> bool {
    let mut sources = WeightFiles::new(Path::new("no-folder"), 6).with_file(name, bytes);
    assert!(!matches!(sources.network(name), Ok(Some(_))), "{name} holds no network");
    let named = sources.tensors(name).is_ok_and(|tensors| !tensors.is_empty());
    let _ = sources.unread_tensors();
    named || sources.tensor(None, name).is_ok()
}

/// Reads damaged files. Some damage has no effect; most has.
fn try_damaged(mut is_read: impl FnMut(&mut PseudoRandom) -> bool) {
    let mut numbers = PseudoRandom(1);
    let read = (0..DAMAGED).filter(|_| is_read(&mut numbers)).count();
    assert!((DAMAGED / 10..DAMAGED * 9 / 10).contains(&read), "{read} of {DAMAGED} files were read");
}

#[test]
fn damaged_arrays_are_read_or_refused() {
    let plain = npy(&[2, 9], &[0.5; 18]);
    // Version 2 has four bytes for the header's length.
    let mut long = plain.clone();
    long[6] = 2;
    long.splice(10..10, [0, 0]);
    let mut column_major = plain.clone();
    let place = plain.windows(5).position(|bytes| bytes == b"False").unwrap();
    column_major[place..place + 5].copy_from_slice(b"True ");
    let originals = [plain, long, column_major];
    assert!(originals.iter().all(|original| is_read("w.npy", original.clone())));
    try_damaged(|numbers| {
        let original = &originals[numbers.below(originals.len())];
        is_read("w.npy", damage(numbers, original))
    });
}

#[test]
fn damaged_archives_of_arrays_are_read_or_refused() {
    let original = archive(&arrays());
    try_damaged(|numbers| {
        let bytes = match numbers.below(2) {
            0 => damage(numbers, &original),
            // Otherwise the archive's checksum would refuse nearly every damage to an array.
            _ => archive(&arrays().map(|(name, array)| (name, damage(numbers, &array)))),
        };
        is_read("w.npz", bytes)
    });
}

#[test]
fn damaged_safetensors_files_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let originals = [Dtype::F16, Dtype::BF16, Dtype::F32, Dtype::F64].map(|dtype| {
        write_safetensors(&path, &tensors(&network(SHAPE), Layout::Pytorch)[..2], dtype);
        fs::read(&path).unwrap()
    });
    try_damaged(|numbers| {
        let original = &originals[numbers.below(originals.len())];
        is_read("w.safetensors", damage(numbers, original))
    });
}

#[test]
fn damaged_text_is_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    write_csv(folder.path(), &tensors(&network(SHAPE), Layout::Pytorch)[..1]);
    let table = fs::read_to_string(folder.path().join("convolution.weights.csv")).unwrap();
    let originals = [
        table.replace(',', ";"),
        table.replace(',', "  "),
        table,
        "\u{feff}# weights\r\n\"0.5\",\"1\"\r\n\r\n3e-2,\r\n".to_owned(),
        "0,5;1,5\n2;3,25\n".to_owned(),
        "name,w1,w2\na,0.5,1\nb,2,3\n".to_owned(),
    ];
    try_damaged(|numbers| {
        let original = &originals[numbers.below(originals.len())];
        is_read("w.csv", damage(numbers, original.as_bytes()))
    });
}

#[test]
fn damaged_archives_of_logits_are_read_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("predictions.npz");
    let arrays = || {
        let inputs = npy(&[2, 1, 2, 2], &[0.0, 0.25, 0.5, 1.0, 1.0, 0.5, 0.25, 0.0]);
        let logits = npy(&[2, 3], &[1.0, -2.0, 3.0, 0.5, 0.0, -1.0]);
        let pixels = npy(&[2, 4], &[0.0, 64.0, 128.0, 255.0, 255.0, 128.0, 64.0, 0.0]);
        [("inputs", inputs), ("logits", logits), ("pixels", pixels), ("hidden", npy(&[2, 4], &[0.5; 8]))]
    };
    let original = archive(&arrays());
    try_damaged(|numbers| {
        let bytes = match numbers.below(2) {
            0 => damage(numbers, &original),
            _ => archive(&arrays().map(|(name, array)| (name, damage(numbers, &array)))),
        };
        fs::write(&path, bytes).unwrap();
        let Ok(logits) = FrameworkLogits::read(&path, 3, 4) else { return false };
        let _ = logits.pixel_normalisation();
        true
    });
}

#[test]
fn an_archive_that_unpacks_to_far_more_than_its_size_is_refused() {
    let zeros = npy(&[8 << 20], &vec![0.0; 8 << 20]);
    let bytes = archive(&[("weights", zeros.clone())]);
    let error = npz::names(&weights_file("w.npz", &bytes)).unwrap_err().to_string();
    assert!(error.contains("its arrays unpack to 33554"), "{error}");
    assert!(error.contains("save them with numpy.savez, which does not compress"), "{error}");

    // Following the advice makes a readable file.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.npz");
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file("weights.npy", SimpleFileOptions::default().compression_method(CompressionMethod::Stored))
        .unwrap();
    zip.write_all(&zeros).unwrap();
    zip.finish().unwrap();
    assert_eq!(npz::names(&weights_file("w.npz", &fs::read(&path).unwrap())).unwrap(), ["weights"]);
}

#[test]
fn a_file_of_very_many_tensors_is_refused_before_they_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let tensors: Vec<small_network::Named> =
        (0..5000).map(|index| (format!("w{index}"), vec![1], vec![1.0])).collect();
    write_safetensors(&path, &tensors, Dtype::F32);
    let mut sources = WeightFiles::new(folder.path(), 6);
    let error = sources.tensors("w.safetensors").unwrap_err().to_string();
    assert!(error.contains("it holds 5000 tensors, and at most 1024 are examined"), "{error}");
    // Any of them can be read by its name.
    assert_eq!(sources.tensor(None, "w.safetensors::w4999").unwrap().values, [1.0]);
}

#[test]
fn tensors_of_far_more_numbers_than_the_file_has_bytes_are_refused() {
    let mut zeros = b"\x93NUMPY\x01\x00".to_vec();
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({},), }}\n", 3 << 20);
    zeros.extend((header.len() as u16).to_le_bytes());
    zeros.extend(header.bytes());
    zeros.resize(zeros.len() + (3 << 20), 0);
    let one = [("weights", zeros.clone())];
    let two = [("weights", zeros.clone()), ("bias", zeros)];
    let tensors = |arrays| {
        WeightFiles::new(Path::new("no-folder"), 6).with_file("w.npz", archive(arrays)).tensors("w.npz")
    };
    assert_eq!(tensors(&one).unwrap().len(), 1);
    let error = tensors(&two).unwrap_err().to_string();
    assert!(error.contains("its tensors hold more than"), "{error}");
}

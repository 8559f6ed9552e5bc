//! Damaged and hostile files of Keras: each is read or refused, and none causes a panic.

use std::io::{Cursor, Write as _};

use serde_json::{Map, Value as Json, json};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::*;
use crate::import::fixtures::framework_files::{File, files, weights_file};
use crate::import::fixtures::pseudo_random::PseudoRandom;

/// Number of damaged files of each kind.
const COUNT: usize = 2_500;

/// An archive of a configuration and weights, with correct checksums.
pub(super) fn archive(config: &[u8], weights: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in [
        ("metadata.json", br#"{"keras_version": "3.15.1"}"#.as_slice()),
        ("config.json", config),
        (WEIGHTS, weights),
    ] {
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Undamaged files, by the ends of their names.
fn originals(end: &str) -> Vec<Vec<u8>> {
    let files = [files("keras", "graph"), files("keras", "weights")].concat();
    files.iter().filter(|file| file.path.ends_with(end)).map(File::bytes).collect()
}

/// Calls every function of the reader on a file.
fn read(bytes: &[u8]) {
    let file = weights_file("damaged", bytes);
    let _ = read_network("damaged", bytes, Some(12));
    if let Ok(names) = names(&file) {
        for name in names {
            let _ = super::super::tensor(&file, &name, "damaged");
        }
    }
}

/// Changes a few bytes, cuts off a part, or replaces a part by one of the same file or another.
fn damage(original: &[u8], other: &[u8], numbers: &mut PseudoRandom) -> Vec<u8> {
    let mut bytes = original.to_vec();
    match numbers.below(4) {
        0 => bytes.truncate(numbers.below(original.len())),
        1 => {
            for _ in 0..=numbers.below(8) {
                let index = numbers.below(bytes.len());
                bytes[index] ^= 1 << numbers.below(8);
            }
        }
        2 => {
            // Most sizes, addresses and counts are here. They get extreme values of 1 to 8 bytes.
            let (index, length) = (numbers.below(bytes.len() - 8), 1 << numbers.below(4));
            let value = [0x00, 0xff, 0x7f, 0x80, 0x01][numbers.below(5)];
            bytes[index..index + length].fill(value);
        }
        _ => {
            let length = 1 + numbers.below(512);
            let (from, to) = (numbers.below(other.len() - length), numbers.below(bytes.len() - length));
            bytes[to..to + length].copy_from_slice(&other[from..from + length]);
        }
    }
    bytes
}

fn damaged(end: &str, seed: u64, wrap: impl Fn(Vec<u8>) -> Vec<u8>) {
    let originals = originals(end);
    let mut numbers = PseudoRandom(seed);
    for _ in 0..COUNT {
        let (one, other) = (numbers.below(originals.len()), numbers.below(originals.len()));
        read(&wrap(damage(&originals[one], &originals[other], &mut numbers)));
    }
}

#[test]
fn damaged_archives_are_read_or_refused() {
    damaged(".keras", 1, |bytes| bytes);
}

#[test]
fn damaged_hdf5_files_are_read_or_refused() {
    damaged(".h5", 2, |bytes| bytes);
}

#[test]
fn damaged_weights_behind_right_checksums_are_read_or_refused() {
    let whole = Archive::open("", &originals("paper.keras")[0]).unwrap().entry("config.json").unwrap();
    let nested = Archive::open("", &originals("nested.keras")[0]).unwrap().entry("config.json").unwrap();
    damaged(".weights.h5", 3, |bytes| archive(if bytes.len() % 2 == 0 { &whole } else { &nested }, &bytes));
}

/// Returns the value of the configuration after `index` other values.
fn nth<'a>(value: &'a mut Json, index: &mut usize) -> Option<&'a mut Json> {
    if *index == 0 {
        return Some(value);
    }
    *index -= 1;
    match value {
        Json::Array(list) => list.iter_mut().find_map(|value| nth(value, index)),
        Json::Object(map) => map.values_mut().find_map(|value| nth(value, index)),
        _ => None,
    }
}

fn count(value: &Json) -> usize {
    1 + match value {
        Json::Array(list) => list.iter().map(count).sum(),
        Json::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

#[test]
fn configurations_with_wrong_values_are_read_or_refused() {
    let archives: Vec<(Json, Vec<u8>)> = originals(".keras")
        .iter()
        .map(|bytes| {
            let mut archive = Archive::open("", bytes).unwrap();
            (
                serde_json::from_slice(&archive.entry("config.json").unwrap()).unwrap(),
                archive.entry(WEIGHTS).unwrap(),
            )
        })
        .collect();
    let mut numbers = PseudoRandom(4);
    for _ in 0..2 * COUNT {
        let (config, weights) = &archives[numbers.below(archives.len())];
        let mut config = config.clone();
        for _ in 0..=numbers.below(2) {
            let donor = &mut archives[numbers.below(archives.len())].0.clone();
            let mut index = numbers.below(count(donor));
            let donated = nth(donor, &mut index).unwrap().clone();
            let values = [
                Json::Null,
                json!(true),
                json!(0),
                json!(-1),
                json!(1),
                json!(7),
                json!(65_536),
                json!(1e300),
                json!(u64::MAX),
                json!(i64::MIN),
                json!(""),
                json!("channels_first"),
                json!("same"),
                json!([]),
                json!([[1, 2], [3]]),
                Json::Object(Map::new()),
                donated,
            ];
            let mut index = numbers.below(count(&config));
            *nth(&mut config, &mut index).unwrap() = values[numbers.below(values.len())].clone();
        }
        read(&archive(&serde_json::to_vec(&config).unwrap(), weights));
    }
}

#[test]
fn a_part_that_unpacks_to_far_more_than_the_archive_is_refused() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("config.json", options).unwrap();
    zip.write_all(&vec![b' '; 4 << 20]).unwrap();
    let bytes = zip.finish().unwrap().into_inner();
    let error = read_network("bomb.keras", &bytes, None).unwrap_err().to_string();
    assert!(error.contains("its part config.json unpacks to more than 1048576 bytes"), "{error}");
}

#[test]
fn a_configuration_of_very_many_levels_is_refused() {
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    let error = read_network("deep.keras", &archive(&deep, b""), None).unwrap_err().to_string();
    assert!(error.contains("deep.keras cannot be used"), "{error}");
}

#[test]
fn an_image_that_is_far_larger_than_the_file_is_refused() {
    let bytes = originals("paper.keras").remove(0);
    let mut whole = Archive::open("", &bytes).unwrap();
    let mut config: Json = serde_json::from_slice(&whole.entry("config.json").unwrap()).unwrap();
    let layers = config["config"]["layers"].as_array_mut().unwrap();
    let field =
        if layers[0]["config"]["batch_shape"].is_null() { "batch_input_shape" } else { "batch_shape" };
    layers[0]["config"][field] = json!([null, 4096, 4096, 1]);
    let bytes = archive(&serde_json::to_vec(&config).unwrap(), &whole.entry(WEIGHTS).unwrap());
    let error = read_network("large.keras", &bytes, None).unwrap_err().to_string();
    assert!(error.contains("4096 x 4096"), "{error}");
}

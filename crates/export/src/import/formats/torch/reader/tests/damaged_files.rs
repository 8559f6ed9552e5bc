//! Damaged files of PyTorch: each is read or refused, and none causes a panic.

use serde_json::{Value, json};
use zip::CompressionMethod;

use super::super::*;
use super::{bytes_of, made, packed, unpacked};
use crate::import::fixtures::framework_files::weights_file;
use crate::import::fixtures::pseudo_random::PseudoRandom;

/// Returns whether a file is an exported program that can be read.
fn is_traced(bytes: &[u8]) -> bool {
    matches!(network(&weights_file("net.pt2", bytes), 0), Ok(Some(_)))
}

/// Flips bits, truncates, or copies a piece to another place.
fn damage(noise: &mut PseudoRandom, bytes: &mut Vec<u8>) {
    match noise.below(4) {
        0 => bytes.truncate(noise.below(bytes.len())),
        1 if bytes.len() > 64 => {
            let (from, to) = (noise.below(bytes.len() - 32), noise.below(bytes.len() - 32));
            bytes.copy_within(from..from + 32, to);
        }
        _ => {
            for _ in 0..=noise.below(6) {
                let place = noise.below(bytes.len());
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = [*byte ^ (1 << noise.below(8)), 0, 0xff, 0x80][noise.below(4)];
                }
            }
        }
    }
}

/// Changes one value somewhere in JSON.
fn damage_json(noise: &mut PseudoRandom, value: &mut Value) {
    let leaf = |noise: &mut PseudoRandom| match noise.below(9) {
        0 => json!(-1),
        1 => json!(0),
        2 => json!(i64::MAX),
        3 => json!(i64::MIN),
        4 => json!(noise.below(40)),
        5 => json!([]),
        6 => json!(null),
        7 => json!(1e300),
        _ => json!("x"),
    };
    match value {
        Value::Array(items) if !items.is_empty() && noise.below(12) > 0 => {
            let place = noise.below(items.len());
            if noise.below(20) == 0 {
                items.remove(place);
            } else {
                damage_json(noise, &mut items[place]);
            }
        }
        Value::Object(fields) if !fields.is_empty() && noise.below(20) > 0 => {
            let place = noise.below(fields.len());
            let name = fields.keys().nth(place).cloned().unwrap();
            if noise.below(30) == 0 {
                fields.remove(&name);
            } else {
                damage_json(noise, &mut fields[&name]);
            }
        }
        _ => *value = leaf(noise),
    }
}

/// Reads some of the tensors in a file, and counts them.
fn read(bytes: &[u8]) -> usize {
    let Ok(file) = StateDict::open("net.pt", bytes) else { return 0 };
    file.names().take(4).filter(|name| file.tensor(name, "tensor").is_ok()).count()
}

#[test]
fn damaged_state_dicts_do_not_panic() {
    let mut noise = PseudoRandom(15);
    let files = [
        "paper.pt",
        "paper.legacy.pth",
        "paper.checkpoint.pt",
        "paper.whole-module.pt",
        "paper.protocol4.pt",
    ];
    let mut count = 0;
    for file in files {
        let bytes = bytes_of(&format!("torch/{file}"));
        for _ in 0..600 {
            let mut damaged = bytes.clone();
            damage(&mut noise, &mut damaged);
            count += read(&damaged);
        }
    }
    assert!(count > 0);
}

#[test]
fn damaged_entries_behind_right_checksums_do_not_panic() {
    let mut noise = PseudoRandom(16);
    let mut count = 0;
    for file in ["paper.pt", "paper.tied.pt", "paper.whole-module.pt", "paper.checkpoint.pt"] {
        let entries = unpacked(&bytes_of(&format!("torch/{file}")));
        let pickle = entries.iter().position(|(name, _)| name.ends_with("data.pkl")).unwrap();
        for round in 0..1000 {
            let mut damaged = entries.clone();
            let entry = if round % 4 == 0 { noise.below(damaged.len()) } else { pickle };
            damage(&mut noise, &mut damaged[entry].1);
            count += read(&packed(&damaged, CompressionMethod::Stored));
        }
    }
    assert!(count > 0);
}

#[test]
fn damaged_programs_do_not_panic() {
    let mut noise = PseudoRandom(17);
    let mut traced = 0;
    let programs = [
        bytes_of("torch/paper.pt2"),
        bytes_of("torch/batch-norm.pt2"),
        made("constants.pt2"),
        made("decomposed.pt2"),
        made("unusual.pt2"),
    ];
    for bytes in programs {
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            damage(&mut noise, &mut damaged);
            traced += usize::from(is_traced(&damaged));
        }
        let entries = unpacked(&bytes);
        for round in 0..600 {
            let mut damaged = entries.clone();
            let suffix = if round % 3 == 0 { "model_weights_config.json" } else { "model.json" };
            for (_, json) in damaged.iter_mut().filter(|(name, _)| name.ends_with(suffix)) {
                let mut value: Value = serde_json::from_slice(json).unwrap();
                // Half of the damage is in the operations, which are a small part of the file.
                let nodes = value.pointer_mut("/graph_module/graph/nodes");
                match nodes {
                    Some(nodes) if round % 2 == 0 => damage_json(&mut noise, nodes),
                    _ => damage_json(&mut noise, &mut value),
                }
                *json = serde_json::to_vec(&value).unwrap();
            }
            traced += usize::from(is_traced(&packed(&damaged, CompressionMethod::Stored)));
        }
    }
    assert!(traced > 0);
}

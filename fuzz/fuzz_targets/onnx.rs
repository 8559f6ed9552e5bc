//! ONNX models.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce_fuzz::read_weights;

fuzz_target!(|bytes: &[u8]| read_weights("network.onnx", bytes));

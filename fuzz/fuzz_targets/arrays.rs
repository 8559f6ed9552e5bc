//! Tensors without a network: NumPy's arrays and archives, safetensors and numbers in text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce_fuzz::read_weights;

fuzz_target!(|bytes: &[u8]| {
    for name in ["w.npz", "w.npy", "w.safetensors", "w.csv"] {
        read_weights(name, bytes);
    }
});

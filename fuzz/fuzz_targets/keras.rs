//! Files of Keras: `.keras` archives, `.h5` and `.weights.h5`. The content decides which it is, not the name.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sottovoce_fuzz::read_weights;

fuzz_target!(|bytes: &[u8]| read_weights("network.keras", bytes));

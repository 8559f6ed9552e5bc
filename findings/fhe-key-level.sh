#!/usr/bin/env bash
# fhe 0.1.1 (Rust): the level of an evaluation key is no requirement on ciphertexts, but chooses another way of key switching.
#
# `EvaluationKeyBuilder::new_leveled(secret, ciphertext_level, evaluation_key_level)` and `RelinearizationKey::new_leveled` are documented as keys
# "for operations on ciphertexts at level `ciphertext_level` using keys at level `evaluation_key_level`". With equal levels, a digit of one prime is
# multiplied with the key's errors, and a rotation leaves as much noise as a prime has bits and more. With a key level that is lower by one, the key
# has one prime more, `fhe` multiplies its message by that prime and divides by it after the product: the prime is a special prime, as in
# hybrid key switching (Gentry, Halevi and Smart 2012), and a rotation leaves hardly more than a rounding. Nothing in the documentation says so.
#
# Output seen (N = 8192, three ciphertext primes of 50 bits and one more; bits of noise, fresh and rotated):
#   equal levels: 4, 60
#   key level below: 4, 10
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
mkdir src
cat > Cargo.toml <<'EOF'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
fhe = "=0.1.1"
fhe-traits = "=0.1.1"
rand = "0.9"
EOF
cat > src/main.rs <<'EOF'
use fhe::bfv::{BfvParametersBuilder, Encoding, EvaluationKeyBuilder, Plaintext, SecretKey};
use fhe_traits::{FheDecoder, FheDecrypter, FheEncoder, FheEncrypter};

fn main() {
    let mut rng = rand::rng();
    let parameters = BfvParametersBuilder::new()
        .set_degree(8192)
        .set_plaintext_modulus(65_537)
        .set_moduli_sizes(&[50; 4])
        .build_arc()
        .unwrap();
    let secret = SecretKey::random(&parameters, &mut rng);
    let values: Vec<u64> = (0..8192).collect();
    for (name, key_level) in [("equal levels", 1), ("key level below", 0)] {
        let plaintext = Plaintext::try_encode(&values, Encoding::simd_at_level(1), &parameters).unwrap();
        let fresh: fhe::bfv::Ciphertext = secret.try_encrypt(&plaintext, &mut rng).unwrap();
        let mut builder = EvaluationKeyBuilder::new_leveled(&secret, 1, key_level).unwrap();
        builder.enable_column_rotation(1).unwrap();
        let rotated = builder.build(&mut rng).unwrap().rotates_columns_by(&fresh, 1).unwrap();
        let slots = Vec::<u64>::try_decode(&secret.try_decrypt(&rotated).unwrap(), Encoding::simd()).unwrap();
        assert_eq!(slots[..3], [1, 2, 3]);
        let bits = |ciphertext| unsafe { secret.measure_noise(ciphertext).unwrap() };
        println!("{name}: {}, {}", bits(&fresh), bits(&rotated));
    }
}
EOF
cargo run --quiet --release | tee out
equal=$(sed -n 's/^equal levels: .*, //p' out)
below=$(sed -n 's/^key level below: .*, //p' out)
[ "$equal" -gt 50 ] && [ "$below" -lt 15 ]

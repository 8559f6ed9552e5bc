#!/usr/bin/env bash
# gemm 0.19.0 (Rust): a matrix product has other last bits on processors with other first-level caches.
#
# All processors with AVX2 and FMA run the same kernel. But `kernel_params` reads sizes and associativities of the caches from
# /sys/devices/system/cpu and cuts sums of more than 512 products into pieces, whose length depends on the first-level cache:
# with 845 products, 8 ways of 32 KiB (Zen 4) give pieces of 423 and 422, 12 ways of 48 KiB (Zen 5, Sapphire Rapids) one piece.
# `burn` with its backend `flex` multiplies with this crate, so training gives other weights. An emulator that runs on the same
# system, such as qemu-user, reads the same caches and shows no difference. Products with at most 64 rows and 64 columns, or
# with sums of at most 512 products, do not depend on caches.
#
# The script shows other caches to the same program through a bind mount, which needs `unshare` and either root or user
# namespaces.
#
# Output seen:
#   32K, 8 ways: as one sum: 232 of 6400, as 423 + 422: 6400 of 6400
#   48K, 12 ways: as one sum: 6400 of 6400, as 423 + 422: 232 of 6400
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
gemm = { version = "=0.19.0", default-features = false, features = ["std"] }
EOF
cat > src/main.rs <<'EOF'
const M: usize = 64;
const N: usize = 100;
const K: usize = 845;

fn product(k: usize, left: &[f32], right: &[f32]) -> Vec<f32> {
    let mut result = vec![0f32; M * N];
    // Row-major matrices of which the first `k` columns of `left` and rows of `right` are used.
    unsafe {
        gemm::gemm(
            M, N, k, result.as_mut_ptr(), 1, N as isize, false, left.as_ptr(), 1, K as isize, right.as_ptr(), 1,
            N as isize, 0.0, 1.0, false, false, false, gemm::Parallelism::None,
        );
    }
    result
}

fn main() {
    // Multiples of 1/1009: most sums are rounded.
    let values = |count: usize, factor: usize| -> Vec<f32> {
        (0..count).map(|i| (i * factor % 2017) as f32 / 1009.0 - 1.0).collect()
    };
    let (left, right) = (values(M * K, 31), values(K * N, 47));
    let found = product(K, &left, &right);
    let sum = |row: usize, column: usize, range: std::ops::Range<usize>| {
        range.fold(0f32, |sum, i| left[row * K + i].mul_add(right[i * N + column], sum))
    };
    let equal = |expected: &dyn Fn(usize, usize) -> f32| {
        (0..M * N).filter(|place| found[*place] == expected(place / N, place % N)).count()
    };
    let one = equal(&|row, column| sum(row, column, 0..K));
    let two = equal(&|row, column| sum(row, column, 0..423) + sum(row, column, 423..K));
    println!("as one sum: {one} of {}, as 423 + 422: {two} of {}", M * N, M * N);
}
EOF
export CARGO_TARGET_DIR=$folder/target
cargo build --quiet --release

with_cache() { # size ways
    local caches=$folder/cpus-$1/cpu0/cache level
    for level in 1 2 3; do
        mkdir -p "$caches/index$level"
        echo "$level" > "$caches/index$level/level"
        echo Unified > "$caches/index$level/type"
        echo 64 > "$caches/index$level/coherency_line_size"
        echo 0 > "$caches/index$level/shared_cpu_list"
        echo 16 > "$caches/index$level/ways_of_associativity"
        echo 2048K > "$caches/index$level/size"
    done
    echo "$1" > "$caches/index1/size"
    echo "$2" > "$caches/index1/ways_of_associativity"
    local namespace=(unshare --mount)
    [ "$(id -u)" = 0 ] || namespace=(unshare --mount --map-root-user)
    echo -n "$1, $2 ways: "
    "${namespace[@]}" sh -c "mount --bind '$folder/cpus-$1' /sys/devices/system/cpu && '$CARGO_TARGET_DIR/release/finding'"
}
with_cache 32K 8 | tee small
with_cache 48K 12 | tee large
grep -q 'as 423 + 422: 6400 of' small
grep -q 'as one sum: 6400 of' large

#!/usr/bin/env bash
# image 0.25.10 (Rust): a JPEG file that ends behind its headers decodes without an error.
#
# The decoder returns Ok and leaves the missing part grey (128). So the result of a broken download looks like a
# picture. A PNG and a BMP file that end early give an error.
#
# Output seen:
#   Jpeg: half of 1676 bytes: Ok, grey rows: 32 of 64
#   Jpeg: the headers, 328 bytes: Ok, (64, 64) pixels
#   Png: half of 3755 bytes: Err("unexpected end of file")
#   Bmp: half of 5174 bytes: Err("failed to fill whole buffer")
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
image = { version = "=0.25.10", default-features = false, features = ["bmp", "jpeg", "png"] }
EOF
cat > src/main.rs <<'EOF'
use image::{GrayImage, ImageFormat, Luma};
use std::io::Cursor;

fn encode(format: ImageFormat) -> Vec<u8> {
    let picture = GrayImage::from_fn(64, 64, |x, y| Luma([((7 * x + 13 * y) % 256) as u8]));
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn decode(bytes: &[u8]) -> Result<GrayImage, String> {
    image::load_from_memory(bytes).map(|picture| picture.to_luma8()).map_err(|error| error.to_string())
}

fn main() {
    let jpeg = encode(ImageFormat::Jpeg);
    decode(&jpeg).unwrap();
    let half = decode(&jpeg[..jpeg.len() / 2]).unwrap();
    let grey = half.rows().filter(|row| row.clone().all(|pixel| pixel[0] == 128)).count();
    println!("Jpeg: half of {} bytes: Ok, grey rows: {grey} of 64", jpeg.len());
    assert!(grey > 20);

    // The start-of-scan header of one component is 10 bytes long and the last one before the picture.
    let headers = jpeg.windows(2).position(|marker| marker == [0xff, 0xda]).unwrap() + 10;
    let picture = decode(&jpeg[..headers]).unwrap();
    println!("Jpeg: the headers, {headers} bytes: Ok, {:?} pixels", picture.dimensions());

    for format in [ImageFormat::Png, ImageFormat::Bmp] {
        let file = encode(format);
        let half = decode(&file[..file.len() / 2]).map(|_| ());
        println!("{format:?}: half of {} bytes: {half:?}", file.len());
        assert!(half.is_err());
    }
}
EOF
CARGO_TARGET_DIR=$folder/target cargo run --quiet

#!/usr/bin/env bash
# zip 9.8.2 (Rust): some valid archives with ZIP64 records are rejected with the default ArchiveOffset::Detect.
#
# PyTorch writes the two ZIP64 records, 56 + 20 = 76 bytes, also where the numbers fit the classic record. The crate
# then ignores the ZIP64 records and takes the central directory to end at the classic record, 76 bytes too late. If
# the first central header is 76 bytes long (a name of 30 bytes), the second header lies where the crate looks for the
# first. The crate takes the 76 bytes for data in front of the archive, and adds 76 to every offset.
# `torch.save` writes such archives where the file's stem has 21 bytes: its first entry is STEM/data.pkl.
# ArchiveOffset::Known(0) opens them. Version 9.0.5 opens them with Detect too; 9.1.0, 9.2.0 and 9.8.1 do not.
#
# Output seen:
#   name of 29 bytes: Detect Ok(2), Known(0) Ok(2)
#   name of 30 bytes: Detect Err("invalid Zip archive: Invalid Central Directory header"), Known(0) Ok(2)
#   name of 31 bytes: Detect Ok(2), Known(0) Ok(2)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 - <<'EOF'
import zipfile

zipfile.ZIP_FILECOUNT_LIMIT = 0  # zipfile writes ZIP64 records for more entries than this.
for length in 29, 30, 31:
    with zipfile.ZipFile(f"{length}.zip", "w") as archive:
        archive.writestr("a" * length, b"first")
        archive.writestr("b", b"second")
    assert zipfile.ZipFile(f"{length}.zip").testzip() is None
EOF
mkdir src
cat > Cargo.toml <<'EOF'
[package]
name = "finding"
version = "0.0.0"
edition = "2024"

[dependencies]
zip = { version = "=9.8.2", default-features = false }
EOF
cat > src/main.rs <<'EOF'
use std::fs::File;
use zip::read::{ArchiveOffset, Config, ZipArchive};

fn open(length: usize, archive_offset: ArchiveOffset) -> Result<usize, String> {
    let file = File::open(format!("{length}.zip")).unwrap();
    ZipArchive::with_config(Config { archive_offset }, file).map(|zip| zip.len()).map_err(|error| error.to_string())
}

fn main() {
    for length in [29, 30, 31] {
        let detected = open(length, ArchiveOffset::Detect);
        let known = open(length, ArchiveOffset::Known(0));
        println!("name of {length} bytes: Detect {detected:?}, Known(0) {known:?}");
        assert_eq!(known, Ok(2));
        if length == 30 {
            let message = "invalid Zip archive: Invalid Central Directory header";
            assert_eq!(detected, Err(message.to_string()));
        } else {
            assert_eq!(detected, Ok(2));
        }
    }
}
EOF
CARGO_TARGET_DIR=$folder/target cargo run --quiet

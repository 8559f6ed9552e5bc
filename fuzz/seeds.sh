#!/bin/sh
# Copies the small files that the frameworks wrote to the targets' corpora, where fuzzing starts from.
set -eu
cd "$(dirname "$0")"
files=../crates/export/tests/files
testdata=../crates/export/src/import/fixtures/files
mkdir -p corpus/keras corpus/onnx corpus/torch corpus/arrays corpus/data_set
# Copies files to a target's corpus; the folder is part of the name, since names repeat.
copy() {
    target=$1
    shift
    for file in "$@"; do
        cp "$file" "corpus/$target/$(basename "$(dirname "$file")")-$(basename "$file")"
    done
}
copy keras $files/keras2/*.h5 $files/keras3/*.h5 $files/keras3/*.keras
copy onnx $files/torch/*.onnx $files/tf2onnx/*.onnx
copy torch $files/torch/*.pt $files/torch/*.pth $files/torch/*.pt2 $files/torch-programs/*.pt2 $files/torch-programs/*.ckpt
copy arrays $files/flax/*.npz $files/torch/*.safetensors $files/flax/*.npy $testdata/*.npz $testdata/*.safetensors
cp seeds/arrays/* corpus/arrays/
cp seeds/data_set/* corpus/data_set/

#!/usr/bin/env bash
# Keras 3.15.1: the stored scale of an int8 kernel is a divisor.
#
# `model.quantize("int8")` stores kernel (int8), bias and kernel scale as 0, 1 and 2 of the layer. Most formats (TFLite,
# ONNX) define weight = int8 * scale. Here weight = int8 / scale: the scale is 127 / (largest absolute weight of the
# column). A product with the scale gives weights that are thousands of times too large, of the right shape.
#
# Output seen (the seed is fixed):
#   largest weight: 0.92
#   largest error of int8 / scale: 0.004
#   largest error of int8 * scale: 23681.4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv venv
    PYTHON=$folder/venv/bin/python
    "$PYTHON" -m pip install --quiet keras==3.15.1 jax==0.10.2 jaxlib==0.10.2 \
        numpy==2.4.6 h5py==3.14.0 ml_dtypes==0.6.0
fi
cat > finding.py <<'EOF'
import io, zipfile
import h5py, keras, numpy

keras.utils.set_random_seed(1)
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
weight = model.layers[0].get_weights()[0]
model.quantize("int8")
model.save("model.keras")
variables = h5py.File(io.BytesIO(zipfile.ZipFile("model.keras").read("model.weights.h5")))["layers/dense/vars"]
stored, scale = variables["0"][()], variables["2"][()]
assert stored.dtype == numpy.int8 and scale.shape == (3,)

stored = stored.astype(numpy.float32)
print(f"largest weight: {abs(weight).max():.2f}")
print(f"largest error of int8 / scale: {abs(stored / scale - weight).max():.3f}")
print(f"largest error of int8 * scale: {abs(stored * scale - weight).max():.1f}")
assert abs(stored / scale - weight).max() < abs(weight).max() / 127
assert abs(stored * scale - weight).max() > 1000
EOF
export KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3
"$PYTHON" -W ignore finding.py

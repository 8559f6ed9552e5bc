#!/usr/bin/env bash
# Keras 3.15.1: a bfloat16 model is saved as a legacy .h5 file that Keras cannot load.
#
# `model.save("model.h5")` writes the weights as opaque HDF5 values of 2 bytes. Nothing beside them says that they are
# bfloat16, and `load_model` fails: "No cast function available" with the backend numpy, "Dtype |V2 is not a valid JAX
# array type" with JAX. The other two formats mark each such weight with the attribute `dtype` and load.
#
# Output seen:
#   model.h5: |V2, attributes []: TypeError
#   model.weights.h5: |V2, attributes ['dtype']: loads
#   model.keras: loads
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
import h5py, keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, dtype="bfloat16")])
model.save("model.h5")
model.save_weights("model.weights.h5")
model.save("model.keras")

def stored(path):
    datasets = []
    file = h5py.File(path)
    file.visititems(lambda _, item: datasets.append(item) if isinstance(item, h5py.Dataset) else None)
    return str(datasets[0].dtype), list(datasets[0].attrs)

assert stored("model.h5") == ("|V2", [])
assert stored("model.weights.h5") == ("|V2", ["dtype"])
try:
    keras.models.load_model("model.h5")
    raise SystemExit("The behaviour changed: the model loads.")
except (TypeError, ValueError) as error:  # Each backend has its own message.
    print("model.h5: |V2, attributes []:", type(error).__name__)
model.load_weights("model.weights.h5")
print("model.weights.h5: |V2, attributes ['dtype']: loads")
keras.models.load_model("model.keras")
print("model.keras: loads")
EOF
export KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3
"$PYTHON" -W ignore finding.py

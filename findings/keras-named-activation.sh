#!/usr/bin/env bash
# Keras 3.15.1: `activation=keras.ops.square` is saved like a user's function, and the file does not load.
#
# A function of Keras's public interface is saved like a function of the user: module "builtins", class "function", and
# the bare name "square". A user's own function `square`, which may compute something else, is saved by the same bytes.
# `load_model` fails until the caller passes the function in `custom_objects`. `activation="relu"` and
# `activation=keras.ops.relu` load by themselves.
#
# Output seen:
#   keras.ops.square: {'module': 'builtins', 'class_name': 'function', 'config': 'square', ...}
#   a user's square: {'module': 'builtins', 'class_name': 'function', 'config': 'square', ...}
#   load_model: Could not locate function 'square'
#   load_model with custom_objects: loads
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
import json, zipfile
import keras

def square(x):
    return 3 * x * x

saved = {}
for label, function in ("keras.ops.square", keras.ops.square), ("a user's square", square), ("relu", keras.ops.relu):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=function)])
    model.save(label + ".keras")
    config = json.loads(zipfile.ZipFile(label + ".keras").read("config.json"))
    saved[label] = config["config"]["layers"][1]["config"]["activation"]
    if label != "relu":
        print(f"{label}:", saved[label])
bare = {"module": "builtins", "class_name": "function", "config": "square", "registered_name": "function"}
assert saved["keras.ops.square"] == saved["a user's square"] == bare

keras.models.load_model("relu.keras")
try:
    keras.models.load_model("keras.ops.square.keras")
    raise SystemExit("The behaviour changed: the model loads.")
except TypeError as error:
    cause = "Could not locate function 'square'"
    assert cause in str(error), error
    print("load_model:", cause)
keras.models.load_model("keras.ops.square.keras", custom_objects={"square": keras.ops.square})
print("load_model with custom_objects: loads")
EOF
export KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3
"$PYTHON" -W ignore finding.py

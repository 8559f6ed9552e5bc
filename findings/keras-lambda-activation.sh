#!/usr/bin/env bash
# Keras 3.15.1: a layer with a lambda as its activation can be saved, but not loaded again.
#
# Keras warns while it saves: "In order to reload the object, you will have to pass `safe_mode=False` to the loading
# function." `load_model` still fails with `safe_mode=False` and `custom_objects`. The saved activation is a bare
# {"value": [code, null, null]} without a class name, which no loader reads. The same lambda in a Lambda layer is saved
# with a class name and does load.
#
# Output seen:
#   saved activation: {'value': [code, None, None]}
#   load_model, safe_mode=False: Could not interpret activation function identifier
#   load_model, safe_mode=False and custom_objects: Could not interpret activation function identifier
#   Lambda layer, safe_mode=False: loads
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
import json, warnings, zipfile
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation=lambda x: x * x)])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.save("activation.keras")
assert any("you will have to pass `safe_mode=False`" in str(w.message) for w in caught)

config = json.loads(zipfile.ZipFile("activation.keras").read("config.json"))
saved = config["config"]["layers"][1]["config"]["activation"]
print("saved activation:", {key: ["code", *value[1:]] for key, value in saved.items()})
assert list(saved) == ["value"] and saved["value"][1:] == [None, None]

square = lambda x: x * x
for label, objects in ("", None), (" and custom_objects", {"<lambda>": square, "lambda": square}):
    try:
        keras.models.load_model("activation.keras", safe_mode=False, custom_objects=objects)
        raise SystemExit("The behaviour changed: the model loads.")
    except TypeError as error:
        cause = "Could not interpret activation function identifier"
        assert cause in str(error), error
        print(f"load_model, safe_mode=False{label}:", cause)

layer = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * x, output_shape=(4,))])
layer.save("layer.keras")
keras.models.load_model("layer.keras", safe_mode=False)
print("Lambda layer, safe_mode=False: loads")
EOF
export KERAS_BACKEND=jax TF_CPP_MIN_LOG_LEVEL=3
"$PYTHON" -W ignore finding.py

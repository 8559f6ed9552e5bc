#!/usr/bin/env bash
# tf2onnx 1.17.0 with Keras 3.15.1 and TensorFlow 2.21.0: `dense_1` in an ONNX file is the layer `dense`.
#
# A number is added to each name while the model is traced. The second layer, `dense_1`, becomes
# `sequential_1/dense_1_2`. The first layer, `dense`, becomes `sequential_1/dense_1`. So a match by name finds the
# kernel of the other layer.
#
# Output seen:
#   dense -> sequential_1/dense_1/Cast/ReadVariableOp:0
#   dense_1 -> sequential_1/dense_1_2/Cast/ReadVariableOp:0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv venv
    PYTHON=$folder/venv/bin/python
    "$PYTHON" -m pip install --quiet keras==3.15.1 tensorflow-cpu==2.21.0 tf2onnx==1.17.0 \
        onnx==1.23.2 numpy==2.4.6 h5py==3.14.0 ml_dtypes==0.6.0
fi
cat > finding.py <<'EOF'
import keras, numpy, tensorflow, tf2onnx
from onnx.numpy_helper import to_array

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
signature = [tensorflow.TensorSpec((None, 4), tensorflow.float32)]
function = tensorflow.function(lambda x: model(x, training=False), input_signature=signature)
graph, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=15)
tensors = {tensor.name: to_array(tensor) for tensor in graph.graph.initializer}

names = {}
for layer in model.layers:
    kernel = layer.get_weights()[0]
    names[layer.name] = [name for name, tensor in tensors.items() if numpy.array_equal(tensor, kernel)]
    print(layer.name, "->", *names[layer.name])
assert names == {
    "dense": ["sequential_1/dense_1/Cast/ReadVariableOp:0"],
    "dense_1": ["sequential_1/dense_1_2/Cast/ReadVariableOp:0"],
}
EOF
export KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3
"$PYTHON" -W ignore finding.py

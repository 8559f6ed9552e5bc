#!/usr/bin/env bash
# torch 2.15.0: the default ONNX exporter treats a model in training mode partly as one for inference.
#
# `torch.onnx.export` of a model that is in training mode warns and continues. BatchNorm is folded into the convolution
# with its running statistics, as for inference. Dropout stays, with training_mode = true, so the graph drops values at
# random. The old exporter (dynamo=False) keeps one mode for both: inference by default, training with
# TrainingMode.PRESERVE.
#
# Output seen:
#   warning: Exporting a model while it is in training mode.
#   dynamo: Conv Dropout, training_mode of Dropout: True
#   largest difference to the kernel folded with running statistics is below 1e-6: True
#   dynamo=False: Conv
#   dynamo=False, PRESERVE: Conv BatchNormalization Dropout
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if [ -z "${PYTHON:-}" ]; then
    python3 -m venv venv
    PYTHON=$folder/venv/bin/python
    "$PYTHON" -m pip install --quiet torch==2.15.0 onnx==1.23.2 \
        onnxscript==0.7.2 numpy==2.4.6
fi
cat > finding.py <<'EOF'
import logging, warnings
import onnx, torch
from onnx.numpy_helper import to_array

logging.disable(logging.WARNING)  # The exporter warns where torchvision is not installed.

torch.manual_seed(1)
model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Dropout(0.5))
for _ in range(3):
    model(torch.rand(16, 1, 8, 8) * 3 + 1)
convolution, normalisation, _ = model
images = torch.rand(4, 1, 8, 8)
factor = normalisation.weight / torch.sqrt(normalisation.running_var + normalisation.eps)
folded = (convolution.weight * factor[:, None, None, None]).detach().numpy()

def export(**options):
    torch.onnx.export(model, (images,), "model.onnx", verbose=False, **options)
    graph = onnx.load("model.onnx").graph
    return graph, [node.op_type for node in graph.node if node.op_type != "Constant"]

assert model.training
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    graph, operators = export(dynamo=True)
message = "Exporting a model while it is in training mode."
assert any(message in str(w.message) for w in caught)
print("warning:", message)

tensors = {tensor.name: to_array(tensor) for tensor in graph.initializer}
training_mode = bool(tensors[graph.node[1].input[2]])
print("dynamo:", " ".join(operators) + ", training_mode of Dropout:", training_mode)
assert operators == ["Conv", "Dropout"] and training_mode
close = abs(tensors["0.weight"] - folded).max() < 1e-6
print("largest difference to the kernel folded with running statistics is below 1e-6:", close)
assert close

_, operators = export(dynamo=False)
print("dynamo=False:", *operators)
assert operators == ["Conv"]
_, operators = export(dynamo=False, training=torch.onnx.TrainingMode.PRESERVE)
print("dynamo=False, PRESERVE:", *operators)
assert operators == ["Conv", "BatchNormalization", "Dropout"]
EOF
"$PYTHON" -W ignore finding.py

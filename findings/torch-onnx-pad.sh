#!/usr/bin/env bash
# torch 2.15.0: the old ONNX exporter turns `F.pad` with four constants into 16 nodes.
#
# With dynamo=False and opset 11, 13 or 17, the pads (0, 1, 0, 1) are computed in the graph: zeros are appended, the list
# is reshaped to pairs, reversed by a Slice with step -1 that ends at -9223372036854775807, transposed, flattened and cast.
# Constant folding leaves these nodes. A reader has to evaluate them to learn the pads. At opset 9 the pads are one
# attribute, and the default exporter (dynamo=True) puts them into the convolution.
#
# Output seen:
#   opset 9: Pad Conv, pads [0, 0, 0, 0, 0, 0, 1, 1]
#   opset 17: ConstantOfShape Concat Reshape Slice Transpose Reshape Cast Pad Conv and 8 Constant
#   end and step of the Slice: -9223372036854775807 -1
#   dynamo=True: Conv, pads [0, 0, 1, 1]
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
import logging
import onnx, torch
from onnx.helper import get_attribute_value
from onnx.numpy_helper import to_array

logging.disable(logging.WARNING)  # The exporter warns where torchvision is not installed.

class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = torch.nn.Conv2d(1, 2, 3)
    def forward(self, x):
        return self.convolution(torch.nn.functional.pad(x, (0, 1, 0, 1)))

def export(**options):
    torch.onnx.export(Network().eval(), (torch.rand(1, 1, 8, 8),), "model.onnx", verbose=False, **options)
    nodes = list(onnx.load("model.onnx").graph.node)
    return nodes, [node.op_type for node in nodes if node.op_type != "Constant"]

def attributes(node):
    return {attribute.name: get_attribute_value(attribute) for attribute in node.attribute}

nodes, operators = export(opset_version=9, dynamo=False)
print("opset 9:", " ".join(operators) + ", pads", attributes(nodes[0])["pads"])
assert operators == ["Pad", "Conv"] and attributes(nodes[0])["pads"] == [0, 0, 0, 0, 0, 0, 1, 1]

nodes, operators = export(opset_version=17, dynamo=False)
print("opset 17:", *operators, "and", len(nodes) - len(operators), "Constant")
assert operators == "ConstantOfShape Concat Reshape Slice Transpose Reshape Cast Pad Conv".split()
constants = {node.output[0]: to_array(attributes(node)["value"]) for node in nodes if node.op_type == "Constant"}
_, _, end, _, step = next(node.input for node in nodes if node.op_type == "Slice")
print("end and step of the Slice:", *constants[end], *constants[step])
assert constants[end] == -(2**63) + 1 and constants[step] == -1

nodes, operators = export(dynamo=True)
print("dynamo=True:", " ".join(operators) + ", pads", attributes(nodes[0])["pads"])
assert operators == ["Conv"] and attributes(nodes[0])["pads"] == [0, 0, 1, 1]
EOF
"$PYTHON" -W ignore finding.py

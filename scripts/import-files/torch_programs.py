# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.15.0", "numpy==2.4.6"]
# ///
"""Exported programs of PyTorch in forms that `torch_files.py` does not have: decomposed operators, constants of the code, and a
network that takes one image without a batch. Also state dicts in forms that need care: a file whose stem has 21 characters, a
Lightning checkpoint, two networks in one file, and a whole module in the format before PyTorch 1.6.

    python torch_programs.py
"""

from __future__ import annotations

import warnings

import numpy
import torch
from torch import nn
from torch.nn import functional as F

from reference import FIXTURES

warnings.filterwarnings("ignore")
FOLDER = FIXTURES / "torch-programs"


class Decomposed(nn.Module):
    """Layers that `run_decompositions` turns into other operators, a buffer that is not saved, and a tensor of the code."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, stride=2)
        self.bn = nn.BatchNorm2d(2)
        self.pool = nn.AdaptiveAvgPool2d(3)
        self.fc1 = nn.Linear(18, 6)
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(6, 3)
        self.register_buffer("mean", torch.tensor([0.1307]), persistent=False)
        self.bn.running_mean.uniform_(-1, 1)
        self.bn.running_var.uniform_(0.5, 2)
        nn.init.uniform_(self.bn.weight, 0.5, 1.5)
        nn.init.uniform_(self.bn.bias, -1, 1)

    def forward(self, x):
        x = F.pad(x, (1, 1, 1, 1)) - self.mean.view(1, 1, 1, 1)
        x = self.bn(self.conv(x / torch.tensor(0.3081))).square()
        return self.fc2(self.drop(self.fc1(self.pool(x).flatten(1)) ** 2))


class Unusual(nn.Module):
    """Parameters used without modules, a matrix product, a map for rows and columns first, and a result that is subtracted."""

    def __init__(self):
        super().__init__()
        self.kernels = nn.Parameter(torch.randn(2, 1, 3, 3))
        self.fc1 = nn.Linear(72, 6)
        self.fc2 = nn.Linear(6, 3, bias=False)

    def forward(self, x):
        x = F.conv2d(x, self.kernels, stride=2, padding=1)
        x = (x * x).movedim(1, -1).reshape(x.shape[0], -1)
        hidden = torch.pow(x @ self.fc1.weight.T + self.fc1.bias, 2)
        return 1 - torch.cat([self.fc2(hidden)[:, 1:], self.fc2(hidden).select(1, 0).unsqueeze(1)], dim=1).squeeze()


class OneImage(nn.Module):
    """Takes an image of two axes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding="same")
        self.fc1 = nn.Linear(288, 6)
        self.fc2 = nn.Linear(6, 3)

    def forward(self, x):
        x = self.conv(x.to(torch.float32).unsqueeze(0))
        x = self.fc1((x * x).flatten())
        return self.fc2(x * x)


def save(name: str, program, net, inputs: torch.Tensor) -> None:
    torch.export.save(program, str(FOLDER / f"{name}.pt2"))
    with torch.no_grad():
        logits = torch.stack([net(image) for image in inputs]) if inputs.dim() == 3 else net(inputs)
    numpy.savez(FOLDER / f"{name}.npz", inputs=inputs.numpy(), logits=logits.numpy())


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(15)
    images = torch.rand(8, 1, 12, 12)
    net = Decomposed().eval()
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    save("constants", torch.export.export(net, (images,), dynamic_shapes=dynamic), net, images)
    save("decomposed", torch.export.export(net, (images,)).run_decompositions(), net, images)
    net = Unusual().eval()
    save("unusual", torch.export.export(net, (images,)), net, images)
    torch.save(net.state_dict(), FOLDER / "twenty-one-characters.pt")
    torch.save(net, FOLDER / "whole-module.legacy.pth", _use_new_zipfile_serialization=False)
    optimizer = torch.optim.Adam(net.parameters())
    net(images).sum().backward()
    optimizer.step()
    lightning = {f"model.{name}": value for name, value in net.state_dict().items()}
    checkpoint = {"epoch": 1, "state_dict": lightning, "optimizer_states": [optimizer.state_dict()], "callbacks": {}}
    torch.save(checkpoint, FOLDER / "lightning.ckpt")
    ema = {"epoch": 1, "state_dict": net.state_dict(), "ema_state_dict": net.state_dict()}
    torch.save(ema, FOLDER / "two-networks.pt")
    torch.save({"weight": torch.zeros(1).expand(1 << 20)}, FOLDER / "expanded.pt")
    net = OneImage().eval()
    save("one-image", torch.export.export(net, (images[0, 0],)), net, images[:, 0])


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["torch>=2.6", "numpy>=2.0"]
# ///
"""Trains a network with PyTorch that runs under encryption, and saves what `sottovoce import` needs.

Convolution, square, dense, square, dense on MNIST or a data set of its form, about a minute of processor time an epoch.
Writes OUT/net.pt2, the network, OUT/net.pt, only its weights, and OUT/predictions.npz, which proves that they are read
correctly: inputs, their pixels and the logits that PyTorch computes.

    uv run scripts/train-pytorch.py data/mnist
    sottovoce import results/pytorch/net.pt2 --check results/pytorch/predictions.npz

`uv run` installs the packages named above; PyTorch takes 5.5 GB of disk from PyPI. digits.py, beside this file, reads the data.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

import numpy
import torch

import digits

# Mean and standard deviation of MNIST's pixels on the scale 0 to 1.
MEAN, STD = 0.1307, 0.3081


class Net(torch.nn.Module):
    def __init__(self, side: int, classes: int):
        super().__init__()
        positions = (side - 5) // 2 + 1
        self.conv = torch.nn.Conv2d(1, 5, 5, stride=2)
        self.fc1 = torch.nn.Linear(5 * positions * positions, 100)
        self.fc2 = torch.nn.Linear(100, classes)

    def forward(self, x):
        x = self.conv(x) ** 2
        x = self.fc1(x.flatten(1)) ** 2
        return self.fc2(x)


def as_inputs(images: numpy.ndarray) -> torch.Tensor:
    """Bytes [image, row, column] as the network sees them: normalised, with an axis of one channel."""
    return (torch.tensor(images).unsqueeze(1) / 255 - MEAN) / STD


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="a folder of four IDX files, or an .npz file such as Keras' mnist.npz")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/pytorch"), help="the folder to write to (default: results/pytorch)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=5000, help="the last training images, kept from training, because the import's search measures accuracy on them (default: 5000)")
    parser.add_argument("--checked", type=int, default=100, help="test images in predictions.npz (default: 100)")
    parser.add_argument("--replace", action="store_true", help="replace the files of an earlier training")
    arguments = parser.parse_args()
    program, weights, predictions = (arguments.out / name for name in ("net.pt2", "net.pt", "predictions.npz"))
    for path in (program, weights, predictions):
        if path.exists() and not arguments.replace:
            parser.error(f"{path} exists; name another folder with --out, or give --replace")
    try:
        x_train, y_train, x_test, y_test = digits.read(arguments.data)
    except digits.DataError as error:
        sys.exit(f"train-pytorch: {error}")
    trained = len(x_train) - arguments.held_out
    if arguments.held_out < 0 or trained < 1:
        parser.error(f"--held-out {arguments.held_out}: {arguments.data} has {len(x_train)} training images")

    torch.manual_seed(arguments.seed)
    net = Net(x_train.shape[1], int(y_train.max()) + 1)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    inputs, labels = as_inputs(x_train[:trained]), torch.tensor(y_train[:trained]).long()
    for epoch in range(arguments.epochs):
        for batch in torch.randperm(trained).split(64):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(net(inputs[batch]), labels[batch])
            loss.backward()
            optimiser.step()
        print(f"epoch {epoch + 1} of {arguments.epochs}: loss of the last batch {loss.item():.3f}")

    # BatchNorm and dropout are exported as they train otherwise; this network has none, yours may.
    net.eval()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        right = [net(as_inputs(x_test[i : i + 1000])).argmax(1).numpy() == y_test[i : i + 1000] for i in range(0, len(x_test), 1000)]
        checked = x_test[: arguments.checked]
        logits = net(as_inputs(checked))
        numpy.savez(predictions, inputs=as_inputs(checked).numpy(), pixels=checked[:, None], logits=logits.numpy())
        torch.export.save(torch.export.export(net, (as_inputs(x_test[:1]),)), program)
    torch.save(net.state_dict(), weights)
    print(f"test accuracy {100 * numpy.concatenate(right).mean():.2f} %: the float line of the import's table must say the same")
    print(f"sottovoce import {program} --check {predictions} --data-dir {arguments.data}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# /// script
# requires-python = ">=3.11"
# dependencies = ["keras>=3.8", "jax>=0.5", "numpy>=2.0"]
# ///
"""Trains a network with Keras that runs under encryption, and saves what `sottovoce import` needs.

Convolution, square, dense, square, dense on MNIST or a data set of its form, about ten seconds an epoch.
Writes OUT/net.keras, the network, and OUT/predictions.npz, which proves that the file is read correctly: inputs, their
pixels and the logits that Keras computes.

    uv run scripts/train-keras.py data/mnist
    sottovoce import results/keras/net.keras --check results/keras/predictions.npz

`uv run` installs the packages named above; each of Keras' backends works (KERAS_BACKEND, here JAX by default).
digits.py, beside this file, reads the data.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
import numpy

import digits


# A named function, registered: Keras cannot load a lambda again.
@keras.saving.register_keras_serializable()
def square(x):
    return x * x


def network(side: int, classes: int) -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((side, side, 1)),
            keras.layers.Conv2D(5, 5, strides=2, activation=square),
            keras.layers.Flatten(),
            keras.layers.Dense(100, activation=square),
            keras.layers.Dense(classes),
        ]
    )


def as_inputs(images: numpy.ndarray) -> numpy.ndarray:
    """Bytes [image, row, column] as the network sees them: 0 to 1, with an axis of one channel."""
    return (images[..., None] / 255).astype("float32")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="a folder of four IDX files, or an .npz file such as Keras' mnist.npz")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("results/keras"), help="the folder to write to (default: results/keras)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", type=int, default=5000, help="the last training images, kept from training, because the import's search measures accuracy on them (default: 5000)")
    parser.add_argument("--checked", type=int, default=100, help="test images in predictions.npz (default: 100)")
    parser.add_argument("--replace", action="store_true", help="replace the files of an earlier training")
    arguments = parser.parse_args()
    net, predictions = arguments.out / "net.keras", arguments.out / "predictions.npz"
    for path in (net, predictions):
        if path.exists() and not arguments.replace:
            parser.error(f"{path} exists; name another folder with --out, or give --replace")
    try:
        x_train, y_train, x_test, y_test = digits.read(arguments.data)
    except digits.DataError as error:
        sys.exit(f"train-keras: {error}")
    trained = len(x_train) - arguments.held_out
    if arguments.held_out < 0 or trained < 1:
        parser.error(f"--held-out {arguments.held_out}: {arguments.data} has {len(x_train)} training images")

    keras.utils.set_random_seed(arguments.seed)
    model = network(x_train.shape[1], int(y_train.max()) + 1)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model.fit(as_inputs(x_train[:trained]), y_train[:trained], batch_size=64, epochs=arguments.epochs, verbose=2)
    _, accuracy = model.evaluate(as_inputs(x_test), y_test, verbose=0)

    arguments.out.mkdir(parents=True, exist_ok=True)
    model.save(net)
    checked = x_test[: arguments.checked]
    logits = model.predict(as_inputs(checked), verbose=0)
    numpy.savez(predictions, inputs=as_inputs(checked), pixels=checked[..., None], logits=logits)
    print(f"test accuracy {100 * accuracy:.2f} %: the float line of the import's table must say the same")
    print(f"sottovoce import {net} --check {predictions} --data-dir {arguments.data}")


if __name__ == "__main__":
    main()

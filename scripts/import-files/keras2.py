# /// script
# requires-python = ">=3.9,<3.12"
# dependencies = ["tensorflow-cpu==2.15.1", "numpy==1.26.4"]
# ///
"""Files of Keras 2 (2.15, the last one inside TensorFlow): legacy `.h5` of models and of weights.

    python keras2.py tiny
    python keras2.py full --mnist FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import pathlib
import sys
import warnings

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.filterwarnings("ignore")

import numpy
import tensorflow as tf
from tensorflow import keras

import keras_networks as networks
import reference
from reference import agree, architecture

TINY, MEAN, STD = networks.TINY, networks.MEAN, networks.STD
layers = keras.layers


def square(x):
    return x * x


# Names of the files that are committed; all others are made when they are wanted.
KEPT = ["paper.h5", "batch-norm.h5", "functional-product.h5", "nested.weights.h5", "paper.weights-only.h5", "paper.keras"]


def tiny(out: pathlib.Path) -> None:
    index = reference.Index("keras2", "keras " + importlib.metadata.version("keras"), out, KEPT)
    pixels = reference.tiny_pixels()
    scaled = (pixels.astype(numpy.float32) / 255)[..., None]

    def save(name, model, *, shape=None, refused=None, inputs=scaled, formats=("h5", "weights-only.h5", "weights.h5", "keras"), pixel_map=(1.0, 0.0), inside=None, pool=None, flatten=None, note=None, filled=False, expected=None, **padding):
        if not filled:
            networks.fill(model, name)
        predictions = None
        if refused is None:
            logits = numpy.array(model(inputs, training=False)).astype(numpy.float32)
            given = pixels.astype(numpy.float64) / 255 * pixel_map[0] + pixel_map[1]
            given = given * inside[0] + inside[1] if inside else given
            agree(name, logits, expected(model) if expected else networks.independent(model, given, pool=pool or 1, flatten=flatten or "channels-last", **padding))
            predictions = f"{name}.predictions.npz"
            reference.save_predictions(index.path(predictions), pixels, inputs, logits, compressed=True)
        for form in formats:
            file = f"{name}.{form}"
            try:
                if form == "weights-only.h5":
                    # The legacy form, by a name that does not end in `.weights.h5`.
                    model.save_weights(index.path(file), save_format="h5")
                elif form == "weights.h5":
                    model.save_weights(index.path(file))
                else:
                    model.save(index.path(file))
            except Exception as error:
                print(f"NOT SAVED {file}: {type(error).__name__}: {str(error)[:300]}", flush=True)
                index.path(file).unlink(missing_ok=True)
                continue
            kind = "weights" if "weights" in form else "graph"
            tensors = None
            if kind == "weights":
                conv, hidden, output, _ = networks.parts(model)
                tensors = {role: layer.name for role, layer in [("convolution", conv), ("hidden", hidden), ("output", output)]}
            index.add(
                file, kind=kind, architecture=shape, refused=refused, predictions=predictions, pixels=pixel_map, inside=inside, pool=pool, tensors=tensors,
                flatten=(flatten or "channels-last") if kind == "weights" else None, note=note,
            )
        keras.backend.clear_session()

    def build(network, activation=tf.square, before=0, **options):
        for _ in range(before):
            layers.Dense(1)
        for _ in range(before // 2):
            layers.Conv2D(1, 1)
        return keras.Sequential(network(keras, activation, **TINY, **options))

    plain = architecture
    one = dict(shape=plain(leading=1), leading=1)
    two = networks.same(12, 3, 2)
    same = dict(shape=plain(*two), leading=two[0], trailing=two[1])
    save("paper", build(networks.paper), **one)
    save("lambda", build(networks.paper, lambda x: x * x), formats=("h5", "keras"), note="activation=lambda x: x * x: `.h5` names it `<lambda>`", **one)
    save("function", build(networks.paper, square), formats=("h5", "keras"), note="activation is a function `square` of the user's script", **one)
    save("normalised", build(networks.normalised), shape=plain(), inside=(1 / STD, -MEAN / STD))
    save("batch-norm", build(networks.batch_norm), **same)
    save("batch-norm-no-scale", build(networks.batch_norm, scale=False), **same)
    save("pooled", build(networks.pooled), shape=plain(), pool=2)
    save("names-counted-high", build(networks.paper, before=9), **one)
    fitted = build(networks.paper)
    networks.train(keras, fitted, scaled, numpy.arange(8) % 3, 2, 3)
    save("fitted", fitted, filled=True, note="with the optimiser's variables", **one)

    def layered(*middle, tail=(), flat=None, hidden=None):
        return keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(2, 3, strides=2), *middle, flat or layers.Flatten(), layers.Dense(6), hidden or layers.Activation(tf.square), layers.Dense(3), *tail])

    save("activation-layer", layered(layers.Activation(tf.square)), formats=("h5",), shape=plain())
    save("lambda-layer", layered(layers.Lambda(lambda x: x**2), hidden=layers.Lambda(lambda x: x * x)), formats=("h5", "keras"), shape=plain())
    save("reshape", layered(layers.Activation(tf.square), flat=layers.Reshape((-1,))), formats=("h5",), shape=plain())
    save("softmax", layered(layers.Activation(tf.square), tail=[layers.Softmax()]), formats=("h5",), shape=plain(), note="logits are probabilities here", expected=lambda m: reference.softmax(networks.independent(m, scaled[..., 0])))

    def functional(first, second):
        x = i = keras.Input((12, 12, 1), name="digits")
        x = first(layers.Conv2D(2, 3, strides=2, name="maps")(x))
        x = second(layers.Dense(6, name="units")(layers.Flatten()(x)))
        return keras.Model(i, layers.Dense(3, name="scores")(x))

    save("functional-product", functional(lambda x: x * x, lambda x: layers.Multiply()([x, x])), formats=("h5", "keras"), shape=plain())
    save("functional-power", functional(lambda x: x**2, tf.square), formats=("h5", "keras"), shape=plain())
    inner = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(2, 3, strides=2, activation=tf.square), layers.Flatten()], name="features")
    save("nested", keras.Sequential([inner, keras.Sequential([layers.Dense(6, activation=tf.square)], name="middle"), layers.Dense(3)]), shape=plain())
    refused = dict(formats=("h5",))
    save("relu", keras.Sequential(networks.paper(keras, "relu", **TINY)), refused="relu", **refused)
    save("max-pooling", layered(layers.Activation(tf.square), layers.MaxPooling2D(2)), refused="max_pooling2d", **refused)
    save("two-convolutions", layered(layers.Activation(tf.square), layers.Conv2D(2, 3), layers.Activation(tf.square)), refused="conv2d_1", **refused)
    index.write()


def save_full(model, folder, inputs, logits):
    model.save(folder / "net.h5")
    model.save_weights(folder / "net.weights-only.h5", save_format="h5")
    model.save_weights(folder / "net.weights.h5")
    model.save(folder / "net.keras")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["tiny", "full"])
    parser.add_argument("--mnist", type=pathlib.Path, default=pathlib.Path("data/mnist"))
    parser.add_argument("--out", type=pathlib.Path, help="default: results/import-files/tiny, or results/import-files/full/keras2")
    parser.add_argument("--images", type=int, default=30000)
    parser.add_argument("--epochs", type=int, default=2)
    a = parser.parse_args()
    if a.what == "tiny":
        sys.exit(tiny(a.out or reference.TINY_OUT))
    networks.full(keras, tf.square, a.mnist, a.out or reference.FULL_OUT / "keras2", a.images, a.epochs, "keras " + importlib.metadata.version("keras"), save_full)

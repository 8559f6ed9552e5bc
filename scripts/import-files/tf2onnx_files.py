# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "tensorflow-cpu==2.21.0", "tf2onnx==1.17.0", "onnx==1.23.2", "onnxruntime==1.32.0", "numpy==2.4.6"]
# ///
"""ONNX files from Keras 3, by tf2onnx and by `model.export(format="onnx")`. (A script named tf2onnx.py could not import tf2onnx.)

    python tf2onnx_files.py tiny
    python tf2onnx_files.py full --mnist FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import absl.logging
import keras
import numpy
import onnxruntime
import tensorflow as tf
import tf2onnx

import keras_networks as networks
import reference
from reference import agree, architecture

absl.logging.set_verbosity("error")
TINY, MEAN, STD = networks.TINY, networks.MEAN, networks.STD
layers, ops = keras.layers, keras.ops
KEPT = [
    "paper*.onnx", *(f"{name}.onnx" for name in [
        "product", "power", "normalised", "rescaled-bytes", "batch-norm", "pooled", "permute", "global-pooling", "softmax", "relu", "max-pooling", "two-convolutions",
    ]),
]


def convert(model, path, opset=15, batch=None, **options):
    """ONNX by tf2onnx from a function, which works for Keras 3 (`from_keras` reads attributes that Keras 3 has not)."""
    shape = (batch, *model.inputs[0].shape[1:])
    function = tf.function(lambda x: model(x, training=False))
    tf2onnx.convert.from_function(function, [tf.TensorSpec(shape, tf.float32, name="digits")], opset=opset, output_path=str(path), **options)


def run(path, inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: inputs})[0]


def tiny(out: pathlib.Path) -> None:
    index = reference.Index("tf2onnx", f"tf2onnx {tf2onnx.__version__}", out, KEPT)
    pixels = reference.tiny_pixels()
    scaled = (pixels.astype(numpy.float32) / 255)[..., None]

    def save(name, layers_or_model, *, shape=None, refused=None, inputs=scaled, inside=None, pool=None, note=None, expected=None, pixel_map=(1.0, 0.0), forms=None, flatten="channels-last", **padding):
        model = layers_or_model if isinstance(layers_or_model, keras.Model) else keras.Sequential(layers_or_model)
        networks.fill(model, name)
        logits = numpy.array(model(inputs, training=False))
        predictions = None
        if refused is None:
            given = pixels.astype(numpy.float64) / 255 * pixel_map[0] + pixel_map[1]
            given = given * inside[0] + inside[1] if inside else given
            if expected is not False:
                agree(name, logits, expected(model) if expected else networks.independent(model, given, pool=pool or 1, flatten=flatten, **padding))
            predictions = f"{name}.predictions.npz"
            reference.save_predictions(index.path(predictions), pixels, inputs, logits, networks.layer_outputs(keras, model, inputs) if name == "paper" else {}, compressed=True)
        for form in forms or ["onnx"]:
            path = index.path(f"{name}.{form}")
            extra = None
            try:
                if form == "onnx":
                    convert(model, path)
                elif form == "keras-export.onnx":
                    model.export(path, format="onnx", verbose=False)
                    extra = "model.export(format='onnx')"
                elif form == "from-keras.onnx":
                    tf2onnx.convert.from_keras(model, opset=15, output_path=str(path))
                    extra = "tf2onnx.convert.from_keras"
                elif form == "batch8.onnx":
                    convert(model, path, batch=8)
                    extra = "the batch of 8 is fixed"
                elif form == "channels-first-inputs.onnx":
                    convert(model, path, inputs_as_nchw=["digits"])
                    extra = "inputs_as_nchw: the file takes [n, 1, 12, 12]"
                else:
                    opset = int(form.removeprefix("opset").removesuffix(".onnx"))
                    convert(model, path, opset=opset)
                    extra = f"opset {opset}"
                if form == "channels-first-inputs.onnx":
                    agree(path.name, run(path, inputs.transpose(0, 3, 1, 2)), logits, 1e-4)
                else:
                    agree(path.name, run(path, inputs), logits, 1e-4)
            except Exception as error:
                print(f"NOT SAVED {path.name}: {type(error).__name__}: {str(error)[:300]}", flush=True)
                path.unlink(missing_ok=True)
                continue
            index.add(path.name, kind="graph", architecture=shape, refused=refused, predictions=predictions, inside=inside, pool=pool, pixels=pixel_map, note="; ".join(n for n in (note, extra) if n) or None)
        keras.utils.clear_session()

    build = lambda network, activation=ops.square, **options: network(keras, activation, **TINY, **options)
    plain = architecture
    one = dict(shape=plain(leading=1), leading=1)
    two = networks.same(12, 3, 2)
    same = dict(shape=plain(*two), leading=two[0], trailing=two[1])
    save("paper", build(networks.paper), forms=["onnx", "keras-export.onnx", "from-keras.onnx", "batch8.onnx", "channels-first-inputs.onnx", "opset13.onnx", "opset18.onnx"], **one)
    save("product", build(networks.paper, lambda x: x * x), note="x * x", **one)
    save("power", build(networks.paper, lambda x: x**2), note="x ** 2", **one)
    save("normalised", build(networks.normalised), shape=plain(), inside=(1 / STD, -MEAN / STD))
    save("rescaled-bytes", build(networks.normalised, normalisation=layers.Rescaling(1 / 255)), inputs=pixels[..., None].astype(numpy.float32), shape=plain(), pixel_map=(255.0, 0.0), inside=(1 / 255, 0.0))
    save("batch-norm", build(networks.batch_norm), **same)
    save("batch-norm-product", build(networks.batch_norm, lambda x: x * x), **same)
    save("pooled", build(networks.pooled), shape=plain(), pool=2)
    middle = lambda *more: [keras.Input((12, 12, 1)), layers.Conv2D(2, 3, strides=2), *more, layers.Dense(6), layers.Activation(ops.square), layers.Dense(3)]
    square = lambda: layers.Activation(ops.square)
    save("permute", middle(square(), layers.Permute((3, 1, 2)), layers.Flatten()), shape=plain(), flatten="channels-first")
    save("reshape", middle(square(), layers.Reshape((-1,))), shape=plain())
    save("global-pooling", middle(square(), layers.GlobalAveragePooling2D()), shape=plain(), expected=False)
    save("softmax", build(networks.paper, activation=ops.square)[:-1] + [layers.Dense(3, activation="softmax")], note="logits are probabilities here",
         expected=lambda m: reference.softmax(networks.independent(m, scaled[..., 0], leading=1)), **one)
    save("relu", build(networks.paper, "relu"), refused="relu")
    save("elu", build(networks.paper, "elu"), refused="elu")
    save("max-pooling", middle(square(), layers.MaxPooling2D(2), layers.Flatten()), refused="max")
    save("two-convolutions", middle(square(), layers.Conv2D(2, 3), square(), layers.Flatten()), refused="conv2d_2")
    save("depthwise", [keras.Input((12, 12, 1)), layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2), square(), layers.Flatten(), layers.Dense(6, activation=ops.square), layers.Dense(3)], shape=plain(), expected=False, note="with one input channel, tf2onnx writes an ordinary Conv")
    save("dilated", [keras.Input((12, 12, 1)), layers.Conv2D(2, 3, dilation_rate=2, activation=ops.square), layers.Flatten(), layers.Dense(6, activation=ops.square), layers.Dense(3)], refused="dilat", note="may be imported as a 5x5 kernel with zeros")
    index.write()


def save_full(model, folder, inputs, logits):
    convert(model, folder / "net.onnx")
    agree("net.onnx", run(folder / "net.onnx", inputs), logits, 1e-4)
    convert(model, folder / "net.opset18.onnx", opset=18)
    try:
        model.export(folder / "net.keras-export.onnx", format="onnx", verbose=False)
    except Exception as error:
        print(f"NOT SAVED: {type(error).__name__}: {str(error)[:300]}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["tiny", "full"])
    parser.add_argument("--mnist", type=pathlib.Path, default=pathlib.Path("data/mnist"))
    parser.add_argument("--out", type=pathlib.Path, help="default: results/import-files/tiny, or results/import-files/full/tf2onnx")
    parser.add_argument("--images", type=int, default=30000)
    parser.add_argument("--epochs", type=int, default=2)
    a = parser.parse_args()
    if a.what == "tiny":
        sys.exit(tiny(a.out or reference.TINY_OUT))
    networks.full(keras, lambda x: x * x, a.mnist, a.out or reference.FULL_OUT / "tf2onnx", a.images, a.epochs, f"tf2onnx {tf2onnx.__version__}, keras {keras.__version__}", save_full)

# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "tensorflow-cpu==2.21.0", "numpy==2.4.6", "h5py==3.14.0", "tf2onnx==1.17.0"]
# ///
"""Files of Keras 3: `.keras`, `.weights.h5` and legacy `.h5`.

    python keras3.py tiny
    python keras3.py full --mnist FOLDER --out FOLDER
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

import keras_networks as networks
import reference
from reference import agree, architecture

absl.logging.set_verbosity("error")
TINY, MEAN, STD = networks.TINY, networks.MEAN, networks.STD
ops, layers = keras.ops, keras.layers


def square(x):
    return x * x


@keras.saving.register_keras_serializable(package="Digits")
def registered_square(x):
    return x * x


@keras.saving.register_keras_serializable(package="Digits")
class Subclassed(keras.Model):
    """Layers are attributes with short names."""

    def __init__(self, **options):
        super().__init__(**options)
        self.c = layers.Conv2D(2, 3, strides=2)
        self.f = layers.Flatten()
        self.h = layers.Dense(6)
        self.o = layers.Dense(3)

    def call(self, x):
        x = ops.square(self.c(x))
        return self.o(ops.square(self.h(self.f(x))))


@keras.saving.register_keras_serializable(package="Digits")
class SquareLayer(layers.Layer):
    def call(self, x):
        return x * x


# Names of the files that are committed; all others are made when they are wanted.
KEPT = [
    *(f"{name}.keras" for name in [
        "paper", "lambda", "normalised", "batch-norm-bare", "names-counted-high", "functional-product", "nested", "subclassed", "int8",
        "channels-first-convolution", "channels-first-process", "relu",
    ]),
    *(f"{name}.h5" for name in ["batch-norm", "names-counted-high", "pooled"]),
    *(f"{name}.weights.h5" for name in ["fitted", "subclassed", "bfloat16"]),
]


def tiny(out: pathlib.Path) -> None:
    index = reference.Index("keras3", f"keras {keras.__version__}", out, KEPT)
    pixels = reference.tiny_pixels()
    scaled = (pixels.astype(numpy.float32) / 255)[..., None]

    def save(
        name, model, *, shape=None, refused=None, inputs=scaled, formats=("keras", "weights.h5", "h5"), seen=None, independent=None, expected=None,
        pixel_map=(1.0, 0.0), inside=None, pool=None, flatten=None, tolerance=None, note=None, compute=None, filled=False, check=1e-5, **padding,
    ):
        """Saves `model` in `formats` with an entry each. `expected` are logits by numpy; else they are computed from the layers."""
        if not filled:
            networks.fill(model, name)
        predictions = None
        if refused is None:
            if compute is None:
                logits = numpy.array(model(inputs, training=False)).astype(numpy.float32)
            else:
                logits = compute(model)
            if expected is not False:
                given = (pixels.astype(numpy.float64) / 255 * pixel_map[0] + pixel_map[1]) if seen is None else seen
                given = given * inside[0] + inside[1] if inside else given
                wanted = expected(model) if expected else networks.independent(model, given, pool=pool or 1, flatten=flatten or "channels-last", **padding)
                agree(name, logits, wanted, check)
            predictions = f"{name}.predictions.npz"
            try:
                outputs = networks.layer_outputs(keras, model, inputs) if name in ("paper", "normalised", "batch-norm", "pooled") else {}
            except Exception:
                outputs = {}
            reference.save_predictions(index.path(predictions), pixels, inputs, logits, outputs, compressed=True)
        for form in formats:
            file = f"{name}.{form}"
            try:
                model.save_weights(index.path(file)) if form == "weights.h5" else model.save(index.path(file))
            except Exception as error:
                print(f"NOT SAVED {file}: {type(error).__name__}: {str(error)[:300]}", flush=True)
                index.path(file).unlink(missing_ok=True)
                continue
            kind = "weights" if form == "weights.h5" or isinstance(model, Subclassed) else "graph"
            tensors = None
            if kind == "weights" and refused is None:
                try:
                    conv, hidden, output, _ = networks.parts(model)
                    tensors = {role: layer.name for role, layer in [("convolution", conv), ("hidden", hidden), ("output", output)]}
                except IndexError:
                    pass
            index.add(
                file, kind=kind, architecture=shape, refused=refused, predictions=predictions, pixels=pixel_map, inside=inside, pool=pool,
                flatten=(flatten or "channels-last") if kind == "weights" and refused is None else None, tensors=tensors, tolerance=tolerance, note=note,
            )
        # Layers of the next model are counted from zero again.
        keras.utils.clear_session()
        return model

    def build(network, activation=ops.square, before=0, **options):
        """A model after `before` other dense layers and half as many convolutions."""
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
    save("lambda", build(networks.paper, lambda x: x * x), formats=("keras", "h5"), note="activation=lambda x: x * x, saved as Python bytecode", **one)
    save("lambda-cube", build(networks.paper, lambda x: x * x * x), formats=("keras", "h5"), refused="lambda", note="the bytecode is not a square's; a reader that does not read bytecode cannot tell; --check can")
    save("function", build(networks.paper, square), formats=("keras", "h5"), note="activation is a function `square` of the user's script, saved by name", **one)
    save("registered", build(networks.paper, registered_square), formats=("keras", "h5"), note="activation is registered as Digits>registered_square", **one)
    save("normalised", build(networks.normalised), shape=plain(), inside=(1 / STD, -MEAN / STD))
    save("rescaled-bytes", build(networks.normalised, normalisation=layers.Rescaling(1 / 255)), inputs=pixels[..., None].astype(numpy.float32), shape=plain(), pixel_map=(255.0, 0.0), inside=(1 / 255, 0.0), note="the model takes bytes")
    save("normalization-given", build(networks.normalised, normalisation=layers.Normalization(axis=None, mean=MEAN, variance=STD**2)), shape=plain(), inside=(1 / STD, -MEAN / STD))
    adapted = layers.Normalization(axis=None)
    adapted.adapt(scaled)
    mean, std = float(numpy.array(adapted.mean).squeeze()), float(numpy.array(adapted.variance).squeeze()) ** 0.5
    save("normalization-adapted", build(networks.normalised, normalisation=adapted), shape=plain(), inside=(1 / std, -mean / std), note="mean and variance are weights of the layer")
    save("batch-norm", build(networks.batch_norm), **same)
    save("batch-norm-no-scale", build(networks.batch_norm, scale=False), **same)
    save("batch-norm-no-center", build(networks.batch_norm, center=False, epsilon=0.01), **same)
    save("batch-norm-bare", build(networks.batch_norm, center=False, scale=False, conv_bias=False), **same)
    save("pooled", build(networks.pooled), shape=plain(), pool=2)
    save("names-counted-high", build(networks.paper, before=9), note="own names dense_9 and dense_10: HDF5 lists dense_10 first", **one)
    save("names-from-1", build(networks.paper, before=2), note="the path's dense_1 is dense_3", **one)

    def layered(*middle, tail=(), flat=None, first=None, hidden=None):
        return keras.Sequential([
            keras.Input((12, 12, 1)), *(first or [layers.Conv2D(2, 3, strides=2)]), *middle,
            flat or layers.Flatten(), layers.Dense(6), hidden or layers.Activation(ops.square), layers.Dense(3), *tail,
        ])

    save("activation-layer", layered(layers.Activation(ops.square)), shape=plain())
    save("activation-lambda", layered(layers.Activation(lambda x: x * x)), formats=("keras", "h5"), shape=plain())
    save("lambda-layer", layered(layers.Lambda(lambda x: x**2), hidden=layers.Lambda(ops.square)), formats=("keras", "h5"), shape=plain())
    save("custom-layer", layered(SquareLayer(), hidden=SquareLayer()), formats=("keras", "h5"), refused="square_layer", note="layers of the registered class Digits>SquareLayer: the file does not hold what it computes")
    save("reshape", layered(layers.Activation(ops.square), flat=layers.Reshape((-1,))), shape=plain())
    save("reshape-sized", layered(layers.Activation(ops.square), flat=layers.Reshape((50,))), formats=("keras", "h5"), shape=plain())
    save("permute", layered(layers.Activation(ops.square), layers.Permute((3, 1, 2))), formats=("keras", "h5"), shape=plain(), flatten="channels-first", note="Permute((3, 1, 2)) before Flatten")
    save("softmax", layered(layers.Activation(ops.square), tail=[layers.Softmax()]), formats=("keras", "h5"), shape=plain(), note="logits are probabilities here",
         expected=lambda m: reference.softmax(networks.independent(m, scaled[..., 0])))
    save("softmax-activation", keras.Sequential(networks.paper(keras, ops.square, **TINY, activation="softmax")), formats=("keras", "h5"), shape=plain(leading=1), note="logits are probabilities here",
         expected=lambda m: reference.softmax(networks.independent(m, scaled[..., 0], leading=1)))
    save("flatten-channels-first", layered(layers.Activation(ops.square), flat=layers.Flatten(data_format="channels_first")), formats=("keras", "h5"), shape=plain(),
         expected=False, note="Flatten(data_format='channels_first') on channels-last data: the order is column, map, row")

    # Functional models.
    def functional(first, second, **options):
        x = i = keras.Input((12, 12, 1), name="digits")
        x = first(layers.Conv2D(2, 3, strides=2, name="maps")(x))
        x = second(layers.Dense(6, name="units")(layers.Flatten()(x)))
        return keras.Model(i, layers.Dense(3, name="scores")(x))

    save("functional-product", functional(lambda x: x * x, lambda x: layers.Multiply()([x, x])), formats=("keras", "h5"), shape=plain())
    save("functional-power", functional(lambda x: x**2, lambda x: ops.power(x, 2)), formats=("keras", "h5"), shape=plain())
    save("functional-square", functional(ops.square, ops.square), formats=("keras", "h5"), shape=plain())
    save("functional-scaled", functional(lambda x: 0.5 * ops.square(x) + 0.25, ops.square), formats=("keras", "h5"), shape=plain(), expected=False, note="affine after the square")
    save("functional-half-product", functional(lambda x: x * (x + 1.0), ops.square), formats=("keras", "h5"), refused="multiply", note="x * (x + 1)")

    # Nested and subclassed.
    inner = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(2, 3, strides=2, activation=ops.square), layers.Flatten()], name="features")
    save("nested", keras.Sequential([keras.Input((12, 12, 1)), inner, keras.Sequential([layers.Dense(6, activation=ops.square)], name="middle"), layers.Dense(3)]), shape=plain())
    subclassed = Subclassed()
    subclassed(scaled)
    random = reference.generator("subclassed")
    for layer in (subclassed.c, subclassed.h, subclassed.o):
        layer.set_weights([reference.draw(random, tuple(w.shape)) for w in layer.weights])
    save("subclassed", subclassed, formats=("keras", "weights.h5"), shape=plain(), filled=True, note="config.json names only the class Digits>Subclassed. The attribute o is not at o/vars but at layers/dense_1/vars, since attributes are walked in alphabetical order and `layers` comes before o")
    fitted = build(networks.paper)
    networks.train(keras, fitted, scaled, numpy.arange(8) % 3, 2, 3)
    save("fitted", fitted, filled=True, note="with the optimiser's variables", **one)

    # Other types of numbers.
    quantised = networks.fill(build(networks.paper), "quantised")
    quantised.quantize("int8")
    save("int8", quantised, filled=True, expected=False, shape=plain(leading=1), tolerance=0.2, note="quantize('int8'): dense weights are int8 / scale. Keras also rounds activations, so its logits are not those of the weights; `logits_of_weights` are")
    # The scale is a divisor: 127 / largest weight.
    values = lambda layer: (numpy.array(layer._kernel).astype(numpy.float32) / numpy.array(layer.kernel_scale)).T
    conv, hidden, output, _ = networks.parts(quantised)
    exact = reference.forward(
        scaled[..., 0], numpy.array(conv.kernel)[:, :, 0].transpose(2, 0, 1), numpy.array(conv.bias), values(hidden), numpy.array(hidden.bias), values(output), numpy.array(output.bias),
        stride=2, leading=1, flatten="channels-last",
    )
    stored = dict(numpy.load(index.path("int8.predictions.npz")))
    agree("int8", stored["logits"], exact, 0.05)
    numpy.savez_compressed(index.path("int8.predictions.npz"), **stored, logits_of_weights=exact.astype(numpy.float32))
    four = networks.fill(build(networks.paper), "quantised")
    try:
        four.quantize("int4")
        save("int4", four, filled=True, refused="int4", note="quantize('int4'): two values in a byte")
    except Exception as error:
        print("NOT MADE int4:", repr(error)[:300])
    for policy, tolerance in [("bfloat16", 0.1), ("mixed_bfloat16", 0.1), ("float16", 0.02), ("mixed_float16", 0.02), ("float64", None)]:
        keras.config.set_dtype_policy(policy)
        try:
            model = build(networks.paper)
            save(policy.replace("_", "-"), model, tolerance=tolerance, check=tolerance or 1e-5, note=f"dtype policy {policy}", **one)
        finally:
            keras.config.set_dtype_policy("float32")

    # Channels first. TensorFlow cannot run such a convolution on a CPU: logits are numpy's.
    def channels_first(model, flatten):
        return networks.independent(model, scaled[..., 0], flatten=flatten).astype(numpy.float32)

    first_inputs = scaled.transpose(0, 3, 1, 2)
    keras.config.set_image_data_format("channels_first")
    # The kernel's values lie as channels-last Keras has them; only data are channels first.
    save("channels-first-process", keras.Sequential([keras.Input((1, 12, 12)), layers.Conv2D(2, 3, strides=2, activation=ops.square), layers.Flatten(), layers.Dense(6, activation=ops.square), layers.Dense(3)]),
         inputs=first_inputs, shape=plain(), compute=lambda m: channels_first(m, "channels-last"), flatten="channels-last", expected=False, note="image_data_format channels_first for the process: Flatten moves channels to the end")
    keras.config.set_image_data_format("channels_last")
    for name, flat, order, note in [
        ("channels-first-convolution", layers.Flatten(), "channels-first", "channels_first on the convolution alone: Flatten gives map, row, column"),
        ("channels-first-both", layers.Flatten(data_format="channels_first"), "channels-last", "channels_first on convolution and Flatten: row, column, map"),
        ("channels-first-reshape", layers.Reshape((-1,)), "channels-first", "channels_first on the convolution, then Reshape"),
    ]:
        model = keras.Sequential([keras.Input((1, 12, 12)), layers.Conv2D(2, 3, strides=2, activation=ops.square, data_format="channels_first"), flat, layers.Dense(6, activation=ops.square), layers.Dense(3)])
        save(name, model, inputs=first_inputs, shape=plain(), compute=lambda m, order=order: channels_first(m, order), flatten=order, expected=False, note=note)

    # Refused.
    square_layer = lambda: layers.Activation(ops.square)
    refused = dict(formats=("keras", "h5"))
    save("relu", keras.Sequential(networks.paper(keras, "relu", **TINY)), refused="relu", **refused)
    save("relu-layer", layered(layers.ReLU()), refused="re_lu", formats=("keras",))
    save("elu", layered(layers.ELU()), refused="elu", formats=("keras",))
    save("swish", keras.Sequential(networks.paper(keras, "swish", **TINY)), refused="silu", formats=("keras",))
    save("square-then-relu", layered(square_layer(), layers.ReLU()), refused="re_lu", formats=("keras",))
    save("leaky-relu", layered(layers.LeakyReLU()), refused="leaky_re_lu", formats=("keras",))
    save("max-pooling", layered(square_layer(), layers.MaxPooling2D(2)), refused="max_pooling2d", **refused)
    save("two-convolutions", layered(square_layer(), layers.Conv2D(2, 3), square_layer()), refused="conv2d_1", **refused)
    save("three-squares", layered(square_layer(), tail=[square_layer(), layers.Dense(3)]), refused="activation_2", formats=("keras",))
    save("one-square", layered(), refused="square", formats=("keras",))
    save("depthwise", layered(square_layer(), first=[layers.DepthwiseConv2D(3, strides=2, depth_multiplier=2)]), refused="depthwise_conv2d", formats=("keras",), note="with one input channel it is a convolution; may be imported")
    save("separable", layered(square_layer(), first=[layers.SeparableConv2D(2, 3, strides=2)]), refused="separable_conv2d", formats=("keras",))
    save("dilated", layered(square_layer(), first=[layers.Conv2D(2, 3, dilation_rate=2)]), refused="conv2d", formats=("keras",), note="a dilated 3x3 kernel is a 5x5 kernel with zeros; may be imported")
    save("colour", keras.Sequential([keras.Input((12, 12, 3)), *networks.paper(keras, ops.square, **TINY)[1:]]), refused="channel", **refused)
    save("grouped", keras.Sequential([keras.Input((12, 12, 2)), layers.Conv2D(2, 3, groups=2, activation=ops.square), layers.Flatten(), layers.Dense(6, activation=ops.square), layers.Dense(3)]), refused="channel", formats=("keras",))
    i, j = keras.Input((12, 12, 1)), keras.Input((12, 12, 1))
    x = layers.Conv2D(2, 3, activation=ops.square)(layers.Add()([i, j]))
    save("two-inputs", keras.Model([i, j], layers.Dense(3)(layers.Dense(6, activation=ops.square)(layers.Flatten()(x)))), refused="input", formats=("keras",))
    i = keras.Input((12, 12, 1))
    x = layers.Dense(6, activation=ops.square)(layers.Flatten()(layers.Conv2D(2, 3, activation=ops.square)(i)))
    save("two-outputs", keras.Model(i, [layers.Dense(3)(x), layers.Dense(2)(x)]), refused="output", formats=("keras",))
    i = keras.Input((12, 12, 1))
    x = layers.Conv2D(2, 3)(i)
    x = layers.Dense(6, activation=ops.square)(layers.Flatten()(layers.Multiply()([x, layers.Conv2D(2, 3)(i)])))
    save("product", keras.Model(i, layers.Dense(3)(x)), refused="multiply", formats=("keras",), note="a product of two different maps is no square")
    save("oblong-kernel", layered(square_layer(), first=[layers.Conv2D(2, (3, 5), strides=2)]), refused="conv2d", formats=("keras",))
    save("oblong-stride", layered(square_layer(), first=[layers.Conv2D(2, 3, strides=(2, 3))]), refused="conv2d", formats=("keras",))
    save("oblong-padding", layered(square_layer(), first=[layers.ZeroPadding2D(((1, 0), (0, 1))), layers.Conv2D(2, 3, strides=2)]), refused="zero_padding2d", formats=("keras",))
    save("any-size", keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(2, 3, strides=2, activation=ops.square), layers.GlobalAveragePooling2D(), layers.Dense(6, activation=ops.square), layers.Dense(3)]), formats=("keras",), shape=plain(), expected=False, note="the file tells no image side; global average pooling")
    save("global-pooling", layered(square_layer(), flat=layers.GlobalAveragePooling2D()), formats=("keras", "h5"), shape=plain(), expected=False)
    save("pooled-same", layered(square_layer(), layers.AveragePooling2D(2, padding="same")), formats=("keras", "h5"), shape=plain(), expected=False, note="5x5 to 3x3: windows at the border average fewer values")
    save("two-dense-linear", layered(square_layer(), tail=[layers.Dense(4)]), formats=("keras",), shape=plain(classes=4), expected=False, note="two dense layers without an activation between them: one linear map")
    save("no-convolution", keras.Sequential([keras.Input((12, 12, 1)), layers.Flatten(), layers.Dense(6, activation=ops.square), layers.Dense(3)]), refused="conv", formats=("keras",))
    save("same-stride-1", keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(2, 3, padding="same", activation=ops.square), layers.AveragePooling2D(3), layers.Flatten(), layers.Dense(6, activation=ops.square), layers.Dense(3)]), formats=("keras",), shape=plain(1, 1, stride=1), leading=1, trailing=1, pool=3)
    index.write()


def save_full(model, folder, inputs, logits):
    model.save(folder / "net.keras")
    model.save_weights(folder / "net.weights.h5")
    model.save(folder / "net.h5")
    # The same network with a lambda, as most people write it, and without an optimiser.
    network, sizes = networks.FULL[folder.name]
    copy = keras.Sequential(network(keras, lambda x: x * x, **sizes))
    copy.set_weights(model.get_weights())
    agree("lambda", copy(inputs, training=False), logits)
    copy.save(folder / "net.lambda.keras")
    copy.save(folder / "net.lambda.h5")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["tiny", "full"])
    parser.add_argument("--mnist", type=pathlib.Path, default=pathlib.Path("data/mnist"))
    parser.add_argument("--out", type=pathlib.Path, help="default: results/import-files/tiny, or results/import-files/full/keras3")
    parser.add_argument("--images", type=int, default=30000)
    parser.add_argument("--epochs", type=int, default=2)
    a = parser.parse_args()
    if a.what == "tiny":
        sys.exit(tiny(a.out or reference.TINY_OUT))
    networks.full(keras, ops.square, a.mnist, a.out or reference.FULL_OUT / "keras3", a.images, a.epochs, f"keras {keras.__version__}", save_full)

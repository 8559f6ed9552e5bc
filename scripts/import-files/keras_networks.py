"""Networks that the scripts for Keras 3, Keras 2 and tf2onnx share. `keras` is the module: `keras` 3 or `tf_keras`."""

from __future__ import annotations

import numpy

import reference
from reference import draw

# Sizes of a network: image side, kernel, stride, maps, hidden units, classes.
TINY = dict(side=12, kernel=3, stride=2, maps=2, hidden=6, classes=3)
MEAN, STD = 0.1307, 0.3081


def paper(keras, square, side, kernel, stride, maps, hidden, classes, **dense):
    """A row and a column of zeros before the image."""
    layers = keras.layers
    return [
        keras.Input((side, side, 1)),
        layers.ZeroPadding2D(((1, 0), (1, 0))),
        layers.Conv2D(maps, kernel, strides=stride, activation=square),
        layers.Flatten(),
        layers.Dense(hidden, activation=square),
        layers.Dense(classes, **dense),
    ]


def normalised(keras, square, side, kernel, stride, maps, hidden, classes, normalisation=None):
    """Normalisation inside the model, no padding."""
    layers = keras.layers
    return [
        keras.Input((side, side, 1)),
        normalisation or layers.Rescaling(1 / STD, offset=-MEAN / STD),
        layers.Conv2D(maps, kernel, strides=stride, activation=square),
        layers.Flatten(),
        layers.Dense(hidden, activation=square),
        layers.Dense(classes),
    ]


def batch_norm(keras, square, side, kernel, stride, maps, hidden, classes, conv_bias=True, **norm):
    """BatchNorm before both squares, dropout, padding "same"."""
    layers = keras.layers
    return [
        keras.Input((side, side, 1)),
        layers.Conv2D(maps, kernel, strides=stride, padding="same", use_bias=conv_bias),
        layers.BatchNormalization(**norm),
        layers.Activation(square),
        layers.Flatten(),
        layers.Dense(hidden),
        layers.BatchNormalization(**norm),
        layers.Activation(square),
        layers.Dropout(0.25),
        layers.Dense(classes),
    ]


def pooled(keras, square, side, kernel, stride, maps, hidden, classes):
    """Average pooling after the first square, dense layers without biases."""
    layers = keras.layers
    return [
        keras.Input((side, side, 1)),
        layers.Conv2D(maps, kernel, strides=stride, activation=square),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(hidden, activation=square, use_bias=False),
        layers.Dense(classes, use_bias=False),
    ]


def same(side, kernel, stride):
    """Zeros before and after the image where padding is "same"."""
    out = -(-side // stride)
    total = max((out - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def flat_layers(model):
    """Layers, those of nested models too, in order."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from flat_layers(layer)
        else:
            yield layer


def fill(model, name: str):
    """Fixed random weights by `name`."""
    random = reference.generator(name)
    for layer in flat_layers(model):
        values = []
        for weight in layer.weights:
            last = weight.name.split("/")[-1].split(":")[0]
            shape = tuple(weight.shape)
            if last == "seed_generator_state" or "count" in last or "int" in str(weight.dtype):
                values.append(numpy.array(weight))
            else:
                values.append(draw(random, shape, {"gamma": "gamma", "moving_variance": "variance"}.get(last, "")))
        if values and type(layer).__name__ != "Normalization" and type(layer).__name__ != "Dropout":
            layer.set_weights(values)
    return model


def parts(model):
    found = list(flat_layers(model))
    kinds = lambda *names: [layer for layer in found if type(layer).__name__ in names]
    dense = kinds("Dense")
    return kinds("Conv2D")[0], dense[0], dense[-1], kinds("BatchNormalization")


def array(value):
    return None if value is None else numpy.asarray(value).astype(numpy.float32)


def independent(model, seen, flatten="channels-last", pool=1, leading=0, trailing=0):
    """Logits by numpy; `seen` is [n, side, side] as the convolution sees it, before padding."""
    conv, hidden, output, norms = parts(model)
    bias = lambda layer: array(layer.bias) if layer.use_bias else None
    folded = []
    for norm in norms:
        values = {w.name.split("/")[-1].split(":")[0]: array(w) for w in norm.weights}
        folded.append(reference.batch_norm(values.get("gamma"), values.get("beta"), values["moving_mean"], values["moving_variance"], norm.epsilon))
    return reference.forward(
        seen, array(conv.kernel)[:, :, 0].transpose(2, 0, 1), bias(conv), array(hidden.kernel).T, bias(hidden), array(output.kernel).T, bias(output),
        stride=conv.strides[0], leading=leading, trailing=trailing, pool=pool, flatten=flatten,
        first=folded[0] if folded else None, second=folded[1] if len(folded) > 1 else None,
    )


def train(keras, model, images, labels, epochs, seed):
    """Adam with the gradient's norm limited, since squares diverge easily."""
    keras.utils.set_random_seed(seed)
    model.compile(optimizer=keras.optimizers.Adam(1e-3, clipnorm=1.0), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    model.fit(images, labels, batch_size=32, epochs=epochs, verbose=0)
    return model


FULL = {
    "a-paper": (paper, dict(side=28, kernel=5, stride=2, maps=5, hidden=100, classes=10)),
    "b-normalised": (normalised, dict(side=28, kernel=3, stride=3, maps=4, hidden=32, classes=10)),
    "c-batch-norm": (batch_norm, dict(side=28, kernel=5, stride=2, maps=5, hidden=64, classes=10)),
    "d-pooled": (pooled, dict(side=28, kernel=5, stride=2, maps=5, hidden=64, classes=10)),
}


def facts_of(name, sizes):
    """Padding, pooling and normalisation of a network of `FULL` or of its tiny relative."""
    leading, trailing = {"a-paper": (1, 0), "c-batch-norm": same(sizes["side"], sizes["kernel"], sizes["stride"])}.get(name, (0, 0))
    return dict(leading=leading, trailing=trailing, pool=2 if name == "d-pooled" else 1), (1 / STD, -MEAN / STD) if name == "b-normalised" else None


def full(keras, square, mnist, out, images, epochs, framework, save):
    """Trains the four networks and saves each by `save(model, folder)`."""
    train_images, train_labels, test_images, test_labels = reference.read_mnist(mnist)
    scaled = lambda bytes_: (bytes_.astype(numpy.float32) / 255)[..., None]
    for name, (network, sizes) in FULL.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(5)
        model = keras.Sequential(network(keras, square, **sizes))
        train(keras, model, scaled(train_images[:images]), train_labels[:images], epochs, 7)
        accuracy = float((model.predict(scaled(test_images[:2000]), verbose=0).argmax(1) == test_labels[:2000]).mean())
        inputs = scaled(test_images[:64])
        logits = numpy.array(model(inputs, training=False))
        layers = layer_outputs(keras, model, inputs)
        options, inside = facts_of(name, sizes)
        seen = inputs[..., 0].astype(numpy.float64)
        seen = seen * inside[0] + inside[1] if inside else seen
        reference.agree(name, logits, independent(model, seen, **options))
        save(model, folder, inputs, logits)
        facts = {
            "framework": framework, "accuracy_on_first_2000_test_images": accuracy,
            "architecture": reference.architecture(options["leading"], options["trailing"], **sizes),
            "normalisation_outside_the_model": "byte / 255", "normalisation_inside_the_model": inside, "average_pooling": options["pool"] if options["pool"] > 1 else None,
            "layers": [layer.name for layer in model.layers],
        }
        reference.save_full(folder, test_images[:64], inputs, logits, layers, facts)
        print(name, accuracy, float(numpy.abs(logits).max()), flush=True)


def layer_outputs(keras, model, inputs):
    """Outputs of the layers of a Sequential or functional model."""
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    values = keras.Model(model.inputs, [layer.output for layer in layers])(inputs, training=False)
    return {layer.name: numpy.array(value) for layer, value in zip(layers, values)}

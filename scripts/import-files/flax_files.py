# /// script
# requires-python = ">=3.11"
# dependencies = ["flax==0.12.8", "jax==0.10.2", "optax==0.2.8", "ml_dtypes==0.6.0", "numpy==2.4.6"]
# ///
"""Files of flax (linen): parameters by `numpy.savez` under flattened names. flax has no file of its own that names the layers' kinds.

    python flax_files.py tiny
    python flax_files.py full --mnist FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

os.environ["JAX_PLATFORMS"] = "cpu"

import flax
import jax
import ml_dtypes
import numpy
import optax
from flax import linen as nn
from jax import numpy as jnp

import reference
from reference import agree, architecture

MEAN, STD = 0.1307, 0.3081
KEPT = ["*.npz", "*.npy"]


class Paper(nn.Module):
    """A row and a column of zeros before the image. flax's own default would be padding "SAME"."""

    kernel: int
    stride: int
    maps: int
    hidden: int
    classes: int

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(self.maps, (self.kernel, self.kernel), strides=self.stride, padding=((1, 0), (1, 0)))(x) ** 2
        x = nn.Dense(self.hidden)(x.reshape((len(x), -1))) ** 2
        return nn.Dense(self.classes)(x)


class Normalised(Paper):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(self.maps, (self.kernel, self.kernel), strides=self.stride, padding="VALID")((x - MEAN) / STD)
        x = jnp.square(nn.Dense(self.hidden)(jnp.square(x).reshape((len(x), -1))))
        return nn.Dense(self.classes)(x)


class Normed(Paper):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(self.maps, (self.kernel, self.kernel), strides=self.stride)(x)
        x = nn.BatchNorm(use_running_average=not train)(x) ** 2
        x = nn.Dense(self.hidden)(x.reshape((len(x), -1)))
        x = nn.BatchNorm(use_running_average=not train)(x) ** 2
        return nn.Dense(self.classes)(nn.Dropout(0.25, deterministic=not train)(x))


class Pooled(Paper):
    @nn.compact
    def __call__(self, x, train=False):
        x = nn.Conv(self.maps, (self.kernel, self.kernel), strides=self.stride, padding="VALID")(x) ** 2
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = nn.Dense(self.hidden, use_bias=False)(x.reshape((len(x), -1))) ** 2
        return nn.Dense(self.classes, use_bias=False)(x)


def flat(variables):
    return {"/".join(path): numpy.asarray(value) for path, value in flax.traverse_util.flatten_dict(variables).items()}


def independent(arrays, seen, stride, leading=0, trailing=0, pool=1):
    norms = []
    for i in range(2):
        if f"params/BatchNorm_{i}/scale" in arrays:
            values = [arrays[f"params/BatchNorm_{i}/{n}"] for n in ("scale", "bias")] + [arrays[f"batch_stats/BatchNorm_{i}/{n}"] for n in ("mean", "var")]
            norms.append(reference.batch_norm(*values, 1e-5))
    get = lambda name: arrays.get(f"params/{name}")
    return reference.forward(
        seen, get("Conv_0/kernel")[:, :, 0].transpose(2, 0, 1), get("Conv_0/bias"), get("Dense_0/kernel").T, get("Dense_0/bias"), get("Dense_1/kernel").T, get("Dense_1/bias"),
        stride=stride, leading=leading, trailing=trailing, pool=pool, first=norms[0] if norms else None, second=norms[1] if norms else None, flatten="channels-last",
    )


def tensors(arrays):
    return {role: {"weights": f"params/{layer}/kernel", "bias": f"params/{layer}/bias" if f"params/{layer}/bias" in arrays else "none"}
            for role, layer in [("convolution", "Conv_0"), ("hidden", "Dense_0"), ("output", "Dense_1")]}


def same(side, kernel, stride):
    total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


def networks(side, kernel, stride, maps, hidden, classes):
    sizes = dict(kernel=kernel, stride=stride, maps=maps, hidden=hidden, classes=classes)
    around = same(side, kernel, stride)
    return {
        "paper": (Paper(**sizes), dict(leading=1, trailing=0), None),
        "normalised": (Normalised(**sizes), {}, (1 / STD, -MEAN / STD)),
        "batch-norm": (Normed(**sizes), dict(leading=around[0], trailing=around[1]), None),
        "pooled": (Pooled(**sizes), dict(pool=2), None),
    }


def tiny(out: pathlib.Path) -> None:
    index = reference.Index("flax", f"flax {flax.__version__}", out, KEPT)
    pixels = reference.tiny_pixels()
    scaled = (pixels.astype(numpy.float32) / 255)[..., None]
    for name, (net, options, inside) in networks(12, 3, 2, 2, 6, 3).items():
        variables = net.init(jax.random.key(0), scaled)
        random = reference.generator(f"flax-{name}")
        roles = {"scale": "gamma", "var": "variance"}
        arrays = {k: reference.draw(random, v.shape, roles.get(k.split("/")[-1], "")) for k, v in flat(variables).items()}
        variables = flax.traverse_util.unflatten_dict({tuple(k.split("/")): v for k, v in arrays.items()})
        logits = numpy.asarray(net.apply(variables, scaled))
        seen = scaled[..., 0].astype(numpy.float64)
        seen = seen * inside[0] + inside[1] if inside else seen
        agree(name, logits, independent(arrays, seen, 2, **options))
        reference.save_predictions(index.path(f"{name}.predictions.npz"), pixels, scaled, logits, compressed=True)
        entry = dict(kind="weights", architecture=architecture(options.get("leading", 0), options.get("trailing", 0)), predictions=f"{name}.predictions.npz", inside=inside, pool=options.get("pool"), flatten="channels-last")
        numpy.savez(index.path(f"{name}.npz"), **arrays)
        index.add(f"{name}.npz", tensors=tensors(arrays), **entry)
        if name == "paper":
            numpy.savez(index.path("paper.dots.npz"), **{k.replace("/", "."): v for k, v in arrays.items()})
            index.add("paper.dots.npz", tensors={r: {k: v.replace("/", ".") for k, v in t.items()} for r, t in tensors(arrays).items()}, **entry)
            # The same parameters saved by numpy.
            numpy.savez(index.path("paper.fortran.npz"), **{k: numpy.asfortranarray(v) for k, v in arrays.items()})
            index.add("paper.fortran.npz", tensors=tensors(arrays), note="arrays in Fortran order", **entry)
            numpy.savez(index.path("paper.big-endian.npz"), **{k: v.astype(">f4") for k, v in arrays.items()})
            index.add("paper.big-endian.npz", tensors=tensors(arrays), note="big-endian numbers", **entry)
            numpy.savez_compressed(index.path("paper.compressed.npz"), **{k: v.astype(numpy.float64) for k, v in arrays.items()})
            index.add("paper.compressed.npz", tensors=tensors(arrays), note="compressed, float64", **entry)
            numpy.savez(index.path("paper.bfloat16.npz"), **{k: v.astype(ml_dtypes.bfloat16) for k, v in arrays.items()})
            index.add("paper.bfloat16.npz", tensors=tensors(arrays), tolerance=0.1, note="bfloat16, which numpy writes as <V2", **entry)
            numpy.save(index.path("pickled-list.npy"), numpy.array([arrays["params/Conv_0/kernel"], arrays["params/Dense_0/kernel"]], dtype=object), allow_pickle=True)
            index.add("pickled-list.npy", kind="weights", refused="pickle", note="numpy.save of a list of arrays: a pickle")
            numpy.save(index.path("pickled-dict.npy"), arrays, allow_pickle=True)
            index.add("pickled-dict.npy", kind="weights", refused="pickle", note="numpy.save of a dict of arrays: a pickle")
            numpy.savez(index.path("pickled.npz"), params=arrays)
            index.add("pickled.npz", kind="weights", refused="pickle", note="numpy.savez(params=a dict): a pickle inside")
    index.write()


def full(mnist, out, images, epochs) -> None:
    train_images, train_labels, test_images, test_labels = reference.read_mnist(mnist)
    scaled = lambda bytes_: (bytes_.astype(numpy.float32) / 255)[..., None]
    sizes = {
        "a-paper": dict(kernel=5, stride=2, maps=5, hidden=100), "b-normalised": dict(kernel=3, stride=3, maps=4, hidden=32),
        "c-batch-norm": dict(kernel=5, stride=2, maps=5, hidden=64), "d-pooled": dict(kernel=5, stride=2, maps=5, hidden=64),
    }
    for name, size in sizes.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        net, options, inside = networks(28, classes=10, **size)[name[2:]]
        variables = net.init(jax.random.key(5), scaled(train_images[:2]))
        params, stats = variables["params"], variables.get("batch_stats", {})
        optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
        state = optimiser.init(params)

        @jax.jit
        def step(params, stats, state, x, y, key):
            def loss(params):
                logits, changed = net.apply({"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"], rngs={"dropout": key})
                return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), changed.get("batch_stats", {})

            gradient, stats_ = jax.grad(loss, has_aux=True)(params)
            updates, state_ = optimiser.update(gradient, state)
            return optax.apply_updates(params, updates), stats_, state_

        random = numpy.random.default_rng(7)
        for epoch in range(epochs):
            order = random.permutation(images)
            for i in range(0, images - 31, 32):
                part = order[i : i + 32]
                params, stats, state = step(params, stats, state, scaled(train_images[part]), train_labels[part].astype(numpy.int32), jax.random.key(epoch * images + i))
        variables = {"params": params} | ({"batch_stats": stats} if stats else {})
        accuracy = float((numpy.asarray(net.apply(variables, scaled(test_images[:2000]))).argmax(1) == test_labels[:2000]).mean())
        inputs = scaled(test_images[:64])
        logits = numpy.asarray(net.apply(variables, inputs))
        arrays = flat(variables)
        seen = inputs[..., 0].astype(numpy.float64)
        seen = seen * inside[0] + inside[1] if inside else seen
        agree(name, logits, independent(arrays, seen, size["stride"], **options))
        numpy.savez(folder / "net.npz", **arrays)
        facts = {
            "framework": f"flax {flax.__version__}", "accuracy_on_first_2000_test_images": accuracy,
            "architecture": architecture(options.get("leading", 0), options.get("trailing", 0), side=28, classes=10, **size), "tensors": tensors(arrays),
            "normalisation_outside_the_model": "byte / 255", "normalisation_inside_the_model": inside, "average_pooling": options.get("pool"),
        }
        reference.save_full(folder, test_images[:64], inputs, logits, {}, facts)
        print(name, accuracy, float(numpy.abs(logits).max()), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["tiny", "full"])
    parser.add_argument("--mnist", type=pathlib.Path, default=pathlib.Path("data/mnist"))
    parser.add_argument("--out", type=pathlib.Path, help="default: results/import-files/tiny, or results/import-files/full/flax")
    parser.add_argument("--images", type=int, default=30000)
    parser.add_argument("--epochs", type=int, default=2)
    a = parser.parse_args()
    sys.exit(tiny(a.out or reference.TINY_OUT) if a.what == "tiny" else full(a.mnist, a.out or reference.FULL_OUT / "flax", a.images, a.epochs))

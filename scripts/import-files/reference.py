"""Shared by the scripts here: images, an independent forward pass in numpy, prediction files and the index of the fixtures."""

from __future__ import annotations

import fnmatch
import gzip
import json
import os
import pathlib
import shutil
import zlib

import numpy

REPOSITORY = pathlib.Path(os.path.abspath(__file__)).parents[2]
FIXTURES = REPOSITORY / "crates" / "export" / "tests" / "files"

TINY_OUT = REPOSITORY / "results" / "import-files" / "tiny"
FULL_OUT = REPOSITORY / "results" / "import-files" / "full"

TINY_SIDE, TINY_KERNEL, TINY_STRIDE, TINY_MAPS, TINY_HIDDEN, TINY_CLASSES = 12, 3, 2, 2, 6, 3


def read_idx(path: pathlib.Path) -> numpy.ndarray:
    """Bytes of an IDX file, `.gz` or not, in the shape that its header gives."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        data = file.read()
    rank = data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    return numpy.frombuffer(data, numpy.uint8, offset=4 + 4 * rank).reshape(shape)


def read_mnist(folder: pathlib.Path):
    """Training images and labels, test images and labels; images are bytes of shape [n, 28, 28]."""
    names = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]
    return [read_idx(next(p for p in (folder / f"{n}.gz", folder / n) if p.exists())) for n in names]


def tiny_pixels(channels: int | None = None) -> numpy.ndarray:
    """Eight fixed images of bytes, [8, 12, 12] or [8, 12, 12, channels]. About half of the pixels are blank."""
    shape = (8, TINY_SIDE, TINY_SIDE) + ((channels,) if channels else ())
    generator = numpy.random.default_rng(15)
    bytes_ = generator.integers(0, 256, shape)
    return numpy.where(generator.random(shape) < 0.5, 0, bytes_).astype(numpy.uint8)


def generator(name: str) -> numpy.random.Generator:
    """A random number generator that depends only on `name`."""
    return numpy.random.default_rng(zlib.crc32(name.encode()))


def draw(random: numpy.random.Generator, shape, role: str = "") -> numpy.ndarray:
    """Weights of a tiny network: normal numbers, small enough for logits near 1. Variances (role `variance`) are positive,
    and factors of a BatchNorm (role `gamma`) lie near 1."""
    if role == "variance":
        return random.uniform(0.3, 2.0, shape).astype(numpy.float32)
    if role == "gamma":
        return random.uniform(0.5, 1.5, shape).astype(numpy.float32)
    inputs = {4: 5.0, 2: 16.0}.get(len(shape), 4.0)
    return (random.standard_normal(shape) / numpy.sqrt(inputs)).astype(numpy.float32)


def forward(
    inputs,
    convolution,
    convolution_bias,
    hidden,
    hidden_bias,
    output,
    output_bias,
    *,
    stride,
    leading=0,
    trailing=0,
    first=None,
    second=None,
    pool=1,
    flatten="channels-first",
):
    """Logits [n, classes] of convolution, square, dense, square, dense in float64.

    `inputs` is [n, side, side] as the convolution sees it; `convolution` is [maps, kernel, kernel]; dense weights are [out, in].
    `first` and `second` are a BatchNorm's (factor, offset) before the squares. `pool` averages pool x pool outputs after the
    first square. Written with loops on purpose: it shares no code with any framework."""
    x = numpy.pad(numpy.asarray(inputs, numpy.float64), [(0, 0), (leading, trailing), (leading, trailing)])
    maps, kernel, _ = convolution.shape
    side = (x.shape[1] - kernel) // stride + 1
    y = numpy.zeros((len(x), maps, side, side))
    for row in range(side):
        for column in range(side):
            window = x[:, row * stride : row * stride + kernel, column * stride : column * stride + kernel]
            for m in range(maps):
                y[:, m, row, column] = (window * convolution[m].astype(numpy.float64)).sum((1, 2))
    y += (0 if convolution_bias is None else numpy.asarray(convolution_bias, numpy.float64)[None, :, None, None])
    if first is not None:
        y = y * first[0][None, :, None, None] + first[1][None, :, None, None]
    y = y * y
    if pool > 1:
        cut = side // pool
        y = y[:, :, : cut * pool, : cut * pool].reshape(len(x), maps, cut, pool, cut, pool).mean((3, 5))
    y = (y if flatten == "channels-first" else y.transpose(0, 2, 3, 1)).reshape(len(x), -1)
    z = y @ hidden.astype(numpy.float64).T + (0 if hidden_bias is None else numpy.asarray(hidden_bias, numpy.float64))
    if second is not None:
        z = z * second[0] + second[1]
    z = z * z
    return z @ output.astype(numpy.float64).T + (0 if output_bias is None else numpy.asarray(output_bias, numpy.float64))


def batch_norm(gamma, beta, mean, variance, epsilon):
    """Factor and offset of a BatchNorm; gamma and beta may be None."""
    factor = (1.0 if gamma is None else gamma.astype(numpy.float64)) / numpy.sqrt(variance.astype(numpy.float64) + epsilon)
    return factor, (0.0 if beta is None else beta.astype(numpy.float64)) - mean.astype(numpy.float64) * factor


def softmax(logits):
    raised = numpy.exp(logits - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def agree(name: str, found, expected, tolerance: float = 1e-5) -> None:
    """Ends the script where two sets of logits differ by more than `tolerance` times the largest logit."""
    found, expected = numpy.asarray(found, numpy.float64), numpy.asarray(expected, numpy.float64)
    difference = numpy.abs(found - expected).max() / max(1.0, numpy.abs(expected).max())
    if found.shape != expected.shape or not difference <= tolerance:
        raise SystemExit(f"{name}: the framework's logits differ from numpy's by {difference}\n{found[:2]}\n{expected[:2]}")


def save_predictions(path: pathlib.Path, pixels, inputs, logits, layers=None, compressed=False) -> None:
    """`pixels` as bytes, `inputs` as the model saw them, `logits` as it computed them, and `layer:NAME` outputs."""
    arrays = {"pixels": pixels, "inputs": numpy.asarray(inputs, numpy.float32), "logits": numpy.asarray(logits, numpy.float32)}
    arrays |= {f"layer:{name}": numpy.asarray(value, numpy.float32) for name, value in (layers or {}).items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    (numpy.savez_compressed if compressed else numpy.savez)(path, **arrays)


def architecture(leading=0, trailing=0, *, side=TINY_SIDE, kernel=TINY_KERNEL, stride=TINY_STRIDE, maps=TINY_MAPS, hidden=TINY_HIDDEN, classes=TINY_CLASSES):
    return {
        "image_side": side,
        "kernel": kernel,
        "stride": stride,
        "padding": {"leading": leading, "trailing": trailing},
        "maps": maps,
        "hidden": hidden,
        "classes": classes,
    }


class Index:
    """Files of one framework in `out/NAME`, with an entry each in `out/index.json`. `write` copies those whose names match a
    pattern of `kept` to the fixtures in the repository, with their predictions and entries."""

    def __init__(self, name: str, framework: str, out: pathlib.Path, kept: list[str]):
        self.name, self.framework, self.out, self.kept, self.entries = name, framework, out, kept, []
        shutil.rmtree(out / name, ignore_errors=True)
        (out / name).mkdir(parents=True)

    def path(self, file: str) -> pathlib.Path:
        return self.out / self.name / file

    def add(
        self,
        name: str,
        *,
        kind: str,
        architecture=None,
        refused=None,
        predictions=None,
        pixels=(1.0, 0.0),
        inside=None,
        flatten=None,
        pool=None,
        tensors=None,
        tolerance=None,
        note=None,
    ) -> None:
        entry = {"path": f"{self.name}/{name}", "framework": self.framework, "kind": kind}
        expected = {}
        if architecture is not None:
            expected["architecture"] = architecture
        if refused is not None:
            expected["refused"] = refused
        entry["expected"] = expected
        if predictions:
            entry["predictions"] = f"{self.name}/{predictions}"
        entry["pixels"] = {"scale": pixels[0], "offset": pixels[1]}
        if inside:
            entry["inside"] = {"scale": inside[0], "offset": inside[1]}
        if self.path(name + ".data").exists():
            entry["beside"] = [f"{self.name}/{name}.data"]
        for key, value in [("flatten", flatten), ("pool", pool), ("tensors", tensors), ("tolerance", tolerance), ("note", note)]:
            if value is not None:
                entry[key] = value
        self.entries.append(entry)

    def write(self) -> None:
        self._merge(self.out / "index.json", self.entries)
        unused = [p for p in self.kept if not any(fnmatch.fnmatch(e["path"], f"{self.name}/{p}") for e in self.entries)]
        if unused:
            raise SystemExit(f"no file matches {unused}")
        if self.out.resolve() == FIXTURES.resolve():
            return
        kept = [e for e in self.entries if any(fnmatch.fnmatch(e["path"], f"{self.name}/{p}") for p in self.kept)]
        shutil.rmtree(FIXTURES / self.name, ignore_errors=True)
        (FIXTURES / self.name).mkdir(parents=True)
        for entry in kept:
            for file in {entry["path"], entry.get("predictions", entry["path"]), *entry.get("beside", [])}:
                shutil.copyfile(self.out / file, FIXTURES / file)
        self._merge(FIXTURES / "index.json", kept)

    def _merge(self, path: pathlib.Path, entries: list[dict]) -> None:
        """Replaces this framework's entries in an index."""
        old = json.loads(path.read_text()) if path.exists() else []
        others = [e for e in old if not e["path"].startswith(self.name + "/")]
        merged = sorted(others + entries, key=lambda e: e["path"])
        path.write_text("[\n" + ",\n".join("  " + json.dumps(e) for e in merged) + "\n]\n")


def save_full(folder: pathlib.Path, pixels, inputs, logits, layers, facts) -> None:
    """Predictions and facts of a network on MNIST, beside its files."""
    save_predictions(folder / "predictions.npz", pixels, inputs, logits, layers)
    (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")

# /// script
# requires-python = ">=3.11"
# dependencies = ["torch==2.15.0", "onnx==1.23.2", "onnxscript==0.7.2", "onnxruntime==1.32.0", "safetensors==0.8.0", "numpy==2.4.6"]
# ///
"""Files of PyTorch: state dicts, safetensors, `.pt2`, and ONNX by both of its exporters.

    python torch_files.py tiny
    python torch_files.py full --mnist FOLDER --out FOLDER
"""

from __future__ import annotations

import argparse
import logging
import pathlib
import sys
import warnings

import numpy
import onnxruntime
import safetensors.numpy
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F

import reference
from reference import agree, architecture, draw

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
MEAN, STD = 0.1307, 0.3081


class Square(nn.Module):
    def forward(self, x):
        return x * x


class Paper(nn.Module):
    """One row and one column of zeros before the image, `x ** 2`, names conv, fc1, fc2."""

    def __init__(self, maps=2, kernel=3, stride=2, side=12, hidden=6, classes=3):
        super().__init__()
        out = (side + 1 - kernel) // stride + 1
        self.conv = nn.Conv2d(1, maps, kernel, stride=stride)
        self.fc1 = nn.Linear(maps * out * out, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = self.conv(F.pad(x, (1, 0, 1, 0))) ** 2
        x = self.fc1(torch.flatten(x, 1)) ** 2
        return self.fc2(x)


class Normalised(nn.Module):
    """Normalisation inside the model, no padding, `x * x`, names conv1, fc1, fc2."""

    def __init__(self, maps=2, kernel=3, stride=2, side=12, hidden=6, classes=3):
        super().__init__()
        out = (side - kernel) // stride + 1
        self.conv1 = nn.Conv2d(1, maps, kernel, stride=stride)
        self.fc1 = nn.Linear(maps * out * out, hidden)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = self.conv1((x - MEAN) / STD)
        x = x * x
        x = self.fc1(x.view(x.size(0), -1))
        x = x * x
        return self.fc2(x)


class Normed(nn.Module):
    """BatchNorm before both squares, dropout, zeros on all sides, `torch.square`."""

    def __init__(self, maps=2, kernel=3, stride=2, padding=1, side=12, hidden=6, classes=3, conv_bias=True):
        super().__init__()
        out = (side + 2 * padding - kernel) // stride + 1
        self.conv = nn.Conv2d(1, maps, kernel, stride=stride, padding=padding, bias=conv_bias)
        self.bn1 = nn.BatchNorm2d(maps)
        self.fc1 = nn.Linear(maps * out * out, hidden)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(0.25)
        self.fc2 = nn.Linear(hidden, classes)

    def forward(self, x):
        x = torch.square(self.bn1(self.conv(x)))
        x = torch.flatten(x, 1)
        x = torch.square(self.bn2(self.fc1(x)))
        return self.fc2(self.dropout(x))


class Pooled(nn.Module):
    """Average pooling after the first square, dense layers without biases, `x.pow(2)`."""

    def __init__(self, maps=2, kernel=3, stride=2, side=12, hidden=6, classes=3):
        super().__init__()
        out = ((side - kernel) // stride + 1) // 2
        self.conv = nn.Conv2d(1, maps, kernel, stride=stride)
        self.pool = nn.AvgPool2d(2)
        self.fc1 = nn.Linear(maps * out * out, hidden, bias=False)
        self.fc2 = nn.Linear(hidden, classes, bias=False)

    def forward(self, x):
        x = self.pool(self.conv(x).pow(2))
        x = self.fc1(x.flatten(1)).pow(2)
        return self.fc2(x)


def sequential(side=12, padding=1):
    out = (side + 2 * padding - 3) // 2 + 1
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, stride=2, padding=padding),
        Square(),
        nn.Flatten(),
        nn.Linear(2 * out * out, 6),
        Square(),
        nn.Linear(6, 3),
    )


class Tied(Paper):
    """The output layer under two names."""

    def __init__(self):
        super().__init__()
        self.head = self.fc2


class Graph(nn.Module):
    """A network whose forward pass is a function of its named layers: for the variants and for what must be refused."""

    def __init__(self, run, **layers):
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.run(self, x)


class PairGraph(Graph):
    """A network with two inputs."""

    def forward(self, x, y):
        return self.run(self, x, y)


def fill(net: nn.Module, name: str) -> nn.Module:
    """Fixed random parameters and statistics, by `name`; evaluation mode."""
    random = reference.generator(name)
    roles = {}
    for layer_name, layer in net.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            roles[f"{layer_name}.weight"], roles[f"{layer_name}.running_var"] = "gamma", "variance"
    done = set()
    with torch.no_grad():
        for key, value in net.state_dict().items():
            if value.is_floating_point() and value.data_ptr() not in done:
                value.copy_(torch.from_numpy(draw(random, tuple(value.shape), roles.get(key, ""))))
                done.add(value.data_ptr())
            elif not value.is_floating_point():
                value.fill_(157)
    return net.eval()


def outputs(net: nn.Module, inputs: torch.Tensor):
    """Logits, and the outputs of layers by name."""
    layers, hooks = {}, []
    for name, layer in net.named_modules():
        if name and not list(layer.children()):
            hooks.append(layer.register_forward_hook(lambda _, __, y, name=name: layers.__setitem__(name, y.detach().numpy())))
    with torch.no_grad():
        logits = net(inputs).numpy()
    for hook in hooks:
        hook.remove()
    return logits, layers


def parts(net):
    """Layers of a network by what they are, in the order in which they were made."""
    found = list(net.modules())
    convolution = next(m for m in found if isinstance(m, nn.Conv2d))
    dense = [m for m in found if isinstance(m, nn.Linear)]
    return convolution, dense[0], dense[-1], [m for m in found if isinstance(m, nn.modules.batchnorm._BatchNorm)]


def array(tensor):
    return None if tensor is None else tensor.detach().to(torch.float32).numpy()


def independent(net, inputs, leading=0, trailing=0, pool=1, softmax=False):
    """Logits by numpy; `inputs` as the convolution sees them."""
    conv, hidden, output, norms = parts(net)
    norms = [reference.batch_norm(array(n.weight), array(n.bias), array(n.running_mean), array(n.running_var), n.eps) for n in norms]
    return reference.forward(
        inputs, array(conv.weight)[:, 0], array(conv.bias), array(hidden.weight), array(hidden.bias), array(output.weight),
        array(output.bias), stride=conv.stride[0], leading=leading, trailing=trailing, pool=pool,
        first=norms[0] if norms else None, second=norms[1] if len(norms) > 1 else None,
    )


def export_dynamo(net, inputs, path, dynamic=False, opset=None, names=None):
    options = {"dynamic_shapes": tuple({0: torch.export.Dim("batch")} for _ in inputs)} if dynamic else {}
    options |= {"opset_version": opset} if opset else {}
    torch.onnx.export(net, inputs, str(path), dynamo=True, verbose=False, **options)


def export_torchscript(net, inputs, path, dynamic=True, opset=17, **options):
    axes = {"dynamic_axes": {"input": {0: "batch"}, "logits": {0: "batch"}}} if dynamic else {}
    torch.onnx.export(net, inputs, str(path), dynamo=False, opset_version=opset, input_names=["input"] if len(inputs) == 1 else None, output_names=["logits"], **axes, **options)


def export_pt2(net, inputs, path, dynamic=True):
    shapes = tuple({0: torch.export.Dim("batch")} for _ in inputs) if dynamic else None
    torch.export.save(torch.export.export(net, inputs, dynamic_shapes=shapes), str(path))


def run_onnx(path, *inputs):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs)})[0]


def tensor_names(net):
    found = {id(m): name for name, m in net.named_modules()}
    conv, hidden, output, norms = parts(net)
    names = {}
    for role, layer in [("convolution", conv), ("hidden", hidden), ("output", output)]:
        names[role] = {"weights": f"{found[id(layer)]}.weight", "bias": f"{found[id(layer)]}.bias" if layer.bias is not None else "none"}
    return names


# ---------------------------------------------------------------------------------------------------------------- tiny


# Names of the files that are committed; all others are made when they are wanted.
KEPT = [
    "*.torchscript.onnx", "*.safetensors", "[!p]*.pt", "paper.legacy.pth", "paper.transposed-view.legacy.pth", "paper.pt", "pooled.pt",
    *(f"paper.{name}.pt" for name in [
        "channels-last", "transposed-view", "sliced-view", "checkpoint", "data-parallel", "parameters", "half", "bfloat16", "float64", "whole-module", "protocol4", "torchscript", "tied",
    ]),
    "paper.pt2", "batch-norm.pt2", "paper.transposed-view.pt2", "paper.tied.pt2",
    *(f"{name}.dynamo.onnx" for name in [
        "paper", "normalised", "batch-norm", "batch-norm-no-bias", "pooled", "paper.static", "paper.opset18", "paper.bfloat16",
        "permuted-flatten", "global-pool", "silu", "product", "colour", "grouped", "two-inputs", "batch-norm.training",
    ]),
]


def tiny(out: pathlib.Path) -> None:
    index = reference.Index("torch", f"torch {torch.__version__.split('+')[0]}", out, KEPT)
    pixels = reference.tiny_pixels()
    scaled = torch.from_numpy(pixels.astype(numpy.float32) / 255)[:, None]

    def every_format(name, net, shape, inside=None, pool=None, note=None, **independent_options):
        fill(net, name)
        logits, layers = outputs(net, scaled)
        seen = scaled[:, 0].numpy().astype(numpy.float64)
        if inside:
            seen = seen * inside[0] + inside[1]
        agree(name, logits, independent(net, seen, pool=pool or 1, **independent_options))
        predictions = f"{name}.predictions.npz"
        reference.save_predictions(index.path(predictions), pixels, scaled.numpy(), logits, layers if name in ("paper", "normalised", "batch-norm", "pooled") else {}, compressed=True)
        state = net.state_dict()
        weights = dict(kind="weights", architecture=shape, predictions=predictions, inside=inside, pool=pool, flatten="channels-first", tensors=tensor_names(net), note=note)
        graph = dict(kind="graph", architecture=shape, predictions=predictions, inside=inside, pool=pool, note=note)
        torch.save(state, index.path(f"{name}.pt"))
        torch.save(state, index.path(f"{name}.legacy.pth"), _use_new_zipfile_serialization=False)
        safetensors.torch.save_file(state, index.path(f"{name}.safetensors"))
        for file in [f"{name}.pt", f"{name}.legacy.pth", f"{name}.safetensors"]:
            index.add(file, **weights)
        export_pt2(net, (scaled,), index.path(f"{name}.pt2"))
        agree(f"{name}.pt2", torch.export.load(str(index.path(f"{name}.pt2"))).module()(scaled).detach(), logits)
        index.add(f"{name}.pt2", **graph)
        export_dynamo(net, (scaled,), index.path(f"{name}.dynamo.onnx"), dynamic=True)
        export_torchscript(net, (scaled,), index.path(f"{name}.torchscript.onnx"))
        for file in [f"{name}.dynamo.onnx", f"{name}.torchscript.onnx"]:
            agree(file, run_onnx(index.path(file), scaled), logits)
            index.add(file, **graph)
        return net, logits, weights, graph

    plain = lambda **more: architecture(**more)
    paper, logits, weights, graph = every_format("paper", Paper(), plain(leading=1), leading=1)
    every_format("normalised", Normalised(), plain(), inside=(1 / STD, -MEAN / STD))
    normed, *_ = every_format("batch-norm", Normed(), plain(leading=1, trailing=1), leading=1, trailing=1)
    every_format("batch-norm-no-bias", Normed(conv_bias=False), plain(leading=1, trailing=1), leading=1, trailing=1)
    every_format("pooled", Pooled(), plain(), pool=2)
    every_format("sequential", sequential(), plain(leading=1, trailing=1), leading=1, trailing=1)

    # The paper's network in the other forms that torch saves.
    state = paper.state_dict()
    p = dict(weights)

    def saved(name, value, note=None, tolerance=None, kind=None, refused=None, **options):
        torch.save(value, index.path(name), **options)
        entry = dict(p, note=note, tolerance=tolerance)
        if refused:
            entry = dict(kind="weights", refused=refused, note=note)
        index.add(name, **entry)

    # `contiguous(memory_format=...)` changes nothing where there is one input channel; `to` of a module gives other strides.
    channels_last = {k: v.clone() for k, v in Paper().to(memory_format=torch.channels_last).state_dict().items()}
    for key, value in channels_last.items():
        value.copy_(state[key])
    saved("paper.channels-last.pt", channels_last, note=f"strides {channels_last['conv.weight'].stride()}")
    # A transposed view and a slice: right only where strides and offsets are read.
    views = dict(state)
    views["fc1.weight"] = state["fc1.weight"].t().contiguous().t()
    wide = torch.zeros(6, 80)
    wide[:, 5:77] = state["fc1.weight"]
    saved("paper.transposed-view.pt", views, note="fc1.weight has strides (1, 6)")
    saved("paper.sliced-view.pt", dict(state, **{"fc1.weight": wide[:, 5:77]}), note="fc1.weight is a slice of a storage of [6, 80], offset 5")
    saved("paper.transposed-view.legacy.pth", views, note="fc1.weight has strides (1, 6)", _use_new_zipfile_serialization=False)
    optimiser = torch.optim.Adam(paper.parameters())
    paper.train()
    copy = {k: v.clone() for k, v in state.items()}
    F.cross_entropy(paper(scaled), torch.arange(8) % 3).backward()
    optimiser.step()
    paper.load_state_dict(copy)
    paper.eval()
    checkpoint = {"epoch": 3, "model_state_dict": copy, "optimizer_state_dict": optimiser.state_dict(), "loss": 0.25}
    in_checkpoint = {r: {k: (v if v == "none" else f"model_state_dict.{v}") for k, v in t.items()} for r, t in p["tensors"].items()}
    saved("paper.checkpoint.pt", checkpoint, note="a checkpoint; the optimiser's tensors have the shapes of the network's")
    saved("paper.lightning.ckpt", {"epoch": 3, "global_step": 9, "pytorch-lightning_version": "2.5.0", "state_dict": {f"model.{k}": v for k, v in copy.items()}, "optimizer_states": [optimiser.state_dict()], "hyper_parameters": {"lr": 0.001}}, note="the layout of a Lightning checkpoint, written by torch.save; names begin with `model.`")
    saved("paper.data-parallel.pt", nn.DataParallel(paper).state_dict(), note="names begin with `module.`")
    saved("paper.parameters.pt", {k: nn.Parameter(v) for k, v in copy.items()}, note="nn.Parameter objects, not tensors")
    permuted = {k: v.numpy() for k, v in copy.items()}
    permuted["fc1.weight"] = numpy.ascontiguousarray(permuted["fc1.weight"].T).T
    safetensors.numpy.save_file(permuted, index.path("paper.memory-order.safetensors"))
    index.add("paper.memory-order.safetensors", **dict(p, note="safetensors.numpy wrote fc1.weight's memory, [in, out], under its shape, [out, in]: values lie in wrong places"))
    saved("paper.half.pt", {k: v.half() for k, v in copy.items()}, tolerance=0.02)
    saved("paper.bfloat16.pt", {k: v.bfloat16() for k, v in copy.items()}, tolerance=0.1)
    saved("paper.float64.pt", {k: v.double() for k, v in copy.items()})
    safetensors.torch.save_file({k: v.bfloat16() for k, v in copy.items()}, index.path("paper.bfloat16.safetensors"))
    index.add("paper.bfloat16.safetensors", **dict(p, tolerance=0.1))
    saved("paper.whole-module.pt", paper, note="torch.save(model): a pickle that names the class __main__.Paper")
    saved("paper.whole-module.legacy.pth", paper, note="torch.save(model) before 1.6's zip", _use_new_zipfile_serialization=False)
    saved("paper.protocol4.pt", copy, pickle_protocol=4)
    saved("list.pt", list(copy.values()), note="a list of tensors without names")
    torch.jit.save(torch.jit.trace(paper, scaled), index.path("paper.torchscript.pt"))
    index.add("paper.torchscript.pt", **dict(p, note="a TorchScript archive (torch.jit.trace)"))
    torch.jit.save(torch.jit.script(paper), index.path("paper.scripted.pt"))
    index.add("paper.scripted.pt", **dict(p, note="a TorchScript archive (torch.jit.script)"))

    tied = Tied()
    tied.load_state_dict(copy | {f"head.{k}": copy[f"fc2.{k}"] for k in ("weight", "bias")})
    saved("paper.tied.pt", tied.state_dict(), note="head.* and fc2.* share one storage")
    tied.eval()
    export_pt2(tied, (scaled,), index.path("paper.tied.pt2"))
    index.add("paper.tied.pt2", **dict(graph, note="head.* and fc2.* share one path in the archive"))
    export_pt2(paper, (scaled,), index.path("paper.static.pt2"), dynamic=False)
    index.add("paper.static.pt2", **dict(graph, note="the batch of 8 is fixed"))

    transposed = Paper()
    transposed.load_state_dict(copy)
    transposed.fc1.weight = nn.Parameter(copy["fc1.weight"].t().contiguous().t())
    transposed.eval()
    try:
        export_pt2(transposed, (scaled,), index.path("paper.transposed-view.pt2"))
        index.add("paper.transposed-view.pt2", **dict(graph, note="fc1.weight has strides (1, 6)"))
    except Exception as error:
        print("transposed .pt2:", error)

    # ONNX: batch fixed, one file, opsets.
    export_dynamo(paper, (scaled[:1],), index.path("paper.static.dynamo.onnx"))
    agree("static", run_onnx(index.path("paper.static.dynamo.onnx"), scaled[:1]), logits[:1])
    index.add("paper.static.dynamo.onnx", **dict(graph, note="the batch of 1 is fixed"))
    torch.onnx.export(paper, (scaled,), str(index.path("paper.one-file.dynamo.onnx")), dynamo=True, external_data=False, verbose=False)
    index.add("paper.one-file.dynamo.onnx", **dict(graph, note="external_data=False; the batch of 8 is fixed"))
    export_torchscript(paper, (scaled[:1],), index.path("paper.static.torchscript.onnx"), dynamic=False)
    index.add("paper.static.torchscript.onnx", **dict(graph, note="the batch of 1 is fixed"))
    for opset in (18, 22, 24):
        name = f"paper.opset{opset}.dynamo.onnx"
        try:
            export_dynamo(paper, (scaled,), index.path(name), opset=opset)
            agree(name, run_onnx(index.path(name), scaled), logits)
            index.add(name, **dict(graph, note=f"opset {opset}"))
        except Exception as error:
            print(name, repr(error)[:300])
    for opset in (9, 11, 13, 20):
        name = f"paper.opset{opset}.torchscript.onnx"
        try:
            export_torchscript(paper, (scaled,), index.path(name), opset=opset)
            agree(name, run_onnx(index.path(name), scaled), logits)
            index.add(name, **dict(graph, note=f"opset {opset}"))
        except Exception as error:
            print(name, repr(error)[:300])
    training = fill(Normed(), "batch-norm")
    export_torchscript(training, (scaled,), index.path("batch-norm.unfolded.torchscript.onnx"), do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
    agree("unfolded", run_onnx(index.path("batch-norm.unfolded.torchscript.onnx"), scaled), outputs(normed, scaled)[0])
    index.add("batch-norm.unfolded.torchscript.onnx", kind="graph", architecture=plain(leading=1, trailing=1), predictions="batch-norm.predictions.npz", note="no constant folding")

    # A training-mode export: BatchNorm uses the batch's own statistics there.
    half = Paper()
    half.load_state_dict(copy)
    half = half.half().eval()
    for name, export in [("paper.half.dynamo.onnx", export_dynamo), ("paper.half.torchscript.onnx", export_torchscript), ("paper.half.pt2", export_pt2)]:
        try:
            export(half, (scaled.half(),), index.path(name))
            index.add(name, **dict(graph, tolerance=0.02))
        except Exception as error:
            print(name, repr(error)[:300])
    brain = Paper()
    brain.load_state_dict(copy)
    brain = brain.bfloat16().eval()
    for name, export in [("paper.bfloat16.dynamo.onnx", export_dynamo), ("paper.bfloat16.pt2", export_pt2)]:
        try:
            export(brain, (scaled.bfloat16(),), index.path(name))
            index.add(name, **dict(graph, tolerance=0.1))
        except Exception as error:
            print(name, repr(error)[:300])

    # Other ways to write the same networks.
    conv = lambda **more: nn.Conv2d(1, 2, 3, **({"stride": 2} | more))
    square = lambda x: x * x
    head = lambda m, x: m.fc2(square(m.fc1(torch.flatten(x, 1))))

    def variant(name, net, expected, inputs=scaled, forms=None, reference_logits=None, **entry):
        # `.pt2` is large: of the networks that are refused, only some are saved so.
        forms = forms or (("dynamo.onnx",) if "refused" in expected else ("pt2", "dynamo.onnx", "torchscript.onnx"))
        fill(net, name)
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        with torch.no_grad():
            result = net(*given).numpy()
        if reference_logits is not None:
            agree(name, result, reference_logits(net))
        predictions = None
        if "refused" not in expected:
            predictions = f"{name}.predictions.npz"
            reference.save_predictions(index.path(predictions), pixels, given[0].numpy(), result, compressed=True)
        for form in forms:
            file = f"{name}.{form}"
            export = {"pt2": export_pt2, "dynamo.onnx": export_dynamo, "torchscript.onnx": export_torchscript}[form]
            try:
                export(net, given, index.path(file))
                if form != "pt2":
                    agree(file, run_onnx(index.path(file), *given), result, 1e-4)
            except Exception as error:
                print(file, repr(error)[:300])
                continue
            index.add(file, kind="graph", predictions=predictions, **expected, **entry)

    seen = scaled[:, 0].numpy()
    dense = lambda inputs=50, bias=True: dict(fc1=nn.Linear(inputs, 6, bias=bias), fc2=nn.Linear(6, 3, bias=bias))
    variant("softmax", Graph(lambda m, x: torch.softmax(head(m, square(m.conv(x))), 1), conv=conv(), **dense()), dict(architecture=plain()), note="logits are probabilities here",
            reference_logits=lambda net: reference.softmax(independent(net, seen)))
    variant("log-softmax", Graph(lambda m, x: F.log_softmax(head(m, square(m.conv(x))), dim=1), conv=conv(), **dense()), dict(architecture=plain()), note="logits are logarithms of probabilities here",
            reference_logits=lambda net: numpy.log(reference.softmax(independent(net, seen))))
    variant("scaled-inside", Graph(lambda m, x: head(m, square(m.conv(x * 2 - 1))), conv=conv(), **dense()), dict(architecture=plain()), inside=(2.0, -1.0),
            reference_logits=lambda net: independent(net, seen * 2.0 - 1))
    variant("padded-then-normalised", Graph(lambda m, x: head(m, square(m.conv((F.pad(x, (1, 1, 1, 1)) - MEAN) / STD))), conv=conv(), **dense(72)), dict(architecture=plain(leading=1, trailing=1)), inside=(1 / STD, -MEAN / STD),
            note="padding is blank pixels", reference_logits=lambda net: independent(net, (numpy.pad(seen, [(0, 0), (1, 1), (1, 1)]) - MEAN) / STD))
    variant("normalised-then-padded", Graph(lambda m, x: head(m, square(m.conv((x - MEAN) / STD))), conv=conv(padding=1), **dense(72)),
            dict(architecture=plain(leading=1, trailing=1)), inside=(1 / STD, -MEAN / STD), note="padding is 0 where a blank pixel is not: no single bias is right for a map; may be refused",
            reference_logits=lambda net: independent(net, (seen - MEAN) / STD, leading=1, trailing=1))
    variant("half-of-square", Graph(lambda m, x: m.fc2(0.5 * m.fc1(torch.flatten(0.25 * m.conv(x).pow(2) + 0.125, 1)) ** 2), conv=conv(), **dense()), dict(architecture=plain()),
            note="a square scaled and offset: affine after the square")
    variant("polynomial", Graph(lambda m, x: m.fc2((lambda z: z * z + z)(m.fc1(torch.flatten(square(m.conv(x)), 1)))), conv=conv(), **dense()), dict(architecture=plain()),
            note="z * z + z is (z + 1/2) ** 2 - 1/4: exact with an offset; may be refused")
    variant("batch-norm-after", Graph(lambda m, x: m.fc2(m.bn2(square(m.fc1(torch.flatten(m.bn1(square(m.conv(x))), 1))))), conv=conv(), bn1=nn.BatchNorm2d(2), bn2=nn.BatchNorm1d(6), **dense()), dict(architecture=plain()),
            note="BatchNorm after the squares")
    variant("batch-norm-not-affine", Graph(lambda m, x: head(m, square(m.bn1(m.conv(x)))), conv=conv(bias=False), bn1=nn.BatchNorm2d(2, affine=False, eps=0.01), **dense()), dict(architecture=plain()), note="no gamma and beta; eps 0.01")
    variant("adaptive-pool", Graph(lambda m, x: head(m, F.adaptive_avg_pool2d(square(m.conv(x)), 3)), conv=conv(padding=1), **dense(18)), dict(architecture=plain(leading=1, trailing=1)), pool=2, note="adaptive pooling of 6x6 to 3x3",
            reference_logits=lambda net: independent(net, seen, leading=1, trailing=1, pool=2))
    variant("global-pool", Graph(lambda m, x: head(m, square(m.conv(x)).mean((2, 3))), conv=conv(), **dense(2)), dict(architecture=plain()), note="mean over rows and columns")
    variant("overlapping-pool", Graph(lambda m, x: head(m, F.avg_pool2d(square(m.conv(x)), 3, stride=1, padding=1)), conv=conv(), **dense()), dict(architecture=plain()), note="overlapping windows with zeros around, which count")
    variant("linear-head", Graph(lambda m, x: m.fc3(m.fc2(square(m.fc1(torch.flatten(square(m.conv(x)), 1))))), conv=conv(), **dense(), fc3=nn.Linear(3, 4)), dict(architecture=plain(classes=4)), note="two dense layers without an activation between them: one linear map")
    variant("flat-input", Graph(lambda m, x: head(m, square(m.conv(x.view(-1, 1, 12, 12)))), conv=conv(), **dense()), dict(architecture=plain()), inputs=scaled.reshape(8, 144), note="input is [batch, 144]")
    variant("permuted-flatten", Graph(lambda m, x: head(m, square(m.conv(x)).permute(0, 2, 3, 1)), conv=conv(), **dense()), dict(architecture=plain()), note="flattened row, column, map",
            reference_logits=lambda net: independent_last(net, seen))
    variant("dilated", Graph(lambda m, x: head(m, square(m.conv(x))), conv=conv(dilation=2), **dense(32)), dict(refused="dilat"), note="a dilated 3x3 kernel is a 5x5 kernel with zeros; may be imported")
    variant("colour", Graph(lambda m, x: head(m, square(m.conv(x))), conv=nn.Conv2d(3, 2, 3, stride=2), **dense()), dict(refused="channel"), inputs=torch.from_numpy(reference.tiny_pixels(3).astype(numpy.float32) / 255).permute(0, 3, 1, 2).contiguous())
    variant("grouped", Graph(lambda m, x: head(m, square(m.conv(x))), conv=nn.Conv2d(2, 2, 3, stride=2, groups=2), **dense()), dict(refused="channel"), inputs=torch.cat([scaled, 1 - scaled], 1))
    variant("relu", Graph(lambda m, x: m.fc2(F.relu(m.fc1(torch.flatten(F.relu(m.conv(x)), 1)))), conv=conv(), **dense()), dict(refused="relu"), forms=("pt2", "dynamo.onnx", "torchscript.onnx"))
    variant("relu-second", Graph(lambda m, x: m.fc2(F.relu(m.fc1(torch.flatten(square(m.conv(x)), 1)))), conv=conv(), **dense()), dict(refused="relu"))
    variant("elu", Graph(lambda m, x: head(m, F.elu(m.conv(x))), conv=conv(), **dense()), dict(refused="elu"))
    variant("gelu", Graph(lambda m, x: head(m, F.gelu(m.conv(x))), conv=conv(), **dense()), dict(refused="gelu"), forms=("dynamo.onnx",))
    variant("silu", Graph(lambda m, x: head(m, F.silu(m.conv(x))), conv=conv(), **dense()), dict(refused="silu"), note="x * sigmoid(x) in ONNX: a Mul that is no square")
    variant("cube", Graph(lambda m, x: head(m, m.conv(x) ** 3), conv=conv(), **dense()), dict(refused="pow"))
    variant("max-pool", Graph(lambda m, x: head(m, F.max_pool2d(square(m.conv(x)), 2)), conv=conv(), **dense(8)), dict(refused="max"), forms=("pt2", "dynamo.onnx", "torchscript.onnx"))
    variant("two-convolutions", Graph(lambda m, x: head(m, square(m.conv2(square(m.conv(x))))), conv=conv(), conv2=nn.Conv2d(2, 2, 3), **dense(18)), dict(refused="conv2"), forms=("pt2", "dynamo.onnx", "torchscript.onnx"))
    variant("three-squares", Graph(lambda m, x: m.fc3(square(head(m, square(m.conv(x))))), conv=conv(), **dense(), fc3=nn.Linear(3, 3)), dict(refused="square"), forms=("pt2", "dynamo.onnx", "torchscript.onnx"))
    variant("one-square", Graph(lambda m, x: m.fc2(m.fc1(torch.flatten(square(m.conv(x)), 1))), conv=conv(), **dense()), dict(refused="square"))
    variant("product", Graph(lambda m, x: head(m, m.conv(x) * m.gate(x)), conv=conv(), gate=conv(), **dense()), dict(refused="mul"), note="a product of two different maps is no square", forms=("pt2", "dynamo.onnx", "torchscript.onnx"))
    variant("two-inputs", PairGraph(lambda m, x, y: head(m, square(m.conv(x + y))), conv=conv(), **dense()), dict(refused="input"), inputs=(scaled, scaled / 2), forms=("pt2", "dynamo.onnx", "torchscript.onnx"))
    variant("oblong-kernel", Graph(lambda m, x: head(m, square(m.conv(x))), conv=nn.Conv2d(1, 2, (3, 5), stride=2), **dense(40)), dict(refused="kernel"))
    variant("oblong-stride", Graph(lambda m, x: head(m, square(m.conv(x))), conv=nn.Conv2d(1, 2, 3, stride=(2, 3)), **dense(40)), dict(refused="stride"))
    variant("circular", Graph(lambda m, x: head(m, square(m.conv(x))), conv=conv(padding=1, padding_mode="circular"), **dense(72)), dict(refused="pad"), note="circular padding")
    variant("reflected", Graph(lambda m, x: head(m, square(m.conv(F.pad(x, (1, 1, 1, 1), mode="reflect")))), conv=conv(), **dense(72)), dict(refused="pad"))
    variant("padded-with-ones", Graph(lambda m, x: head(m, square(m.conv(F.pad(x, (1, 1, 1, 1), value=1.0)))), conv=conv(), **dense(72)), dict(refused="pad"))
    variant("no-convolution", Graph(lambda m, x: head(m, x), **dense(144)), dict(refused="conv"))
    variant("residual", Graph(lambda m, x: head(m, square(m.conv(x)) + m.skip(x)), conv=conv(), skip=conv(), **dense()), dict(refused="add"))
    export_in_training_mode(index, scaled)
    index.write()


def export_in_training_mode(index, scaled) -> None:
    """Exports without `eval()`: BatchNorm takes the batch's own statistics, and dropout is active."""
    for form, export in [("pt2", export_pt2), ("dynamo.onnx", export_dynamo), ("torchscript.onnx", export_torchscript)]:
        net = fill(Normed(), "batch-norm").train()
        options = {"training": torch.onnx.TrainingMode.TRAINING, "do_constant_folding": False} if form == "torchscript.onnx" else {}
        name = f"batch-norm.training.{form}"
        try:
            export(net, (scaled,), index.path(name), **options)
        except Exception as error:
            print(name, repr(error)[:300])
            continue
        index.add(name, kind="graph", refused="train", note="exported without eval(). In .pt2 and TorchScript's ONNX, BatchNorm takes the batch's own statistics; dynamo's has it folded with the running ones, and an active Dropout: may be imported")


def independent_last(net, inputs):
    conv, hidden, output, _ = parts(net)
    return reference.forward(inputs, array(conv.weight)[:, 0], array(conv.bias), array(hidden.weight), array(hidden.bias), array(output.weight), array(output.bias), stride=2, flatten="channels-last")


# ---------------------------------------------------------------------------------------------------------------- full


def train(net, images, labels, outside, epochs, seed):
    torch.manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    net.train()
    for _ in range(epochs):
        order = torch.randperm(len(images))
        for start in range(0, len(images), 32):
            part = order[start : start + 32]
            optimiser.zero_grad()
            F.cross_entropy(net(outside(images[part])), labels[part]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
    return net.eval()


def full(mnist: pathlib.Path, out: pathlib.Path, images: int, epochs: int) -> None:
    torch.set_num_threads(1)
    train_images, train_labels, test_images, test_labels = reference.read_mnist(mnist)
    scaled = lambda bytes_: torch.from_numpy(bytes_.astype(numpy.float32) / 255)[:, None]
    networks = {
        "a-paper": (lambda: Paper(5, 5, 2, 28, 100, 10), dict(leading=1), None, None, architecture(1, 0, side=28, kernel=5, stride=2, maps=5, hidden=100, classes=10)),
        "b-normalised": (lambda: Normalised(4, 3, 3, 28, 32, 10), {}, (1 / STD, -MEAN / STD), None, architecture(side=28, kernel=3, stride=3, maps=4, hidden=32, classes=10)),
        "c-batch-norm": (lambda: Normed(5, 5, 2, 2, 28, 64, 10), dict(leading=2, trailing=2), None, None, architecture(2, 2, side=28, kernel=5, stride=2, maps=5, hidden=64, classes=10)),
        "d-pooled": (lambda: Pooled(5, 5, 2, 28, 64, 10), dict(pool=2), None, 2, architecture(side=28, kernel=5, stride=2, maps=5, hidden=64, classes=10)),
        # Normalised outside the model, as torchvision.transforms.Normalize does.
        "e-normalised-outside": (lambda: Normed(5, 5, 2, 0, 28, 64, 10), {}, None, None, architecture(side=28, kernel=5, stride=2, maps=5, hidden=64, classes=10)),
    }
    for name, (make, options, inside, pool, shape) in networks.items():
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(5)
        outside = (lambda x: (x - MEAN) / STD) if name.startswith("e-") else (lambda x: x)
        net = train(make(), scaled(train_images[:images]), torch.from_numpy(train_labels[:images].astype(numpy.int64)), outside, epochs, 7)
        with torch.no_grad():
            accuracy = float((net(outside(scaled(test_images[:2000]))).argmax(1).numpy() == test_labels[:2000]).mean())
        inputs = outside(scaled(test_images[:64]))
        logits, layers = outputs(net, inputs)
        seen = inputs[:, 0].numpy().astype(numpy.float64)
        if inside:
            seen = seen * inside[0] + inside[1]
        agree(name, logits, independent(net, seen, **options))
        state = net.state_dict()
        torch.save(state, folder / "net.pt")
        torch.save(state, folder / "net.pth")
        torch.save(state, folder / "net.legacy.pth", _use_new_zipfile_serialization=False)
        safetensors.torch.save_file(state, folder / "net.safetensors")
        export_pt2(net, (inputs,), folder / "net.pt2")
        export_dynamo(net, (inputs[:1],), folder / "net.dynamo.onnx")
        export_dynamo(net, (inputs,), folder / "net.dynamic.dynamo.onnx", dynamic=True)
        export_torchscript(net, (inputs,), folder / "net.torchscript.onnx")
        agree(name, run_onnx(folder / "net.torchscript.onnx", inputs), logits)
        agree(name, run_onnx(folder / "net.dynamic.dynamo.onnx", inputs), logits)
        facts = {
            "framework": f"torch {torch.__version__}", "accuracy_on_first_2000_test_images": accuracy, "architecture": shape,
            "normalisation_outside_the_model": f"(byte / 255 - {MEAN}) / {STD}" if name.startswith("e-") else "byte / 255",
            "normalisation_inside_the_model": f"(x - {MEAN}) / {STD}" if inside else None, "average_pooling": pool, "tensors": tensor_names(net),
        }
        reference.save_full(folder, test_images[:64], inputs.numpy(), logits, layers, facts)
        print(name, accuracy, float(numpy.abs(logits).max()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["tiny", "full"])
    parser.add_argument("--mnist", type=pathlib.Path, default=pathlib.Path("data/mnist"))
    parser.add_argument("--out", type=pathlib.Path, help="default: results/import-files/tiny, or results/import-files/full/torch")
    parser.add_argument("--images", type=int, default=30000)
    parser.add_argument("--epochs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.what == "tiny":
        sys.exit(tiny(arguments.out or reference.TINY_OUT))
    sys.exit(full(arguments.mnist, arguments.out or reference.FULL_OUT / "torch", arguments.images, arguments.epochs))

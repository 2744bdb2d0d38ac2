"""Writes the encoder and the decoder as ONNX files, layer by layer, and checks what onnxruntime computes with them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from core import packages
from core.errors import RunError
from core.standalone.model import Autoencoder

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, ValueInfoProto

OPSET, IR_VERSION = 17, 8  # of 2022: what runs ONNX files at all knows them
TOLERANCE = 1e-4
IMAGES = (1, 32, 32)
NEEDED = packages.needs("ONNX files need", "onnx")


def encoder_and_decoder(model: Autoencoder) -> dict[str, bytes]:
    """The files by their names; batches are of any size. Raises RunError.

    PyTorch's own exporter takes a quarter of a minute for each and changes with its releases; the networks are chains
    of five kinds of layers.
    """
    if not all(map(find_spec, ("onnx", "onnxruntime"))):
        raise RunError(NEEDED)
    outputs = ("mean",) if model.preset == "ae" else ("mean", "log_variance")
    encoder, decoder = Graph("images", IMAGES), Graph("latents", model.latent_shape)
    encoder.add_encoder(model)
    decoder.add_decoder(model)
    files = {
        "encoder.onnx": encoder.file(outputs, model.latent_shape),
        "decoder.onnx": decoder.file(("images",), IMAGES),
    }
    generator = torch.Generator().manual_seed(0)
    for count in (1, 3):
        images, latents = (torch.rand(count, *shape, generator=generator) for shape in (IMAGES, model.latent_shape))
        with torch.no_grad():
            check(files["encoder.onnx"], {"images": images}, model.encode(images)[: len(outputs)])
            check(files["decoder.onnx"], {"latents": latents}, (model.decode(latents),))
    return files


class Graph:
    """Nodes that follow each other, and the numbers that they hold."""

    def __init__(self, given: str, shape: tuple[int, ...]) -> None:
        self._given, self._shape, self._count = given, shape, 0
        self._nodes: list[NodeProto] = []
        self._numbers: list[TensorProto] = []

    def add(self, kind: str, *inputs: str, outputs: tuple[str, ...] = (), **attributes: Any) -> str:
        """A node of this kind; the name of its first output."""
        from onnx import helper

        self._count += 1
        names = outputs or (f"{kind}_{self._count}",)
        self._nodes.append(helper.make_node(kind, inputs, names, f"node_{self._count}", **attributes))
        return names[0]

    def hold(self, name: str, numbers: Tensor) -> str:
        """Numbers under a name."""
        from onnx import numpy_helper

        self._numbers.append(numpy_helper.from_array(numbers.detach().cpu().numpy(), name))
        return name

    def add_encoder(self, model: Autoencoder) -> None:
        """What `Autoencoder.encode` computes."""
        h = self.add_layers(model.encoder, self._given)
        if model.preset == "ae":
            self.name_last("mean", h)
            return
        if model.preset == "vae":
            h = self.add_layers(model.head, h, "head")
            self.add("Split", h, outputs=("mean", "unbound"), axis=1)
            self.clip("unbound", "log_variance", -30.0, 20.0)
            return
        self.add("Split", h, outputs=("mean", "deviation"), axis=1)
        square = self.add("Mul", "deviation", "deviation")
        self.add("Log", self.clip(square, "variance", 1e-6), outputs=("log_variance",))

    def add_decoder(self, model: Autoencoder) -> None:
        """What `Autoencoder.decode` computes."""
        value = self.add_layers(model.decoder, self._given)
        if model.likelihood == "bernoulli":
            inside = nn.functional.pad(torch.ones(1, 1, 28, 28), (2, 2, 2, 2))
            value = self.add("Mul", self.add("Sigmoid", value), self.hold("inside", inside))
        self.name_last("images", value)

    def clip(self, value: str, name: str, *bounds: float) -> str:
        """A value that is kept above the first bound and below the second one."""
        held = [self.hold(f"{name}_bound_{at}", torch.tensor(bound)) for at, bound in enumerate(bounds)]
        return self.add("Clip", value, *held, outputs=(name,))

    def name_last(self, name: str, value: str) -> None:
        """Give a value the name by which it leaves the graph."""
        self.add("Identity", value, outputs=(name,))

    def add_layers(self, layers: nn.Module, value: str, prefix: str = "layer") -> str:
        """What layers that follow each other make of a value."""
        leaves = [(name or prefix, leaf) for name, leaf in layers.named_modules() if not list(leaf.children())]
        for name, leaf in leaves:
            match leaf:
                case nn.Conv2d():
                    held = [self.hold(f"{name}.{part}", numbers) for part, numbers in leaf.named_parameters()]
                    side = leaf.kernel_size[0]
                    value = self.add("Conv", value, *held, kernel_shape=[side, side], pads=[side // 2] * 4)
                case nn.BatchNorm2d():
                    parts = ("weight", "bias", "running_mean", "running_var")
                    held = [self.hold(f"{name}.{part}", getattr(leaf, part)) for part in parts]
                    value = self.add("BatchNormalization", value, *held, epsilon=leaf.eps)
                case nn.LeakyReLU():
                    value = self.add("LeakyRelu", value, alpha=leaf.negative_slope)
                case nn.MaxPool2d():
                    value = self.add("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2])
                case nn.Upsample():
                    scales = self.hold(f"{name}.scales", torch.tensor([1.0, 1.0, 2.0, 2.0]))
                    how: dict[str, Any] = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
                    value = self.add("Resize", value, "", scales, mode="nearest", **how)
                case _:
                    raise NotImplementedError(f"{name} is a {type(leaf).__name__}")
        return value

    def file(self, outputs: tuple[str, ...], shape: tuple[int, ...]) -> bytes:
        """The graph as the bytes of a file."""
        import onnx
        from onnx import TensorProto, helper

        def value(name: str, shape: tuple[int, ...]) -> ValueInfoProto:
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])

        given, made = [value(self._given, self._shape)], [value(name, shape) for name in outputs]
        graph = helper.make_graph(self._nodes, "vae-tui", given, made, self._numbers)
        model = helper.make_model(graph, producer_name="vae-tui", opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content


def check(content: bytes, given: dict[str, Tensor], expected: tuple[Tensor | None, ...]) -> None:
    """Raise RunError unless onnxruntime computes what PyTorch does; log-variances are compared as deviations."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    computed = session.run(None, {name: numbers.numpy() for name, numbers in given.items()})
    for output, numbers, right in zip(session.get_outputs(), computed, expected, strict=True):
        assert right is not None
        pair = torch.from_numpy(numbers), right
        found, wanted = (torch.exp(0.5 * each) if output.name == "log_variance" else each for each in pair)
        error = ((found - wanted).abs() / wanted.abs().clamp(min=1.0)).max().item()
        if not error <= TOLERANCE:
            raise RunError(f"onnxruntime {onnxruntime.__version__} is {error:.1e} off what PyTorch computes")

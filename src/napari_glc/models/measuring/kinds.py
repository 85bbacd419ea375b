"""Which networks measures look through, and where their authors publish them. No torch at import."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...errors import OptionError
from ..published import PublishedModel

__all__ = ["NETWORKS", "NetworkKind", "Shapes", "network_kind"]

Shapes = dict[str, tuple[int, ...]]

_TORCHVISION = "https://github.com/pytorch/vision"
_LPIPS = "https://github.com/richzhang/PerceptualSimilarity"
_DISTS = "https://github.com/dingkeyan93/DISTS"
_FID = "https://github.com/mseitzer/pytorch-fid"


@dataclass(frozen=True, kw_only=True)
class NetworkKind:
    """One network, or what weighs its features.

    Attributes
    ----------
    shapes
        Of its tensors, by our keys.
    signature
        Keys of ours that tell it, with those shapes, from the other kinds.
    published
        Where it is, and what it is called here.
    other_versions
        SHA-256 of published files that look the same and are not, and what they are.
    """

    shapes: Callable[[], Shapes]
    signature: tuple[str, ...]
    published: PublishedModel
    other_versions: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """What it is called, here and in files."""
        return self.published.name

    @property
    def title(self) -> str:
        """In words."""
        return self.published.title

    @property
    def by_hand(self) -> str:
        """What to do without a connection."""
        told = self.published
        size = f" (about {told.megabytes} MB)" if told.megabytes else ""
        return f"fetch {told.file}{size} by hand from {told.page} and run: glc models import {told.file}"


def _backbone_shapes(name: str) -> Callable[[], Shapes]:
    def shapes() -> Shapes:
        from ...networks.backbones import BACKBONES
        from ...networks.unfilled import unfilled

        with unfilled():
            return {key: tuple(tensor.shape) for key, tensor in BACKBONES[name]().state_dict().items()}

    return shapes


def _inception_shapes() -> Shapes:
    from ...networks.inception import InceptionFeatures
    from ...networks.unfilled import unfilled

    with unfilled():
        return {key: tuple(tensor.shape) for key, tensor in InceptionFeatures().state_dict().items()}


def _heads(name: str, file: str, sha256: str, older: str, widths: tuple[int, ...]) -> NetworkKind:
    return NetworkKind(
        shapes=lambda: {f"lin{layer}": (1, width, 1, 1) for layer, width in enumerate(widths)},
        # how many layers there are, and how wide the last ones are, tells which network they are for
        signature=tuple(f"lin{layer}" for layer in range(len(widths))),
        published=PublishedModel(
            name=name,
            title=f"weights of LPIPS 0.1 for {file.removesuffix('.pth')}",
            file=file,
            page=f"{_LPIPS}/tree/master/lpips/weights/v0.1",
            url=f"{_LPIPS}/raw/master/lpips/weights/v0.1/{file}",
            sha256=sha256,
            licence="BSD-2-Clause",
            saved_as=f"{name}.pth",
        ),
        other_versions=((older, "version 0.0 of LPIPS, which its authors withdrew"),),
    )


def _backbone(short: str, name: str, title: str, file: str, megabytes: int, signature: tuple[str, ...]) -> NetworkKind:
    return NetworkKind(
        shapes=_backbone_shapes(short),
        signature=signature,
        published=PublishedModel(
            name=name,
            title=f"{title} of torchvision, ImageNet",
            file=file,
            page=_TORCHVISION,
            url=f"https://download.pytorch.org/models/{file}",
            megabytes=megabytes,
            licence="BSD-3-Clause",
        ),
    )


NETWORKS: tuple[NetworkKind, ...] = (
    _backbone("alex", "alexnet", "AlexNet", "alexnet-owt-7be5be79.pth", 233, ("features.0.weight",)),
    _backbone("vgg", "vgg16", "VGG with 16 layers", "vgg16-397923af.pth", 528, ("features.0.weight",)),
    _backbone(
        *("squeeze", "squeezenet1_1", "SqueezeNet 1.1", "squeezenet1_1-b8a52dc0.pth", 5),
        ("features.0.weight", "features.3.squeeze.weight"),
    ),
    _heads(
        *("lpips-alex", "alex.pth"),
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
        "18720f55913d0af89042f13faa7e536a6ce1444a0914e6db9461355ece1e8cd5",
        (64, 192, 384, 256, 256),
    ),
    _heads(
        *("lpips-vgg", "vgg.pth"),
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
        "b9e4236260c3dd988fc79d2a48d645d885afcbb21f9fd595e6744cf7419b582c",
        (64, 128, 256, 512, 512),
    ),
    _heads(
        *("lpips-squeeze", "squeeze.pth"),
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        "c27abd3a0145541baa50990817df58d3759c3f8154949f42af3b59b4e042d0bf",
        (64, 128, 256, 384, 384, 512, 512),
    ),
    NetworkKind(
        shapes=lambda: {"alpha": (1, 1475, 1, 1), "beta": (1, 1475, 1, 1)},
        signature=("alpha", "beta"),
        published=PublishedModel(
            name="dists",
            title="weights of DISTS",
            file="weights.pt",
            page=f"{_DISTS}/tree/master/DISTS_pytorch",
            url=f"{_DISTS}/raw/master/DISTS_pytorch/weights.pt",
            sha256="f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
            licence="MIT",
            saved_as="dists.pt",
        ),
    ),
    NetworkKind(
        shapes=_inception_shapes,
        signature=("Conv2d_1a_3x3.conv.weight", "Mixed_7c.branch1x1.conv.weight"),
        published=PublishedModel(
            name="inception",
            title="Inception for FID and KID",
            file="pt_inception-2015-12-05-6726825d.pth",
            page=f"{_FID}/releases",
            url=f"{_FID}/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
            megabytes=91,
            licence="Apache-2.0",
        ),
    ),
)
"""All of them."""


def network_kind(name: str) -> NetworkKind:
    """The kind of a name.

    Raises
    ------
    OptionError
        If there is none, with those there are.
    """
    for kind in NETWORKS:
        if kind.name == name:
            return kind
    raise OptionError(f"no measure looks through {name!r}; there are {', '.join(kind.name for kind in NETWORKS)}")

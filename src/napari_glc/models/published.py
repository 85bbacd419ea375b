"""Checkpoints their authors publish, and where. Nothing of them is part of this package.

Pages are the authors'; addresses of files are theirs or those other projects use. Hashes are not the authors' (they
give none) but observed by several people who downloaded the file; where none is known to this project there is none
here, and what an import records is the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import OptionError

__all__ = ["PUBLISHED", "PublishedModel", "find_published"]


@dataclass(frozen=True, kw_only=True)
class PublishedModel:
    """One published checkpoint.

    Attributes
    ----------
    name
        What it is called once imported.
    title
        In words.
    file
        Name of the file at its authors'.
    page
        Where they publish it, for people.
    url
        Where the file itself is; empty if the authors give no such address.
    sha256
        Its hash; empty if not known.
    megabytes
        About how many; 0 if not known.
    licence
        The authors' terms.
    saved_as
        A name for the download, where the authors' says too little.
    """

    name: str
    title: str
    file: str
    page: str
    url: str = ""
    sha256: str = ""
    megabytes: int = 0
    licence: str
    saved_as: str = ""

    @property
    def local_file(self) -> str:
        """Name of the download."""
        return self.saved_as or self.file

    @property
    def by_hand(self) -> str:
        """What to do without a connection."""
        size = f" (about {self.megabytes} MB)" if self.megabytes else ""
        return (
            f"fetch {self.file}{size} by hand from {self.page} and run: "
            f"glc models import {self.local_file} --as {self.name}"
        )


_HEIBOX = "https://heibox.uni-heidelberg.de/d"
_CODEFORMER = "https://github.com/sczhou/CodeFormer/releases"

PUBLISHED = (
    PublishedModel(
        name="glc-image",
        title="GLC for natural images, f = 16, N = 256, 16384 codes, four rate points",
        file="GLC_image",
        page="https://github.com/jzyustc/GLC/releases",
        licence="Apache-2.0",
    ),
    PublishedModel(
        name="vqgan-f16-1024",
        title="VQGAN of taming-transformers, ImageNet, f = 16, 1024 codes",
        file="ckpts/last.ckpt",
        saved_as="vqgan_imagenet_f16_1024.ckpt",
        page=f"{_HEIBOX}/8088892a516d4e3baf92/",
        url=f"{_HEIBOX}/8088892a516d4e3baf92/files/?p=%2Fckpts%2Flast.ckpt&dl=1",
        megabytes=957,
        licence="MIT",
    ),
    PublishedModel(
        name="vqgan-f16-16384",
        title="VQGAN of taming-transformers, ImageNet, f = 16, 16384 codes",
        file="ckpts/last.ckpt",
        saved_as="vqgan_imagenet_f16_16384.ckpt",
        page=f"{_HEIBOX}/a7530b09fed84f80a887/",
        url=f"{_HEIBOX}/a7530b09fed84f80a887/files/?p=%2Fckpts%2Flast.ckpt&dl=1",
        megabytes=980,
        licence="MIT",
    ),
    PublishedModel(
        name="sflckr",
        title="VQGAN with its transformer (minGPT), landscapes, f = 16, 1024 codes",
        file="checkpoints/last.ckpt",
        saved_as="sflckr.ckpt",
        page=f"{_HEIBOX}/73487ab6e5314cb5adba/",
        url=f"{_HEIBOX}/73487ab6e5314cb5adba/files/?p=%2Fcheckpoints%2Flast.ckpt&dl=1",
        licence="MIT",
    ),
    PublishedModel(
        name="codeformer-f32-1024",
        title="VQ autoencoder of CodeFormer, faces, f = 32, 1024 codes",
        file="vqgan_code1024.pth",
        page=f"{_CODEFORMER}/tag/v0.1.0",
        url=f"{_CODEFORMER}/download/v0.1.0/vqgan_code1024.pth",
        megabytes=255,
        licence="S-Lab License 1.0: not for commercial use",
    ),
    PublishedModel(
        name="codeformer-restorer",
        title="the VQ autoencoder inside CodeFormer's restorer, faces, f = 32, 1024 codes",
        file="codeformer.pth",
        page=f"{_CODEFORMER}/tag/v0.1.0",
        url=f"{_CODEFORMER}/download/v0.1.0/codeformer.pth",
        sha256="1009e537e0c2a07d4cabce6355f53cb66767cd4b4297ec7a4a64ca4b8a5684b7",
        megabytes=377,
        licence="S-Lab License 1.0: not for commercial use",
    ),
)


def find_published(name: str) -> PublishedModel:
    """The published checkpoint of a name.

    Raises
    ------
    OptionError
        If there is none, with those there are.
    """
    for model in PUBLISHED:
        if model.name == name:
            return model
    raise OptionError(f"no published model is called {name!r}; there are {', '.join(m.name for m in PUBLISHED)}")

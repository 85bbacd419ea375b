"""Decoded pictures against their originals, two or two folders of them, whoever coded them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress, no_progress
from ..errors import OptionError, UnsupportedArrayError
from ..imaging.files import READABLE, read_picture
from ..metrics import check_shapes, measure_named
from ..metrics.patches import PatchGrid
from .measures import Crowds, crowd_distances, pair_measure, patch_looks

__all__ = ["Comparison", "compare_pictures", "pairs_of", "picture_at"]

GLC = ".glc"
_ALSO_DECODED = (GLC, ".avif", ".jxl")
"""Suffixes of files that are decoded, beyond those of pictures."""


@dataclass(frozen=True)
class Comparison:
    """What was measured.

    Attributes
    ----------
    pictures
        For each picture, by name without suffix, the measures of pairs; NaN for one that does not exist of it.
    means
        Of those measures over all pictures that have them; NaN if none has.
    crowds
        The measures of crowds.
    patches
        How many patches those are about.
    """

    pictures: dict[str, dict[str, float]]
    means: dict[str, float]
    crowds: dict[str, float]
    patches: int


def compare_pictures(
    original: Path,
    decoded: Path,
    names: Sequence[str],
    *,
    grid: PatchGrid | None = None,
    features: Path | None = None,
    device: str = "cpu",
    progress: Progress = no_progress,
) -> Comparison:
    """Measure a decoded picture against its original, or a folder of them against originals of the same names.

    Parameters
    ----------
    original, decoded
        Pictures of 8 bits or ``.glc`` files, or folders of them. Sub-folders are not entered, and suffixes may differ.
    names
        Of measures (:data:`napari_glc.metrics.MEASURES`).
    grid
        Patches of measures of crowds; ``None`` takes those of 256 pixels, on the grid and shifted by 128.
    features
        Folder of feature networks, for those that need it.
    device
        Where networks run.
    progress
        Called with pictures done and in all.

    Raises
    ------
    OptionError
        If the folders hold different pictures, a measure is unknown, or there are too few patches for one.
    UnsupportedArrayError
        If a picture and its original differ in size or channels; the message names it.
    MissingModelError, ModelError
        If the network of a measure is not installed or damaged.
    """
    pairs = pairs_of(original, decoded)
    measures = [measure_named(name) for name in dict.fromkeys(names)]
    crowd_names = [measure.name for measure in measures if measure.of == "crowd"]
    looks = patch_looks(crowd_names, features, device)
    of_pairs = {m.name: pair_measure(m.name, features, device) for m in measures if m.of == "pair"}
    sides = Crowds(PatchGrid() if grid is None else grid), Crowds(PatchGrid() if grid is None else grid)
    pictures: dict[str, dict[str, float]] = {}
    for name, (path, other) in pairs.items():
        progress(len(pictures), len(pairs))
        pair = picture_at(path), picture_at(other)
        try:
            check_shapes(*pair)
        except UnsupportedArrayError as error:
            raise UnsupportedArrayError(f"{name}: {error}") from error
        pictures[name] = {measure: of_pair(*pair) for measure, of_pair in of_pairs.items()}
        for side, picture in zip(sides, pair, strict=True):
            side.add(picture, looks)
    means = {name: _mean([row[name] for row in pictures.values()]) for name in of_pairs}
    return Comparison(pictures, means, crowd_distances(*sides, crowd_names), sides[0].patches)


def pairs_of(originals: Path, decoded: Path) -> dict[str, tuple[Path, Path]]:
    """The pictures of two folders, or two pictures, by name without suffix.

    Raises
    ------
    OptionError
        If one is a folder and the other is not, or one holds no picture, one that the other lacks, or two of a name.
    """
    if originals.is_dir() != decoded.is_dir():
        folder, file = (originals, decoded) if originals.is_dir() else (decoded, originals)
        raise OptionError(f"{folder} is a folder and {file} is not; name two pictures or two folders")
    if not originals.is_dir():
        return {decoded.stem: (originals, decoded)}
    here, there = _by_stem(originals), _by_stem(decoded)
    for one, other, folder, lacking in ((here, there, originals, decoded), (there, here, decoded, originals)):
        if only := sorted(one.keys() - other.keys()):
            more = f" and {len(only) - 1} more" if len(only) > 1 else ""
            raise OptionError(f"the folders do not match: {one[only[0]].name}{more} of {folder} is not in {lacking}")
    return {name: (here[name], there[name]) for name in sorted(here)}


def _by_stem(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in (*READABLE, *_ALSO_DECODED):
            continue
        # glc batch makes a.png.glc of a.png
        name = Path(path.stem).stem if Path(path.stem).suffix.lower() in READABLE else path.stem
        if name in found:
            raise OptionError(f"{folder} holds two pictures called {name}: {found[name].name}, {path.name}")
        found[name] = path
    if not found:
        raise OptionError(f"{folder} holds no picture ({', '.join(READABLE)}, {GLC})")
    return found


def picture_at(path: Path) -> NDArray[np.uint8]:
    """The 8-bit picture of a file, which may be a ``.glc`` file.

    Raises
    ------
    UnsupportedArrayError
        If it is no such picture.
    OSError
        If it cannot be read.
    """
    from ..api import imread

    picture = imread(path) if path.suffix.lower() == GLC else read_picture(path)
    if picture.dtype != np.uint8 or picture.ndim > 3 or (picture.ndim == 3 and picture.shape[2] != 3):
        raise UnsupportedArrayError(
            f"{path} is {picture.dtype} of shape {picture.shape}; measured are 8-bit pictures, grey or RGB"
        )
    return picture


def _mean(values: Sequence[float]) -> float:
    there = [value for value in values if not math.isnan(value)]
    return math.fsum(there) / len(there) if there else math.nan

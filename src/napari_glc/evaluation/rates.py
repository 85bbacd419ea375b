"""Rate and quality on a folder of pictures, measured on files on disk."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import imwrite
from ..api import open as open_file
from ..codecs.registry import DEFAULT_CODEC
from ..errors import OptionError
from ..imaging.files import READABLE, read_picture, write_picture
from ..metrics import compare

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .._base.progress import Progress

__all__ = ["evaluate_folder", "feature_distances", "means", "pictures_in"]

Row = dict[str, Any]


def evaluate_folder(
    folder: Path,
    qualities: Sequence[float],
    *,
    codec: str = DEFAULT_CODEC,
    model: str | None = None,
    device: str = "auto",
    save_to: Path | None = None,
    features: Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> list[Row]:
    """Encode and decode every picture at every quality.

    Parameters
    ----------
    folder
        Holds 8-bit pictures; sub-folders are not entered.
    qualities
        0 to 100 each.
    codec, model, device
        See :func:`napari_glc.encode`.
    save_to
        Folder for the ``.glc`` files and decoded PNG files; ``None`` keeps nothing.
    features
        Folder of the feature networks, for two perceptual distances; see
        :mod:`napari_glc.metrics.feature_distance`.
    progress
        Called with encodings done and in all.
    **options
        Of the codec; see :func:`napari_glc.encode`.

    Returns
    -------
    list of dict
        ``image``, ``quality``, ``bytes``, ``bpp``, ``psnr``, ``ms_ssim``, ``encode_seconds``,
        ``decode_seconds`` and, with `features`, ``squeezenet`` and ``darknet``.

    Raises
    ------
    OptionError
        If the folder holds no picture.
    """
    paths, distances = pictures_in(folder), feature_distances(features)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch) if save_to is None else Path(save_to)
        target.mkdir(parents=True, exist_ok=True)
        for path in paths:
            original = read_picture(path)
            for quality in qualities:
                if progress is not None:
                    progress(len(rows), len(paths) * len(qualities))
                name = f"{path.stem}_q{quality:g}"
                file = target / f"{name}.glc"
                started = time.perf_counter()
                imwrite(file, original, codec=codec, model=model, device=device, quality=quality, **options)
                encoded = time.perf_counter()
                opened = open_file(file, device=device)
                decoded = opened.read()
                finished = time.perf_counter()
                fidelity = compare(original, decoded)
                row: Row = {
                    "image": path.name,
                    "quality": quality,
                    "bytes": file.stat().st_size,
                    "bpp": opened.bpp,
                    "psnr": fidelity.psnr,
                    "ms_ssim": fidelity.ms_ssim,
                    "encode_seconds": encoded - started,
                    "decode_seconds": finished - encoded,
                }
                rows.append(row | {k: of_pair(original, decoded) for k, of_pair in distances.items()})
                if save_to is not None:
                    write_picture(target / f"{name}.png", decoded)
    return rows


def pictures_in(folder: str | Path) -> list[Path]:
    """Pictures of a folder, sorted by name; sub-folders are not entered.

    Raises
    ------
    OptionError
        If there is none.
    """
    paths = sorted(p for p in Path(folder).iterdir() if p.suffix.lower() in READABLE)
    if not paths:
        raise OptionError(f"{folder} holds no picture ({', '.join(READABLE)})")
    return paths


def feature_distances(
    folder: Path | None,
) -> dict[str, Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]]:
    """The perceptual distances whose networks lie in a folder; none for ``None``."""
    if folder is None:
        return {}
    from ..metrics.feature_distance import FeatureDistance, distance_of_arrays

    return {name: distance_of_arrays(FeatureDistance(name, folder)) for name in ("squeezenet", "darknet")}


def means(rows: Sequence[Row], by: Sequence[str] = ("quality",)) -> list[Row]:
    """Mean of every number in each group, in rising order.

    Parameters
    ----------
    rows
        From :func:`evaluate_folder` or :func:`~napari_glc.evaluation.erasures.evaluate_losses`.
    by
        Columns whose values make a group.
    """
    summary = []
    for key in sorted({tuple(row[name] for name in by) for row in rows}):
        group = [row for row in rows if tuple(row[name] for name in by) == key]
        numbers = [name for name in group[0] if name not in by and name != "image"]
        mean = {name: sum(row[name] for row in group) / len(group) for name in numbers}
        summary.append({**dict(zip(by, key, strict=True)), **mean, "images": len(group)})
    return summary

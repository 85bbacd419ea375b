"""What is left of pictures when part of their index map is lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .._base.progress import Progress, no_progress
from ..errors import OptionError

if TYPE_CHECKING:
    from ..codecs.index_mapped import IndexMapped

__all__ = ["evaluate_losses", "loss_means"]

Row = dict[str, Any]


def evaluate_losses(
    folder: str | Path,
    qualities: Sequence[float],
    ratios: Sequence[float],
    methods: Sequence[str],
    *,
    codec: str | None = None,
    pattern: str = "random",
    packets: int = 8,
    seed: int = 0,
    model: str | Path | None = None,
    device: str = "auto",
    features: Path | None = None,
    save_to: Path | None = None,
    progress: Progress | None = None,
) -> list[Row]:
    """Lose part of the index map of every picture of a folder and recover it in several ways.

    Parameters
    ----------
    folder
        8-bit pictures; sub-folders are not entered.
    qualities
        Qualities of the codec.
    ratios
        Mask ratios alpha, 0 to 1.
    methods
        See :meth:`napari_glc.GlcFile.recover`.
    codec
        Name of a codec with packets; ``None`` takes the first there is.
    pattern, packets
        One of :data:`napari_glc.recovery.PATTERNS`; packets a plane for pattern ``packet``.
    seed
        The loss of a picture is drawn from this and the picture's position, the same for all methods.
    model, device
        See :func:`napari_glc.encode`.
    features
        Folder of feature networks; adds two perceptual distances.
    save_to
        Folder for the decoded pictures, or ``None``.
    progress
        Called with pictures done and in all.

    Returns
    -------
    list of dict
        ``image``, ``quality``, ``loss``, ``method``, ``accuracy`` (share of the lost indices recovered exactly),
        ``psnr``, ``ms_ssim`` (both against the original picture), ``seconds`` (of recovery, without rendering)
        and, with `features`, ``squeezenet`` and ``darknet``.

    Raises
    ------
    OptionError
        If an option is out of its range, or the folder holds no picture.
    """
    from .. import recovery
    from ..codecs.index_mapped import RECOVERY_METHODS, DamagedMap
    from ..codecs.loading import loaded_codec
    from ..codecs.registry import all_codecs, codec_named, model_of
    from ..container import Box, TileGrid
    from ..imaging.files import read_picture, write_picture
    from ..imaging.planes import from_plane, to_plane
    from ..metrics import compare
    from .measuring import feature_distances
    from .running import pictures_in

    if unknown := [m for m in methods if m not in RECOVERY_METHODS]:
        raise OptionError(f"recovery method {unknown[0]!r} is unknown; choose from {', '.join(RECOVERY_METHODS)}")
    codec = codec or next(entry.name for entry in all_codecs() if entry.capabilities.lossy_packets)
    if not codec_named(codec).capabilities.lossy_packets:
        raise OptionError(f"codec {codec!r} has no packets to lose")
    coder = cast("IndexMapped", loaded_codec(model_of(codec, model), device))
    paths, distances = pictures_in(folder), {} if features is None else feature_distances(features)
    rows: list[Row] = []
    for number, path in enumerate(paths):
        original = read_picture(path)
        plane, kind = to_plane(original)
        grid = TileGrid(plane.shape[0], plane.shape[1], 0)
        for quality in qualities:
            if progress is not None:
                progress(number, len(paths))
            indices = coder.index_map(plane, quality, no_progress)
            area = Box(0, 0, *indices.shape)
            for ratio in ratios:
                packet = coder.packet_map(area.height, area.width, packets)
                lost = recovery.lost_positions(
                    (area.height, area.width), ratio, pattern, seed=seed * 100_003 + number, packet=packet
                )
                found = DamagedMap(area, indices.copy(), packets, ())
                found.indices[lost] = -1
                for method in methods:
                    started = time.perf_counter()
                    filled = coder.fill(replace(found), quality, method)
                    seconds = time.perf_counter() - started
                    decoded = from_plane(coder.render(filled, quality, grid.plane, grid, no_progress), kind)
                    fidelity = compare(original, decoded)
                    row: Row = {
                        "image": path.name,
                        "quality": quality,
                        "loss": ratio,
                        "method": method,
                        "accuracy": recovery.index_accuracy(indices, filled.indices, lost),
                        "psnr": fidelity.psnr,
                        "ms_ssim": fidelity.ms_ssim,
                        "seconds": seconds,
                    }
                    rows.append(row | {k: of_pair(original, decoded) for k, of_pair in distances.items()})
                    if save_to is not None:
                        save_to.mkdir(parents=True, exist_ok=True)
                        write_picture(save_to / f"{path.stem}_q{quality:g}_loss{ratio:g}_{method}.png", decoded)
    return rows


def loss_means(rows: Sequence[Row], by: Sequence[str] = ("quality", "loss", "method")) -> list[Row]:
    """Mean of every number in each group, in rising order.

    Parameters
    ----------
    rows
        From :func:`evaluate_losses`.
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

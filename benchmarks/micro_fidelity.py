"""What coding does to measurements on microscopy: the table of docs/explanation/when-not-to-use.md.

python benchmarks/micro_fidelity.py FOLDER_OF_TIFFS

For each file and rate: correlation of intensities with the original, change of the mean above background, objects
by Otsu's threshold and a watershed before and after, and overlap (Dice) of the two foregrounds.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.segmentation import watershed

import napari_glc

QUALITIES = (0, 50, 100)


def objects(plane: np.ndarray) -> tuple[int, np.ndarray]:
    """Number of objects of one picture, and its foreground."""
    smooth = gaussian(plane.astype(np.float64), 1, preserve_range=True)
    mask = smooth > threshold_otsu(smooth)
    distance = gaussian(ndimage.distance_transform_edt(mask), 1)
    peaks = peak_local_max(distance, min_distance=4, labels=ndimage.label(mask)[0])
    markers = np.zeros(plane.shape, int)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    labels = watershed(-distance, markers, mask=mask)
    sizes = np.bincount(labels.ravel())[1:]
    return int((sizes >= 20).sum()), mask


def row(name: str, before: np.ndarray, after: np.ndarray, data: bytes, quality: Any) -> str:
    """One line of the table."""
    count_before, mask_before = objects(before)
    count_after, mask_after = objects(after)
    dice = 2 * (mask_before & mask_after).sum() / (mask_before.sum() + mask_after.sum())
    correlation = np.corrcoef(before.ravel(), after.ravel())[0, 1]
    floor = float(np.percentile(before, 5))
    signal = (after[mask_before].mean() - floor) / (before[mask_before].mean() - floor) - 1
    bpp = napari_glc.GlcFile(data).bpp
    return (
        f"| {name} | {quality} | {bpp:.3f} | {correlation:.3f} | {100 * signal:+.0f} % | "
        f"{count_before} → {count_after} | {dice:.2f} |"
    )


def main() -> None:
    print("| picture | quality | bpp of the file | correlation | signal above background | objects | Dice |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for path in sorted(Path(sys.argv[1]).glob("*.tif")):
        with tifffile.TiffFile(path) as tiff:
            array, axes = tiff.asarray(), tiff.series[0].axes
        array = array[:2] if axes[0] == "T" else array
        for channels in ("separate", "packed") if axes[0] == "C" else ("separate",):
            for quality in QUALITIES if channels == "separate" else (100,):
                data = napari_glc.encode(array, axes=axes, quality=quality, channels=channels)
                decoded = napari_glc.decode(data)
                for index in range(len(array) if axes[0] == "C" else 1):
                    said = f"{quality}, packed" if channels == "packed" else quality
                    print(row(f"{path.stem} {axes[0]}{index}", array[index], decoded[index], data, said), flush=True)


if __name__ == "__main__":
    main()

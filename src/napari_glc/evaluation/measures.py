"""Every measure as a function, with the networks it looks through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._base.progress import Progress, no_progress
from ..errors import MissingModelError, OptionError
from ..metrics import MEASURES, Measure, measure_named, ms_ssim, psnr
from ..metrics.crowds import Crowd, frechet_distance, kernel_distance
from ..metrics.patches import PatchGrid
from ..models.measuring import find_network, installed_networks, load_network

if TYPE_CHECKING:
    from ..metrics.patch_features import PatchFeatures

__all__ = ["Crowds", "available_measures", "crowd_distances", "gather", "pair_measure", "patch_looks"]

OfPair = Callable[[NDArray[np.uint8], NDArray[np.uint8]], float]


def available_measures(features: Path | None = None) -> list[Measure]:
    """The measures whose networks are at hand.

    Parameters
    ----------
    features
        Folder with the Darknet reference network, or ``None``.
    """
    there = {"squeezenet", *(network.name for network in installed_networks())}
    if features is not None:
        there.add("darknet")
    return [measure for measure in MEASURES if there.issuperset(measure.networks)]


def pair_measure(name: str, features: Path | None = None, device: str = "cpu") -> OfPair:
    """A measure of a decoded picture and its original, ready to be called often.

    Parameters
    ----------
    name
        Of a measure of pairs (:data:`napari_glc.metrics.MEASURES`).
    features
        Folder with the Darknet reference network, which the measure of that name needs.
    device
        Where its network runs.

    Returns
    -------
    callable
        From two uint8 arrays ``(Y, X)`` or ``(Y, X, 3)`` of equal shape to a number: NaN for pictures too small for the
        measure. It raises ``UnsupportedArrayError`` if the shapes differ.

    Raises
    ------
    OptionError
        If there is no such measure.
    MissingModelError
        If its network is not installed: one line says what to fetch and what to do with it.
    ModelError
        If what is installed is damaged or another network.
    """
    measure = measure_named(name)
    if measure.of != "pair":
        raise OptionError(f"{measure.label} is about many pictures, not about two; give two folders")
    if measure.name in _PLAIN:
        return _PLAIN[measure.name]
    return _through_networks(measure, features, device, _identities(measure.networks))


_PLAIN: Mapping[str, OfPair] = {"psnr": psnr, "ms_ssim": ms_ssim}


def _identities(networks: Sequence[str]) -> tuple[str, ...]:
    """What tells installed networks from others of these names, which may come to take their place."""
    return tuple(find_network(name).sha256 for name in networks if name not in ("squeezenet", "darknet"))


@lru_cache(8)
def _through_networks(measure: Measure, features: Path | None, device: str, _: tuple[str, ...]) -> OfPair:
    from ..metrics.feature_distance import FeatureDistance, distance_of_arrays
    from ..metrics.learned import Dists, Lpips

    if measure.networks == ("squeezenet",):
        return distance_of_arrays(FeatureDistance("squeezenet"), device)
    if measure.networks == ("darknet",):
        return distance_of_arrays(FeatureDistance("darknet", _folder(measure, features)), device)
    backbone, weights = (load_network(name) for name in measure.networks)
    if measure.name == "dists":
        return distance_of_arrays(Dists(backbone, weights), device)
    return distance_of_arrays(Lpips(measure.networks[1].removeprefix("lpips-"), backbone, weights), device)


def _folder(measure: Measure, features: Path | None) -> Path:
    if features is None:
        raise MissingModelError(f"{measure.label} needs the folder of feature networks: name it with --features")
    return features


@dataclass
class Crowds:
    """Features of the patches of some pictures, by the network that sees them.

    Attributes
    ----------
    grid
        Which patches.
    by_network
        For each network a crowd.
    pictures
        How many there were.
    """

    grid: PatchGrid
    by_network: dict[str, Crowd] = field(default_factory=dict)
    pictures: int = 0

    def add(self, picture: NDArray[np.uint8], looks: Mapping[str, PatchFeatures]) -> None:
        """Take in a picture as some networks see it (:func:`patch_looks`)."""
        for network, look in looks.items():
            self.by_network.setdefault(network, Crowd()).add(look(picture, self.grid))
        self.pictures += 1

    def merge(self, other: Crowds) -> None:
        """Take in what another process gathered."""
        self.pictures += other.pictures
        for network, crowd in other.by_network.items():
            self.by_network.setdefault(network, Crowd()).merge(crowd)

    @property
    def patches(self) -> int:
        """How many patches there were."""
        return max((crowd.count for crowd in self.by_network.values()), default=0)


def gather(
    pictures: Iterable[NDArray[np.uint8]],
    names: Sequence[str],
    *,
    grid: PatchGrid | None = None,
    features: Path | None = None,
    device: str = "cpu",
    total: int = 0,
    progress: Progress = no_progress,
) -> Crowds:
    """Look at all patches of some pictures, one picture after the other.

    Parameters
    ----------
    pictures
        uint8, ``(Y, X)`` or ``(Y, X, 3)``, of any sizes; each is needed once, so they may come from a generator.
    names
        Of measures of crowds: ``fid``, ``kid``, ``frechet`` ...
    grid
        Which patches; ``None`` takes those of 256 pixels, on the grid and shifted by 128.
    features, device
        See :func:`pair_measure`.
    total
        How many pictures there are, for `progress`.
    progress
        Called with pictures done and in all.

    Raises
    ------
    OptionError, MissingModelError, ModelError
        See :func:`pair_measure`.
    """
    found = Crowds(PatchGrid() if grid is None else grid)
    looks = patch_looks(names, features, device)
    for picture in pictures:
        progress(found.pictures, total)
        found.add(picture, looks)
    return found


def patch_looks(names: Sequence[str], features: Path | None = None, device: str = "cpu") -> dict[str, PatchFeatures]:
    """The networks some measures of crowds look through, each once; see :func:`gather`.

    Raises
    ------
    OptionError, MissingModelError, ModelError
        See :func:`pair_measure`.
    """
    measures = [measure_named(name) for name in names]
    if wrong := [measure for measure in measures if measure.of != "crowd"]:
        raise OptionError(f"{wrong[0].label} is about a picture and its original, not about crowds of patches")
    networks = dict.fromkeys(measure.networks[0] for measure in measures)
    return {n: _patch_features(n, features, device, _identities([n])) for n in networks}


def crowd_distances(originals: Crowds, decoded: Crowds, names: Sequence[str]) -> dict[str, float]:
    """The distances of two gatherings, by name.

    Raises
    ------
    OptionError
        If they are about different patches, or one has fewer than two.
    """
    if originals.grid != decoded.grid:
        raise OptionError(f"patches of {originals.grid.size} and {decoded.grid.size} pixels are not compared")
    found = {}
    for measure in map(measure_named, names):
        pair = [side.by_network.get(measure.networks[0], Crowd()) for side in (originals, decoded)]
        if min(crowd.count for crowd in pair) < 2:
            raise OptionError(
                f"{measure.label} is about patches of {originals.grid.size} pixels, of which these pictures have "
                f"{min(crowd.count for crowd in pair)}; take more or larger pictures, or smaller patches"
            )
        found[measure.name] = (kernel_distance if measure.kernel else frechet_distance)(pair[0], pair[1])
    return found


@lru_cache(4)
def _patch_features(network: str, features: Path | None, device: str, _: tuple[str, ...]) -> PatchFeatures:
    from ..metrics.patch_features import darknet_features, inception_features, squeezenet_features

    if network == "squeezenet":
        return squeezenet_features(device)
    if network == "darknet":
        return darknet_features(_folder(measure_named("darknet"), features), device)
    return inception_features(load_network(network), device)

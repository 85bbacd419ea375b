"""napari's reader hook: thin, quick, free of Qt, torch and napari."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from .window import keeps_waiting

__all__ = ["get_reader", "layers_of"]

if TYPE_CHECKING:
    from .._base.progress import Progress
    from ..errors import GlcError
    from ..files.opened import GlcFile, Recovered

_EAGER_PIXELS = 1 << 24
"""Planes of up to 4096 x 4096 pixels are decoded on opening, so that the layer holds a plain array."""

LayerData = tuple[Any, dict[str, Any], str]


def get_reader(path: str | list[str]) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Claim every ``.glc`` path; what is wrong with a file is said when it is read.

    Parameters
    ----------
    path
        A path, or several to be opened as separate layers.
    """
    paths = [path] if isinstance(path, str) else path
    if not paths or not all(str(p).lower().endswith(".glc") for p in paths):
        return None
    return read_layers


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Image layers of files: a channel a layer, decoded when looked at if there is more than one small plane.

    A damaged file that can be recovered gives a labels layer as well.

    Raises
    ------
    GlcError
        A subclass that says what is wrong; its message names the file.
    """
    paths = [path] if isinstance(path, str) else path
    return [layer for p in paths for layer in _read_layers(p)]


def layers_of(
    file: GlcFile, only: int | None = None, progress: Progress | None = None, *, at_once: bool = True
) -> list[LayerData]:
    """A layer for each channel, or one.

    Parameters
    ----------
    file
        The file.
    only
        The one channel whose layer is wanted; ``None`` for all.
    progress
        Called with units of work done and in all, where a small picture is decoded at once.
    at_once
        Whether small pictures are decoded here; else they are on the canvas, and become plain arrays then.
    """
    from ..files.lazy import lazy_levels
    from .layer_metadata import layer_options

    layout = file.layout
    small = layout.planes == 1 and len(file.levels) == 1 and layout.size("Y") * layout.size("X") <= _EAGER_PIXELS
    eager = small and at_once
    levels, previews = ([file.read(progress=progress)], [None]) if eager else lazy_levels(file)
    axes = layout.leading_axes + "YX" + ("S" if "S" in layout.axes else "")
    order = [layout.axes.index(a) for a in axes]
    channels: list[int | None] = [*range(layout.size("C"))] if "C" in layout.leading_axes else [None]
    layers: list[LayerData] = []
    for channel in channels if only is None else [only]:
        index = tuple(channel if a == "C" and channel is not None else slice(None) for a in axes)
        options = layer_options(file, channel)

        def change(level: Any, index: Any = index) -> Any:
            return level.transpose(order)[index]

        if eager:
            parts = [change(level) for level in levels]
        else:
            from .canvas_array import for_canvas

            dark = 0 if options["rgb"] else options["contrast_limits"][0]
            parts = for_canvas(
                levels, options["name"], previews=previews, change=change, background=dark, settles=small
            )
        several = len(parts) > 1
        layers.append((parts if several else parts[0], options | {"multiscale": several}, "image"))
    return layers


def _read_layers(path: str) -> list[LayerData]:
    from ..api import open as open_file
    from ..errors import MissingDependencyError, MissingModelError, UnsupportedVersionError
    from .settings import plugin_setting, preferred_device

    file = open_file(path, device=preferred_device())
    try:
        file.check_decodable()
        file = _in_wanted_style(file, str(plugin_setting("reader", "style")))
    except (MissingDependencyError, MissingModelError, UnsupportedVersionError) as error:
        return [_described(file, error)]
    waits = keeps_waiting() is not None
    if file.entry.capabilities.lossy_packets and file.lost_packets():
        return _recovered_later(file) if waits else _recovered(file)
    if file.layout.planes > 1:
        return layers_of(file)
    if waits:
        # what is damaged is told now, as it is where all is decoded at once
        for index in range(file.container.chunks):
            file.chunk(index)
    return layers_of(file, at_once=not waits)


def _in_wanted_style(file: GlcFile, style: str) -> GlcFile:
    """A file to be painted in the style the preferences ask for, if there is one that fits it."""
    from ..errors import ModelError, OptionError

    if style in ("", "none") or not any(field.name == "style" for field in file.entry.decoding.fields()):
        return file
    painted = file.decoded_with(style=style)
    try:
        painted.check_decodable()
    except (OptionError, ModelError) as error:
        warnings.warn(f"{error}. The file is shown plain; styles are chosen in the preferences.", stacklevel=2)
        return file
    return painted


def _described(file: GlcFile, obstacle: GlcError) -> LayerData:
    """What a file says of itself, as an empty layer of its shape, where a model or a library is missing."""
    import numpy as np

    from .layer_metadata import layer_options

    # napari shows warnings as notifications
    warnings.warn(f"{obstacle}. The layer is empty: only the file's header could be read.", stacklevel=2)
    options = layer_options(file)
    options["name"] = f"{options['name']} (not decoded)"
    options["metadata"]["glc"]["not decoded"] = str(obstacle)
    axes = file.layout.leading_axes + "YX" + ("S" if "S" in file.layout.axes else "")
    shape = tuple(file.shape[file.layout.axes.index(a)] for a in axes)
    # one sample, seen everywhere: takes no memory
    return np.broadcast_to(np.zeros((), file.dtype), shape), options, "image"


def _recovered(file: GlcFile) -> list[LayerData]:
    """A picture or stack some of whose packets are lost, and where."""
    found = _best_recovery(file)
    told = (
        f"{file.path}: {found.lost_packets} of {found.packets} packets are lost, {100 * found.lost_share:.1f} % of "
        "the indices. The picture shows what is predicted in their place; the layer beside it shows where."
    )
    return _layers_of_recovery(file, told, found.pixels, found.lost.astype("uint8"))


def _best_recovery(file: GlcFile) -> Recovered:
    from ..errors import LimitError

    try:
        return file.recover()
    except LimitError:
        # more lost indices than a transformer predicts while somebody waits
        return file.recover("nearest")


def _recovered_later(file: GlcFile) -> list[LayerData]:
    """The same where a window waits: what is lost is counted now and predicted while the layers are there."""
    import numpy as np

    from ..files.lazy import once_array
    from .canvas_array import for_canvas

    told = (
        f"{file.path}: {len(file.lost_packets())} of {file.container.chunks} packets are lost. "
        "The picture shows what is predicted in their place; the layer beside it shows where."
    )
    found = cache(lambda: _best_recovery(file))
    without_samples = tuple(n for n, axis in zip(file.shape, file.layout.axes, strict=True) if axis != "S")
    pixels = once_array(lambda: found().pixels, file.shape, file.dtype)
    lost = once_array(lambda: found().lost.astype("uint8"), without_samples, np.dtype("uint8"))

    def shown(part: Any, name: str) -> Any:
        return for_canvas([part], name, settles=file.layout.planes == 1)[0]

    return _layers_of_recovery(file, told, pixels, lost, shown)


def _layers_of_recovery(
    file: GlcFile, told: str, pixels: Any, lost: Any, shown: Callable[[Any, str], Any] = lambda part, name: part
) -> list[LayerData]:
    """For each channel what is recovered and where it was lost; `shown` makes data for a layer of a name."""
    from .layer_metadata import layer_options, lost_options

    # napari shows warnings as notifications
    warnings.warn(told, stacklevel=2)
    axes, layers = file.layout.axes, []
    order = file.layout.leading_axes + "YX"
    pixels = pixels.transpose([axes.index(a) for a in order + "S" * ("S" in axes)])
    lost = lost.transpose([axes.replace("S", "").index(a) for a in order])
    channels: list[int | None] = [*range(file.layout.size("C"))] if "C" in order else [None]
    for channel in channels:
        index = tuple(channel if a == "C" and channel is not None else slice(None) for a in order)
        options = layer_options(file, channel)
        options["metadata"]["glc"]["recovered"] = told
        name = options["name"]
        layers.append((shown(pixels[index], name), options, "image"))
        layers.append((shown(lost[index], name), lost_options(options), "labels"))
    return layers

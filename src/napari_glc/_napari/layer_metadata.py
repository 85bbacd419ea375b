"""Layer attributes to file metadata and back."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..codecs.entry import CodecEntry
from ..codecs.registry import all_codecs
from ..errors import UnsupportedVersionError
from .placements import PLACEMENT, reduced, shear_matrix
from .user_metadata import OWN_KEY, kept_metadata, words_of_loss

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..files.opened import GlcFile
    from .plane_place import PlanePlace

__all__ = [
    "caution_of",
    "decoded_facts",
    "layer_axes",
    "layer_metadata",
    "layer_options",
    "lost_options",
    "marked",
    "metadata_of_layer",
    "painted_in",
]

_HUGE = 1e15
_USUAL_AXES = "WVUQPTCZYX"
_AXIS_NAMES = {"TIME": "T", "FRAME": "T", "CHANNEL": "C", "DEPTH": "Z", "PLANE": "Z", "ROW": "Y", "COLUMN": "X"}
_CHANNEL_COLOURS = ("green", "magenta", "cyan", "yellow", "red", "blue")


def layer_metadata(options: dict[str, Any], rgb: bool) -> dict[str, Any]:
    """What of a layer's attributes is worth keeping, as JSON: nothing that is napari's default.

    Parameters
    ----------
    options
        Attributes as napari hands them to a writer.
    rgb
        Whether the layer is RGB: then contrast limits and colormap mean nothing.
    """
    kept: dict[str, Any] = {}
    if options.get("name"):
        kept["name"] = str(options["name"])
    scale, translate = _floats(options.get("scale")), _floats(options.get("translate"))
    if any(s != 1 for s in scale):
        kept["scale"] = scale
    if any(translate):
        kept["translate"] = translate
    units = [str(unit) for unit in options.get("units") or ()]
    if any(unit != "pixel" for unit in units):
        kept["units"] = units
    labels = [str(label) for label in options.get("axis_labels") or ()]
    if labels and labels != [str(i - len(labels)) for i in range(len(labels))]:
        kept["axis_labels"] = labels
    for name, value in _turned(options, len(scale)).items():
        kept[name] = value.tolist()
    gamma = options.get("gamma")
    if gamma is not None and float(gamma) != 1:
        kept["gamma"] = float(gamma)
    users, _ = kept_metadata(options.get("metadata"))
    if users:
        kept["metadata"] = users
    if not rgb:
        limits = _floats(options.get("contrast_limits"))
        if limits and limits != [0.0, 255.0]:
            kept["contrast_limits"] = limits
        colormap = _colormap(options.get("colormap"))
        if colormap not in (None, "gray"):
            kept["colormap"] = colormap
    return kept


def _turned(options: dict[str, Any], axes: int) -> dict[str, NDArray[np.float64]]:
    """Rotation, shear and affine, as matrices, those that do anything."""
    import numpy as np

    found = {}
    for name in ("rotate", "shear", "affine"):
        given = options.get(name)
        if given is None or not axes:
            continue
        matrix = np.asarray(getattr(given, "affine_matrix", given), float)
        if name == "shear":
            matrix = shear_matrix(matrix, axes)
        if matrix.ndim == 2 and not np.allclose(matrix, np.eye(len(matrix)), rtol=0, atol=1e-12):
            found[name] = matrix
    return found


def metadata_of_layer(
    layer: Any, plane: PlanePlace | None = None, *, coded_as_shown: bool = True
) -> tuple[dict[str, Any], list[str]]:
    """What of a napari layer goes into the file of all of it, or of one of its planes; see :func:`layer_metadata`.

    Parameters
    ----------
    layer
        The layer.
    plane
        The plane, if it is one.
    coded_as_shown
        Whether the contrast limits are the range of the file.

    Returns
    -------
    metadata, lost
        The metadata, and sentences about what cannot be kept.
    """
    options = dict(layer.as_layer_data_tuple()[1])
    tilted = False
    if plane is not None:
        placement, whole = reduced(plane.placement, plane.sides)
        tilted = not whole
        options |= {"rotate": None, "shear": None, "affine": None} | placement
    if coded_as_shown and str(layer.dtype) != "uint8":
        # they are the darkest and the brightest value of the file already
        options["contrast_limits"] = None
    lost = words_of_loss(metadata=kept_metadata(layer.metadata)[1], tilted=tilted)
    return layer_metadata(options, layer.rgb), lost


def _floats(values: Any) -> list[float]:
    return [] if values is None else [float(v) for v in values]


def _colormap(colormap: Any) -> Any:
    """A colormap's name if napari knows it, else its colours."""
    if isinstance(colormap, dict):
        name = colormap.get("name")
        if name is not None and not str(name).startswith("["):
            return str(name)
        return {
            "colors": [_floats(c) for c in colormap.get("colors", ())],
            "controls": _floats(colormap.get("controls")),
        }
    return None if colormap is None else str(getattr(colormap, "name", colormap))


def layer_axes(options: dict[str, Any], ndim: int, rgb: bool) -> str:
    """Axes of a layer's data: its labels where they are letters or names of axes, else the usual ones.

    Parameters
    ----------
    options
        Attributes as napari hands them to a writer.
    ndim
        Dimensions of the layer, the samples of RGB not counted.
    rgb
        Whether the layer is RGB.
    """
    labels = [str(label).strip().upper() for label in options.get("axis_labels") or ()]
    letters = "".join(_AXIS_NAMES.get(label, label) for label in labels)
    named = len(labels) == len(letters) == ndim and letters.isalpha() and letters.isascii()
    if not (named and letters.endswith("YX") and len(set(letters)) == ndim and "S" not in letters):
        letters = _USUAL_AXES[-ndim:]
    return letters + ("S" if rgb else "")


def layer_options(file: GlcFile, channel: int | None = None) -> dict[str, Any]:
    """Keyword arguments of an image layer that shows a file, or one channel of it.

    Everything napari would otherwise guess is given: RGB or not, contrast limits, units, axis labels.

    Parameters
    ----------
    file
        The opened file.
    channel
        Index of the channel if each has its layer.
    """
    kept, layout = file.metadata, file.layout
    rgb = layout.samples > 1
    stored = [a for a in layout.axes if a != "S"]
    order = [a for a in layout.leading_axes + "YX" if channel is None or a != "C"]
    places = [stored.index(a) for a in order]

    def along(values: tuple[Any, ...] | None, default: Any) -> tuple[Any, ...]:
        return tuple(default for _ in order) if values is None else tuple(values[place] for place in places)

    names = tuple(a.lower() for a in stored)
    name = _text(kept.get("name")) or (file.path.stem if file.path is not None else "decoded")
    options: dict[str, Any] = {
        "name": marked(name, file.codec),
        "rgb": rgb,
        "scale": along(_scale(kept.get("scale"), len(stored)), 1.0),
        "translate": along(_numbers(kept.get("translate"), len(stored)), 0.0),
        "units": along(_units(kept.get("units"), len(stored)), "pixel"),
        "axis_labels": along(_texts(kept.get("axis_labels"), len(stored)) or names, ""),
        "contrast_limits": _limits(kept.get("contrast_limits")) or _range(file, channel),
        "metadata": {**_users(kept.get("metadata")), OWN_KEY: decoded_facts(file.facts(), file.path)},
        **_placed_as_said(kept, places, len(stored)),
    }
    options |= _gamma(kept.get("gamma"))
    for name in ("clipped", "not_numbers"):
        if getattr(layout, name):
            options["metadata"][OWN_KEY][name] = getattr(layout, name)
    _tell_alterations(options, file)
    if not rgb:
        options["colormap"] = _known_colormap(kept.get("colormap")) or "gray"
    if channel is not None:
        options["metadata"]["glc"]["channel"] = channel
        _name_channel(options, kept.get("channels"), channel, layout.size("C"))
    return options


def _tell_alterations(options: dict[str, Any], file: GlcFile) -> None:
    """Say in a layer's name and metadata what is not as it was taken: something left out, another style."""
    told = options["metadata"]["glc"]
    if file.removed:
        options["name"] += " (restored)"
        told["warning"] += f" Its encoder left out {file.removed}: what it took for that is gone, true or not."
    try:
        decoding = file.decoding.to_dict()
    except UnsupportedVersionError:  # a later codec: nothing of it can be decoded, in whatever style
        return
    style = painted_in(decoding)
    if style:
        options["name"] += f" ({style})"
        told |= decoding
        told["warning"] += " It is painted in a style: nothing in it is data."


def painted_in(decoding: dict[str, Any]) -> str:
    """The style a picture is painted in, empty for none."""
    style = decoding.get("style", "none")
    return str(style) if style != "none" and decoding.get("strength", 1) else ""


def _range(file: GlcFile, channel: int | None) -> tuple[float, float]:
    """What was black and white to the encoder."""
    layout = file.layout
    c = layout.leading_axes.find("C")
    known: list[tuple[float, float]] = list(layout.ranges) or [(0, 255)]
    if channel is not None and len(known) == layout.size("C"):
        known = [known[channel]]
    elif channel is not None and len(known) > 1:
        after = math.prod(layout.leading[c + 1 :])
        known = [pair for place, pair in enumerate(known) if place // after % layout.size("C") == channel]
    low, high = min(low for low, _ in known), max(high for _, high in known)
    return (low, high) if low < high else (low, low + 1)


def _name_channel(options: dict[str, Any], described: Any, channel: int, count: int) -> None:
    """Name, colormap and blending of one of several layers."""
    fits = isinstance(described, list) and len(described) == count and all(isinstance(d, dict) for d in described)
    said = described[channel] if fits else {}
    layer = _text(said.get("layer"))
    # the name of the layer it was saved from, or one made of file and channel
    options["name"] = layer or f"{options['name']} {_text(said.get('name')) or f'C{channel}'}"
    options["contrast_limits"] = _limits(said.get("contrast_limits")) or options["contrast_limits"]
    options["metadata"] = {**options["metadata"], **_users(said.get("metadata")), OWN_KEY: options["metadata"][OWN_KEY]}
    options |= _gamma(said.get("gamma"))
    default = _CHANNEL_COLOURS[channel % len(_CHANNEL_COLOURS)] if count > 1 else "gray"
    options["colormap"] = _known_colormap(said.get("colormap")) or default
    options["blending"] = "additive" if count > 1 else "translucent_no_depth"


def lost_options(options: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of a labels layer that marks the lost parts of a file, given those of its image."""
    kept = {name: options[name] for name in PLACEMENT if name in options}
    return {**kept, "name": f"{options['name']} (lost)", "opacity": 0.4}


def decoded_facts(facts: dict[str, Any], path: Path | None = None) -> dict[str, Any]:
    """What a decoded layer says of its origin: `facts`, the file if there is one, who decoded it, and a warning."""
    file = None if path is None else str(path)
    return facts | {"file": file, "version": __version__, "warning": caution_of(facts["codec"])}


def caution_of(codec: str) -> str:
    """What is to be known of everything made with a codec; of one this version lacks, what holds for most."""
    entry = _entry(codec)
    return CodecEntry.caution if entry is None else entry.caution


def marked(name: str, codec: str) -> str:
    """The name of a decoded layer, with the codec's mark where it has one: ``"parrots (invented)"``."""
    entry = _entry(codec)
    mark = f" ({entry.mark})" if entry is not None and entry.mark else ""
    # what was saved under its marked name has it already
    return name if mark in name else name + mark


def _entry(codec: str) -> CodecEntry | None:
    """A codec's entry; none for one this version lacks."""
    return next((entry for entry in all_codecs() if entry.name == codec), None)


# A file's metadata is as untrusted as the rest of it: what does not fit is ignored.


def _text(value: Any) -> str | None:
    return value[:1000] if isinstance(value, str) and value else None


def _texts(value: Any, count: int) -> tuple[str, ...] | None:
    fits = isinstance(value, list) and len(value) == count and all(isinstance(v, str) and len(v) < 100 for v in value)
    return tuple(value) if fits else None


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    fits = isinstance(value, list) and len(value) == count and all(type(v) in (int, float) for v in value)
    return tuple(float(v) for v in value) if fits and all(-_HUGE < v < _HUGE for v in value) else None


def _gamma(value: Any) -> dict[str, float]:
    return {"gamma": float(value)} if type(value) in (int, float) and 0.01 <= value <= 100 else {}


def _users(value: Any) -> dict[str, Any]:
    return {str(key)[:1000]: entry for key, entry in value.items()} if isinstance(value, dict) else {}


def _placed_as_said(kept: dict[str, Any], places: list[int], axes: int) -> dict[str, Any]:
    """Rotation, shear and affine of a layer with some of the stored axes; none of them if one of them does not fit."""
    import numpy as np

    said: dict[str, Any] = {}
    for name in (name for name in ("rotate", "shear", "affine") if name in kept):
        value, side = kept[name], axes + (name == "affine")
        rows = [_numbers(row, side) for row in value] if isinstance(value, list) and len(value) == side else [None]
        if any(row is None for row in rows):
            return {}
        said[name] = np.array(rows, float)
    along = {name: tuple(str(axis) for axis in range(axes)) for name in ("units", "axis_labels")}
    whole = {"scale": (1.0,) * axes, "translate": (0.0,) * axes, **along, **said}
    found, fits = reduced(whole, places)
    chosen: dict[str, Any] = {name: found[name] for name in said if name in found}
    sound = all(1e-9 < abs(float(np.linalg.det(matrix))) < _HUGE for matrix in chosen.values())
    turned, sheared = chosen.get("rotate"), chosen.get("shear")
    sound = sound and (turned is None or np.allclose(turned @ turned.T, np.eye(len(turned)), atol=1e-6))
    sound = sound and (sheared is None or any(np.array_equal(sheared, half(sheared)) for half in (np.triu, np.tril)))
    return chosen if fits and sound else {}


def _scale(value: Any, count: int) -> tuple[float, ...] | None:
    scale = _numbers(value, count)
    return scale if scale is not None and all(abs(s) > 1 / _HUGE for s in scale) else None


def _units(value: Any, count: int) -> tuple[str, ...] | None:
    """Units napari will accept: it asks pint."""
    units = _texts(value, count)
    try:
        import pint

        registry = pint.get_application_registry()
        for unit in units or ():
            registry.Unit(unit)
    except ImportError:
        return units
    except Exception:  # pint raises its own, tokenizer and arithmetic errors for nonsense
        return None
    return units


def _known_colormap(value: Any) -> Any:
    """A colormap napari will accept; anything of the right type where there is no napari to ask."""
    if not isinstance(value, (str, dict)):
        return None
    if "napari" in sys.modules:
        from napari.utils.colormaps import ensure_colormap

        try:
            return ensure_colormap(value)
        except Exception:  # napari raises KeyError, TypeError, ValueError and pydantic's errors here
            return None
    return value


def _limits(value: Any) -> tuple[float, ...] | None:
    limits = _numbers(value, 2)
    return limits if limits is not None and limits[0] < limits[1] else None

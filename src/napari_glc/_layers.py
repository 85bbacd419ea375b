"""Layer attributes to file metadata and back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from ._file import GlcFile

__all__ = ["layer_metadata", "layer_options", "lost_options"]

_HUGE = 1e15
_WARNING = "Decoded by a generative model, which invents plausible detail: not for measurements."


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
    if not rgb:
        limits = _floats(options.get("contrast_limits"))
        if limits and limits != [0.0, 255.0]:
            kept["contrast_limits"] = limits
        colormap = _colormap(options.get("colormap"))
        if colormap not in (None, "gray"):
            kept["colormap"] = colormap
    return kept


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


def layer_options(file: GlcFile) -> dict[str, Any]:
    """Keyword arguments of an image layer that shows a file.

    Everything napari would otherwise guess is given: RGB or not, contrast limits, units, axis labels.

    Parameters
    ----------
    file
        The opened file.
    """
    kept = file.metadata
    rgb = file.axes == "YXC"
    options: dict[str, Any] = {
        "name": _text(kept.get("name")) or (file.path.stem if file.path is not None else "decoded"),
        "rgb": rgb,
        "scale": _scale(kept.get("scale")) or (1.0, 1.0),
        "translate": _numbers(kept.get("translate"), 2) or (0.0, 0.0),
        "units": _units(kept.get("units")) or ("pixel", "pixel"),
        "axis_labels": _texts(kept.get("axis_labels"), 2) or ("y", "x"),
        "contrast_limits": _limits(kept.get("contrast_limits")) or (0, 255),
        "metadata": {"glc": _facts(file)},
    }
    if not rgb:
        options["colormap"] = _known_colormap(kept.get("colormap")) or "gray"
    return options


def lost_options(options: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments of a labels layer that marks the lost parts of a file, given those of its image."""
    kept = {name: options[name] for name in ("scale", "translate", "units", "axis_labels")}
    return {**kept, "name": f"{options['name']} (lost)", "opacity": 0.4}


def _facts(file: GlcFile) -> dict[str, Any]:
    path = None if file.path is None else str(Path(file.path))
    return file.facts() | {"file": path, "version": __version__, "warning": _WARNING}


# A file's metadata is as untrusted as the rest of it: what does not fit is ignored.


def _text(value: Any) -> str | None:
    return value[:1000] if isinstance(value, str) and value else None


def _texts(value: Any, count: int) -> tuple[str, ...] | None:
    fits = isinstance(value, list) and len(value) == count and all(isinstance(v, str) and len(v) < 100 for v in value)
    return tuple(value) if fits else None


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    fits = isinstance(value, list) and len(value) == count and all(type(v) in (int, float) for v in value)
    return tuple(float(v) for v in value) if fits and all(-_HUGE < v < _HUGE for v in value) else None


def _scale(value: Any) -> tuple[float, ...] | None:
    scale = _numbers(value, 2)
    return scale if scale is not None and all(abs(s) > 1 / _HUGE for s in scale) else None


def _units(value: Any) -> tuple[str, ...] | None:
    """Units napari will accept: it asks pint."""
    units = _texts(value, 2)
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

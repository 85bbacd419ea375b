"""Whether napari is new enough, said in one line where it is not."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from ..errors import MissingDependencyError

__all__ = ["LEAST_NAPARI", "check_napari"]

LEAST_NAPARI = "0.9"
"""As in the extra ``gui``. Not a dependency of the package: library and command do without napari."""


def check_napari(found: str | None = None) -> None:
    """Refuse to begin in a napari that is too old.

    Parameters
    ----------
    found
        Its version; ``None`` looks it up.

    Raises
    ------
    MissingDependencyError
        If it is older than :data:`LEAST_NAPARI`; the message says what to type.
    """
    if found is None:
        try:
            found = version("napari")
        except PackageNotFoundError:  # run from a checkout: what it has is what it has
            return
    if _numbers(found) < _numbers(LEAST_NAPARI):
        raise MissingDependencyError(
            f"napari-glc needs napari {LEAST_NAPARI} or newer, and this is napari {found}: "
            f"pip install --upgrade 'napari>={LEAST_NAPARI}'"
        )


def _numbers(said: str) -> tuple[int, int]:
    """The first two numbers of a version."""
    first, second, *_ = (*said.split("."), "0")
    return int(first), int("".join(c for c in second if c.isdigit()) or 0)

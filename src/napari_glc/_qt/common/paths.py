"""Where to save and what to open, asked of the user."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtWidgets import QFileDialog, QWidget

__all__ = ["GLC_FILES", "folder_to_use", "path_to_open", "path_to_save", "suggested_name"]

GLC_FILES = "GLC files (*.glc)"


def path_to_save(parent: QWidget, title: str, suggestion: str, kinds: str = GLC_FILES) -> Path | None:
    """Let the user choose where to save; ``None`` if they think better of it.

    Parameters
    ----------
    parent
        Of the dialogue.
    title
        Its title.
    suggestion
        A file name; the chosen one ends as it does.
    kinds
        A filter in Qt's form.
    """
    suffix = Path(suggestion).suffix
    dialog = QFileDialog(parent, title, suggestion, kinds)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    # set here and not only appended later, so that the dialogue asks before it replaces a file
    dialog.setDefaultSuffix(suffix)
    chosen = dialog.selectedFiles() if dialog.exec() else []
    return _ending(Path(chosen[0]), suffix) if chosen else None


def _ending(path: Path, suffix: str) -> Path:
    """A path that ends as it should."""
    return path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)


def path_to_open(parent: QWidget, title: str = "Open a .glc file", kinds: str = GLC_FILES) -> Path | None:
    """Let the user choose a file; ``None`` if they think better of it."""
    chosen, _ = QFileDialog.getOpenFileName(parent, title, "", kinds)
    return Path(chosen) if chosen else None


def folder_to_use(parent: QWidget, title: str) -> Path | None:
    """Let the user choose a folder; ``None`` if they think better of it."""
    chosen = QFileDialog.getExistingDirectory(parent, title)
    return Path(chosen) if chosen else None


def suggested_name(layer: str, ending: str) -> str:
    """A file name made from a layer's name, which may hold anything."""
    plain = "".join(c if c.isalnum() or c in " ._-" else "_" for c in layer).strip()
    return f"{plain or 'picture'}{ending}"

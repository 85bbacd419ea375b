"""Checkpoints their authors publish, and where. Nothing of them is part of this package; codecs list theirs.

Pages are the authors'; addresses of files are theirs or those other projects use. Hashes are not the authors' (they
give none) but observed by several people who downloaded the file; where none is known to this project there is none
here, and what an import records is the first.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PublishedModel"]


@dataclass(frozen=True, kw_only=True)
class PublishedModel:
    """One published checkpoint.

    Attributes
    ----------
    name
        What it is called once imported.
    title
        In words.
    file
        Name of the file at its authors'.
    page
        Where they publish it, for people.
    url
        Where the file itself is; empty if the authors give no such address.
    sha256
        Its hash; empty if not known.
    megabytes
        About how many; 0 if not known.
    licence
        The authors' terms.
    saved_as
        A name for the download, where the authors' says too little.
    """

    name: str
    title: str
    file: str
    page: str
    url: str = ""
    sha256: str = ""
    megabytes: int = 0
    licence: str
    saved_as: str = ""

    @property
    def local_file(self) -> str:
        """Name of the download."""
        return self.saved_as or self.file

    @property
    def by_hand(self) -> str:
        """What to do without a connection."""
        size = f" (about {self.megabytes} MB)" if self.megabytes else ""
        return (
            f"fetch {self.file}{size} by hand from {self.page} and run: "
            f"glc models import {self.local_file} --as {self.name}"
        )

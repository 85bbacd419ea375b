"""Published checkpoints become models of this package; what of them, each codec says (:mod:`.kinds`).

::

    file --reading--> nested dictionaries --unwrapping--> state dicts --kinds--> configuration, our names
         --checking--> every tensor there, none left over, shapes as configured --storing--> NAME.safetensors

Nothing in a checkpoint is executed (:mod:`.reading`). What is written depends on the weights alone, not on the name or
the packaging, so whoever imports the same checkpoint gets a model of the same hash and can read the others' files.
No torch at import.
"""

from __future__ import annotations

from .provenance import Provenance, provenance_of, remove_model

__all__ = ["Provenance", "provenance_of", "remove_model"]

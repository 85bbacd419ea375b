"""Work stops between two layers of a network, in the thread that asked for it and in no other."""

from __future__ import annotations

import threading

import pytest

import napari_glc
from napari_glc._base.interruption import checkpoint, interruptible
from napari_glc.errors import Cancelled


@pytest.mark.parametrize("name", ["glc", "vqgan", "clric", "perco"])
def test_a_single_block_stops_at_every_layer(parrots, name):
    crop = parrots[:128, :192]
    asked = []
    options = {"effort": 0} if name == "clric" else {}
    with interruptible(lambda: asked.append(1)):
        data = napari_glc.encode(crop, codec=name, **options)
        encoding = len(asked)
        whole = napari_glc.decode(data)
    assert encoding > (10 if name == "clric" else 40)  # layers of the encoder
    assert len(asked) - encoding > 20

    def stop() -> None:
        asked.append(1)
        if len(asked) == 10:
            raise Cancelled("cancelled")

    asked.clear()
    with interruptible(stop), pytest.raises(Cancelled):
        napari_glc.decode(data)
    assert len(asked) == 10
    assert (napari_glc.decode(data) == whole).all()


def test_other_threads_and_later_work_are_not_concerned():
    def stop() -> None:
        raise Cancelled("cancelled")

    with interruptible(stop):
        other = threading.Thread(target=checkpoint)
        other.start()
        other.join()
        with pytest.raises(Cancelled):
            checkpoint()
    checkpoint()

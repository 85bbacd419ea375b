"""Every truncation and every flipped bit of a small file of each codec: right pixels, an error, or damage located."""

from __future__ import annotations

import numpy as np
import pytest

from napari_glc import GlcFile
from napari_glc.errors import GlcError
from seeds import seeds

FILES = (
    "glc",
    "glc-grey",
    "glc-tiles",
    *(f"vqgan-{coder}-{packets}" for coder in ("fixed", "zip", "adaptive", "transformer") for packets in (1, 4)),
)


def _faults(data: bytes) -> list[bytes]:
    cut = [data[:length] for length in range(len(data))]
    flipped = [
        data[:position] + bytes([data[position] ^ 1 << bit]) + data[position + 1 :]
        for position in range(len(data))
        for bit in range(8)
    ]
    return cut + flipped


def _packets_of(file: GlcFile) -> np.ndarray:
    """Which index positions are lost, found independently of `recover`: from the packets whose checksum fails."""
    from napari_glc.codecs.vqgan.packets import packet_map

    container = file.container
    lost = np.zeros((-(-file.shape[0] // 16), -(-file.shape[1] // 16)), bool)
    for chunk in file.lost_packets():
        tile, packet = divmod(chunk, container.header.packets)
        area = container.grid[tile].divided(16)
        lost[area.slices] |= packet_map(area.height, area.width, container.header.packets) == packet
    return lost


@pytest.mark.parametrize("name", FILES)
def test_no_fault_gives_wrong_pixels_silently(name):
    data = seeds()[name]
    right = GlcFile(data, device="cpu").read()
    packets = GlcFile(data).container.header.packets
    outcomes = {"right": 0, "error": 0, "located": 0}
    # recovery renders a picture, with the transformer's streams in a tenth of a second; an odd step meets all bits
    step = 29 if "transformer" in name else 7
    for number, fault in enumerate(_faults(data)):
        try:
            file = GlcFile(fault, device="cpu")
        except GlcError:
            outcomes["error"] += 1
            continue
        try:
            pixels = file.read()
        except GlcError:
            outcomes["error"] += 1
        else:
            outcomes["right"] += 1
            assert np.array_equal(pixels, right)
        if packets == 1 or number % step:
            continue
        try:
            found = file.recover("nearest")
        except GlcError:
            assert len(file.lost_packets()) == file.container.chunks
        else:
            outcomes["located"] += 1
            assert found.lost.any()
            assert np.array_equal(found.lost[::16, ::16], _packets_of(file))
    assert outcomes["right"] == 0, "every bit of a file matters"
    assert outcomes["error"] == 9 * len(data)
    assert (outcomes["located"] > 0) == (packets > 1)

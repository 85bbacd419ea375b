"""Index maps to bytes and back: four ways behind one interface.

The map of a tile is divided into packets by a map of packet numbers (see :mod:`.packets`). Every packet is
coded without knowledge of the others, so any of them can be lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...container.bytesio import check8
from ...entropy.adaptive import adaptive_bits, read_adaptive, write_adaptive
from ...entropy.categorical import LEAST_BITS, CategoricalReader, CategoricalWriter, integer_weights
from ...entropy.deflated import read_deflated, write_deflated
from ...entropy.packed import packed_size, read_packed, write_packed
from ...errors import DamagedFileError, SymbolMismatchError
from ...networks.fixed_attention import exponentials
from ...networks.fixed_waves import fixed_waves
from ...networks.index_transformer import IndexTransformer
from ...networks.index_waves import IndexWaves, wave_order

__all__ = ["AdaptiveCoder", "DeflateCoder", "FixedCoder", "IndexCoder", "Tick", "TransformerCoder"]

IndexMap = NDArray[np.int64]
Tick = Callable[[], None]
"""Called often during long work; whatever it raises stops it."""

_DEFLATE_RATIO = 1032
"""No DEFLATE stream expands further."""
_AT_ONCE = 4096
"""Positions the transformer evaluates at once when all indices are known."""
_LOGIT_BITS = 20


class IndexCoder(Protocol):
    """One way of coding."""

    def write(self, indices: IndexMap, packet: IndexMap, count: int, level: int, tick: Tick) -> list[bytes]:
        """Streams of all packets.

        Parameters
        ----------
        indices
            ``(H, W)``.
        packet
            Packet of each position, ``(H, W)``.
        count
            Number of packets.
        level
            Rate level of the codebook.
        tick
            Called often.
        """
        ...

    def read(self, streams: Sequence[bytes | None], packet: IndexMap, level: int, tick: Tick) -> IndexMap:
        """Indices ``(H, W)``, -1 at the positions of packets whose stream is ``None``.

        Raises
        ------
        DamagedFileError
            If a stream cannot be of its packet.
        """
        ...

    def least_size(self, count: int, level: int) -> int:
        """Bytes below which no stream of `count` indices can have."""
        ...


class _SimpleCoder:
    """A coder that sees the indices of a packet as a list in raster order."""

    def __init__(self, codebooks: tuple[int, ...]) -> None:
        self.codebooks = codebooks

    def write(self, indices: IndexMap, packet: IndexMap, count: int, level: int, tick: Tick) -> list[bytes]:
        streams = []
        for number in range(count):
            tick()
            streams.append(self._pack(indices[packet == number], self.codebooks[level]))
        return streams

    def read(self, streams: Sequence[bytes | None], packet: IndexMap, level: int, tick: Tick) -> IndexMap:
        indices = np.full(packet.shape, -1, np.int64)
        for number, stream in enumerate(streams):
            tick()
            if stream is not None:
                where = packet == number
                indices[where] = self._unpack(stream, int(where.sum()), self.codebooks[level])
        return indices

    def _pack(self, indices: IndexMap, size: int) -> bytes:
        raise NotImplementedError

    def _unpack(self, stream: bytes, count: int, size: int) -> IndexMap:
        raise NotImplementedError


class FixedCoder(_SimpleCoder):
    """``ceil(log2 K)`` bits an index."""

    def least_size(self, count: int, level: int) -> int:
        """Exactly the size."""
        return packed_size(count, self.codebooks[level])

    def _pack(self, indices: IndexMap, size: int) -> bytes:
        return write_packed(indices, size)

    def _unpack(self, stream: bytes, count: int, size: int) -> IndexMap:
        return read_packed(stream, count, size)


class DeflateCoder(_SimpleCoder):
    """DEFLATE, the published system's ZIP, of packed indices."""

    def least_size(self, count: int, level: int) -> int:
        """The format's greatest expansion."""
        return packed_size(count, self.codebooks[level]) // _DEFLATE_RATIO

    def _pack(self, indices: IndexMap, size: int) -> bytes:
        return write_deflated(indices, size)

    def _unpack(self, stream: bytes, count: int, size: int) -> IndexMap:
        return read_deflated(stream, count, size)


class AdaptiveCoder:
    """Adaptive arithmetic coding with spatial context."""

    def __init__(self, codebooks: tuple[int, ...]) -> None:
        self.codebooks = codebooks

    def write(self, indices: IndexMap, packet: IndexMap, count: int, level: int, tick: Tick) -> list[bytes]:
        """See :meth:`IndexCoder.write`."""
        size = self.codebooks[level]
        return [write_adaptive(indices, packet == number, size, tick) for number in range(count)]

    def bits(self, indices: IndexMap, packet: IndexMap, count: int, level: int, tick: Tick) -> NDArray[np.float64]:
        """Bits :meth:`write` spends at each position ``(H, W)``; NaN where the index is -1."""
        bits = np.full(indices.shape, np.nan)
        for number in range(count):
            where = (packet == number) & (indices >= 0)
            bits[where] = adaptive_bits(indices, where, self.codebooks[level], tick)[where]
        return bits

    def read(self, streams: Sequence[bytes | None], packet: IndexMap, level: int, tick: Tick) -> IndexMap:
        """See :meth:`IndexCoder.read`."""
        indices = np.full(packet.shape, -1, np.int64)
        for number, stream in enumerate(streams):
            if stream is not None:
                where = packet == number
                indices[where] = read_adaptive(stream, where, self.codebooks[level], tick)[where]
        return indices

    def least_size(self, count: int, level: int) -> int:
        """See :meth:`IndexCoder.least_size`."""
        return int(count * LEAST_BITS / 8)


class TransformerCoder:
    """Range coding with the transformer's probabilities, evaluated in fixed point.

    The stream of a packet ends in a CRC-8 of its indices as the encoder knew them, so a machine that does not
    reproduce the probabilities is found out.

    Parameters
    ----------
    fixed
        The transformer, converted by :func:`~napari_glc.networks.fixed_point.to_fixed_point`.
    """

    def __init__(self, fixed: IndexTransformer) -> None:
        self.fixed = fixed
        self.reach = max(fixed.config.reaches)
        self.table = exponentials(_LOGIT_BITS)

    def _weights(self, logits: Tensor) -> NDArray[np.float64]:
        """Integer weights ``(n, K)`` of fixed-point logits."""
        distance = (logits.amax(-1, keepdim=True) - logits).clamp_(0, len(self.table) - 1)
        return integer_weights(self.table[distance.long()].numpy())

    def write(self, indices: IndexMap, packet: IndexMap, count: int, level: int, tick: Tick) -> list[bytes]:
        """See :meth:`IndexCoder.write`."""
        own = [packet == number for number in range(count)]
        maps = torch.from_numpy(np.stack([np.where(mine, indices, -1) for mine in own]))
        writers = [CategoricalWriter() for _ in own]
        for positions, logits in self._all_logits(maps, level):
            tick()
            for writer, mine, of_packet in zip(writers, own, logits, strict=True):
                kept = mine.ravel()[positions]
                writer.write(indices.ravel()[positions][kept], self._weights(of_packet[torch.from_numpy(kept)]))
        return [writer.finish() + _check(indices[mine]) for writer, mine in zip(writers, own, strict=True)]

    def bits(self, indices: IndexMap, packet: IndexMap, count: int, level: int, tick: Tick) -> NDArray[np.float64]:
        """Bits :meth:`write` spends at each position ``(H, W)``; NaN where the index is -1."""
        own = [packet == number for number in range(count)]
        maps = torch.from_numpy(np.stack([np.where(mine, indices, -1) for mine in own]))
        bits = np.full(indices.shape, np.nan)
        for positions, logits in self._all_logits(maps, level):
            tick()
            found, of_packet = indices.ravel()[positions], packet.ravel()[positions]
            known = np.flatnonzero(found >= 0)
            weights = self._weights(logits[of_packet[known], known])
            spent = np.log2(weights.sum(-1) / weights[np.arange(len(known)), found[known]])
            bits.ravel()[positions[known]] = spent
        return bits

    def option_bits(
        self, indices: IndexMap, options: IndexMap, packet: IndexMap, count: int, level: int, tick: Tick
    ) -> NDArray[np.float64]:
        """Bits of what a position could hold instead ``(H, W, k)``, all other positions as they are.

        Parameters
        ----------
        indices, packet, count, level, tick
            See :meth:`IndexCoder.write`.
        options
            Indices ``(H, W, k)``.
        """
        own = [packet == number for number in range(count)]
        maps = torch.from_numpy(np.stack([np.where(mine, indices, -1) for mine in own]))
        bits = np.empty(options.shape)
        for positions, logits in self._all_logits(maps, level):
            tick()
            weights = self._weights(logits[packet.ravel()[positions], np.arange(len(positions))])
            wanted = options.reshape(-1, options.shape[-1])[positions]
            spent = np.log2(weights.sum(-1, keepdims=True) / np.take_along_axis(weights, wanted, -1))
            bits.reshape(-1, options.shape[-1])[positions] = spent
        return bits

    def _all_logits(self, maps: Tensor, level: int) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Positions and logits wave by wave when all indices are known; the same integers either way."""
        _, height, width = maps.shape
        if maps.numel() > _AT_ONCE:
            for positions, logits in IndexWaves(self.fixed, maps, level):
                yield positions.numpy(), logits
            return
        waves = fixed_waves(self.fixed)
        features = waves.map_features(self.fixed, maps, level).flatten(1, 2)
        for positions in wave_order(height, width, self.reach):
            if len(positions):
                yield positions.numpy(), waves.logits(features[:, positions], level)

    def read(self, streams: Sequence[bytes | None], packet: IndexMap, level: int, tick: Tick) -> IndexMap:
        """See :meth:`IndexCoder.read`.

        Raises
        ------
        SymbolMismatchError
            If the indices are not those the encoder wrote.
        """
        present = [(number, stream) for number, stream in enumerate(streams) if stream is not None]
        result = np.full(packet.shape, -1, np.int64)
        if not present:
            return result
        own = [packet == number for number, _ in present]
        readers = [CategoricalReader(stream[:-1]) for _, stream in present]
        maps = torch.full((len(present), *packet.shape), -1)
        flat = maps.flatten(1)
        for positions, logits in IndexWaves(self.fixed, maps, level):
            tick()
            for reader, mine, of_packet, target in zip(readers, own, logits, flat, strict=True):
                kept = torch.from_numpy(mine.ravel())[positions]
                target[positions[kept]] = torch.from_numpy(reader.read(self._weights(of_packet[kept])))
        for (_, stream), mine, found in zip(present, own, maps.numpy(), strict=True):
            result[mine] = found[mine]
            if _check(result[mine]) != stream[-1:]:
                raise SymbolMismatchError(
                    "the decoded indices are not those of the encoder although the bytes are intact: this machine "
                    "does not reproduce the model's probabilities; please report it"
                )
        return result

    def least_size(self, count: int, level: int) -> int:
        """See :meth:`IndexCoder.least_size`."""
        return int(count * LEAST_BITS / 8) + 1


def _check(indices: IndexMap) -> bytes:
    return check8(indices.astype("<u2").tobytes())


def check_streams(coder: IndexCoder, streams: Sequence[bytes | None], counts: Sequence[int], level: int) -> None:
    """Refuse streams too short for their indices, before anything of that size is allocated.

    Raises
    ------
    DamagedFileError
        If one is.
    """
    for stream, count in zip(streams, counts, strict=True):
        if stream is not None and len(stream) < coder.least_size(count, level):
            raise DamagedFileError(f"a packet of {len(stream)} bytes is too short for {math.ceil(count)} indices")

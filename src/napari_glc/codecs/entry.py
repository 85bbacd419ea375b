"""What a codec tells the rest of the package about itself, without importing torch."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .._base.places import found_at
from ..errors import MissingDependencyError
from .options import CodecOptions, OptionSet

__all__ = ["Capabilities", "CodecEntry", "PlotStyle"]


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What a codec can do; forms, verbs and readers ask this and never a codec's name.

    Attributes
    ----------
    rate
        ``"continuous"``: every half step of quality is another file; ``"levels"``: a few are, see
        :meth:`~napari_glc.codecs.base.Codec.qualities`.
    encode_cost
        ``"pass"``: networks run once, below a second for a photograph; ``"fit"``: every picture is optimised for, so
        nobody encodes twice without need.
    preview
        Whether a coarse picture decodes from part of the bytes.
    lossy_packets
        Whether a file whose packets are partly lost still decodes
        (:class:`~napari_glc.codecs.index_mapped.IndexMapped`).
    index_map
        Whether a picture is a map of codewords (:class:`~napari_glc.codecs.index_mapped.IndexMapped`).
    coefficients
        Whether a picture is coefficients with scales (:class:`~napari_glc.codecs.transform_coded.TransformCoded`).
    grids
        Whether a picture is grids at several resolutions (:class:`~napari_glc.codecs.grid_coded.GridCoded`).
    rate_steps
        Whether another quality costs less than another encoding (:class:`~napari_glc.codecs.base.RateSteps`).
    samples
        Whether the same bytes decode into different pictures, by a seed.
    effort
        Whether its option ``effort`` optimises what a single pass gives, by a :class:`~napari_glc.codecs.goals.Goal`.
    regions
        Whether its single pass weighs pixels too.
    exact_regions
        Whether a region decoded by itself equals that part of the whole.
    file_stream, plane_stream
        Whether files, or planes, have a stream that their tiles share (:class:`~napari_glc.codecs.base.SharedStreams`).
    """

    rate: Literal["continuous", "levels"] = "continuous"
    encode_cost: Literal["pass", "fit"] = "pass"
    preview: bool = False
    lossy_packets: bool = False
    index_map: bool = False
    coefficients: bool = False
    grids: bool = False
    rate_steps: bool = False
    samples: bool = False
    effort: bool = False
    regions: bool = False
    exact_regions: bool = True
    file_stream: bool = False
    plane_stream: bool = False


@dataclass(frozen=True)
class PlotStyle:
    """How a codec's curve is drawn; all differ in marker and line as well, so colours are not needed to tell them."""

    colour: str
    marker: str = "o"
    line: str = "-"


@dataclass(frozen=True, kw_only=True)
class CodecEntry:
    """A codec as the rest of the package sees it.

    Places in code are ``"module:attribute"``, imported when they are needed.

    Attributes
    ----------
    name
        For people and programs.
    number
        In files; never given to another codec.
    label
        What it codes, for lists: ``"latent"``.
    summary
        A sentence for tooltips and help texts.
    implementation
        The class that codes (:class:`~napari_glc.codecs.base.Codec`), made from a model file and a device.
    options
        What a user may choose beyond quality.
    decoding
        What a user may choose when a file is decoded; no file says it.
    config
        The class of its models' configurations; knows ``from_json`` and ``sees_whole_planes``.
    default_model
        Name of its embedded model; empty for none.
    stream_sizes
        A function ``(config, payload, coding, box)`` that says how many bytes each stream has in a payload of the tile
        `box`, by name; needs none of the codec's libraries. Empty if a payload is one stream.
    told
        A function of a :class:`~napari_glc.codecs.base.PlaneCoding` that gives, by name, what the streams of a plane
        tell people; needs none of the codec's libraries. Empty if they tell nothing.
    trainer
        The class that trains its models (:class:`~napari_glc.training.trainer.Trainer`); empty for none. The training
        configurations of its embedded models lie beside it, as ``NAME.toml``.
    parts
        From ``"encoder"`` and ``"decoder"`` to what the keys of the tensors begin with that a part of that kind may
        replace (:mod:`napari_glc.codecs.parts`). Those of the encoder are what nothing but encoding uses.
    part_trainers
        From ``"encoder"`` and ``"decoder"`` to the class that trains such a part for a model
        (:class:`~napari_glc.training.part_trainer.PartTrainer`); their configurations lie beside the trainer too.
    checkpoints
        The published checkpoints that become models of it (:class:`~napari_glc.models.importing.kinds.Checkpoints`);
        empty for none. They are listed and recognised without the codec's libraries.
    extra, needs
        Libraries it needs beyond the package's own, and the extra that installs them.
    caution
        What is to be known of decoded pictures; layers say it in their metadata.
    mark
        What is put in brackets behind the names of decoded layers; empty for nothing.
    plot
        Of its curves.
    capabilities
        See :class:`Capabilities`.
    """

    name: str
    number: int
    label: str
    summary: str
    implementation: str
    options: type[CodecOptions] = CodecOptions
    decoding: type[OptionSet] = OptionSet
    config: str = ""
    default_model: str = ""
    stream_sizes: str = ""
    told: str = ""
    trainer: str = ""
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    part_trainers: Mapping[str, str] = field(default_factory=dict)
    checkpoints: str = ""
    extra: str = ""
    needs: tuple[str, ...] = ()
    caution: str = "Decoded by a generative model, which invents plausible detail: not for measurements."
    mark: str = ""
    plot: PlotStyle = field(default=PlotStyle("#7a7a7a"))
    capabilities: Capabilities = field(default=Capabilities())

    def check_libraries(self) -> None:
        """Say what to install if a library is missing; imports nothing.

        Raises
        ------
        MissingDependencyError
            If one is missing.
        """
        missing = [name for name in self.needs if importlib.util.find_spec(name) is None]
        if missing:
            raise MissingDependencyError(
                f"codec {self.name!r} needs {', '.join(missing)}: pip install 'napari-glc[{self.extra}]'"
            )

    def load(self, place: str, *, libraries: bool = True) -> Any:
        """What lies at a place such as :attr:`implementation`.

        Parameters
        ----------
        place
            ``"module:attribute"``.
        libraries
            Whether it takes the codec's libraries.

        Raises
        ------
        MissingDependencyError
            If it does and one is missing.
        """
        if libraries:
            self.check_libraries()
        return found_at(place)

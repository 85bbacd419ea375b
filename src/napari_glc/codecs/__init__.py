"""What a codec is, which there are, and a folder for each; no torch at import.

>>> from napari_glc.codecs import all_codecs
>>> [entry.name for entry in all_codecs()]
['glc', 'vqgan', 'clric', 'perco']
"""

from .entry import Capabilities, CodecEntry, PlotStyle
from .options import CodecOptions, Knob, OptionField
from .registry import DEFAULT_CODEC, all_codecs, codec_named, codec_numbered, model_of, register_codec

__all__ = [
    "DEFAULT_CODEC",
    "Capabilities",
    "CodecEntry",
    "CodecOptions",
    "Knob",
    "OptionField",
    "PlotStyle",
    "all_codecs",
    "codec_named",
    "codec_numbered",
    "model_of",
    "register_codec",
]

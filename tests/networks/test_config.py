"""Configurations come back from JSON as they were, and only if they make sense."""

from __future__ import annotations

import json

import pytest

from napari_glc.codecs.registry import config_of
from napari_glc.models import embedded_models
from napari_glc.networks.config import (
    OFFICIAL_FACE,
    OFFICIAL_IMAGE,
    SMALL,
    AutoencoderConfig,
    GlcConfig,
    TransformerConfig,
    VqganConfig,
)


@pytest.mark.parametrize("model", embedded_models(), ids=lambda model: model.name)
def test_the_text_in_a_model_file_comes_back_byte_for_byte(model):
    """It is part of what the model's hash covers."""
    assert config_of(model).to_json() == model.config


@pytest.mark.parametrize("config", [OFFICIAL_FACE, OFFICIAL_IMAGE, SMALL, VqganConfig(), VqganConfig(transformer=None)])
def test_configurations_come_back(config):
    text = config.to_json()
    assert type(config).from_json(text) == config == config.checked()
    assert type(config).from_dict(json.loads(text)) == config
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def test_missing_options_get_their_defaults():
    assert GlcConfig.from_json("{}") == SMALL
    assert VqganConfig.from_json('{"codebooks": [4, 8]}') == VqganConfig(codebooks=(4, 8))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"prior_blocks": 2, "colour": 1}', "colour"),
        ('{"prior_blocks": "2"}', "prior_blocks"),
        ('{"prior_blocks": 257}', "prior_blocks"),
        ('{"log_scale": 1}', "log_scale"),
        ('{"rate_points": 0}', "rate_points"),
        ('{"autoencoder": {"widths": [64, 128]}}', "autoencoder.widths"),
        ('{"autoencoder": {"kind": "vae"}}', "autoencoder.kind"),
        ('{"autoencoder": {"multipliers": []}}', "autoencoder.multipliers"),
        ('{"autoencoder": {"codewords": 131073}}', "autoencoder.codewords"),
        ('{"autoencoder": {"window": -1}}', "autoencoder.window"),
        ("{", "truncated"),
    ],
)
def test_what_is_wrong_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        GlcConfig.from_json(text)


def test_constructors_take_anything_and_checking_does_not():
    config = TransformerConfig(layers=1000)
    with pytest.raises(ValueError, match="layers"):
        config.checked()
    with pytest.raises(ValueError, match="layers"):
        VqganConfig(autoencoder=AutoencoderConfig(), transformer=config).checked()

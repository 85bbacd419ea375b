"""The page on the commands names every verb and option there is."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from napari_glc.cli.main import build_parser

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def _verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                inner = list(_verbs(verb))
                yield from inner or [verb]


def test_every_verb_and_option_is_documented():
    sections = {part.split("\n")[0]: part for part in PAGE.read_text().split("\n## ")}
    verbs = list(_verbs(build_parser()))
    assert len(verbs) == 17
    for verb in verbs:
        section = sections[verb.prog]
        for action in verb._actions:
            for option in action.option_strings:
                assert option in ("-h", "--help") or option in section, (verb.prog, option)
            assert action.help, (verb.prog, action.dest)

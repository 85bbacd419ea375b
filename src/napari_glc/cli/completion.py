"""``glc completion``: what a shell needs to complete verbs, options and names of files."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

__all__ = ["add_verbs"]

_SHELLS = ("bash", "zsh", "tcsh")
_HOW = """\
  bash:  glc completion bash > ~/.local/share/bash-completion/completions/glc
  zsh:   glc completion zsh > ~/.zfunc/_glc          with ~/.zfunc in fpath, before compinit
  tcsh:  glc completion tcsh > ~/.glc.csh            and "source ~/.glc.csh" in ~/.tcshrc
"""


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb of this file to a parser."""
    completion = verbs.add_parser(
        "completion",
        help="completion of verbs, options and files, for your shell",
        description="Print a script with which the Tab key completes verbs, options and names of files.",
        epilog=_HOW,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    completion.add_argument("shell", choices=_SHELLS, help="the shell the script is for")
    completion.set_defaults(run=_completion)


def _completion(options: argparse.Namespace) -> int:
    from ..errors import MissingDependencyError

    try:
        import shtab
    except ImportError as error:
        raise MissingDependencyError("shtab is not installed: pip install napari-glc[completion]") from error
    for action in _actions(options.parser):
        if action.type is Path:
            folder = "DIR" in str(action.metavar) or "FOLDER" in str(action.metavar)
            action.complete = shtab.DIRECTORY if folder else shtab.FILE  # type: ignore[attr-defined]
    print(shtab.complete(options.parser, options.shell))
    return 0


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """All arguments of a parser and of those of its verbs."""
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _actions(verb)

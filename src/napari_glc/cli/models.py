"""``glc models``."""

from __future__ import annotations

import argparse
import json

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file to a parser."""
    models = verbs.add_parser("models", help="which models are installed", description="Look after models.")
    actions = models.add_subparsers(metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="all installed models", description="List all installed models.")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=_list)


def _list(options: argparse.Namespace) -> int:
    from ..models import installed_models, model_folder

    models = installed_models()
    if options.json:
        facts = [
            {"name": m.name, "codec": m.codec, "sha256": m.sha256, "bytes": m.size, "path": str(m.path)} for m in models
        ]
        print(json.dumps(facts, indent=2))
        return 0
    for model in models:
        print(f"{model.name:<16} {model.codec:<6} {model.sha256[:12]}  {model.size / 1e6:6.1f} MB  {model.description}")
    print(f"further models are looked for in {model_folder()}")
    return 0

"""``glc models``: what is installed, and how the weights others published get there."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .progress import byte_bar

if TYPE_CHECKING:
    from ..models import ModelFile, PartFile
    from ..models.measuring import MeasuringNetwork

__all__ = ["add_verbs"]


def add_verbs(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verbs of this file to a parser."""
    models = verbs.add_parser("models", help="installed and published models", description="Look after models.")
    actions = models.add_subparsers(metavar="ACTION", required=True)

    listing = actions.add_parser("list", help="all installed models", description="List models.")
    listing.add_argument("--published", action="store_true", help="those that can be fetched instead")
    listing.add_argument("--json", action="store_true", help="print JSON")
    listing.set_defaults(run=_list)

    show = actions.add_parser("show", help="one model", description="Say all there is to say of a model.")
    show.add_argument("model", metavar="MODEL", help="name, hash or path")
    show.add_argument("--json", action="store_true", help="print JSON")
    show.set_defaults(run=_show)

    taken = actions.add_parser(
        "import",
        help="a checkpoint as its authors publish it, or a part for a model",
        description=(
            "Turn a checkpoint that others published into a model (glc models list --published), or copy a part for a "
            "model, as glc train makes them, into the model folder."
        ),
    )
    taken.add_argument("file", type=Path, metavar="FILE", help="what the authors publish, as it is: a file or a folder")
    _add_naming(taken)
    taken.add_argument(
        "--for", dest="attach_to", metavar="MODEL", help="a second stage (minGPT): the VQGAN whose indices it predicts"
    )
    taken.add_argument("--heads", type=int, metavar="N", help="a second stage: attention heads, default width / 64")
    taken.add_argument("--url", default="", metavar="URL", help="where the file is from, for the record")
    taken.set_defaults(run=_import)

    pull = actions.add_parser("pull", help="fetch and import", description="Fetch a published checkpoint, import it.")
    pull.add_argument("published", metavar="NAME", help="see glc models list --published")
    _add_naming(pull)
    pull.add_argument("--keep", action="store_true", help="keep the download in the model folder")
    pull.set_defaults(run=_pull)

    remove = actions.add_parser("remove", help="delete a model", description="Delete a model from the model folder.")
    remove.add_argument("model", metavar="MODEL", help="name or hash")
    remove.set_defaults(run=_remove)


def _add_naming(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--as", dest="name", metavar="NAME", help="what to call the model")
    parser.add_argument("--replace", action="store_true", help="replace a model of that name")


def _list(options: argparse.Namespace) -> int:
    from ..models import installed_models, installed_parts, model_folder
    from ..models.measuring import installed_networks

    if options.published:
        return _list_published(options)
    models, parts, networks = installed_models(), installed_parts(), installed_networks()
    if options.json:
        facts: list[dict[str, Any]] = [
            {"name": m.name, "codec": m.codec, "sha256": m.sha256, "bytes": m.size, "path": str(m.path)} for m in models
        ]
        facts += [
            {
                "name": part.name,
                "codec": part.codec,
                "part": part.kind,
                "base": part.base,
                "sha256": part.sha256,
                "bytes": part.size,
                "path": str(part.path),
            }
            for part in parts
        ]
        facts += [
            {"name": n.name, "measure": n.name, "source_sha256": n.sha256, "bytes": n.size, "path": str(n.path)}
            for n in networks
        ]
        print(json.dumps(facts, indent=2))
        return 0
    for model in models:
        print(_line(model))
        for part in parts:
            if part.fits(model):
                print(_part_line(part))
    lone = [part for part in parts if not any(part.fits(model) for model in models)]
    for part in lone:
        print(f"{_part_line(part)} (for model {part.base[:6]}, which is not installed)")
    for network in networks:
        print(_network_line(network))
    print(f"further models are looked for in {model_folder()}")
    return 0


def _line(model: ModelFile) -> str:
    return f"{model.name:<20} {model.codec:<6} {model.sha256[:12]}  {model.size / 1e6:6.1f} MB  {model.description}"


def _part_line(part: PartFile) -> str:
    words = part.description or part.effect
    return f"  {part.name:<18} {part.kind:<6} {part.sha256[:12]}  {part.size / 1e6:6.1f} MB  {words}"


def _network_line(network: MeasuringNetwork) -> str:
    size = f"{network.size / 1e6:6.1f} MB"
    return f"{network.name:<20} {'':<6} {network.sha256[:12]}  {size}  {network.kind.title}, for measuring"


def _list_published(options: argparse.Namespace) -> int:
    from ..codecs.importing import published_models
    from ..models.measuring import NETWORKS

    models = (*published_models(), *(kind.published for kind in NETWORKS))
    if options.json:
        print(json.dumps([asdict(model) for model in models], indent=2))
        return 0
    for model in models:
        size = f"{model.megabytes} MB" if model.megabytes else ""
        print(f"{model.name:<20} {size:>7}  {model.title}; {model.licence}; {model.page}")
    print("glc models pull NAME fetches one, if its authors give an address for it")
    return 0


def _show(options: argparse.Namespace) -> int:
    from ..models import find_model, provenance_of

    model = find_model(options.model)
    origin = provenance_of(model)
    facts: dict[str, Any] = {
        "name": model.name,
        "codec": model.codec,
        "description": model.description,
        "sha256": model.sha256,
        "bytes": model.size,
        "path": str(model.path),
        "source": None if origin is None else asdict(origin),
        "config": json.loads(model.config),
    }
    if options.json:
        print(json.dumps(facts, indent=2))
        return 0
    source = facts.pop("source") or {}
    config = facts.pop("config")
    for key, value in {**facts, **{f"source {key}": value for key, value in source.items()}}.items():
        print(f"{key:<15} {value}")
    print(f"{'config':<15} {json.dumps(config)}")
    return 0


def _import(options: argparse.Namespace) -> int:
    from ..codecs.importing import import_checkpoint
    from ..models.importing.storing import store_part
    from ..models.measuring.importing import import_networks

    if options.file.suffix == ".safetensors" and options.name is None and _is_part(options.file):
        print(_part_line(store_part(options.file, replace=options.replace)).strip())
        return 0
    networks = import_networks(options.file, url=options.url, replace=options.replace)
    if networks:
        _tell_networks(networks)
        if options.name is not None:
            print(f"glc: networks of measures keep their names; --as {options.name} did nothing", file=sys.stderr)
        return 0
    model = import_checkpoint(
        options.file,
        options.name,
        attach_to=options.attach_to,
        heads=options.heads,
        url=options.url,
        replace=options.replace,
    )
    _tell(model)
    return 0


def _tell_networks(networks: Sequence[MeasuringNetwork]) -> None:
    for network in networks:
        print(_network_line(network))
        told = network.kind.published
        print(f"glc: the authors' terms for it: {told.licence} ({told.page})", file=sys.stderr)


def _is_part(path: Path) -> bool:
    from ..errors import ModelError
    from ..models.part import read_part

    try:
        return read_part(path) is not None
    except ModelError:
        return False


def _tell(model: ModelFile) -> None:
    from ..models import provenance_of

    print(_line(model))
    origin = provenance_of(model)
    if origin is not None:
        print(f"glc: the authors' terms for their checkpoint: {origin.licence} ({origin.url})", file=sys.stderr)


def _pull(options: argparse.Namespace) -> int:
    from ..codecs.importing import find_published, import_checkpoint
    from ..errors import MissingModelError
    from ..models import model_folder
    from ..models.downloading import DownloadError, download
    from ..models.importing.storing import checked_name
    from ..models.measuring import NETWORKS
    from ..models.measuring.importing import import_networks

    kind = next((kind for kind in NETWORKS if kind.name == options.published), None)
    wanted = find_published(options.published) if kind is None else kind.published
    by_hand = wanted.by_hand if kind is None else kind.by_hand
    name = wanted.name if kind else checked_name(options.name or wanted.name, replace=options.replace)
    if not wanted.url:
        raise MissingModelError(f"the authors of {wanted.name} give no address of the file itself: {by_hand}")
    target = model_folder() / "downloads" / wanted.local_file
    try:
        with byte_bar(wanted.local_file) as progress:
            download(wanted.url, target, sha256=wanted.sha256, progress=progress)
    except DownloadError as error:
        raise DownloadError(f"{error}; try again, or {by_hand}") from error
    if kind is not None:
        _tell_networks(import_networks(target, url=wanted.url, replace=options.replace))
    else:
        _tell(import_checkpoint(target, name, url=wanted.url, replace=options.replace))
    if not options.keep:
        target.unlink()
    return 0


def _remove(options: argparse.Namespace) -> int:
    from ..models import find_model, installed_parts, remove_model
    from ..models.measuring import installed_networks, remove_network

    for network in installed_networks():
        if network.name == options.model:
            remove_network(network)
            print(f"{network.name} is gone")
            return 0
    parts = [part for part in installed_parts() if part.name == options.model]
    model: ModelFile | PartFile = parts[0] if parts else find_model(options.model)
    remove_model(model)
    print(f"{model.name} ({model.sha256[:12]}) is gone")
    return 0

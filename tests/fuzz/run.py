"""Fuzz for real.

::

    python tests/fuzz/run.py parser --runs 1000000      container and metadata, coverage-guided
    python tests/fuzz/run.py streams --runs 200000      stream decoders, coverage-guided
    python tests/fuzz/run.py decoder --runs 20000       whole files to pixels, structure-aware mutations of real files
    python tests/fuzz/run.py all --seconds 300          a bit of each: what `tox -e fuzz` runs

Coverage guidance needs atheris (``pip install atheris``); without it mutations are drawn at random. A crash, a run
of more than two seconds or memory beyond the bound ends the program with an error and leaves the input in
``tests/corpus/found-*``.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import os
import random
import resource
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
SLOW = 2.0
"""Seconds of processor time."""
PARSER_MEMORY = 1 << 16, 64, 48 << 20
"""Most bytes the parser may hold: constant, times the file's size, and what metadata may expand to."""
DECODER_MEMORY = 300 << 20
"""Most bytes the resident memory may grow while pictures of at most :data:`DECODER_PIXELS` pixels are decoded."""
DECODER_PIXELS = 1 << 14


def guarded(target: Callable[[bytes], object], data: bytes) -> object:
    """Run a target; keep the input of whatever is not an error of ours, or slow."""
    from napari_glc.errors import GlcError

    started = time.process_time()
    try:
        answer = target(data)
    except GlcError as error:
        answer = type(error).__name__
    except BaseException:
        _keep(data)
        raise
    if time.process_time() - started > SLOW:
        _keep(data)
        raise TimeoutError(f"{time.process_time() - started:.1f} s for {len(data)} bytes")
    return answer


def _keep(data: bytes) -> None:
    path = CORPUS / f"found-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    print(f"input kept as {path}", file=sys.stderr)


def fuzz_guided(name: str, runs: int, seconds: int) -> None:
    """Coverage-guided by atheris in this process, which it ends; at random where atheris is not installed."""
    try:
        import atheris
    except ImportError:
        fuzz_at_random(name, runs, seconds)
        return
    with atheris.instrument_imports(include=["napari_glc.container", "napari_glc.entropy"]):
        import targets
    import mutations
    import seeds

    target = targets.parse_file if name == "parser" else targets.decode_streams
    structured = name == "parser"

    def mutator(data: bytes, most: int, seed: int) -> bytes:
        rng = random.Random(seed)
        return (mutations.mutate(data, rng) if rng.random() < 0.5 else atheris.Mutate(data, most))[:most]

    with tempfile.TemporaryDirectory() as folder:
        for seed_name, data in seeds.seeds().items():
            (Path(folder) / seed_name).write_bytes(data)
        for path in CORPUS.glob("*.bin"):
            (Path(folder) / path.name).write_bytes(path.read_bytes())
        options = [f"-runs={runs}", "-max_len=1024", "-timeout=20", "-rss_limit_mb=2048", "-print_final_stats=1"]
        options += [f"-artifact_prefix={CORPUS}/found-", f"-max_total_time={seconds}", "-verbosity=1"]
        atheris.Setup(
            [sys.argv[0], *options, folder],
            lambda data: guarded(target, data) and None,
            **({"custom_mutator": mutator} if structured else {}),
        )
        atheris.Fuzz()


def fuzz_at_random(name: str, runs: int, seconds: int) -> None:
    """Structure-aware mutations of real files; counts what happened and bounds time and memory."""
    import torch

    import mutations
    import targets
    from napari_glc import Limits, set_limits
    from seeds import seeds

    torch.set_num_threads(1)
    target = {"parser": targets.parse_file, "streams": targets.decode_streams, "decoder": targets.decode_file}[name]
    rng, files, answers = random.Random(runs), seeds(), collections.Counter[object]()
    before_limits = set_limits(Limits(pixels=DECODER_PIXELS)) if name == "decoder" else None
    for data in files.values():
        guarded(target, data)
    memory, started, slowest, done = _resident(), time.perf_counter(), 0.0, 0
    names = list(files)
    # the transformer takes twenty times as long as others, so it is drawn less often
    weights = [0.05 if "transformer" in name else 1.0 for name in names]
    while done < runs and time.perf_counter() - started < (seconds or 1e9):
        data = mutations.mutate(files[rng.choices(names, weights)[0]], rng)
        if rng.random() < 0.2:
            data = mutations.mutate(data, rng)
        begun = time.process_time()
        answers[guarded(target, data)] += 1
        slowest, done = max(slowest, time.process_time() - begun), done + 1
        if done % 1000 == 0:
            print(f"  {done}: {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
    grown = _resident() - memory
    if before_limits is not None:
        set_limits(before_limits)
    print(
        f"{name}: {done} executions in {time.perf_counter() - started:.0f} s, slowest {slowest:.2f} s, resident memory "
        f"grew by {grown / 2**20:.0f} MiB; {dict(answers.most_common())}"
    )
    if name == "decoder" and grown > DECODER_MEMORY:
        raise MemoryError(f"{grown} bytes are beyond the bound of {DECODER_MEMORY}")


def measure_parser_memory(runs: int) -> None:
    """Most bytes the parser holds, against the documented bound."""
    import mutations
    import targets
    from seeds import seeds

    rng, files, most = random.Random(runs), list(seeds().values()), (0.0, 0, 0)
    tracemalloc.start()
    for _ in range(runs):
        data = mutations.mutate(rng.choice(files), rng)
        tracemalloc.reset_peak()
        base = tracemalloc.get_traced_memory()[0]
        guarded(targets.parse_file, data)
        used = tracemalloc.get_traced_memory()[1] - base
        constant, factor, metadata = PARSER_MEMORY
        most = max(most, (used / (constant + factor * len(data) + metadata), used, len(data)))
    tracemalloc.stop()
    print(
        f"parser memory: {runs} executions, most {most[1]} bytes (for a file of {most[2]}), {most[0]:.2f} of the bound"
    )
    if most[0] > 1:
        raise MemoryError("the parser allocates more than is documented")


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=["parser", "streams", "decoder", "memory", "all"])
    parser.add_argument("--runs", type=int, default=10**9)
    parser.add_argument("--seconds", type=int, default=0, help="0 for as long as the runs take")
    options = parser.parse_args()
    if options.target in ("parser", "streams"):
        fuzz_guided(options.target, options.runs, options.seconds)
    elif options.target == "memory":
        measure_parser_memory(options.runs)
    elif options.target == "decoder":
        fuzz_at_random("decoder", options.runs, options.seconds)
    else:
        # atheris ends its process, so each runs in its own
        for name in ("parser", "streams", "decoder"):
            command = [sys.executable, __file__, name, "--seconds", str(max(1, options.seconds // 3))]
            if os.spawnv(os.P_WAIT, sys.executable, command):
                sys.exit(f"fuzzing the {name} found something")


if __name__ == "__main__":
    main()

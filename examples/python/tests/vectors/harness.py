"""Cases observed on the peers' own code, from the repository's `tests/vectors`, run through the component.

The checks are those of `tests/vectors/*.rs`. `CONSIGN_VECTORS` names another folder, relative to the
repository's root, with the same file names and fields.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any, Callable, Dict, List, Tuple

from consign_image import Consign

from ..support import ROOT, consign

Json = Any
Check = Callable[[Consign, Json], None]
FOLDER = ROOT / os.environ.get("CONSIGN_VECTORS", "tests/vectors/data")
_WORKERS = min(2, os.cpu_count() or 1)


class Wrong(Exception):
    """A case has another answer."""


def same(what: str, wanted: Json, found: Json) -> None:
    if wanted != found:
        raise Wrong(f"{what}: wanted {wanted!r}, found {found!r}")


def cases(file: str) -> List[Json]:
    """The cases of one file, one JSON object a line."""
    with (FOLDER / file).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def deviations(file: str) -> Dict[str, str]:
    """The known deviations of a file: the case's key and the reason."""
    with (ROOT / "tests/vectors/deviations.jsonl").open(encoding="utf-8") as lines:
        entries = [json.loads(line) for line in lines if line.strip()]
    return {entry["case"]: entry["reason"] for entry in entries if entry["file"] == file}


def compact(value: Json) -> str:
    """A value as the repository's keys have it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _failures(work: Tuple[Check, List[Json]]) -> List[Tuple[int, str]]:
    check, chunk = work
    failed = []
    for position, case in enumerate(chunk):
        try:
            check(consign(), case)
        except Exception as error:
            failed.append((position, str(error) if isinstance(error, Wrong) else repr(error)))
    return failed


def run(file: str, key: Callable[[Json], str], check: Check) -> None:
    """Runs every case, on two processors; raises where one fails that is not listed, or a listed one passes."""
    start = time.monotonic()
    found, listed = cases(file), deviations(file)
    step = max(1, len(found) // (4 * _WORKERS))
    chunks = [found[at : at + step] for at in range(0, len(found), step)]
    failed: Dict[str, str] = {}
    with ProcessPoolExecutor(_WORKERS) as workers:
        for chunk, wrong in zip(chunks, workers.map(_failures, [(check, chunk) for chunk in chunks])):
            failed.update({key(chunk[position]): reason for position, reason in wrong})
    unlisted = {case: reason for case, reason in failed.items() if case not in listed}
    passing = set(listed) - set(failed)
    seconds = time.monotonic() - start
    print(f"{file}: {len(found)} cases, {len(failed)} failures ({len(listed)} listed), {seconds:.1f} s", flush=True)
    if not found:
        raise AssertionError(f"{file} has no cases")
    if unlisted:
        shown = "\n".join(f"{case}\n    {reason}" for case, reason in list(unlisted.items())[:20])
        raise AssertionError(f"{len(unlisted)} of {len(found)} cases of {file} failed:\n{shown}")
    if passing:
        raise AssertionError(f"listed as deviations but passing: {passing}")

"""`python -m consign_image`: data goes to standard output, everything else to standard error.

Exit codes: 0 done; 1 a definite no: not found, no such platform; 2 it could not be told: usage, input or
output, a document that cannot be read.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path
from typing import Any, List, Optional

from .consign import Consign
from .content import Content
from .errors import ConsignError, Incomplete, NoPlatform, NotFound, ResolveError
from .layout import Layout
from .types import Explanation, Index

_NO = (NotFound, NoPlatform, Incomplete)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m consign_image", description="Container image names, read safely.")
    parser.add_argument("--component", type=Path, help="the component's file")
    commands = parser.add_subparsers(dest="command", required=True)

    parse = commands.add_parser("parse", help="read a reference")
    parse.add_argument("reference")
    readings = ["as-written", "normalized", "any", "docker", "canonical"]
    parse.add_argument("--reading", choices=readings, default="normalized")
    _add_rules(parse)

    match = commands.add_parser("match", help="which of these platforms run on the wanted one, best first")
    match.add_argument("wanted")
    match.add_argument("candidates", nargs="+")

    choose = commands.add_parser("choose", help="why each entry of an index wins or loses")
    choose.add_argument("index", type=argparse.FileType("rb"), help="a file, `-` for standard input")
    choose.add_argument("--platform", help="os/architecture[/variant]; this machine's by default")

    resolve = commands.add_parser("resolve", help="the image a reference means")
    resolve.add_argument("reference")
    resolve.add_argument("--layout", type=Path, help="in this OCI image layout; otherwise in the registry it names")
    resolve.add_argument("--insecure", action="append", default=[], metavar="HOST", help="ask this registry over HTTP")
    resolve.add_argument("--platform", help="os/architecture[/variant]")
    resolve.add_argument("--explain", action="store_true", help="how it was come to, on standard error")
    _add_rules(resolve)
    return parser


def _add_rules(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rules", choices=["docker", "podman"], default="docker")


def _print(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False, default=dataclasses.asdict))


def _parse(consign: Consign, arguments: argparse.Namespace) -> int:
    reference = consign.references.parse(arguments.reference, arguments.reading, arguments.rules)
    fields = {"digest": reference} if isinstance(reference, str) else dataclasses.asdict(reference)
    canonical, familiar = consign.references.format(reference), consign.references.familiar(reference)
    _print({**fields, "canonical": canonical, "familiar": familiar})
    return 0


def _match(consign: Consign, arguments: argparse.Namespace) -> int:
    wanted = consign.platforms.wanted(arguments.wanted)
    candidates = [consign.platforms.parse(candidate) for candidate in arguments.candidates]
    order = consign.platforms.order(wanted, candidates)
    fitting = [position for position in order if consign.platforms.matches(wanted, candidates[position])]
    for position in fitting:
        print(arguments.candidates[position])
    return 0 if fitting else 1


def _choose(consign: Consign, arguments: argparse.Namespace) -> int:
    with arguments.index as file:
        # A byte more than a document may have is enough to see that it is too large.
        index = consign.manifests.parse(file.read((4 << 20) + 1))
    if not isinstance(index, Index):
        print("wanted an index, found a manifest", file=sys.stderr)
        return 2
    choice = consign.manifests.choose(index, arguments.platform or consign.platforms.host)
    for position, (entry, reason) in enumerate(zip(index.entries, choice.reasons)):
        mark = "*" if position == choice.best else " "
        print(f"{mark} {position} {entry.digest} {entry.platform or 'no platform'}: {reason}")
    return 0 if choice.order else 1


def _resolve(consign: Consign, arguments: argparse.Namespace) -> int:
    from .registry import Registry

    content: Content
    if arguments.layout is not None:
        content = Layout(arguments.layout, consign)
    else:
        content = Registry(insecure=arguments.insecure)
    try:
        resolution = consign.resolve(arguments.reference, content, arguments.platform, arguments.rules)
    except ResolveError as error:
        if arguments.explain:
            _explain(error.explanation)
        raise
    if arguments.explain:
        _explain(resolution.explanation)
    image = resolution.image
    _print(
        {
            "id": image.config.digest,
            "platform": str(image.platform),
            "manifest": image.manifest,
            "indexes": image.indexes,
            "layers": image.layers,
        }
    )
    return 0


def _explain(explanation: Explanation) -> None:
    for step in explanation.steps:
        print(step, file=sys.stderr)
    for entry in explanation.considered:
        indent = "  " * (entry.depth + 1)
        print(f"{indent}{entry.position} {entry.entry.platform or 'no platform'}: {entry}", file=sys.stderr)


_COMMANDS = {"parse": _parse, "match": _match, "choose": _choose, "resolve": _resolve}


def main(argv: Optional[List[str]] = None) -> int:
    """The command; answers its exit code."""
    arguments = _parser().parse_args(argv)
    try:
        code = _COMMANDS[arguments.command](Consign(arguments.component), arguments)
        sys.stdout.flush()
        return code
    except ConsignError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1 if isinstance(error, _NO) else 2
    except BrokenPipeError:
        # Whoever read has enough; what is left is not for them at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2

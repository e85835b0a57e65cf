"""platform_*.jsonl."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from consign_image import Consign, Platform
from consign_image.errors import InvalidPlatform
from consign_image.platforms import Matching

from .harness import Json, Wrong, same

HOST_OS = "linux"
"""The operating system of the machine the cases were observed on, unless a case says otherwise."""

# The problem the peer's message speaks of.
_PROBLEMS = {
    "wildcards not yet supported": "wildcard",
    "is an invalid OS component of": "operating-system",
    "has an invalid OS version": "os-version",
    "has invalid OS features": "os-feature",
    "is an invalid component of": "component",
    "unknown operating system or architecture": "unknown",
    "cannot parse platform specifier": "too-many-components",
}
_MATCHERS: Tuple[Tuple[str, Matching], ...] = (
    ("new_matcher", "exact"),
    ("only", "only"),
    ("only_strict", "only-strict"),
    ("any", "any"),
    ("only_os", "only-os"),
    ("docker_only_with_fallback", "docker-with-fallback"),
)
_COMPARERS: Dict[str, Matching] = {"only": "only", "only_strict": "only-strict", "ordered": "ordered", "any": "any"}


def platform(value: Json) -> Platform:
    """Go's JSON form of a platform."""
    return Platform(
        value.get("os") or "",
        value.get("architecture") or "",
        value.get("variant") or None,
        value.get("os.version") or None,
        tuple(value.get("os.features") or ()),
    )


def _written(found: Platform) -> Dict[str, Any]:
    value: Dict[str, Any] = {"os": found.os, "architecture": found.architecture}
    if found.variant is not None:
        value["variant"] = found.variant
    if found.os_version is not None:
        value["os.version"] = found.os_version
    if found.os_features:
        value["os.features"] = list(found.os_features)
    return value


def platform_parse(consign: Consign, case: Json) -> None:
    host, specifier, platforms = Platform(*case["host"].split("/")), case["specifier"], consign.platforms
    try:
        parsed = platforms.parse(specifier, host)
    except InvalidPlatform as error:
        if "error" not in case:
            raise Wrong(f"refused: {error}") from None
        wanted = next((problem for says, problem in _PROBLEMS.items() if says in case["error"]), None)
        same("problem", wanted, error.problem)
        # Raises where the offset is within a character.
        specifier.encode()[: error.offset].decode()
        same("component is in the string", True, error.component in specifier)
        return
    if not case["ok"]:
        raise Wrong(f"accepted: {_written(parsed)}")
    normal = platforms.normalize(parsed, host.os)
    same("parsed", case["parsed"], _written(parsed))
    same("format", case["format"], platforms.format(parsed))
    same("format_all", case["format_all"], platforms.format(parsed, whole=True))
    same("normalized", case["normalized"], _written(normal))
    same("normalized_format", case["normalized_format"], platforms.format(normal))
    same("normalized_format_all", case["normalized_format_all"], platforms.format(normal, whole=True))


def platform_normalize(consign: Consign, case: Json) -> None:
    found, platforms = platform(case["platform"]), consign.platforms
    normal = platforms.normalize(found, HOST_OS)
    same("normalized", case["normalized"], _written(normal))
    same("format", case["format"], platforms.format(found))
    same("format_all", case["format_all"], platforms.format(found, whole=True))
    same("normalized_format", case["normalized_format"], platforms.format(normal))


def platform_match(consign: Consign, case: Json) -> None:
    wanted, candidate = platform(case["wanted"]), platform(case["candidate"])
    for key, matching in _MATCHERS:
        same(key, case[key], consign.platforms.matches(wanted, candidate, matching, HOST_OS))


def platform_order(consign: Consign, case: Json) -> None:
    candidates: List[Platform] = [platform(candidate) for candidate in case["candidates"]]
    several = case["wanted"] if isinstance(case["wanted"], list) else [case["wanted"]]
    wanted, matching = [platform(one) for one in several], _COMPARERS[case["comparer"]]
    which = wanted if matching in ("ordered", "any") else wanted[0]
    fitting = [
        position
        for position, candidate in enumerate(candidates)
        if consign.platforms.matches(which, candidate, matching, HOST_OS)
    ]
    same("matching", case["matching"], fitting)
    order = consign.platforms.order(which, candidates, matching, HOST_OS)
    same("stable_sorted", case["stable_sorted"], list(order))

"""manifest_select.jsonl."""

from __future__ import annotations

import functools
from typing import Dict, Optional

from consign_image import Consign, Descriptor, Index, Platform
from consign_image.manifests import Rule
from consign_image.platforms import Matching
from consign_image.types import Choice

from .harness import Json, Wrong, cases, same
from .platforms import HOST_OS, platform

_KINDS = {
    "application/vnd.oci.image.index.v1+json": "oci-index",
    "application/vnd.docker.distribution.manifest.list.v2+json": "docker-list",
}


def _descriptor(value: Json) -> Descriptor:
    return Descriptor(
        value.get("mediaType", ""),
        value.get("digest", ""),
        value.get("size", 0),
        platform(value["platform"]) if isinstance(value.get("platform"), dict) else None,
        tuple((value.get("annotations") or {}).items()),
        value.get("artifactType"),
    )


@functools.lru_cache(maxsize=None)
def _indexes() -> Dict[str, Index]:
    found = {}
    for case in cases("manifest_select_indexes.jsonl"):
        entries = tuple(_descriptor(entry) for entry in case["index"].get("manifests") or ())
        found[case["index_name"]] = Index(_KINDS[case["media_type"]], entries, (), None, None)
    return found


def _taken(index: Index, position: Optional[int]) -> Json:
    """The position and digest of the one that was taken, or `error`."""
    if position is None:
        return "error"
    return {"position": position, "digest": index.entries[position].digest}


def _wanted(result: Json) -> Json:
    return "error" if isinstance(result.get("error"), str) else result


def _read(consign: Consign, index: Index, position: Optional[int], wanted: Platform, matching: Matching) -> Optional[int]:
    """What containerd does with the entry that was chosen: it reads it, and without a platform looks at its
    config's. The cases' configs have their descriptor's platform, or linux/amd64; nested indexes are empty."""
    if position is None:
        return None
    entry = index.entries[position]
    if "index" in entry.media_type or "manifest.list" in entry.media_type:
        return None
    config = entry.platform or Platform("linux", "amd64")
    return position if consign.platforms.matches(wanted, config, matching, HOST_OS) else None


def _explained(index: Index, choice: Choice) -> None:
    """Every entry has a reason, in words too, and it says the same as the order."""
    same("reasons", len(index.entries), len(choice.reasons))
    for position, reason in enumerate(choice.reasons):
        if reason.case == "best":
            right = choice.best == position
        elif reason.case == "outranked":
            right = choice.best == reason.value != position
        else:
            right = position not in choice.order
        if not right or not str(reason):
            raise Wrong(f"entry {position} is said to be {reason!r}, order is {choice.order}")


def manifest_select(consign: Consign, case: Json) -> None:
    index, wanted = _indexes()[case["index_name"]], platform(case["wanted"])

    def chosen(rule: Rule) -> Choice:
        choice = consign.manifests.choose(index, wanted, rule, HOST_OS)
        _explained(index, choice)
        return choice

    podman = case["containers_image"]
    rules: "tuple[tuple[str, Rule], ...]" = (
        ("choose_instance", "podman"),
        ("choose_prefer_gzip", "podman-gzip"),
        ("choose_prefer_zstd", "podman-zstd"),
    )
    for key, rule in rules:
        # Absent where the peer's type lacks the choice by compression.
        if podman.get(key) is not None:
            same(key, _wanted(podman[key]), _taken(index, chosen(rule).best))
    containerd = case["containerd_images_manifest"]
    only = _read(consign, index, chosen("docker").best, wanted, "only")
    same("only", _wanted(containerd["only"]), _taken(index, only))
    strict = _read(consign, index, chosen("docker-strict").best, wanted, "only-strict")
    same("only_strict", _wanted(containerd["only_strict"]), _taken(index, strict))
    same("docker_pull", case["docker_pull_filter_manifests"], list(chosen("docker-pull").order))
    same("go_containerregistry", _wanted(case["go_containerregistry"]), _taken(index, chosen("first-match").best))

"""The variants of `consign:image`: a case, what it carries, and the same in words.

Messages are lower case, without a full stop, what was wanted first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable


@dataclass(frozen=True)
class Case:
    """One case of a WIT variant, by its name, and its payload (`None` where it has none)."""

    case: str
    value: Any = None

    def __str__(self) -> str:
        return self.case if self.value is None else f"{self.case}: {self.value}"


def quoted(texts: Iterable[object]) -> str:
    """The texts in backticks, with commas between."""
    return ", ".join(f"`{text}`" for text in texts)


class Reason(Case):
    """Why an entry of an index is where it is: `best`, `outranked` (by the entry at a position), `other-os`,
    `other-architecture`, `other-variant`, `other-os-version`, `missing-os-features`, `no-platform`,
    `attestation`, `not-an-image`."""

    def __str__(self) -> str:
        value = self.value
        given = "none given" if value is None else f"`{value}`"
        if self.case == "missing-os-features":
            return f"needs OS features that are not offered: {quoted(value)}"
        return {
            "best": "fits best",
            "outranked": f"fits, but entry {value} fits better or comes before it",
            "other-os": f"another operating system: `{value}`",
            "other-architecture": f"another architecture: `{value}`",
            "other-variant": f"a variant this platform does not run: {given}",
            "other-os-version": f"another OS version: {given}",
            "no-platform": "names no platform",
            "attestation": "an attestation, not an image",
            "not-an-image": f"not an image: `{value}`",
        }[self.case]


class Verdict(Case):
    """What became of an entry: `chosen`, `passed-over` (for a `Reason`), `absent`, `config-disagrees` (its
    config's platform), `nothing-within`."""

    def __str__(self) -> str:
        return {
            "chosen": "chosen",
            "passed-over": str(self.value),
            "absent": "fits, but its content is not here",
            "config-disagrees": f"its config says `{self.value}`",
            "nothing-within": "an index with nothing in it that fits",
        }[self.case]


class Step(Case):
    """One thing that was tried: `looked-up`, `searched`, `dangling`, `config-platform`, `vouched`."""

    def __str__(self) -> str:
        if self.case in ("dangling", "vouched"):
            digest = self.value.digest
            if self.case == "dangling":
                return f"`{digest}` is pointed at and not here"
            return f"index `{digest}` holds the image under the platform that was asked for"
        what, outcome = self.value
        if self.case == "looked-up":
            return f"name `{what}`: {'found' if outcome else 'not there'}"
        if self.case == "searched":
            return f"ID `{what}`: {outcome} found"
        return f"the config's platform `{what}` is {'good' if outcome else 'not what was asked for'}"


class Matched(Case):
    """What was resolved turned out to be: `target`, `name` (an `ImageName`), `digest`, `prefix` (the ID)."""


class DigestProblem(Case):
    """What is wrong with a digest: `format`, `unsupported` (the algorithm), `length` (wanted, found)."""


class ReferenceProblem(Case):
    """What is wrong with a reference; `wit/references.wit` has the cases. `digest` carries a `DigestProblem`."""


class DocumentProblem(Case):
    """What is wrong with a document; `wit/manifests.wit` has the cases."""

    def __str__(self) -> str:
        value = self.value
        parts = value if isinstance(value, tuple) else (value, None, None)
        wanted, found = parts[:2]
        if self.case == "invalid":
            return f"member `{parts[0]}`: wanted {parts[1]}, found `{parts[2]}`"
        if self.case == "too-large":
            return f"wanted at most {parts[1]} {parts[0]}, found {parts[2]}"
        return {
            "syntax": f"not JSON: {value}",
            "missing": f"wanted a member `{value}`, found none",
            "duplicate": f"member `{value}` is there more than once",
            "ambiguous": f"it can be read as two kinds of document: {value}",
            "media-type-mismatch": f"wanted media type `{wanted}`, found `{found}`",
            "unsupported": f"`{value}` is not supported",
        }[self.case]

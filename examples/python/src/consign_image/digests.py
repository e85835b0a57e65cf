"""Digests and sets of digests; `wit/digests.wit` has the rules."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Literal, Tuple

from ._sandbox import Fault, Held, Sandbox
from .errors import InvalidDigest, LookupFailed
from .reasons import Case, DigestProblem
from .types import DigestParts

Algorithm = Literal["sha256", "sha384", "sha512"]


def _checked(answer: Any) -> Any:
    if isinstance(answer, Fault):
        fault = answer.error
        assert isinstance(fault.problem, DigestProblem)
        raise InvalidDigest(fault.offset, fault.problem, fault.expected)
    return answer


class Digests:
    """Digests: read and looked up. To compute one of more than a few bytes use `hashlib`."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def parse(self, text: str) -> DigestParts:
        """Reads a digest of sha256, sha384 or sha512; raises `InvalidDigest`."""
        parts: DigestParts = _checked(self._sandbox.call("digests", "parse", text))
        return parts

    def is_well_formed(self, text: str) -> bool:
        """Whether it has the form of a digest of any algorithm."""
        return bool(self._sandbox.call("digests", "is-well-formed", text))

    def compute(self, algorithm: Algorithm, data: bytes) -> str:
        """The digest of these bytes."""
        return str(self._sandbox.call("digests", "compute", algorithm, data))

    def set(self, digests: Iterable[str] = ()) -> "DigestSet":
        """A set of these digests, to be closed; raises `InvalidDigest`."""
        made = DigestSet(self._sandbox)
        try:
            for digest in digests:
                made.add(digest)
        except BaseException:
            made.close()
            raise
        return made


class DigestSet(Held):
    """Digests, found by the start of their digits. A context manager; it has an instance to itself."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox, "digests", "digest-set")

    def add(self, digest: str) -> None:
        """Adds a digest; raises `InvalidDigest`."""
        _checked(self.ask("add", digest))

    def remove(self, digest: str) -> None:
        """Removes a digest, if it is there; raises `InvalidDigest`."""
        _checked(self.ask("remove", digest))

    def lookup(self, text: str) -> str:
        """The one digest that starts so; raises `LookupFailed` with those that fit."""
        answer = self.ask("lookup", text)
        if isinstance(answer, Fault):
            error: Case = answer.error
            raise LookupFailed(text, error.value or ())
        return str(answer)

    def all(self) -> Tuple[str, ...]:
        """Every digest, by digits, then by algorithm."""
        digests: Tuple[str, ...] = self.ask("all")
        return digests

    def short_codes(self, length: int) -> Dict[str, str]:
        """For every digest the shortest text of at least `length` digits by which `lookup` finds it."""
        return dict(self.ask("short-code-table", length))

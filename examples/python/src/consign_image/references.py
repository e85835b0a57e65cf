"""Reading, writing and comparing references; `wit/references.wit` has the rules."""

from __future__ import annotations

from typing import Any, Iterable, Literal, Tuple, overload

from ._sandbox import Fault, Sandbox
from .errors import InvalidPattern, InvalidReference
from .reasons import Case
from .types import ImageName, Reference, TextFault

Rules = Literal["docker", "podman"]
Names = Literal["as-written", "normalized", "docker", "canonical"]


def as_case(reference: Reference) -> Case:
    """The reference as WIT's variant."""
    return Case("named", reference) if isinstance(reference, ImageName) else Case("digest", reference)


def invalid_reference(fault: TextFault) -> InvalidReference:
    """The fault as an exception."""
    assert isinstance(fault.problem, Case)
    return InvalidReference(fault.offset, fault.problem, fault.expected)


class References:
    """What people type as an image's name."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def _ask(self, function: str, *arguments: Any) -> Any:
        answer = self._sandbox.call("references", function, *arguments)
        if isinstance(answer, Fault):
            raise invalid_reference(answer.error)
        return answer

    @overload
    def parse(self, text: str, reading: Names = "normalized", rules: Rules = "docker") -> ImageName: ...

    @overload
    def parse(self, text: str, reading: Literal["any"], rules: Rules = "docker") -> Reference: ...

    def parse(self, text: str, reading: str = "normalized", rules: Rules = "docker") -> Reference:
        """Reads a reference; raises `InvalidReference`. Only the reading `any` answers digests."""
        reference: Reference = self._ask("parse", text, reading, rules)
        return reference

    def format(self, reference: Reference) -> str:
        """The whole reference: `domain/path:tag@digest`, or the digest."""
        return str(self._ask("format", as_case(reference)))

    def familiar(self, reference: Reference) -> str:
        """The whole reference as people write it: without `docker.io/library/`."""
        return str(self._ask("familiar-string", as_case(reference)))

    def familiar_name(self, name: ImageName) -> str:
        """The same without tag and digest."""
        return str(self._ask("familiar-name", name))

    def trim(self, name: ImageName) -> ImageName:
        """The name without tag and digest."""
        trimmed: ImageName = self._ask("trim", name)
        return trimmed

    def with_default_tag(self, name: ImageName) -> ImageName:
        """The name with the tag `latest` if it has neither a tag nor a digest (`TagNameOnly`)."""
        tagged: ImageName = self._ask("tag-name-only", name)
        return tagged

    def with_name(self, text: str, rules: Rules = "docker") -> ImageName:
        """A name from its text alone, with nothing filled in; raises `InvalidReference`."""
        name: ImageName = self._ask("with-name", text, rules)
        return name

    def with_tag(self, name: ImageName, tag: str) -> ImageName:
        """The name with this tag in place of its own; raises `InvalidReference`."""
        tagged: ImageName = self._ask("with-tag", name, tag)
        return tagged

    def with_digest(self, name: ImageName, digest: str) -> ImageName:
        """The name with this digest in place of its own; raises `InvalidReference`."""
        pinned: ImageName = self._ask("with-digest", name, digest)
        return pinned

    def matches(self, pattern: str, reference: Reference) -> bool:
        """Whether a shell pattern matches the familiar form; raises `InvalidPattern`."""
        answer = self._sandbox.call("references", "familiar-match", pattern, as_case(reference))
        if isinstance(answer, Fault):
            raise InvalidPattern(answer.error.offset, answer.error.expected)
        return bool(answer)

    def sort(self, texts: Iterable[str]) -> Tuple[str, ...]:
        """The references in canonical form: with tag and digest, with tag, with digest, name only, digest
        only, then what is none."""
        ordered: Tuple[str, ...] = self._ask("sort", list(texts))
        return ordered

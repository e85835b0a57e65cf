"""What can go wrong. Facts are attributes; messages say what was wanted, then what was found.

A `SandboxError` says nothing about the input: it is never "not found" and never "bad input".
"""

from __future__ import annotations

from typing import Optional, Tuple

from .reasons import Case, DigestProblem, DocumentProblem, quoted
from .types import Descriptor, Explanation, Mismatch, Platform


class ConsignError(Exception):
    """Everything this package raises by itself."""


class SandboxError(ConsignError):
    """The component did not answer."""


class OutOfFuel(SandboxError):
    """The call did all the work it may do, `limit` instructions, and was not done."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the component did not answer within {limit} instructions")
        self.limit = limit


class OutOfMemory(SandboxError):
    """The call wanted more than the `limit` bytes of memory it may have."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the component wanted more than {limit} bytes of memory")
        self.limit = limit


class Trap(SandboxError):
    """The component trapped, or an earlier call on the same resource did."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the component trapped: {reason}")
        self.reason = reason


class LoadError(SandboxError):
    """The component is not there, or is not a `consign:image` names component of a known version."""


class InputError(ConsignError, ValueError):
    """An input is not what it should be. `offset`: the byte at which that was noticed."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message}, at byte {offset}")
        self.offset = offset


class InvalidReference(InputError):
    """Not a reference. `problem` is what is wrong, `expected` what could have stood there."""

    explanation = Explanation()

    def __init__(self, offset: int, problem: Case, expected: str) -> None:
        super().__init__(f"not an image reference: wanted {expected}", offset)
        self.problem, self.expected = problem, expected


class InvalidDigest(InputError):
    """Not a digest of a known algorithm."""

    def __init__(self, offset: int, problem: DigestProblem, expected: str) -> None:
        super().__init__(f"not a digest: wanted {expected}", offset)
        self.problem, self.expected = problem, expected


class InvalidPattern(InputError):
    """Not a shell pattern."""

    def __init__(self, offset: int, expected: str) -> None:
        super().__init__(f"not a pattern: wanted {expected}", offset)
        self.expected = expected


class InvalidPlatform(InputError):
    """Not a platform string. `problem` is the case's name in `wit/platforms.wit`."""

    def __init__(self, offset: int, component: str, problem: str) -> None:
        super().__init__(f"not a platform: `{component}`: {problem}", offset)
        self.component, self.problem = component, problem


class InvalidDocument(InputError):
    """Not the document it should be."""

    def __init__(self, offset: int, problem: DocumentProblem) -> None:
        super().__init__(str(problem), offset)
        self.problem = problem


class LookupFailed(ConsignError, LookupError):
    """A digest set has no one digest for a text: `candidates` are those that fit, none or several (at most 16)."""

    def __init__(self, text: str, candidates: Tuple[str, ...]) -> None:
        found = f"several: {quoted(candidates)}" if candidates else "none"
        super().__init__(f"wanted one digest for `{text}`, found {found}")
        self.candidates = candidates


class ResolveError(ConsignError):
    """A resolution did not come to an image. `explanation` says how it went."""

    explanation = Explanation()


class NotFound(ResolveError):
    """Nothing has this name, ID or prefix."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no such image: `{name}`")
        self.name = name


class Ambiguous(ResolveError):
    """The beginning of an ID fits several images: their IDs, ascending, at most 16."""

    def __init__(self, candidates: Tuple[str, ...]) -> None:
        super().__init__(f"the beginning of an ID fits several images: {quoted(candidates)}")
        self.candidates = candidates


class NoPlatform(ResolveError):
    """There is an image, but none for the platform."""

    def __init__(self, mismatch: Mismatch, explanation: Explanation) -> None:
        self.wanted, self.image = mismatch.wanted, mismatch.image
        super().__init__(f"wanted platform `{self.wanted}`, found {_offered(mismatch, explanation)}")


def _offered(mismatch: Mismatch, explanation: Explanation) -> str:
    if mismatch.image is not None:
        image, found = mismatch.image
        return f"image `{image}` for `{found}`"
    offered: list[Platform] = []
    for considered in explanation.considered:
        attestation = getattr(considered.verdict.value, "case", None) == "attestation"
        if considered.entry.platform is not None and not attestation:
            offered.append(considered.entry.platform)
    return quoted(dict.fromkeys(offered)) or "an index without a platform that fits"


class Incomplete(ResolveError):
    """What was meant is known, and the content of this descriptor is needed and is not here."""

    def __init__(self, descriptor: Descriptor) -> None:
        super().__init__(f"wanted `{descriptor.digest}` ({descriptor.media_type or 'content'}), which is not here")
        self.descriptor = descriptor


class BadDocument(ResolveError):
    """The content of this descriptor is not what its place says."""

    def __init__(self, descriptor: Descriptor, fault: InvalidDocument) -> None:
        super().__init__(f"`{descriptor.digest}` ({descriptor.media_type}): {fault}")
        self.descriptor, self.offset, self.problem = descriptor, fault.offset, fault.problem


class NotAnImage(ResolveError):
    """This is neither an index, a manifest nor an image config."""

    def __init__(self, descriptor: Descriptor) -> None:
        super().__init__(
            f"wanted an index, a manifest or an image config, found `{descriptor.media_type}` (`{descriptor.digest}`)"
        )
        self.descriptor = descriptor


class LayerCount(ResolveError):
    """The config has another number of diff IDs than the manifest has layers."""

    def __init__(self, config: int, manifest: int) -> None:
        super().__init__(f"wanted as many layers as the config's {config} diff IDs, found {manifest} in the manifest")
        self.config, self.manifest = config, manifest


class LimitPassed(ResolveError):
    """A limit of the resolution was passed."""

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"over the limit of {limit} {what}")
        self.what, self.limit = what, limit


class Inconsistent(ResolveError):
    """The component answered something that cannot be."""


class ContentError(ResolveError):
    """A `Content` could not answer. Not being there is not an error."""


class TooLarge(ContentError):
    """Content is larger than it may be, in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"wanted at most {limit} bytes, found {size}")
        self.size, self.limit = size, limit


class Corrupt(ContentError):
    """What was found does not have the digest or the size that was asked for."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"wanted content with digest `{digest}`, found other bytes")
        self.digest = digest


class Unavailable(ContentError):
    """Reading failed."""


class RegistryError(Unavailable):
    """A registry answered something else than content. `status`: the HTTP status, where there was one."""

    def __init__(self, message: str, status: Optional[int] = None) -> None:
        super().__init__(message)
        self.status = status


class Denied(RegistryError):
    """The registry wants credentials, or does not take the token it issued."""

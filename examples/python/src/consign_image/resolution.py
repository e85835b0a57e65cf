"""From what a user typed to one image: the component asks, a `Content` answers; `wit/resolution.wit` has
the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, Optional, Tuple, Union

from ._sandbox import Fault, Held, Sandbox
from .content import Content, digest_parts
from .errors import (
    Ambiguous,
    BadDocument,
    ConsignError,
    ContentError,
    Corrupt,
    Incomplete,
    Inconsistent,
    LayerCount,
    LimitPassed,
    NoPlatform,
    NotAnImage,
    NotFound,
    ResolveError,
    TooLarge,
    Unavailable,
)
from .manifests import invalid_document
from .reasons import Case
from .references import invalid_reference
from .types import Descriptor, Explanation, Options, Resolved

# The component reads at most 256 documents and asks a few questions for each.
_QUESTIONS = 4096


@dataclass(frozen=True)
class Resolution:
    """An image, and how it was come to."""

    image: Resolved
    explanation: Explanation


def drive(sandbox: Sandbox, content: Content, subject: Union[str, Descriptor], options: Options) -> Resolution:
    """Asks and answers until it is done; raises `ResolveError`, `InvalidReference` or `SandboxError`.

    What `content` answers is taken as it is: see `Verified`.
    """
    said = Case("text", subject) if isinstance(subject, str) else Case("target", subject)
    failed: Optional[ContentError] = None
    with Held(sandbox, "resolution", "resolution", said, options) as machine:
        for _ in range(_QUESTIONS):
            request: Case = machine.ask("next")
            if request.case == "done":
                break
            try:
                answer = _answer(content, request)
            except ContentError as error:
                failed = error
                answer = Case("failed", _failure(error))
            machine.ask("supply", answer)
        explanation: Explanation = machine.ask("explain")
        outcome = machine.end("finish")
    if isinstance(outcome, Fault):
        refused = _refusal(outcome.error, explanation, failed)
        refused.explanation = explanation
        raise refused
    _check(outcome)
    return Resolution(outcome, explanation)


def _answer(content: Content, request: Case) -> Case:
    ask: Dict[str, Callable[[Any], Any]] = {
        "find": content.find,
        "search": content.search,
        "indexes": content.indexes,
        "manifests": content.manifests,
        "read": content.read,
    }
    if request.case not in ask:
        raise Inconsistent(f"the component asks for `{request.case}`, which is no question")
    found = ask[request.case](request.value)
    if request.case == "find":
        return Case("found", found)
    if request.case != "read":
        return Case("several", found)
    if found is None:
        return Case("content", None)
    try:
        return Case("text", found.decode())
    except UnicodeDecodeError:
        return Case("content", found)


def _failure(error: ContentError) -> Case:
    if isinstance(error, TooLarge):
        return Case("too-large", (error.size, error.limit))
    if isinstance(error, Corrupt):
        return Case("corrupt", error.digest)
    return Case("unavailable", str(error))


def _refusal(error: Case, explanation: Explanation, failed: Optional[ContentError]) -> Any:
    """The component's answer as an exception."""
    value = error.value
    made: Dict[str, Callable[[], ConsignError]] = {
        "name": lambda: invalid_reference(value),
        "not-found": lambda: NotFound(value),
        "ambiguous": lambda: Ambiguous(value),
        "platform": lambda: NoPlatform(value, explanation),
        "incomplete": lambda: Incomplete(value),
        "document": lambda: BadDocument(value[0], invalid_document(value[1])),
        "not-an-image": lambda: NotAnImage(value),
        "layer-count": lambda: LayerCount(*value),
        "limit": lambda: LimitPassed(*value),
        # What the content raised says more than what crossed.
        "content": lambda: failed or Unavailable(str(value)),
    }
    return made[error.case]() if error.case in made else ResolveError(str(error))


def _check(image: Resolved) -> None:
    """The component is not trusted either: what it names by digest has to be named by one, and its counts
    have to agree."""
    blobs = [layer.blob for layer in image.layers if layer.blob is not None]
    descriptors = [image.target, image.config, *image.indexes, *blobs]
    if image.manifest is not None:
        descriptors.append(image.manifest)
    layers: Tuple[str, ...] = sum(((layer.diff_id, layer.chain_id) for layer in image.layers), ())
    for digest in [*(descriptor.digest for descriptor in descriptors), *layers]:
        if digest_parts(digest) is None:
            raise Inconsistent(f"the component's answer is not consistent: `{digest}` is no digest")
    if image.manifest is not None and len(blobs) != len(image.layers):
        raise Inconsistent("the component's answer is not consistent: a layer of the manifest has no blob")

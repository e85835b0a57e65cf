"""reference_*.jsonl, digest_*.jsonl, digestset.jsonl, history_chainid.jsonl."""

from __future__ import annotations

from typing import Any, Callable, Dict, Union

from consign_image import Consign, ImageName
from consign_image.errors import InvalidDigest, InvalidPattern, InvalidReference, LookupFailed

from .harness import Json, Wrong, same

_READINGS = {
    "parse": "as-written",
    "parse_normalized_named": "normalized",
    "parse_any_reference": "any",
    "parse_docker_ref": "docker",
    "parse_named": "canonical",
}
_VARIANTS = {"": "docker", "containers_image_differs": "podman"}
_DIGEST_KINDS = {
    "format": "digest.ErrDigestInvalidFormat",
    "unsupported": "digest.ErrDigestUnsupported",
    "length": "digest.ErrDigestInvalidLength",
}
_KINDS = {
    "empty": "ErrNameEmpty",
    "unexpected": "ErrReferenceInvalidFormat",
    "uppercase": "ErrNameContainsUppercase",
    "too-long": "ErrNameTooLong",
    "invalid-tag": "ErrTagInvalidFormat",
    "invalid-digest": "ErrDigestInvalidFormat(reference)",
    "identifier": "other",
    "uppercase-path": "other",
}


def reference_parse(consign: Consign, case: Json) -> None:
    parse: Callable[..., Union[ImageName, str]] = consign.references.parse
    for variant, rules in _VARIANTS.items():
        for key, reading in _READINGS.items():
            wanted = _wanted(case, variant, key)
            found = _answer(consign, lambda: parse(case["input"], reading, rules), wanted)
            same(f"{variant} {key}", wanted, found)


def _wanted(case: Json, variant: str, key: str) -> Json:
    """The answer a case lists for a reading, pointers to other readings followed."""
    differing = case.get(variant)
    within = differing if isinstance(differing, dict) and key in differing else case
    found = within[key]
    if found == "same_as_parse_normalized_named":
        return _wanted(within, "", "parse_normalized_named")
    if found == "same_as_parse":
        return _wanted(within, "", "parse")
    return found


def _answer(consign: Consign, ask: Callable[[], Union[ImageName, str]], wanted: Json) -> Json:
    """An answer in the form of the cases; texts of errors only where the case has no kind for them."""
    try:
        return _shown(consign, ask())
    except InvalidReference as error:
        problem = error.problem
    if problem.case == "not-canonical":
        return "ErrNameNotCanonical"
    kind = _DIGEST_KINDS[problem.value.case] if problem.case == "digest" else _KINDS[problem.case]
    text = wanted.get("error", "") if isinstance(wanted, dict) else ""
    right = True
    if problem.case == "identifier":
        right = text.endswith("cannot specify 64-byte hexadecimal strings")
    elif problem.case == "uppercase-path":
        named = f"repository name ({problem.value}) must be lowercase"
        right = text.endswith((named, "repository name must be lowercase"))
    return {"ok": False, "error_kind": kind, "error": text if right else "another text"}


def _shown(consign: Consign, reference: Union[ImageName, str]) -> Dict[str, Any]:
    """A reference with every field the cases list."""
    references = consign.references
    fields: Dict[str, Any] = {
        "ok": True,
        "string": references.format(reference),
        "familiar_string": references.familiar(reference),
    }
    if isinstance(reference, str):
        return {**fields, "type": "digest-only", "digest": reference}
    kinds = {(False, False): "name-only", (True, False): "tagged", (False, True): "canonical"}
    has = (reference.tag is not None, reference.digest is not None)
    bare = references.format(references.trim(reference))
    fields.update(
        type=kinds.get(has, "tagged+digested"),
        name=bare,
        trim_named=bare,
        domain=reference.domain,
        path=reference.path,
        familiar_name=references.familiar_name(reference),
        is_name_only=has == (False, False),
        tag_name_only=references.format(references.with_default_tag(reference)),
    )
    if reference.tag is not None:
        fields["tag"] = reference.tag
    if reference.digest is not None:
        fields["digest"] = reference.digest
    return fields


def reference_build(consign: Consign, case: Json) -> None:
    references, function = consign.references, case["fn"]

    def build() -> ImageName:
        if function == "WithName":
            return references.with_name(case["arg"])
        base = references.parse(case["base"])
        if function == "WithTag":
            return references.with_tag(base, case["arg"])
        if function == "WithDigest":
            return references.with_digest(base, case["arg"])
        raise Wrong(f"no function `{function}`")

    same("out", case["out"], _answer(consign, build, case["out"]))


def reference_match(consign: Consign, case: Json) -> None:
    reference = consign.references.parse(case["ref"])
    try:
        found, failed = consign.references.matches(case["pattern"], reference), False
    except InvalidPattern:
        found, failed = False, True
    same("match", case["match"], found)
    same("is an error", "error" in case, failed)


def reference_sort(consign: Consign, case: Json) -> None:
    same("sorted", case["sorted"], list(consign.references.sort(case["input"])))


def digest_parse(consign: Consign, case: Json) -> None:
    same("form", case["anchored_regexp_match"], consign.digests.is_well_formed(case["input"]))
    try:
        parts = consign.digests.parse(case["input"])
    except InvalidDigest as error:
        same("ok", case["ok"], False)
        same("kind", case["error_kind"], _DIGEST_KINDS[error.problem.case])
        return
    same("ok", case["ok"], True)
    same("algorithm", case["algorithm"], parts.algorithm)
    same("encoded", case["encoded"], parts.encoded)
    same("string", case["string"], f"{parts.algorithm}:{parts.encoded}")


def digest_compute(consign: Consign, case: Json) -> None:
    data = case["input_utf8"].encode()
    same("sha256", case["sha256"], consign.digests.compute("sha256", data))
    same("sha384", case["sha384"], consign.digests.compute("sha384", data))
    same("sha512", case["sha512"], consign.digests.compute("sha512", data))


def digestset(consign: Consign, case: Json) -> None:
    with consign.digests.set() as made:
        for number, op in enumerate(case["ops"]):
            kind, arg = op["op"], op.get("arg", "")
            field = "result"
            found: Any = None
            try:
                if kind == "add":
                    made.add(arg)
                    found = "ok"
                elif kind == "remove":
                    made.remove(arg)
                    found = "ok"
                elif kind == "lookup":
                    found = made.lookup(arg)
                elif kind == "all":
                    found = list(made.all())
                elif kind == "short_code_table":
                    found = made.short_codes(op["length"])
                else:
                    raise Wrong(f"no operation `{kind}`")
            except InvalidDigest as error:
                field, found = "error_kind", _DIGEST_KINDS[error.problem.case]
            except LookupFailed as failed:
                field, found = "error_kind", "ErrDigestAmbiguous" if failed.candidates else "ErrDigestNotFound"
            same(f"operation {number}, {op}", op.get(field), found)


def history_chainid(consign: Consign, case: Json) -> None:
    chain = list(consign.manifests.chain_ids(case["diff_ids"] or ()))
    same("chain_ids", case["chain_ids"] or [], chain)
    same("chain_id", case["chain_id"], chain[-1] if chain else "")

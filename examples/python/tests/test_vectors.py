"""The shared vectors: the same answers as natively, in Rust and in JavaScript."""

import unittest

from .vectors import getimage, platforms, references, selection
from .vectors.harness import compact, run


class Vectors(unittest.TestCase):
    def test_reference_parse(self) -> None:
        run("reference_parse.jsonl", lambda case: compact(case["input"]), references.reference_parse)

    def test_reference_build(self) -> None:
        def key(case: "dict[str, object]") -> str:
            return " ".join(compact(case.get(field)) for field in ("fn", "base", "arg"))

        run("reference_build.jsonl", key, references.reference_build)

    def test_reference_match(self) -> None:
        def key(case: "dict[str, object]") -> str:
            return f"{compact(case['pattern'])} {compact(case['ref'])}"

        run("reference_match.jsonl", key, references.reference_match)

    def test_reference_sort(self) -> None:
        run("reference_sort.jsonl", lambda case: compact(case["input"]), references.reference_sort)

    def test_digest_parse(self) -> None:
        run("digest_parse.jsonl", lambda case: compact(case["input"]), references.digest_parse)

    def test_digest_compute(self) -> None:
        run("digest_compute.jsonl", lambda case: compact(case["input_utf8"]), references.digest_compute)

    def test_digestset(self) -> None:
        run("digestset.jsonl", lambda case: compact(case["name"]), references.digestset)

    def test_history_chainid(self) -> None:
        run("history_chainid.jsonl", lambda case: compact(case["name"]), references.history_chainid)

    def test_platform_parse(self) -> None:
        run("platform_parse.jsonl", lambda case: compact(case["specifier"]), platforms.platform_parse)

    def test_platform_parse_hosts(self) -> None:
        def key(case: "dict[str, object]") -> str:
            return f"{compact(case['specifier'])} on {compact(case['host'])}"

        run("platform_parse_hosts.jsonl", key, platforms.platform_parse)

    def test_platform_normalize(self) -> None:
        run("platform_normalize.jsonl", lambda case: compact(case["platform"]), platforms.platform_normalize)

    def test_platform_match(self) -> None:
        def key(case: "dict[str, object]") -> str:
            return f"{compact(case['candidate'])} on {compact(case['wanted'])}"

        run("platform_match.jsonl", key, platforms.platform_match)

    def test_platform_order(self) -> None:
        def key(case: "dict[str, object]") -> str:
            return " ".join(compact(case[field]) for field in ("comparer", "wanted", "candidates"))

        run("platform_order.jsonl", key, platforms.platform_order)

    def test_manifest_select(self) -> None:
        def key(case: "dict[str, object]") -> str:
            return f"{case['index_name']} on {compact(case['wanted'])}"

        run("manifest_select.jsonl", key, selection.manifest_select)

    def test_moby_getimage(self) -> None:
        def key(case: "dict[str, object]") -> str:
            return f"{compact(case['input'])} for {compact(case.get('platform'))}"

        run("moby_getimage.jsonl", key, getimage.moby_getimage)


if __name__ == "__main__":
    unittest.main()

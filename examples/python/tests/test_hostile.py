"""Input and components that mean harm: an error in bounded time, and the next call works."""

import threading
import time
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable, Dict

from consign_image import Consign, Descriptor, Index, Limits
from consign_image.errors import (
    Inconsistent,
    InvalidDocument,
    InvalidReference,
    LimitPassed,
    LoadError,
    OutOfFuel,
    OutOfMemory,
    ResolveError,
    Trap,
)

from .support import CONFIG_TYPE, INDEX_TYPE, MANIFEST_TYPE, Memory, consign, large_index, sha256, written

# Seconds any of these may take, with much to spare on a busy machine.
BOUND = 20.0


def works(subject: Consign) -> None:
    name = subject.references.parse("debian:12")
    assert str(name) == "docker.io/library/debian:12", name


class Limited(unittest.TestCase):
    def bounded(self, call: Callable[[], object]) -> None:
        start = time.monotonic()
        call()
        self.assertLess(time.monotonic() - start, BOUND)

    def test_every_way_to_need_too_much_memory_is_out_of_memory(self) -> None:
        index = large_index(4 << 20)
        digests = ["x" * 300] * 10_000

        def fill(subject: Consign) -> None:
            with subject.digests.set() as made:
                for number in range(200_000):
                    made.add(f"sha256:{number:064x}")

        def resolve(subject: Consign) -> None:
            content = Memory()
            content.names["docker.io/library/a:1"] = content.add(INDEX_TYPE, index.encode())
            subject.resolve("a:1", content)

        needs: Dict[str, Callable[[Consign], object]] = {
            "a text": lambda subject: subject.references.parse("a" * (8 << 20)),
            "texts": lambda subject: subject.references.sort(f"example.com/{n:x}:1" for n in range(100_000)),
            "an index": lambda subject: subject.manifests.parse(index),
            "an index in bytes": lambda subject: subject.manifests.parse(index.encode() + b"\xff"),
            "diff IDs": lambda subject: subject.manifests.chain_ids(digests),
            "a config": lambda subject: subject.manifests.parse_config(config(50_000)),
            "a digest set": fill,
            "a resolution": resolve,
        }
        for memory in (2 << 20, 3 << 20):
            small = consign().with_limits(Limits(memory=memory))
            for what, call in needs.items():
                with self.subTest(what, memory=memory):
                    with self.assertRaises(OutOfMemory) as error:
                        self.bounded(lambda: call(small))
                    self.assertEqual(error.exception.limit, memory)
                    self.bounded(lambda: works(small))

    def test_memory_that_is_not_enough_to_start_is_out_of_memory(self) -> None:
        with self.assertRaises(OutOfMemory):
            works(consign().with_limits(Limits(memory=1 << 16)))

    def test_too_little_fuel_is_out_of_fuel(self) -> None:
        small = consign().with_limits(Limits(fuel=1_000_000))
        texts = [f"example.com/{number * 7919:x}:1" for number in range(100_000)]
        for call in (lambda: small.references.sort(texts), lambda: small.manifests.parse(large_index(1 << 20))):
            with self.assertRaises(OutOfFuel) as error:
                self.bounded(call)
            self.assertEqual(error.exception.limit, 1_000_000)
            self.bounded(lambda: works(small))

    def test_the_largest_documents_are_read_within_the_default_limits(self) -> None:
        index = large_index(4 << 20)
        self.assertGreater(len(index), 3 << 20)
        start = time.monotonic()
        parsed = consign().manifests.parse(index)
        self.assertLess(time.monotonic() - start, BOUND)
        assert isinstance(parsed, Index)
        self.assertEqual(len(parsed.entries), index.count('"digest"'))
        # What was handed that much does not lie about afterwards.
        idle = consign().sandbox._idle
        self.assertTrue(all(instance.handed <= 1 << 20 for instance in idle))

    def test_deep_documents_are_errors(self) -> None:
        deep = [
            "[" * 2_000_000,
            '{"manifests":' * 300_000,
            '{"schemaVersion":2,"manifests":[],"annotations":' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}",
            '{"schemaVersion":2,"manifests":[],"x":' + "[" * 129 + "]" * 129 + "}",
        ]
        for text in deep:
            for document in (text, text.encode(), text.encode() + b"\xff"):
                with self.assertRaises(InvalidDocument):
                    self.bounded(lambda: consign().manifests.parse(document, INDEX_TYPE))
                with self.assertRaises(InvalidDocument):
                    self.bounded(lambda: consign().manifests.parse_config(document))
        works(consign())

    def test_documents_of_one_endless_thing_are_errors(self) -> None:
        size = (4 << 20) - 64
        for body in ('"', '"\\u0000', "1" * size, "[1," * (size // 3), '{"a":1,' * (size // 7), "é" * (size // 2), " " * size):
            with self.assertRaises(InvalidDocument):
                self.bounded(lambda: consign().manifests.parse(body))
        with self.assertRaises(InvalidDocument) as large:
            consign().manifests.parse(b"\xff" * ((4 << 20) + 1))
        self.assertEqual(large.exception.problem.value, ("bytes", 4 << 20, (4 << 20) + 1))

    def test_names_of_any_length_are_errors(self) -> None:
        for text in ("a/" * 1_000_000 + "a", "a" * 1_000_000, "@" * 1_000_000, "a:" * 500_000, "\0" * 1000):
            with self.assertRaises(InvalidReference):
                self.bounded(lambda: consign().references.parse(text))

    def test_indexes_within_indexes_end(self) -> None:
        content = Memory()
        inner = content.image("plan9", "mips")
        for _ in range(100):
            inner = content.add(INDEX_TYPE, {"schemaVersion": 2, "manifests": [written(inner)] * 3})
        content.names["docker.io/library/a:1"] = inner
        with self.assertRaises(LimitPassed) as limit:
            self.bounded(lambda: consign().resolve("a:1", content, platform="linux/amd64"))
        self.assertTrue(limit.exception.what)

    def test_wide_indexes_of_indexes_end(self) -> None:
        content = Memory()
        image = content.image("plan9", "mips")
        leaves = []
        for number in range(500):
            leaf = {"schemaVersion": 2, "manifests": [written(image)], "annotations": {"n": str(number)}}
            leaves.append(written(content.add(INDEX_TYPE, leaf)))
        content.names["docker.io/library/a:1"] = content.add(INDEX_TYPE, {"schemaVersion": 2, "manifests": leaves})
        with self.assertRaises(ResolveError):
            self.bounded(lambda: consign().resolve("a:1", content, platform="linux/amd64"))

    def test_threads_share_it_and_one_that_is_out_of_memory_disturbs_no_other(self) -> None:
        small = consign().with_limits(Limits(memory=3 << 20))
        index, wrong = large_index(2 << 20), []

        def use(hostile: bool) -> None:
            try:
                for _ in range(10):
                    if hostile:
                        with self.assertRaises(OutOfMemory):
                            small.manifests.parse(index)
                    works(small)
            except BaseException as error:
                wrong.append(error)

        threads = [threading.Thread(target=use, args=(number % 2 == 0,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(BOUND * 10)
        self.assertEqual(wrong, [])

    def test_a_resource_whose_instance_is_gone_says_so_and_others_go_on(self) -> None:
        small = consign().with_limits(Limits(memory=2 << 20))
        full, other = small.digests.set(), small.digests.set()
        with self.assertRaises(OutOfMemory):
            for number in range(200_000):
                full.add(f"sha256:{number:064x}")
        for _ in range(2):
            with self.assertRaisesRegex(Trap, "earlier call"):
                full.all()
        other.add(sha256(b""))
        self.assertEqual(other.all(), (sha256(b""),))
        full.close()
        other.close()
        with self.assertRaises(Trap):
            other.all()
        works(small)


def config(steps: int) -> str:
    return '{"rootfs":{"type":"layers","diff_ids":[]},"history":[' + ",".join(['{"empty_layer":true}'] * steps) + "]}"


class LyingContent(unittest.TestCase):
    def test_documents_that_disagree_are_refused(self) -> None:
        content = Memory()
        rootfs = {"type": "layers", "diff_ids": [sha256(b"a"), sha256(b"b")]}
        configuration = content.add(CONFIG_TYPE, {"os": "linux", "architecture": "amd64", "rootfs": rootfs})
        manifest = {"schemaVersion": 2, "config": written(configuration), "layers": []}
        content.names["docker.io/library/a:1"] = content.add(MANIFEST_TYPE, manifest)
        with self.assertRaisesRegex(ResolveError, "2 diff IDs, found 0"):
            consign().resolve("a:1", content, platform="linux/amd64")

    def test_what_a_content_raises_besides_is_not_swallowed(self) -> None:
        class Broken(Memory):
            def search(self, prefix: str) -> "list[Descriptor]":
                raise KeyError(prefix)

        with self.assertRaises(KeyError):
            consign().resolve("abcdef", Broken())
        works(consign())


# Exports `is-well-formed: func(text: string) -> bool` of `consign:image/digests`, whose body is put in.
_HOSTILE = """
(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    (func (export "call") (param i32 i32) (result i32) (local $pages i32) %s))
  (core instance $i (instantiate $m))
  (func $call (param "text" string) (result bool)
    (canon lift (core func $i "call") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $digests (export "is-well-formed" (func $call)))
  (export "consign:image/digests@0.1.0" (instance $digests)))
"""


class HostileComponents(unittest.TestCase):
    def loaded(self, text: str, limits: Limits = Limits()) -> Consign:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "hostile.wat"
        path.write_text(text, encoding="utf-8")
        return Consign(path, limits, cache=False)

    def test_one_that_never_ends_is_out_of_fuel(self) -> None:
        looping = self.loaded(_HOSTILE % "(loop br 0) unreachable", Limits(fuel=1_000_000_000))
        for _ in range(2):
            start = time.monotonic()
            with self.assertRaises(OutOfFuel):
                looping.digests.is_well_formed("x")
            self.assertLess(time.monotonic() - start, BOUND)

    def test_one_that_grows_gets_no_more_than_the_limit(self) -> None:
        # Grows until it is refused, and answers whether it got less than 10 MiB.
        growing = "(loop (local.set $pages (memory.grow (i32.const 1))) (br_if 0 (i32.ne (local.get $pages) (i32.const -1))))"
        measured = growing + "(i32.le_u (memory.size) (i32.const %d))"
        self.assertTrue(self.loaded(_HOSTILE % (measured % 160), Limits(memory=10 << 20)).digests.is_well_formed("x"))
        self.assertFalse(self.loaded(_HOSTILE % (measured % 159), Limits(memory=10 << 20)).digests.is_well_formed("x"))

    def test_one_that_traps_is_a_trap_each_time(self) -> None:
        for body in ("unreachable", "(i32.div_s (i32.const 1) (i32.const 0))", "(i32.load (i32.const -1))"):
            trapping = self.loaded(_HOSTILE % body)
            for _ in range(2):
                with self.assertRaises(Trap):
                    trapping.digests.is_well_formed("x")
        recursive = _HOSTILE.replace('(export "call")', '$call (export "call")') % "(call $call (i32.const 0) (i32.const 0))"
        with self.assertRaisesRegex(Trap, "call stack exhausted"):
            self.loaded(recursive).digests.is_well_formed("x")

    def test_one_that_is_no_consign_is_refused_by_what_it_lacks(self) -> None:
        with self.assertRaisesRegex(LoadError, "references.parse"):
            self.loaded(_HOSTILE % "unreachable").references.parse("x")
        with self.assertRaisesRegex(LoadError, "cannot be loaded"):
            self.loaded("not a component")
        with self.assertRaisesRegex(LoadError, "imports nothing"):
            self.loaded('(component (import "x" (func)))')

    def test_an_answer_that_cannot_be_is_refused(self) -> None:
        from dataclasses import replace

        from consign_image.resolution import _check

        content = Memory()
        content.names["docker.io/library/a:1"] = content.image()
        image = consign().resolve("a:1", content, platform="linux/amd64").image
        _check(image)
        assert image.manifest is not None
        layer = image.layers[0]
        for wrong in (
            replace(image, target=replace(image.target, digest="../../etc/passwd")),
            replace(image, config=replace(image.config, digest="sha256:ABC")),
            replace(image, manifest=replace(image.manifest, digest="")),
            replace(image, indexes=(replace(image.target, digest="x"),)),
            replace(image, layers=(replace(layer, chain_id="sha256:0"),)),
            replace(image, layers=(replace(layer, blob=None),)),
        ):
            with self.assertRaises(Inconsistent):
                _check(wrong)

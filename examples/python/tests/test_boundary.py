"""Values across the boundary, whatever they are; loading."""

import json
import os
import resource
import stat
import tempfile
import unittest
from pathlib import Path
from typing import Any, Callable
from unittest import mock

from consign_image import Consign, Descriptor, Index, Platform
from consign_image._loading import cache_directory
from consign_image.errors import InvalidReference, LoadError

from .support import INDEX_TYPE, MANIFEST_TYPE, consign, large_index, sha256


class Values(unittest.TestCase):
    def test_numbers_texts_and_absence_arrive_as_they_are(self) -> None:
        config: Any = {
            "os": "línux\0",
            "architecture": "😀",
            "rootfs": {"type": "layers", "diff_ids": []},
            "history": [{"created_by": "", "empty_layer": True}, {}],
            "config": {"Labels": {"b": "", "a": "é"}, "Env": [], "StopTimeout": -(1 << 62), "Tty": True},
        }
        config["config"]["Healthcheck"] = {"Test": ["CMD", "x"], "Interval": (1 << 63) - 1, "Retries": -3}
        parsed = consign().manifests.parse_config(json.dumps(config))
        self.assertEqual(parsed.platform, Platform("línux\0", "😀"))
        self.assertEqual([step.empty_layer for step in parsed.history], [True, False])
        assert parsed.config is not None and parsed.config.healthcheck is not None
        self.assertEqual(parsed.config.labels, (("a", "é"), ("b", "")))
        self.assertEqual((parsed.config.env, parsed.config.cmd), ((), None))
        self.assertEqual(parsed.config.stop_timeout, -(1 << 62))
        self.assertEqual((parsed.config.tty, parsed.config.open_stdin), (True, False))
        self.assertEqual(parsed.config.healthcheck.interval, (1 << 63) - 1)
        self.assertEqual(parsed.config.healthcheck.retries, -3)

    def test_sizes_reach_to_the_end_of_their_type(self) -> None:
        entry = {"mediaType": MANIFEST_TYPE, "digest": sha256(b""), "size": (1 << 63) - 1}
        parsed = consign().manifests.parse(json.dumps({"schemaVersion": 2, "manifests": [entry]}), INDEX_TYPE)
        assert isinstance(parsed, Index)
        self.assertEqual(parsed.entries, (Descriptor(MANIFEST_TYPE, sha256(b""), (1 << 63) - 1),))
        for size in (0, (1 << 64) - 1):
            index = Index("oci-index", (Descriptor(MANIFEST_TYPE, "x", size, Platform("linux", "amd64")),), (), None, None)
            self.assertEqual(consign().manifests.choose(index, "linux/amd64").best, 0)

    def test_bytes_of_any_length_arrive(self) -> None:
        for size in (0, 1, 5, 100_000):
            data = bytes(number % 256 for number in range(size))
            self.assertEqual(consign().digests.compute("sha256", data), sha256(data))

    def test_the_character_of_a_fault_arrives(self) -> None:
        for text, found in (("a😀", "😀"), ("a:é", "é"), ("a:", None)):
            with self.assertRaises(InvalidReference) as error:
                consign().references.parse(text)
            self.assertEqual((error.exception.problem.case, error.exception.problem.value), ("unexpected", found))

    def test_text_and_bytes_have_the_same_answer(self) -> None:
        index = large_index(100_000)
        self.assertEqual(consign().manifests.parse(index), consign().manifests.parse(index.encode()))
        by_list = consign().sandbox.call("manifests", "parse", index.encode(), None)
        self.assertEqual(by_list, consign().manifests.parse(index))

    def test_arguments_that_are_none_are_errors_and_the_next_call_works(self) -> None:
        parse: Any = consign().references.parse
        index: Any = Index("oci-index", (Descriptor("", "", -1),), (), None, None)
        calls: "list[Callable[[], object]]" = [
            lambda: parse(b"debian"),
            lambda: parse("debian", "backwards"),
            lambda: parse("\ud800"),
            lambda: consign().manifests.choose(index, "linux/amd64"),
            lambda: consign().sandbox.call("references", "parse", "x"),
            lambda: consign().references.sort([1]),  # type: ignore[list-item]
        ]
        for call in calls:
            with self.assertRaises((TypeError, ValueError)):
                call()
            self.assertEqual(consign().references.parse("a").path, "library/a")
        with consign().digests.set([sha256(b"")]) as made:
            with self.assertRaises(TypeError):
                made.add(7)  # type: ignore[arg-type]
            self.assertEqual(made.lookup("e3"), sha256(b""))

    def test_nothing_is_left_behind(self) -> None:
        index = large_index(200_000)
        name = consign().references.parse("example.com/a/b:1")

        def use(times: int) -> None:
            for _ in range(times):
                consign().manifests.parse(index)
                consign().references.with_tag(name, "2")
                with consign().digests.set([sha256(b"a")]) as made:
                    made.all()

        use(20)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        use(200)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        # 200 indexes of 200 kB are 40 MB as text and ten times that as values.
        self.assertLess(grown, 20_000, "kB")


class Loading(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cache = Path(folder.name)
        patched = mock.patch.dict(os.environ, {"XDG_CACHE_HOME": folder.name})
        patched.start()
        self.addCleanup(patched.stop)

    def compiled(self) -> Path:
        (found,) = (self.cache / "consign-image").iterdir()
        return found

    def test_what_was_compiled_is_kept_private_and_used_again(self) -> None:
        Consign().references.parse("a")
        path = self.compiled()
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(path.parent.stat().st_mode), 0o700)
        with mock.patch("consign_image._loading.Component.__init__", side_effect=AssertionError):
            Consign().references.parse("a")

    def test_a_compiled_component_that_was_changed_is_not_run(self) -> None:
        Consign()
        path = self.compiled()
        whole = path.read_bytes()
        for changed in (whole[:-1], whole[:40], b"", whole[:-1] + bytes([whole[-1] ^ 1])):
            path.write_bytes(changed)
            Consign().references.parse("a")
            self.assertEqual(path.read_bytes(), whole)

    def test_a_cache_that_others_can_write_to_is_not_used(self) -> None:
        Consign()
        directory = self.compiled().parent
        directory.chmod(0o777)
        self.assertIsNone(cache_directory())
        Consign().references.parse("a")
        directory.chmod(0o700)
        self.compiled().chmod(0o622)
        with mock.patch("consign_image._loading.Component.deserialize", side_effect=AssertionError):
            Consign().references.parse("a")
        with mock.patch("os.geteuid", return_value=os.geteuid() + 1):
            self.assertIsNone(cache_directory())

    def test_a_link_in_place_of_the_cache_is_not_followed(self) -> None:
        (self.cache / "elsewhere").mkdir(mode=0o700)
        (self.cache / "consign-image").symlink_to(self.cache / "elsewhere")
        self.assertIsNone(cache_directory())

    def test_a_component_that_is_not_there_is_named(self) -> None:
        with self.assertRaisesRegex(LoadError, "/nowhere/x.wasm"):
            Consign("/nowhere/x.wasm")

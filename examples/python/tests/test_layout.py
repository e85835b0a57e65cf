"""Resolution over a directory: real archives, then directories that lie."""

import json
import os
import tempfile
import unittest
from pathlib import Path

from consign_image import Descriptor, Layout, Platform
from consign_image.errors import (
    BadDocument,
    Corrupt,
    Incomplete,
    InvalidDocument,
    InvalidReference,
    NoPlatform,
    NotFound,
    TooLarge,
    Unavailable,
)

from .support import INDEX_TYPE, consign, sha256, unpack, written


class RealLayouts(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        root = Path(cls.folder.name)
        cls.multi = Layout(unpack("multi.oci.tar", root / "multi"), consign())
        cls.attested = Layout(unpack("attested.oci.tar", root / "attested"), consign())

    folder: "tempfile.TemporaryDirectory[str]"
    multi: Layout
    attested: Layout

    def test_every_platform_of_an_index_gets_its_own_image(self) -> None:
        root = self.multi.read(self.multi.roots[0])
        assert root is not None
        entries = json.loads(root)["manifests"]
        self.assertEqual(len(entries), 8)
        for entry in entries:
            platform = entry["platform"]
            wanted = "/".join(filter(None, (platform["os"], platform["architecture"], platform.get("variant"))))
            image = consign().resolve("example.com/multi:1", self.multi, platform=wanted).image
            assert image.manifest is not None
            self.assertEqual(image.manifest.digest, entry["digest"], wanted)
            self.assertEqual(len(image.indexes), 1)
            self.assertEqual(len(image.layers), 1)
            self.assertEqual(image.layers[0].chain_id, image.layers[0].diff_id)

    def test_the_reason_of_every_entry_is_given_in_words(self) -> None:
        resolution = consign().resolve("example.com/attested:1", self.attested, platform="linux/arm/v6")
        self.assertEqual([str(step) for step in resolution.explanation.steps], ["name `example.com/attested:1`: found"])
        words = [str(entry) for entry in resolution.explanation.considered]
        self.assertEqual(words[0], "another architecture: `amd64`")
        self.assertEqual(words[1], "fits, but entry 2 fits better or comes before it")
        self.assertEqual(words[2], "chosen")
        self.assertEqual(words[3], "a variant this platform does not run: `v7`")
        self.assertEqual(words[7], "names no platform, and entry 2 fits")
        self.assertEqual(words[8], "an attestation, not an image")

    def test_an_image_is_found_by_its_id_and_by_the_beginning_of_it(self) -> None:
        arm = Platform("linux", "arm", "v6")
        image = consign().resolve("example.com/multi:1", self.multi, platform=arm).image
        identity = image.config.digest
        for text in (identity, identity[7:], identity[7:19]):
            found = consign().resolve(text, self.multi)
            self.assertEqual(found.image.config.digest, identity, text)
            self.assertIn(found.image.matched.case, ("digest", "prefix"))
        self.assertIn(self.multi.roots[0].digest, [index.digest for index in self.multi.indexes(identity)])
        # The digest of an index is no image's ID and finds the index.
        found = consign().resolve(self.multi.roots[0].digest, self.multi, platform=arm)
        self.assertEqual(found.image.config.digest, identity)

    def test_what_an_entry_points_at_resolves_without_a_name(self) -> None:
        root = self.multi.root("example.com/multi:1")
        assert root is not None
        image = consign().resolve(root, self.multi, platform="linux/s390x").image
        self.assertEqual(image.platform, Platform("linux", "s390x"))
        self.assertIsNone(self.multi.root("example.com/multi"))

    def test_what_is_not_there_is_said_to_be(self) -> None:
        with self.assertRaises(NotFound) as missing:
            consign().resolve("example.com/other:1", self.multi)
        self.assertEqual(missing.exception.name, "example.com/other:1")
        self.assertEqual(str(missing.exception), "no such image: `example.com/other:1`")
        self.assertEqual([str(step) for step in missing.exception.explanation.steps], ["name `example.com/other:1`: not there"])
        with self.assertRaises(NoPlatform) as platform:
            consign().resolve("example.com/multi:1", self.multi, platform="linux/ppc64le")
        self.assertEqual(platform.exception.wanted.architecture, "ppc64le")
        self.assertEqual(len(platform.exception.explanation.considered), 8)
        with self.assertRaises(InvalidReference) as invalid:
            consign().resolve("not a name", self.multi)
        self.assertEqual(invalid.exception.offset, 3)


class LyingLayouts(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = unpack("multi.oci.tar", Path(folder.name) / "layout")

    def index(self) -> Descriptor:
        return Layout(self.root, consign()).roots[0]

    def blob(self, digest: str) -> Path:
        return self.root / "blobs" / digest.replace(":", "/")

    def test_a_blob_with_a_changed_byte_is_corrupt(self) -> None:
        digest = self.index().digest
        data = self.blob(digest).read_bytes()
        self.blob(digest).write_bytes(data.replace(b"amd64", b"amd65", 1))
        with self.assertRaises(Corrupt) as corrupt:
            consign().resolve("example.com/multi:1", Layout(self.root, consign()))
        self.assertEqual(corrupt.exception.digest, digest)
        self.assertEqual(len(corrupt.exception.explanation.steps), 1)

    def test_what_is_pointed_at_and_gone_is_said_to_be(self) -> None:
        whole = consign().resolve("example.com/multi:1", Layout(self.root, consign()), platform="linux/amd64").image
        self.blob(whole.config.digest).unlink()
        with self.assertRaises(Incomplete) as incomplete:
            consign().resolve("example.com/multi:1", Layout(self.root, consign()), platform="linux/amd64")
        self.assertEqual(incomplete.exception.descriptor.digest, whole.config.digest)
        # As in Docker, a name that points at nothing is no name.
        self.blob(whole.target.digest).unlink()
        with self.assertRaises(NotFound) as dangling:
            consign().resolve("example.com/multi:1", Layout(self.root, consign()), platform="linux/amd64")
        steps = [str(step) for step in dangling.exception.explanation.steps]
        self.assertIn(f"`{whole.target.digest}` is pointed at and not here", steps)

    def test_a_document_that_cannot_be_read_is_named_with_the_place(self) -> None:
        data = b'{"schemaVersion":2,"manifests":[{"digest":7}]}'
        self.point_at(data, len(data))
        with self.assertRaises(BadDocument) as bad:
            consign().resolve("example.com/bad:1", Layout(self.root, consign()))
        self.assertEqual(bad.exception.descriptor.digest, sha256(data))
        self.assertGreater(bad.exception.offset, 30)

    def test_content_over_the_limit_is_not_read(self) -> None:
        data = b" " * ((4 << 20) + 1)
        for size in (len(data), 10):
            self.point_at(data, size)
            with self.assertRaises(TooLarge) as large:
                consign().resolve("example.com/bad:1", Layout(self.root, consign()))
            self.assertEqual(large.exception.limit, 4 << 20)

    def test_a_size_that_is_not_the_contents_is_corrupt(self) -> None:
        self.point_at(b"{}", 3)
        with self.assertRaises(Corrupt):
            consign().resolve("example.com/bad:1", Layout(self.root, consign()))

    def test_a_digest_does_not_lead_out_of_the_layout(self) -> None:
        (self.root.parent / "secret").write_bytes(b"{}")
        layout = Layout(self.root, consign())
        for digest in ("../../../secret", "sha256:../../secret", "sha256:" + "A" * 64, "md5:" + "0" * 32, ""):
            self.assertIsNone(layout.read(Descriptor(INDEX_TYPE, digest, 2)), digest)

    def test_what_is_no_file_is_not_waited_for(self) -> None:
        digest = self.index().digest
        self.blob(digest).unlink()
        os.mkfifo(self.blob(digest))
        with self.assertRaises(Unavailable):
            consign().resolve("example.com/multi:1", Layout(self.root, consign()))

    def test_a_directory_that_is_no_layout_is_refused(self) -> None:
        with self.assertRaises(Unavailable):
            Layout(self.root / "blobs", consign())
        (self.root / "index.json").write_bytes(b"{")
        with self.assertRaises(InvalidDocument):
            Layout(self.root, consign())
        (self.root / "oci-layout").write_bytes(b'{"imageLayoutVersion":"2.0.0"}')
        with self.assertRaises(InvalidDocument) as marker:
            Layout(self.root, consign())
        self.assertIn("2.0.0", str(marker.exception))

    def test_names_are_read_as_podman_and_containerd_do(self) -> None:
        root = self.index()
        for annotations, name in (
            ({"org.opencontainers.image.ref.name": "v1"}, "localhost/v1:latest"),
            ({"org.opencontainers.image.ref.name": "a/b:2"}, "localhost/a/b:2"),
            ({"io.containerd.image.name": "debian", "org.opencontainers.image.ref.name": "x"}, "debian:latest"),
        ):
            entry = {**written(root), "annotations": annotations}
            self.write_index({"schemaVersion": 2, "manifests": [entry]})
            found = consign().resolve(name, Layout(self.root, consign()), platform="linux/amd64")
            self.assertEqual(found.image.target.digest, root.digest)
        entry = {**written(root), "annotations": {"org.opencontainers.image.ref.name": "Any Text"}}
        self.write_index({"schemaVersion": 2, "manifests": [entry]})
        any_text = Layout(self.root, consign()).root("Any Text")
        self.assertEqual(any_text and any_text.digest, root.digest)

    def point_at(self, data: bytes, size: int) -> None:
        """A layout with one index, `example.com/bad:1`, of this content."""
        self.blob(sha256(data)).write_bytes(data)
        name = {"org.opencontainers.image.ref.name": "example.com/bad:1"}
        entry = {"mediaType": INDEX_TYPE, "digest": sha256(data), "size": size, "annotations": name}
        self.write_index({"schemaVersion": 2, "manifests": [entry]})

    def write_index(self, index: object) -> None:
        (self.root / "index.json").write_text(json.dumps(index), encoding="utf-8")

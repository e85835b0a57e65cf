"""The command as users see it."""

import contextlib
import io
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from consign_image import cli
from consign_image._loading import component_path

from .support import INDEX_TYPE, MANIFEST_TYPE, sha256, unpack


class Command(unittest.TestCase):
    def run_command(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "consign_image", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)

    def test_a_reference_is_printed_in_its_parts(self) -> None:
        done = self.run_command("parse", "debian:12")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        printed = json.loads(done.stdout)
        self.assertEqual(printed["canonical"], "docker.io/library/debian:12")
        self.assertEqual(printed["familiar"], "debian:12")
        done = self.run_command("parse", "Debian")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr, "error: not an image reference: wanted a lower-case repository path, at byte 0\n")

    def test_platforms_that_fit_are_printed_best_first(self) -> None:
        done = self.run_command("match", "linux/arm64", "linux/arm/v6", "linux/amd64", "linux/arm64", "linux/arm/v7")
        self.assertEqual((done.returncode, done.stdout), (0, "linux/arm64\nlinux/arm/v7\nlinux/arm/v6\n"))
        self.assertEqual(self.run_command("match", "linux/amd64", "linux/s390x").returncode, 1)

    def test_every_entry_of_an_index_has_its_reason(self) -> None:
        entries = [
            {"mediaType": MANIFEST_TYPE, "digest": sha256(b""), "size": 1, "platform": {"os": "linux", "architecture": name}}
            for name in ("arm64", "amd64")
        ]
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries})
        done = self.run_command("choose", "--platform", "linux/amd64", "-", stdin=index)
        self.assertEqual(done.returncode, 0, done.stderr)
        first, second = done.stdout.splitlines()
        self.assertEqual(first, f"  0 {sha256(b'')} linux/arm64: another architecture: `arm64`")
        self.assertEqual(second, f"* 1 {sha256(b'')} linux/amd64: fits best")

    def test_an_image_is_resolved_and_explained(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            layout = str(unpack("attested.oci.tar", Path(folder) / "layout"))
            resolve = ["resolve", "--layout", layout, "example.com/attested:1"]
            done = self.run_command(*resolve, "--platform", "linux/arm/v6", "--explain")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["platform"], "linux/arm/v6")
            self.assertIn("  2 linux/arm/v6: chosen\n", done.stderr)
            self.assertEqual(self.run_command(*resolve, "--platform", "linux/ppc64le").returncode, 1)
            self.assertEqual(self.run_command("resolve", "--layout", folder, "a").returncode, 2)

    def test_what_the_module_offers_is_what_the_command_does(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = cli.main(["--component", str(component_path()), "match", "linux/amd64", "linux/386", "linux/amd64"])
        self.assertEqual((code, printed.getvalue()), (0, "linux/amd64\nlinux/386\n"))

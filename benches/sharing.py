#!/usr/bin/env python3
"""sharing.py ARCHIVE COUNT: writes a docker archive of COUNT images that share their first layer, of 1,000 files, and
have a second one each: for `images` where layers are shared."""
import hashlib
import io
import json
import sys
import tarfile

path, count = sys.argv[1], int(sys.argv[2])
digest = lambda content: hashlib.sha256(content).hexdigest()


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


base = tar([(f"base/{number}", bytes([number % 256]) * 1000) for number in range(1000)])
files, manifest = [(f"{digest(base)}.tar", base)], []
for number in range(count):
    own = tar([(f"own/{number}", f"{number}".encode() * 100)])
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": f"2020-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z",
        "config": {"Labels": {"number": str(number)}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest(base)}", f"sha256:{digest(own)}"]},
        "history": [{"created_by": "base"}, {"created_by": f"own {number}"}],
    }).encode()
    files += [(f"{digest(own)}.tar", own), (f"{digest(config)}.json", config)]
    manifest.append({"Config": f"{digest(config)}.json", "RepoTags": [f"example.com/sharing:{number}"],
                     "Layers": [f"{digest(base)}.tar", f"{digest(own)}.tar"]})
with open(path, "wb") as out:
    out.write(tar([("manifest.json", json.dumps(manifest).encode()), *files]))

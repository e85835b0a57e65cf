#!/usr/bin/env python3
"""many.py STORE COUNT: fills the catalogue of an empty store with COUNT images of one to ten layers, a hundred
sharing each base, each under a name of its own. Rows only, no content: for measuring `consign images`."""
import hashlib
import sqlite3
import sys

store, count = sys.argv[1], int(sys.argv[2])
digest = lambda text: "sha256:" + hashlib.sha256(text.encode()).hexdigest()
catalog = sqlite3.connect(f"{store}/catalog.sqlite")
images, layers, blobs, names, documents = [], [], {}, [], []
for number in range(count):
    image, manifest = digest(f"image {number}"), digest(f"manifest {number}")
    created = f"20{10 + number % 15}-0{1 + number % 9}-11T12:13:{number % 60:02}Z"
    images.append((image, "application/vnd.oci.image.config.v1+json", 1000, "linux", "amd64", None, None, "", created, number, 1 + number % 10, 2048 * (1 + number % 10)))
    for position in range(1 + number % 10):
        diff_id = digest(f"base {number // 100}" if position == 0 else f"layer {number} {position}")
        layers.append((image, position, diff_id, digest(f"{diff_id} {position}")))
        blobs[diff_id] = (diff_id, diff_id, "application/vnd.oci.image.layer.v1.tar", 2048, 2048)
    documents.append((manifest, "application/vnd.oci.image.manifest.v1+json", 500, image, 1))
    names.append((f"example.com/group{number % 100}/image{number}", ":1", "application/vnd.oci.image.manifest.v1+json", manifest, 500, number))
with catalog:
    catalog.executemany("INSERT INTO layer_blobs (diff_id,blob,media_type,size,unpacked_size) VALUES (?,?,?,?,?)", list(blobs.values()))
    catalog.executemany("INSERT INTO images (id,media_type,size,os,architecture,variant,os_version,os_features,created,added_at,layer_count,unpacked_size) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", images)
    catalog.executemany("INSERT INTO image_layers VALUES (?,?,?,?)", layers)
    catalog.executemany("INSERT INTO documents (digest,media_type,size,config,complete) VALUES (?,?,?,?,?)", documents)
    catalog.executemany("INSERT INTO names VALUES (?,?,?,?,?,?)", names)

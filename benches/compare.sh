#!/usr/bin/env bash
# compare.sh CORPUS [CONSIGN]: whole commands against skopeo and podman, as ratios in one run.
#
# CORPUS holds archives/{big,debian}.{docker,oci}.tar and layouts/{big,debian}, as real builders write them; an
# archive of 1,000 small images is looked for at CORPUS/archives/many.docker.tar. Peers: skopeo, podman,
# hyperfine, GNU time. CONSIGN is the release binary.
set -euo pipefail
corpus=$(cd "${1:?usage: compare.sh CORPUS [CONSIGN]}" && pwd)
consign=$(realpath "${2:-$(dirname "$0")/../target/release/consign}")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d -p "$corpus"); trap 'rm -rf "$work"' EXIT
# As installed: what a linker has just written lies in the page cache in single pages and starts a quarter slower.
install "$consign" "$work/consign"; consign=$work/consign
export CONSIGN_ROOT=$work/store CONTAINERS_STORAGE_CONF=$work/storage.conf TMPDIR=$work
printf '[storage]\ndriver = "vfs"\ngraphroot = "%s/podman"\nrunroot = "%s/run"\n' "$work" "$work" > "$CONTAINERS_STORAGE_CONF"

# seconds NAME COMMAND...: wall seconds and peak memory of one run
seconds() {
  local name=$1; shift
  /usr/bin/time -f '%e %M' -o "$work/time" "$@" >/dev/null 2>"$work/stderr" || { cat "$work/stderr" >&2; exit 1; }
  read -r wall memory < "$work/time"
  printf '%-44s %8s s %8s KiB\n' "$name" "$wall" "$memory"
}
# Old output is renamed away, not removed: removing slows what is written next.
turn=0
# What was written before is on the disk before the next run writes.
away() { turn=$((turn + 1)); for path in "$@"; do [ ! -e "$path" ] || mv "$path" "$work/old.$turn.$(basename "$path")"; done; sync; }

echo "== start-up: a stored image"
"$consign" tag "$("$consign" load -q "oci-archive:$corpus/archives/debian.oci.tar")" example.com/debian:1
skopeo copy -q "oci-archive:$corpus/archives/debian.oci.tar" "containers-storage:example.com/debian:1"
hyperfine -N --warmup 5 --min-runs 30 --export-json "$work/start.json" \
  "$consign resolve example.com/debian:1" "$consign inspect example.com/debian:1" \
  "skopeo inspect oci:$corpus/layouts/debian" "podman image inspect example.com/debian:1" >/dev/null 2>&1
python3 - "$work/start.json" <<'P'
import json, sys
results = json.load(open(sys.argv[1]))["results"]
base = results[0]["median"]
for result in results:
    words = result["command"].split()
    print(f"{words[0].rsplit('/', 1)[-1]} {words[1]:8} {result['median'] * 1000:8.2f} ms   {result['median'] / base:6.1f} x consign resolve")
P

# Ratios of medians, to the first command.
ratios() {
  hyperfine -N --warmup 1 --min-runs "$1" --export-json "$work/ratios.json" "${@:2}" >/dev/null 2>&1
  python3 - "$work/ratios.json" <<'P'
import json, sys
results = json.load(open(sys.argv[1]))["results"]
base = results[0]["median"]
for result in results:
    words = result["command"].split()
    name = " ".join([words[0].rsplit("/", 1)[-1], *words[1:3]])
    print(f"{name[:44]:44} {result['median'] * 1000:9.2f} ms   {result['median'] / base:7.1f} x")
P
}
echo "== one image: inspect, history, tag"
ratios 10 "$consign inspect example.com/debian:1" "podman image inspect example.com/debian:1"
ratios 10 "$consign history example.com/debian:1" "podman image history example.com/debian:1"
ratios 10 "$consign tag example.com/debian:1 example.com/other:1" "podman tag example.com/debian:1 example.com/other:1"

for archive in big.docker.tar big.oci.tar many.docker.tar; do
  file=$corpus/archives/$archive
  [ -e "$file" ] || { echo "== $archive: not in the corpus"; continue; }
  echo "== load $archive"
  kind=docker-archive; [[ $archive == *.oci.tar ]] && kind=oci-archive
  cat "$file" > /dev/null
  for round in 1 2 3; do
    away "$CONSIGN_ROOT" "$work/oci"
    seconds "consign load ($round)" "$consign" load -q "$kind:$file"
    [[ $archive == many* ]] || seconds "skopeo copy to oci ($round)" skopeo copy -q --dest-oci-accept-uncompressed-layers "$kind:$file" "oci:$work/oci:latest"
  done
  away "$work/podman" "$work/run"
  seconds "podman load" podman load -q -i "$file"
  [[ $archive != many* ]] || { echo "== list its images"; ratios 2 "$consign images" "podman images"; }
done

for own in "" own; do
  echo "== list 100 images that share a layer${own:+, and have one each}"
  away "$CONSIGN_ROOT" "$work/podman" "$work/run"
  python3 "$here/sharing.py" "$work/sharing.tar" 100 $own
  "$consign" load -q "docker-archive:$work/sharing.tar" > /dev/null
  podman load -q -i "$work/sharing.tar" > /dev/null
  ratios 5 "$consign images" "podman images"
done

# One file, and all names, of a stored image; against ways that do not mount anything. The first file is near the end of
# the largest layer.
if [ -e "$corpus/archives/big.oci.tar" ]; then
  echo "== files of an image of 1.2 GB"
  away "$CONSIGN_ROOT" "$work/podman" "$work/run"
  "$consign" tag "$("$consign" load -q "oci-archive:$corpus/archives/big.oci.tar")" example.com/big:1
  skopeo copy -q "oci-archive:$corpus/archives/big.oci.tar" containers-storage:example.com/big:1
  path=$("$consign" find example.com/big:1 --type file --size +1k | grep '^/usr/share' | tail -1)
  archive=oci-archive:$corpus/archives/big.oci.tar plain=docker-archive:$corpus/archives/big.docker.tar
  container=$(podman create example.com/big:1 true)
  ratios 5 "$consign cat example.com/big:1 $path" "$consign ls -Ra example.com/big:1" "$consign ls -lRa example.com/big:1" \
    "$consign find example.com/big:1 *.so" "$consign layers example.com/big:1" "$consign diff example.com/big:1" \
    "podman cp $container:$path -" "podman image diff example.com/big:1"
  # What there is to do before podman can be asked for a file at all.
  seconds "podman create, cp, rm" bash -c 'made=$(podman create "$0" true) && podman cp "$made:$1" - && podman rm "$made"' example.com/big:1 "$path"
  ratios 2 "$consign cat $plain $path" "$consign ls -Ra $plain" "$consign cat $archive $path" "$consign ls -Ra $archive"
  for round in 1 2; do
    away "$work/bundle"
    [ ! -d "$corpus/layouts/big" ] || seconds "umoci unpack ($round)" umoci unpack --rootless --image "$corpus/layouts/big:latest" "$work/bundle"
    away "$work/unpacked"
    seconds "consign unpack ($round)" "$consign" unpack -q example.com/big:1 "$work/unpacked"
    away "$work/unpacked"
    seconds "consign unpack, of the layout ($round)" "$consign" unpack -q "oci:$corpus/layouts/big" "$work/unpacked"
    seconds "podman export ($round)" podman export -o "$work/export.tar" "$container"
  done
  rm -f "$work/export.tar"
fi

# By name, all in one command, which is what takes the catalogue longest; without content.
echo "== remove images: for each"
for count in 100 1000 10000; do
  away "$CONSIGN_ROOT"
  "$consign" images -q
  python3 "$here/many.py" "$CONSIGN_ROOT" "$count"
  python3 - "$consign" "$count" <<'P'
import resource, subprocess, sys, time
consign, count = sys.argv[1], int(sys.argv[2])
names = [f"example.com/group{number % 100}/image{number}:1" for number in range(count)]
# What has run before this counts as its children, too.
before = resource.getrusage(resource.RUSAGE_CHILDREN)
start = time.monotonic()
subprocess.run([consign, "rm", *names], check=True, stdout=subprocess.DEVNULL)
wall, used = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
print(f"{count:6} images {wall / count * 1e6:8.0f} us {processor / count * 1e6:8.0f} us of the processor")
P
done

# One image in three stores: as it is kept by each, and, for skopeo, as a layout whose layers are compressed as they
# are in consign's store.
file=$corpus/archives/big.oci.tar
if [ -e "$file" ]; then
  away "$CONSIGN_ROOT" "$work/podman" "$work/run"
  "$consign" tag "$("$consign" load -q "oci-archive:$file")" example.com/big:1
  skopeo copy -q "oci-archive:$file" containers-storage:example.com/big:1
  for kind in docker-archive oci-archive; do
    echo "== save the same image as $kind"
    for round in 1 2; do
      away "$work"/out.*
      seconds "consign save ($round)" "$consign" save -q --format "$kind" -o "$work/out.consign" example.com/big:1
      away "$work"/out.*
      seconds "podman save ($round)" podman save -q --format "$kind" -o "$work/out.podman" example.com/big:1
      away "$work"/out.*
      seconds "skopeo copy from its store ($round)" skopeo copy -q containers-storage:example.com/big:1 "$kind:$work/out.skopeo:example.com/big:1"
      [ ! -d "$corpus/layouts/big" ] && continue
      away "$work"/out.*
      seconds "skopeo copy from a layout ($round)" skopeo copy -q "oci:$corpus/layouts/big" "$kind:$work/out.layout:example.com/big:1"
    done
    # Each round leaves several gigabytes.
    rm -rf "$work"/out.* "$work"/old.*.out.*; sync
  done
fi

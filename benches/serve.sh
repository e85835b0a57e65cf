#!/usr/bin/env bash
# serve.sh LAYOUT [CONSIGN [ROUNDS]]: skopeo copies an image from `consign serve` and from docker-registry, in turns.
#
# LAYOUT is an OCI layout of one image. Peers: skopeo, docker-registry, GNU time. CONSIGN is the release binary.
set -euo pipefail
layout=$(cd "${1:?usage: serve.sh LAYOUT [CONSIGN [ROUNDS]]}" && pwd)
consign=$(realpath "${2:-$(dirname "$0")/../target/release/consign}")
rounds=${3:-5}
work=$(mktemp -d)
servers=()
end() { kill "${servers[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"; }
trap end EXIT
export CONSIGN_ROOT=$work/store TMPDIR=$work
printf '{"default": [{"type": "insecureAcceptAnything"}]}' > "$work/policy.json"
copy() { skopeo copy -q --policy "$work/policy.json" --src-tls-verify=false --dest-tls-verify=false "$@"; }

"$consign" tag "$("$consign" load -q "oci:$layout" | head -n 1)" example.com/image:1
"$consign" serve --registry 127.0.0.1:0 -q > "$work/address" & servers+=($!); ours=$!
# A port that was free a moment ago.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
  "$work/registry" "$port" > "$work/registry.yml"
docker-registry serve "$work/registry.yml" >/dev/null 2>&1 & servers+=($!); theirs=$!
sleep 1
copy "oci:$layout" "docker://127.0.0.1:$port/example.com/image:1"
address=$(sed -n 's,^Serving http://\(.*\)/v2/$,\1,p' "$work/address")

peak() { sed -n 's/^VmHWM: *//p' "/proc/$1/status"; }
spent() { awk '{ print ($14 + $15) / 100 }' "/proc/$1/stat"; }
for ((round = 0; round < rounds; round++)); do
  for registry in "$address" "127.0.0.1:$port"; do
    [ "$registry" = "$address" ] && name=consign || name=docker-registry
    # Into memory, where there is some: the disk is not what is measured.
    target=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d -p "$work")
    /usr/bin/time -f '%e' -o "$work/time" skopeo copy -q --policy "$work/policy.json" --src-tls-verify=false \
      "docker://$registry/example.com/image:1" "dir:$target/image"
    rm -rf "$target"
    echo "$name $(cat "$work/time")" | tee -a "$work/results"
  done
done
python3 - "$work/results" <<'P'
import statistics, sys
times = {}
for line in open(sys.argv[1]):
    name, seconds = line.split()
    times.setdefault(name, []).append(float(seconds))
medians = {name: statistics.median(values) for name, values in times.items()}
for name, median in medians.items():
    print(f"{name:16} {median:8.2f} s   {median / medians['docker-registry']:5.2f} x docker-registry")
P
echo "consign serve: $(spent "$ours") s of processor time, at most $(peak "$ours"); docker-registry: $(spent "$theirs") s, at most $(peak "$theirs")"

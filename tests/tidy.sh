#!/usr/bin/env bash
# clang-tidy over the daemon's sources, by .clang-tidy. Like a build it takes files of one target together: a header is read
# once for ten files, and a finding has the name of the file that it is in. Takes about ten minutes on two cores.
#
#   tests/tidy.sh        exit 0: no finding; 77: no clang-tidy 16 here (tests/install_packages.sh tidy)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
command -v clang-tidy-16 >/dev/null || { echo "no clang-tidy-16 here" && exit 77; }
build=build/tidy
mkdir -p "$build"
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTUNNELD_TESTS=OFF -DTUNNELD_UNITY=ON >"$build/configure.log" 2>&1 ||
  { cat "$build/configure.log" && exit 1; }
findings=$(mktemp)
# It reads what gcc would compile, and does not know all of gcc's warnings. A count of what it has left out goes to stderr.
grep -oP '"file": "\K[^"]+' "$build/compile_commands.json" |
  xargs -P "$(nproc)" -I{} clang-tidy-16 -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option {} 2>/dev/null | tee "$findings"
status=${PIPESTATUS[1]}
echo "clang-tidy: $(grep -cE ' (error|warning): ' "$findings") findings"
rm -f "$findings"
[ "$status" -eq 0 ]

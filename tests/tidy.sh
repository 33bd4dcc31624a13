#!/usr/bin/env bash
# clang-tidy over the daemon's sources, by .clang-tidy. Like a build it takes files of one target together: a header is read once
# for ten files, and what is found in one of them is told by its own name.
#
#   tests/tidy.sh        exit 0: no finding
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
build=build/tidy
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DTUNNELD_TESTS=OFF -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >"$build.log" 2>&1 \
  || { cat "$build.log"; exit 1; }
# A clang reads what gcc would compile, and does not know all of its warnings.
grep -oP '"file": "\K[^"]+' "$build/compile_commands.json" \
  | xargs -P "$(nproc)" -I{} clang-tidy-16 -p "$build" --quiet --extra-arg=-Wno-unknown-warning-option {} 2>/dev/null

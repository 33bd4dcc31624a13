#!/usr/bin/env bash
# What takes too long for tests/run.sh, and depends on more than this tree. Its outcome is written to tests/nightly_results.md,
# newest first, to be committed. Needs root.
#
#   sudo tests/nightly.sh
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
results=tests/nightly_results.md
commit=$(git rev-parse --short HEAD)
failed=0

# nightly NAME COMMAND...: runs it and puts a line of its outcome at the top of the table.
nightly() {
  local name=$1 log outcome status begin=$SECONDS
  shift
  log=$(mktemp)
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  case $status in
    0) outcome=passed ;;
    77) outcome=skipped ;;
    *) outcome="failed ($status)" && failed=1 ;;
  esac
  sed -i "/^| --- /a | $(date -u +%F) | $commit | $name | $outcome | $((SECONDS - begin)) s | $(tr '\n|&/' ';   ' <"$log" | cut -c1-400) |" "$results"
  rm -f "$log"
}

if [ ! -e "$results" ]; then
  printf '%s\n' '# Results of tests/nightly.sh' '' '| date | commit | what | outcome | time | it said |' \
    '| --- | --- | --- | --- | --- | --- |' >"$results"
fi
nightly 'clang-tidy' tests/tidy.sh
nightly 'Debian 13: build and unit tests' tests/debian13.sh
kept=$(mktemp -d)
nightly 'Package for Debian 12' tests/package.sh --keep "$kept"
managers() { tests/managers.sh --package "$(echo "$kept"/*.deb)"; }
nightly 'Beside what manages a host, Debian 12' managers
rm -r "$kept"
nightly 'Package for Debian 13' tests/package.sh --once trixie
nightly 'Package for arm64' tests/package_cross.sh arm64 trixie
exit $failed

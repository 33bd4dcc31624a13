#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test: units and simulation in a release build and under sanitizers,
# then end to end in network namespaces, some of it with a daemon that TSan watches. Ends with "N passed, N failed". Needs root.
#
#   sudo tests/run.sh            everything
#   sudo tests/run.sh --quick    units and simulation of the release build only
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

quick=false
[ "${1:-}" = --quick ] && quick=true
if [ "$(id -u)" != 0 ]; then
  echo "tests/run.sh makes network namespaces and devices: run it as root" >&2
  exit 3
fi
tests/install_packages.sh all || exit 1
# Not needed, but a second run is much faster with it.
command -v ccache >/dev/null && export CMAKE_CXX_COMPILER_LAUNCHER=ccache

passed=0
failed=0
skipped=0

# Where the time goes: minutes and seconds since the beginning.
elapsed() {
  printf '%d:%02d' $((SECONDS / 60)) $((SECONDS % 60))
}

# unit PRESET "TARGETS" [OPTIONS]: builds targets of a preset ("all": everything) and runs its unit tests.
unit() {
  local preset=$1 targets=$2 log
  shift 2
  log=$(mktemp)
  echo "== $preset: build ($(elapsed))"
  # shellcheck disable=SC2086  # several targets
  if ! { cmake --preset "$preset" -DTUNNELD_WERROR=ON >"$log" 2>&1 && cmake --build --preset "$preset" --target $targets >"$log" 2>&1; }; then
    tail -n 60 "$log"
    rm -f "$log"
    failed=$((failed + 1))
    return
  fi
  rm -f "$log"
  echo "== $preset: unit tests and simulation ($(elapsed))"
  counted "the unit tests of $preset" python3 tests/run_units.py "build/$preset" "$@"
}

# counted WHAT COMMAND...: runs what ends with "N passed, N failed, N skipped" and adds that up.
counted() {
  local what=$1 log totals status
  shift
  log=$(mktemp)
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  totals=$(grep -aE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped' "$log" | tail -n 1)
  rm -f "$log"
  if [ -z "$totals" ]; then
    echo "$what did not finish"
    failed=$((failed + 1))
    return
  fi
  if [ "$status" != 0 ] && [[ $totals == *" 0 failed"* ]]; then
    echo "$what ended with $status"
    failed=$((failed + 1))
  fi
  local numbers
  read -ra numbers <<<"${totals//[!0-9 ]/}"
  passed=$((passed + numbers[0]))
  failed=$((failed + numbers[1]))
  skipped=$((skipped + numbers[2]))
}

# end_to_end PRESET [WORDS]: the end-to-end tests with that build's daemon, or those whose names hold one of the words.
end_to_end() {
  local preset=$1
  shift
  echo "== $preset: end to end ($(elapsed))"
  counted "the end-to-end suite" python3 tests/e2e/run.py --tunneld "build/$preset/tunneld" "$@"
}

echo "== format and common mistakes"
if tests/lint.sh; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
unit release all
if ! $quick; then
  unit asan all
  # What is threaded: the lock-free parts, the engines, the doors; and the whole daemon in some of the tests below.
  unit tsan "crypto_test protocol_test tunneld" --programs crypto_test protocol_test --only 'Replay|Quiescence|Door|Index|Engine|Arena|Thread|SecretMemory'
  end_to_end release
  TSAN_OPTIONS=halt_on_error=1 end_to_end tsan --no-variants tunnel_over_ipv4_psk lanes roaming reload hub_with tap_between \
    pushed_configuration endpoint_failover
fi

echo
echo "all of it took $(elapsed)"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]

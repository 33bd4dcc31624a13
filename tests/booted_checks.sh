# Checks for scripts that run as a unit of a booted machine, and source this there.
# shellcheck shell=bash

# expect WHAT COMMAND...: the command succeeds.
expect() {
  local what=$1
  shift
  if "$@" >/said 2>&1; then
    echo "ok: $what"
  else
    echo "FAILED: $what"
    cat /said
  fi
}
is_not() { ! "$@"; }

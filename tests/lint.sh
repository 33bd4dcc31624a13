#!/usr/bin/env bash
# Format and common mistakes: C++ by clang-format, Python by black and pyflakes, shell by shellcheck, layers and the documents'
# file names by tests/layers.py. Says what differs and changes nothing; with --fix it formats. Formatters differ from release
# to release: these are Debian 12's, and others are left out with a word.
#
#   tests/lint.sh [--fix]        exit 0: no finding
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
fix=false
[ "${1:-}" = --fix ] && fix=true

findings=0
# check WHAT COMMAND...: runs it.
check() {
  local what=$1
  shift
  "$@" || { echo "lint: $what has findings" && findings=1; }
}
# release COMMAND VERSION: whether it is the one that this tree is formatted with.
release() {
  "$1" --version 2>/dev/null | grep -qw "$2" && return
  echo "lint: no $1 $2 here: its format is not checked"
  return 1
}

folders=(common config daemon tests docs)
files() { find "${folders[@]}" -name "$1"; }
mapfile -t cxx < <(files '*.cc'; files '*.h')
mapfile -t python < <(files '*.py')
mapfile -t shell < <(files '*.sh'; echo .ci/run)
if release clang-format 'version 14[.0-9]*'; then
  if $fix; then clang-format -i "${cxx[@]}"; else check clang-format clang-format --dry-run -Werror "${cxx[@]}"; fi
fi
if release black '23[.0-9]*'; then
  options=(--quiet --line-length 125 --skip-string-normalization --skip-magic-trailing-comma)
  if $fix; then black "${options[@]}" "${python[@]}"; else check black black "${options[@]}" --check "${python[@]}"; fi
fi
check 'the order of layers' tests/layers.py
check pyflakes pyflakes3 "${python[@]}"
check shellcheck shellcheck --severity warning "${shell[@]}"
exit $findings

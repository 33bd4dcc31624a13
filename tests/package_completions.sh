#!/bin/bash
# What zsh and fish complete for tunneld, and that each of the three shells offers every command and option of `tunneld --help`: run
# by tests/package.sh inside its root, and by hand with another program and the tree's files:
#
#   tests/package_completions.sh [FOLDER-WITH-TUNNELD FOLDER-OF-PACKAGING/FILES]
set -u
[ -z "${1:-}" ] || PATH=$1:$PATH
share=${2:-}/usr/share
failed=0

# Each prints what is offered for the last of the words, a line each, sorted.
of_bash() {
  bash -c '. /usr/share/bash-completion/bash_completion; . "$0"
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMPREPLY=(); COMP_POINT=${#COMP_LINE}; _tunneld
    printf "%s\n" "${COMPREPLY[@]}"' "$share/bash-completion/completions/tunneld" "$@"
}
# zsh's own completion system needs a terminal: what is handed to it is printed in its place.
of_zsh() {
  zsh -fc 'compadd() { if [[ $1 = -a ]]; then print -l -- ${(P)2}; else print -l -- $@; fi }
    _describe() { print -l -- ${${(P)@[-1]}%%:*} }; _files() { print -l -- ${~${@[-1]}}(N) }
    file=$1; shift; words=("$@"); CURRENT=$#; source $file' zsh "$share/zsh/vendor-completions/_tunneld" "$@" | grep -e "^${*: -1}"
}
of_fish() {
  fish --no-config -c 'source $argv[1]; complete -C (string join " " -- $argv[2..-1])' \
    "$share/fish/vendor_completions.d/tunneld.fish" "$@" | cut -f 1
}
# offers WANTED TYPED...: by all three shells.
offers() {
  local wanted=$1 shell found
  shift
  for shell in bash zsh fish; do
    found=$(of_$shell "$@" 2>&1 | sort | xargs)
    [ "$found" = "$wanted" ] && continue
    echo "$shell: '$*' gives '$found', not '$wanted'"
    failed=1
  done
}
# every_word COMMAND...: its commands and options, and those of its commands.
every_word() {
  local help options commands command
  help=$(tunneld "$@" --help)
  options=$(sed -n '/^Options:/,/^$/s/^  \(-[^ ]*\).*/\1/p' <<<"$help" | tr , '\n' | sort | xargs)
  commands=$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\).*/\1/p' <<<"$help" | sort | xargs)
  counted=$((counted + $(wc -w <<<"$options $commands")))
  offers "$options" tunneld "$@" -
  [ -z "$commands" ] || offers "$commands" tunneld "$@" ''
  for command in $commands; do every_word "$@" "$command"; done
}
export LC_ALL=C
counted=0
every_word
[ "$counted" -gt 60 ] || { echo "only $counted words in the help" && failed=1; }
cd "$(mktemp -d)" || exit 1
touch site.yaml wg0.conf
mkdir bin
# What runs here: a server of two clients.
real=$(command -v tunneld)
printf '#!/bin/sh\ncase "$*" in "client list --json" | "status --json") printf "{\\n  \\"name\\": \\"alice\\",\\n  \\"name\\": \\"bob\\"\\n}\\n" ;; *) exec %s "$@" ;; esac\n' \
  "$real" >bin/tunneld
chmod +x bin/tunneld
PATH=$PWD/bin:$PATH
offers 'client' tunneld cli
offers 'alice bob' tunneld doctor ''
offers 'alice' tunneld client remove a
offers 'bob' tunneld export b
offers 'debug' tunneld --log-level d
offers 'configured session' tunneld wait --for ''
rm -r "$PWD"
exit $failed

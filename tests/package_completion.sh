#!/bin/bash
# What bash completes for tunneld where its package is installed: run by tests/package.sh inside its root.
. /usr/share/bash-completion/bash_completion
. /usr/share/bash-completion/completions/tunneld
failed=0
# completes WORDS TYPED...: these are offered for the last word typed.
completes() {
  local wanted=$1
  shift
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE=$* COMPREPLY=()
  COMP_POINT=${#COMP_LINE}
  _tunneld
  [ "${COMPREPLY[*]}" = "$wanted" ] && return
  echo "'$*' gives '${COMPREPLY[*]}', not '$wanted'"
  failed=1
}
cd "$(mktemp -d)" || exit 1
touch site.yaml wg0.conf
mkdir -p /run/tunneld
touch /run/tunneld/office.sock
completes 'client' tunneld cli
completes 'add remove list' tunneld client ''
completes '--qr' tunneld client add alice --q
completes 'office' tunneld status ''
completes 'office' tunneld doctor --interface o
completes 'site.yaml' tunneld check --config ''
completes 'wg0.conf' tunneld import ''
completes 'debug' tunneld --log-level d
completes '--help --dir --name --endpoint --pool --internet' tunneld init server --
rm -r /run/tunneld "$PWD"
exit $failed

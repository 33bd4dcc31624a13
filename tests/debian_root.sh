# Roots of other Debians, for scripts that are sourced from here. Needs root and mmdebstrap.
# shellcheck shell=bash

# The archive that this machine's own Debian comes from: the first URI of its sources.
debian_mirror() {
  apt-get indextargets --format '$(SITE) $(CODENAME)' 2>/dev/null |
    awk -v code="$(. /etc/os-release && echo "$VERSION_CODENAME")" '$2 == code { print $1; exit }'
}

# debian_root SUITE FOLDER PACKAGES [ARCHITECTURES]: makes one, with a comma between the packages, and between the architectures
# of which the first is its own. Ends the script with 77 where that cannot be.
debian_root() {
  local mirror
  command -v mmdebstrap >/dev/null || { echo "mmdebstrap is not installed" >&2 && exit 77; }
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || { echo "this machine's sources name no Debian archive" >&2 && exit 77; }
  if ! mmdebstrap --variant=minbase ${4:+"--architectures=$4"} --include="$3" "$1" "$2" "$mirror" >"$2.log" 2>&1; then
    tail -n 20 "$2.log"
    echo "mmdebstrap failed"
    exit 77
  fi
}

# What tests/install_packages.sh calls needed for building, with a comma after each.
build_packages() {
  sed -n '/^build=(/,/)/p' tests/install_packages.sh | tr -d '()' | sed 's/^build=//' | tr -s ' \n' ','
  [ "$(dpkg --print-architecture)" != amd64 ] || printf 'libipsec-mb-dev,'
}

# cross_packages ARCH: the same for building for another architecture, whose libraries stand beside this one's tools.
cross_packages() {
  printf 'crossbuild-essential-%s,qemu-user-static,' "$1"
  # libcli11-dev is the same file for all of them.
  sed -n '/^build=(/,/)/p' tests/install_packages.sh | tr -d '()' | sed 's/^build=//; s/\bg++ //' |
    sed -E "s/\\b(lib[a-z0-9-]+|pkg-config)/\\1:$1/g; s/(libcli11-dev):$1/\\1/" | tr -s ' \n' ','
}

# Roots of other Debians, and checks in them, for scripts that source this. Needs root and mmdebstrap.
# shellcheck shell=bash disable=SC2034  # they read $failed and $builder

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

# roots_for NAME: the folder $work, in which $builder and $root are to be made. All of it goes when the script ends.
roots_for() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/tunneld-$1-XXXXXX")
  builder=$work/builder
  root=$work/root
  failed=0
  trap remove_roots EXIT
}
remove_roots() {
  # Whatever is mounted below stays out of this.
  umount "$root/proc" "$builder/proc" 2>/dev/null
  rm -rf --one-file-system "$work"
}

# inside COMMAND...: in $root.
inside() { chroot "$root" env LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

# expect WHAT COMMAND...: the command succeeds; its output is in $work/log. Otherwise $failed is 1.
expect() {
  local what=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    echo "ok: $what"
  else
    echo "FAILED: $what"
    tail -n 30 "$work/log"
    failed=1
  fi
}

# What tests/install_packages.sh calls needed for building.
wanted_for_building() {
  sed -n '/^build=(/,/)/p' tests/install_packages.sh | tr -d '()' | sed 's/^build=//'
}

# The same, with a comma after each.
build_packages() {
  wanted_for_building | tr -s ' \n' ','
  [ "$(dpkg --print-architecture)" != amd64 ] || printf 'libipsec-mb-dev,'
}

# cross_packages ARCH: for building for another architecture, whose libraries stand beside this one's tools.
cross_packages() {
  printf 'crossbuild-essential-%s,qemu-user-static,' "$1"
  # libcli11-dev is the same file for all of them.
  wanted_for_building | sed -E "s/\\bg\+\+ //; s/\\b(lib[a-z0-9-]+|pkg-config)/\\1:$1/g; s/(libcli11-dev):$1/\\1/" |
    tr -s ' \n' ','
}

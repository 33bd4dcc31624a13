#!/bin/sh
# Prints everything that tunneld may change on this host, or in the network namespace that it is run in, in a form that
# two runs of can be compared byte for byte. Left out is what changes by itself: counters, timers, remaining lifetimes.
#
#     tests/e2e/host_state.sh > before; ...; tests/e2e/host_state.sh | diff before -
export LC_ALL=C
run_directory=${TUNNELD_RUN_DIR:-/run/tunneld}

section() {
    echo "== $*"
    # Errors are about other namespaces that come and go meanwhile; a command that fails prints nothing, and that shows.
    "$@" 2>/dev/null | sed -E 's/(valid_lft|preferred_lft|expires) [0-9]+sec/\1 Nsec/g; s/ ([a-z_]+_timer|used|users) +[0-9.]+/ \1 N/g'
}

section ip -d address
section ip -d link
# Ports and their settings; what a bridge has learned is gone by itself after a while.
section bridge -d link
section bridge -d vlan show
echo "== bridge fdb show, permanent"
bridge fdb show 2> /dev/null | grep permanent | sort
section ip -d -N -4 route show table all
section ip -d -N -6 route show table all
section ip -d -N -4 rule
section ip -d -N -6 rule
if command -v nft > /dev/null; then section nft -s list ruleset; fi

echo "== sysctl"
find /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/ip_forward -type f -readable \
    ! -name stable_secret -exec grep -H '' {} + 2> /dev/null | sort

echo "== /etc/resolv.conf"
stat -c '%F %a %N' /etc/resolv.conf 2> /dev/null
cat /etc/resolv.conf 2> /dev/null

echo "== run directory"
if [ -d "$run_directory" ]; then find "$run_directory" -mindepth 1 -printf '%y %m %P\n' | sort; fi

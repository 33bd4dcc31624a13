"""Files of a host's own: layers over the machine's, so that programs may replace /etc/resolv.conf as they do on a real host."""
import shutil
import subprocess

from harness import check, sh

# Run in a mount namespace of its own: layers over /usr and /etc, and a /run that shares nothing but the network namespaces.
MOUNTS = """set -e
mount --make-rprivate /
mkdir $0/netns && mount --rbind /run/netns $0/netns
for name in usr etc; do
    mkdir $0/$name.work && mount -t overlay overlay -o lowerdir=/$name,upperdir=$0/$name,workdir=$0/$name.work /$name
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/netns && mount --rbind $0/netns /run/netns
echo ready
exec sleep 1000
"""


def own_mounts(lab, host, fill=lambda memory: None):
    """From now on `host` runs everything in such a mount namespace; `fill(directory)` puts files into the layers."""
    shutil.rmtree(f"/etc/netns/{host.namespace}", ignore_errors=True)  # the file that everybody sees is to count
    memory = lab.directory / f"memory-{host.name}"
    memory.mkdir()
    sh("mount", "-t", "tmpfs", "tmpfs", memory)
    try:
        for name in ("usr", "etc"):
            (memory / name).mkdir()
        fill(memory)
        keeper = subprocess.Popen(["unshare", "--mount", "sh", "-c", MOUNTS, memory], stdout=subprocess.PIPE, text=True)
        lab.processes.append(keeper)
        check(keeper.stdout.readline() == "ready\n", "a mount namespace of its own")
    finally:
        sh("umount", "-l", memory)
    host.command = lambda *words: [
        "nsenter",
        f"--mount=/proc/{keeper.pid}/ns/mnt",
        "ip",
        "netns",
        "exec",
        host.namespace,
        *map(str, words),
    ]

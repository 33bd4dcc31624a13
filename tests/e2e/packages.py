"""Debian packages whose programs a test needs in a machine of its own, but whose installation would change this one."""
import pathlib

from harness import Skip, sh


def unpack(lab, package, into):
    """Unpacks `package`, never installed, into a directory where /sbin, /bin and /lib are those of /usr."""
    into = pathlib.Path(into)
    work = lab.directory / f"package-{package}"
    work.mkdir()
    lists = lab.directory / "apt-lists"
    own_lists = ["-o", f"Dir::State::lists={lists}"]
    download = ["apt-get", "-q", "-o", "APT::Sandbox::User=root"]
    got = sh(*download, "download", package, cwd=work, check_exit=False, timeout=60)
    if got.returncode != 0:
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        sh(*download, *own_lists, "update", check_exit=False, timeout=120)
        got = sh(*download, *own_lists, "download", package, cwd=work, check_exit=False, timeout=60)
    files = list(work.glob("*.deb"))
    if len(files) != 1:
        raise Skip(f"{package} cannot be downloaded: {got.stdout[-300:]}")
    sh("dpkg-deb", "-x", files[0], work / "root")
    for name in ("sbin", "bin", "lib", "lib64"):
        if (work / "root" / name).exists():
            sh("cp", "-a", work / "root" / name, work / "root/usr/")
            sh("rm", "-r", work / "root" / name)
    sh("cp", "-a", f"{work}/root/.", into)

"""Debian's wireguard-go, driven by wg, as the other end."""
from harness import sh, wait_for


def start(lab, host, address, commands):
    """wireguard-go on device wg0 of `host`, configured by `wg set wg0 COMMANDS`."""
    # Sockets of all namespaces meet in /var/run/wireguard: the device's name must be unique.
    device = f"w{host.namespace.replace('-', '')}"[:15]
    host.popen("wireguard-go", "-f", device, environment={"LOG_LEVEL": "error"})
    wait_for(lambda: sh("ip", "-n", host.namespace, "link", "show", device, check_exit=False).returncode == 0, 5, "wg device")
    wait_for(lambda: host.run("wg", "show", device, check_exit=False).returncode == 0, 5, "wg socket")
    host.run("wg", "set", device, *commands)
    host.ip("address", "add", address, "dev", device)
    host.ip("link", "set", device, "mtu", "1420", "up")
    return device

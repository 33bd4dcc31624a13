// What somebody would try who runs code inside of tunneld (test_payload_under_the_unit.py). It stands in the
// daemon's place, tries one thing after the other, and writes what came of it to STATE_DIRECTORY/payload:
// "NAME: refused" or "NAME: done".
//
// What needs another program is run through /bin/sh. What the daemon itself needs has names that begin with
// "own".
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

std::FILE* report = nullptr;

/// In a child: what one attempt changes (users, namespaces) must not help the next.
template <typename Attempt>
void attempt(const char* name, const Attempt& is_done) {
  const pid_t child = fork();
  if (child == 0) _exit(is_done() ? 0 : (errno == 0 ? 255 : errno));
  int status = 0;
  waitpid(child, &status, 0);
  const bool is_refused = !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  std::fprintf(report, "%s: %s (%d)\n", name, is_refused ? "refused" : "done", status >> 8);
}

bool opens(const char* path, int flags) {
  return open(path, flags | O_CLOEXEC, 0600) >= 0;
}

bool runs(const char* command) {
  errno = 0;
  return std::system(command) == 0;
}

pid_t victim() {
  std::FILE* file = std::fopen("/run/victim.pid", "r");
  int pid = 0;
  if (file == nullptr || std::fscanf(file, "%d", &pid) != 1) return 0;
  return pid;
}

bool reads_memory(pid_t of) {
  // Where it is does not matter: who may not is told so before the address is looked at.
  char byte = 0;
  const iovec here{.iov_base = &byte, .iov_len = 1};
  const iovec there{.iov_base = reinterpret_cast<void*>(4096), .iov_len = 1};
  return process_vm_readv(of, &here, 1, &there, 1, 0) >= 0 || errno == EFAULT;
}

/// As the daemon, which has no low port, before anything else (daemon/host/privilege.cc).
void give_up_low_ports(char** argv) {
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_BIND_SERVICE, 0, 0) != 1) return;
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_NET_BIND_SERVICE, 0, 0);
  execv("/proc/self/exe", argv);
}

bool takes_low_port() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(1000);
  // What is left of it: the inheritable and the bounding set have it.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0);
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

bool makes_tun() {
  const int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ifreq request{};
  std::strcpy(request.ifr_name, "payload0");
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  return tun >= 0 && ioctl(tun, TUNSETIFF, &request) == 0;
}

bool connects(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

void tell_systemd() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  sendto(fd, "READY=1", 7, 0, reinterpret_cast<const sockaddr*>(&address), length);
  // Long enough to be looked at.
  sleep(1);
}

void become_root() {
  attempt("become root by setuid", [] { return setresuid(0, 0, 0) == 0; });
  attempt("become root by a program that is setuid",
          [] { return runs("/usr/local/bin/payload-suid whoami"); });
  attempt("have CAP_SYS_ADMIN in reach", [] { return prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1; });
}

void write_elsewhere() {
  attempt("write to /etc", [] { return opens("/etc/payload", O_WRONLY | O_CREAT); });
  attempt("write to /etc/tunneld", [] { return opens("/etc/tunneld/payload", O_WRONLY | O_CREAT); });
  attempt("write to /usr", [] { return opens("/usr/local/bin/payload-new", O_WRONLY | O_CREAT); });
  attempt("write to /root", [] { return opens("/root/payload", O_WRONLY | O_CREAT); });
  attempt("write to /var", [] { return opens("/var/payload", O_WRONLY | O_CREAT); });
  attempt("write to /run", [] { return opens("/run/payload", O_WRONLY | O_CREAT); });
  attempt("change the core pattern", [] { return opens("/proc/sys/kernel/core_pattern", O_WRONLY); });
  attempt("change the memory's settings", [] { return opens("/proc/sys/vm/overcommit_memory", O_WRONLY); });
}

void read_others() {
  attempt("read /etc/shadow", [] { return opens("/etc/shadow", O_RDONLY); });
  attempt("read another service's file", [] { return opens("/var/lib/other/secret", O_RDONLY); });
  attempt("read a user's file", [] { return opens("/home/payload/secret", O_RDONLY); });
  attempt("read another process's memory", [] { return reads_memory(victim()); });
  attempt("trace another process", [] { return ptrace(PTRACE_ATTACH, victim(), nullptr, nullptr) == 0; });
  attempt("trace process 1", [] { return reads_memory(1); });
  attempt("kill another process", [] { return kill(victim(), 0) == 0; });
}

void reach_systemd() {
  attempt("start a unit of its own", [] { return runs("systemd-run -q --wait /bin/true"); });
  attempt("restart a unit by the bus", [] {
    return runs(
        "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "
        "RestartUnit ss canary.service replace");
  });
  attempt("start a transient unit by the bus", [] {
    return runs(
        "busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "
        "StartTransientUnit 'ssa(sv)a(sa(sv))' payload-bus.service replace 1 "
        "ExecStart 'a(sasb)' 1 /bin/true 1 /bin/true false 0");
  });
  attempt("restart a unit by systemctl", [] { return runs("systemctl --no-ask-password restart canary"); });
  attempt("reach process 1 by its own socket", [] { return connects("/run/systemd/private"); });
}

void change_kernel() {
  // What is no module is refused as such where modules may be loaded.
  attempt("load a module", [] { return syscall(SYS_init_module, "", 0, "") == 0 || errno != EPERM; });
  attempt("open a raw socket", [] { return socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0; });
  attempt("take a port below 1024", takes_low_port);
  attempt("open a packet socket", [] { return socket(AF_PACKET, SOCK_RAW, 0) >= 0; });
  attempt("mount", [] { return mount("none", "/tmp", "tmpfs", 0, nullptr) == 0; });
  attempt("make a namespace for users", [] { return unshare(CLONE_NEWUSER) == 0; });
  attempt("make a namespace for mounts", [] { return unshare(CLONE_NEWNS) == 0; });
  attempt("make a namespace for networks", [] { return unshare(CLONE_NEWNET) == 0; });
  attempt("make a device", [] {
    return mknod("/dev/shm/payload", S_IFBLK | 0600, makedev(7, 0)) == 0 ||
           mknod("/run/tunneld/payload-device", S_IFBLK | 0600, makedev(7, 0)) == 0;
  });
  attempt("make a program that is setuid", [] {
    const char* const path = "/run/tunneld/payload-program";
    return opens(path, O_WRONLY | O_CREAT) && chmod(path, 04755) == 0;
  });
  attempt("write code and run it", [] {
    return mmap(nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
  });
}

void do_own_work() {
  attempt("own: make a tun device", makes_tun);
  attempt("own: forwarding", [] { return opens("/proc/sys/net/ipv4/ip_forward", O_WRONLY); });
  attempt("own: rp_filter", [] { return opens("/proc/sys/net/ipv4/conf/all/rp_filter", O_WRONLY); });
  attempt("own: nftables",
          [] { return runs("nft add table inet payload && nft delete table inet payload"); });
  attempt("own: the run directory", [] { return opens("/run/tunneld/payload", O_WRONLY | O_CREAT); });
  attempt("own: a socket's mark", [] {
    const int mark = 1;
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0;
  });
}

}  // namespace

int main(int argc, char** argv) {
  // As a program that is setuid root.
  if (argc == 2 && std::string(argv[1]) == "whoami") return geteuid() == 0 ? 0 : 1;
  give_up_low_ports(argv);
  const char* directory = std::getenv("STATE_DIRECTORY");
  report = std::fopen((std::string(directory == nullptr ? "/tmp" : directory) + "/payload").c_str(), "we");
  if (report == nullptr) return 1;
  std::setvbuf(report, nullptr, _IONBF, 0);
  become_root();
  write_elsewhere();
  read_others();
  reach_systemd();
  change_kernel();
  do_own_work();
  std::fclose(report);
  tell_systemd();
  return 0;
}

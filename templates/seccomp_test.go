package templates

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

type rule struct {
	Action   string   `json:"action"`
	Names    []string `json:"names"`
	ErrnoRet *int     `json:"errnoRet"`
	Args     []struct {
		Index    int    `json:"index"`
		Op       string `json:"op"`
		Value    uint64 `json:"value"`
		ValueTwo uint64 `json:"valueTwo"`
	} `json:"args"`
}

func profileOf(t *testing.T) (byDefault string, rules []rule) {
	t.Helper()
	var p struct {
		DefaultAction string `json:"defaultAction"`
		ArchMap       []struct {
			Architecture     string   `json:"architecture"`
			SubArchitectures []string `json:"subArchitectures"`
		} `json:"archMap"`
		Syscalls []rule `json:"syscalls"`
	}
	d := json.NewDecoder(bytes.NewReader(Seccomp()))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"SCMP_ARCH_AARCH64", "SCMP_ARCH_X86_64"} {
		if len(p.ArchMap) != 2 || p.ArchMap[i].Architecture != want || len(p.ArchMap[i].SubArchitectures) != 0 {
			t.Fatalf("architectures %+v", p.ArchMap)
		}
	}
	return p.DefaultAction, p.Syscalls
}

// needed says why each call is allowed. "traced" was seen with strace -f on
// CPython 3.11 with uvicorn (uvloop and asyncio), FastAPI, httpx and OpenSSL 3 as
// client and server, a subprocess, the wrapper under dash and tini as init; the
// rest is what the same programs use on another kernel, C library or architecture.
var needed = map[string]string{
	"traced: start of a process, its files and memory": `access arch_prctl brk close close_range dup2 execve exit exit_group fadvise64 fcntl
		getcwd getdents64 getegid geteuid getgid getpgrp getpid getppid gettid getuid ioctl lseek madvise mmap mprotect munmap newfstatat openat
		pread64 prlimit64 read readlink set_tid_address sysinfo uname unlink write chdir`,
	"traced: threads, locks and child processes":      `futex rseq sched_yield set_robust_list vfork wait4 kill setpgid`,
	"traced: signals, also by tini":                   `rt_sigaction rt_sigprocmask rt_sigreturn rt_sigtimedwait prctl`,
	"traced: event loops":                             `epoll_create1 epoll_ctl epoll_wait eventfd2 pipe2 poll socketpair`,
	"traced: sockets, TLS and name lookup":            `accept4 bind connect getpeername getrandom getsockname getsockopt listen recvfrom sendmmsg sendto setsockopt shutdown writev`,
	"other C libraries (musl) and older kernels":      `accept dup dup3 epoll_create eventfd fstat fstatfs getdents lstat open pipe rename renameat renameat2 rmdir mkdir mkdirat stat statfs statx select unlinkat fchdir umask`,
	"arm64 and newer C libraries":                     `epoll_pwait epoll_pwait2 faccessat faccessat2 openat2 ppoll pselect6 readlinkat restart_syscall`,
	"threads and scheduling on other releases":        `clock_nanosleep membarrier mremap nanosleep sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler sched_setaffinity sigaltstack tgkill waitid getpriority`,
	"clocks, timers and usage (time, asyncio, gc)":    `clock_getres clock_gettime getitimer getrusage gettimeofday setitimer time timerfd_create timerfd_gettime timerfd_settime times getrlimit`,
	"signals and sessions of shells and init":         `getpgid getsid pause rt_sigpending rt_sigqueueinfo rt_sigsuspend setsid`,
	"bulk input and output (ssl, http, shutil)":       `copy_file_range preadv pwrite64 pwritev readv recvmmsg recvmsg sendfile sendmsg`,
	"temporary files in /tmp":                         `chmod fchmod fchmodat fdatasync flock fsync ftruncate utimensat`,
	"runtimes that filter before they drop the user":  `capget capset getgroups getresgid getresuid setgid setgroups setuid`,
	"narrowed by arguments: see TestSeccompArguments": `clone socket`,
}

func TestSeccompAllowsWhatIsNeeded(t *testing.T) {
	var want, got []string
	for _, names := range needed {
		want = append(want, strings.Fields(names)...)
	}
	byDefault, rules := profileOf(t)
	if byDefault != "SCMP_ACT_ERRNO" {
		t.Errorf("default action %s", byDefault)
	}
	for _, r := range rules {
		if !slices.IsSorted(r.Names) || len(slices.Compact(slices.Clone(r.Names))) != len(r.Names) {
			t.Errorf("not sorted or not unique: %q", r.Names)
		}
		if r.Action == "SCMP_ACT_ALLOW" {
			got = append(got, r.Names...)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	for _, name := range slices.Compact(got) {
		if !slices.Contains(want, name) {
			t.Errorf("%s is allowed without a reason", name)
		}
	}
	for i, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("%s is needed and not allowed", name)
		}
		if i > 0 && want[i-1] == name {
			t.Errorf("%s has two reasons", name)
		}
	}
}

func TestSeccompDeniesDangerousCalls(t *testing.T) {
	_, rules := profileOf(t)
	for _, name := range strings.Fields(`ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd pidfd_send_signal kcmp
		mount umount umount2 fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr pivot_root chroot unshare setns
		bpf perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register open_by_handle_at name_to_handle_at fanotify_init
		keyctl add_key request_key kexec_load kexec_file_load init_module finit_module delete_module create_module
		reboot swapon swapoff sethostname setdomainname settimeofday clock_settime adjtimex clock_adjtime acct quotactl syslog
		iopl ioperm modify_ldt personality uselib vm86 lookup_dcookie mbind move_pages migrate_pages set_mempolicy
		memfd_create memfd_secret execveat splice tee vmsplice mknod mknodat setfsuid setfsgid setresuid setresgid setreuid setregid
		seccomp landlock_create_ruleset shmget shmat msgget semget mq_open`) {
		for _, r := range rules {
			if r.Action == "SCMP_ACT_ALLOW" && slices.Contains(r.Names, name) {
				t.Errorf("%s is allowed", name)
			}
		}
	}
}

// TestSeccompArguments checks the three calls that are narrowed. A second rule for
// one of them without arguments would allow all of it.
func TestSeccompArguments(t *testing.T) {
	// CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWNS of linux/sched.h.
	const namespaces = 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x00020000
	_, rules := profileOf(t)
	var families []uint64
	for _, r := range rules {
		for _, name := range r.Names {
			switch name {
			case "clone":
				if len(r.Args) != 1 || r.Args[0].Index != 0 || r.Args[0].Op != "SCMP_CMP_MASKED_EQ" || r.Args[0].Value != namespaces || r.Args[0].ValueTwo != 0 {
					t.Errorf("clone can make namespaces: %+v", r)
				}
			case "clone3":
				if r.Action != "SCMP_ACT_ERRNO" || r.ErrnoRet == nil || *r.ErrnoRet != 38 {
					t.Errorf("clone3 has to answer ENOSYS: %+v", r)
				}
			case "socket":
				if len(r.Args) != 1 || r.Args[0].Index != 0 || r.Args[0].Op != "SCMP_CMP_EQ" {
					t.Fatalf("socket: %+v", r)
				}
				families = append(families, r.Args[0].Value)
			default:
				if len(r.Args) != 0 {
					t.Errorf("%s: %+v", name, r)
				}
			}
		}
	}
	// AF_UNIX, AF_INET, AF_INET6, AF_NETLINK.
	if !slices.Equal(families, []uint64{1, 2, 10, 16}) {
		t.Errorf("socket families %d", families)
	}
}

func TestSeccompIsACopy(t *testing.T) {
	Seccomp()[0] = 'x'
	if Seccomp()[0] != '{' {
		t.Error("a caller can change the profile")
	}
}

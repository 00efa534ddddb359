#define _GNU_SOURCE
#include "spawn_linux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif

/* As in linux/sched.h, which not every C library comes with (musl). */
struct clone_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
#define OM_CLONE_INTO_CGROUP 0x200000000ULL
#define OM_CLOSE_RANGE_UNSHARE 2U
#define KERNEL_SIGSET 8 /* bytes of the kernel's signal set, unlike the C library's */

static struct rlimit started_nofile;

__attribute__((constructor)) static void note_nofile(void)
{
	getrlimit(RLIMIT_NOFILE, &started_nofile);
}

/* The C library gives each thread that frees memory a heap of its own: six system calls and ten page
 * faults for each thread of Go's runtime, which frees one small block in its life. */
__attribute__((constructor)) static void share_one_heap(void)
{
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 1);
#endif
}

uint64_t om_soft_nofile(void)
{
	return started_nofile.rlim_cur;
}

/* What the child reads. It shares the memory of its parent, which waits, so the child must not
 * allocate, must not call what the C library does for all threads (its setuid and setgroups), and
 * tells of failures by writing into the command. */
struct plan {
	struct om_command *c;
	const char *path, *dir;
	char **argv, **envp;
	const uint32_t *groups;
	uint32_t *seen; /* room for ngroups + 1 */
	const struct om_limit *limits;
	int joined; /* the kernel put the child into the cgroup already */
	int shared; /* the child has our table of descriptors still */
};

__attribute__((noreturn)) static void fail(struct om_command *c, int step, int error)
{
	c->failed = step;
	c->error = error;
	_exit(127);
}

static void check(struct om_command *c, int step, long result)
{
	if (result < 0)
		fail(c, step, errno);
}

/* The C library would keep its own two signals from us; the kernel's call does not. All zero is the
 * default action. */
static void default_signals(void)
{
	static const char dfl[4 * sizeof(long)];
	for (int sig = 1; sig <= 64; sig++)
		syscall(SYS_rt_sigaction, sig, dfl, NULL, KERNEL_SIGSET);
}

/* move_stream makes fd the descriptor to, without close-on-exec. */
static void move_stream(struct om_command *c, int fd, int to)
{
	if (fd == to)
		check(c, OM_STREAMS, fcntl(fd, F_SETFD, 0));
	else
		check(c, OM_STREAMS, dup2(fd, to));
}

/* above returns a descriptor for the same file as fd that move_stream cannot overwrite. */
static int above(struct om_command *c, int fd)
{
	if (fd > 2)
		return fd;
	int high = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	check(c, OM_STREAMS, high);
	return high;
}

static void streams(struct plan *p)
{
	struct om_command *c = p->c;
	int in = above(c, c->in), out = above(c, p->shared ? c->low[0] : c->out), err = above(c, p->shared ? c->low[1] : c->err);
	move_stream(c, in, 0);
	move_stream(c, out, 1);
	move_stream(c, err, 2);
}

/* A supervisor of thousands of runs has tens of thousands of descriptors. A child that gets a copy of each, and closes
 * it, costs more than all else that a start does. This one begins with the very table of its parent and takes for
 * itself no more than the lowest of it: so what it needs is lent such numbers while it starts. */
static void own_table(struct plan *p)
{
	struct om_command *c = p->c;
	int top = c->in > c->low[0] ? c->in : c->low[0];
	top = top > c->low[1] ? top : c->low[1];
	check(c, OM_TABLE, syscall(SYS_close_range, top + 1U, ~0U, OM_CLOSE_RANGE_UNSHARE));
}

/* lend makes the low descriptors those of the command. */
static int lend(const struct om_command *c)
{
	return c->low[0] > 0 && dup3(c->out, c->low[0], O_CLOEXEC) >= 0 && dup3(c->err, c->low[1], O_CLOEXEC) >= 0;
}

/* take_back lets go of what the low descriptors stood for: a pipe ends when nobody can write to it. */
static void take_back(const struct om_command *c)
{
	dup3(c->in, c->low[0], O_CLOEXEC);
	dup3(c->in, c->low[1], O_CLOEXEC);
}

static void close_others(void)
{
	if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0)
		return;
	struct rlimit all;
	int end = getrlimit(RLIMIT_NOFILE, &all) == 0 && all.rlim_max < 1 << 20 ? (int)all.rlim_max : 1 << 20;
	for (int fd = 3; fd < end; fd++)
		close(fd);
}

static void limit(struct plan *p)
{
	struct om_command *c = p->c;
	struct rlimit soft;
	if (getrlimit(RLIMIT_NOFILE, &soft) == 0 && soft.rlim_cur != started_nofile.rlim_cur) {
		soft.rlim_cur = started_nofile.rlim_cur;
		setrlimit(RLIMIT_NOFILE, &soft);
	}
	for (c->which = 0; c->which < c->nlimits; c->which++) {
		const struct om_limit *l = &p->limits[c->which];
		struct rlimit both = {l->value, l->value};
		check(c, OM_LIMIT, setrlimit(l->resource, &both));
	}
}

static void put(struct om_command *c, int step, int dir, const char *file, const char *text)
{
	int fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	check(c, step, fd);
	check(c, step, write(fd, text, strlen(text)));
	close(fd);
}

static void write_oom(struct om_command *c)
{
	char text[12], *at = text + sizeof text;
	int n = c->oom < 0 ? -c->oom : c->oom;
	*--at = 0;
	do
		*--at = '0' + n % 10;
	while (n /= 10);
	if (c->oom < 0)
		*--at = '-';
	put(c, OM_OOM, AT_FDCWD, "/proc/self/oom_score_adj", at);
}

static void priorities(struct om_command *c)
{
	if (c->nice)
		check(c, OM_NICE, setpriority(PRIO_PROCESS, 0, c->nice));
	if (c->ioclass)
		check(c, OM_IOCLASS, syscall(SYS_ioprio_set, 1, 0, c->ioclass));
	if (c->has_oom)
		write_oom(c);
}

static int has_group(const struct plan *p, uint32_t gid)
{
	int lo = 0, hi = p->c->ngroups;
	while (lo < hi) {
		int mid = (lo + hi) / 2;
		if (p->groups[mid] < gid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < p->c->ngroups && p->groups[lo] == gid;
}

static void verify(struct plan *p)
{
	struct om_command *c = p->c;
	uid_t r, e, s;
	gid_t gr, ge, gs;
	check(c, OM_VERIFY, syscall(SYS_getresuid, &r, &e, &s));
	check(c, OM_VERIFY, syscall(SYS_getresgid, &gr, &ge, &gs));
	if (r != c->uid || e != c->uid || s != c->uid || gr != c->gid || ge != c->gid || gs != c->gid)
		fail(c, OM_VERIFY, EPERM);
	if (!c->impersonate)
		return;
	int n = syscall(SYS_getgroups, c->ngroups + 1, p->seen);
	if (n != c->ngroups)
		fail(c, OM_VERIFY, EPERM);
	for (int i = 0; i < n; i++)
		if (!has_group(p, p->seen[i]))
			fail(c, OM_VERIFY, EPERM);
	if (c->uid != 0 && syscall(SYS_setresuid, -1, 0, -1) == 0)
		fail(c, OM_VERIFY, EPERM);
	if (c->uid != 0 && c->gid != 0 && syscall(SYS_setresgid, -1, 0, -1) == 0)
		fail(c, OM_VERIFY, EPERM);
}

static void identity(struct plan *p)
{
	struct om_command *c = p->c;
	if (c->impersonate) {
		check(c, OM_GROUPS, syscall(SYS_setgroups, c->ngroups, p->groups));
		check(c, OM_GID, syscall(SYS_setresgid, c->gid, c->gid, c->gid));
		check(c, OM_UID, syscall(SYS_setresuid, c->uid, c->uid, c->uid));
	}
	verify(p);
	if (c->no_new_privs)
		check(c, OM_PRIVS, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

__attribute__((noreturn)) static void child(struct plan *p)
{
	static const char none[KERNEL_SIGSET];
	struct om_command *c = p->c;
	if (p->shared)
		own_table(p);
	default_signals();
	check(c, OM_SESSION, setsid());
	streams(p);
	if (c->tty)
		check(c, OM_TERMINAL, ioctl(0, TIOCSCTTY, 0));
	umask(c->umask);
	if (c->cgroup >= 0 && !p->joined)
		put(c, OM_CGROUP, c->cgroup, "cgroup.procs", "0");
	close_others();
	priorities(c);
	limit(p); /* after what needs a descriptor: limit_nofile may leave none */
	identity(p);
	check(c, OM_CWD, chdir(p->dir));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, none, NULL, KERNEL_SIGSET);
	execve(p->path, p->argv, p->envp);
	fail(c, OM_EXEC, errno);
}

/* clone_child starts the child inside its cgroup: moving it there later costs a grace period of
 * the kernel, up to a millisecond. The call of child is part of the assembly so that no stack slot
 * of a caller that is still running can be used again by the child. */
static long clone_child(struct plan *p)
{
	struct clone_args args;
	memset(&args, 0, sizeof args);
	args.flags = CLONE_VM | CLONE_VFORK;
	args.exit_signal = SIGCHLD;
	if (p->shared)
		args.flags |= CLONE_FILES;
	if (p->joined) {
		args.flags |= OM_CLONE_INTO_CGROUP;
		args.cgroup = p->c->cgroup;
	}
#if defined(__x86_64__)
	long result;
	__asm__ volatile("syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "sub $256, %%rsp\n\t" /* past the red zone */
			 "and $-16, %%rsp\n\t"
			 "mov %[plan], %%rdi\n\t"
			 "call *%[child]\n"
			 "1:"
			 : "=a"(result)
			 : "0"(SYS_clone3), "D"(&args), "S"(sizeof args), [plan] "r"(p), [child] "r"(child)
			 : "rcx", "r11", "memory", "cc");
	return result;
#elif defined(__aarch64__)
	register long x0 __asm__("x0") = (long)&args;
	register long x1 __asm__("x1") = sizeof args;
	register long x8 __asm__("x8") = SYS_clone3;
	__asm__ volatile("svc 0\n\t"
			 "cbnz x0, 1f\n\t"
			 "mov x0, %[plan]\n\t"
			 "blr %[child]\n"
			 "1:"
			 : "+r"(x0)
			 : "r"(x1), "r"(x8), [plan] "r"(p), [child] "r"(child)
			 : "memory", "cc", "x30");
	return x0;
#else
	return -ENOSYS;
#endif
}

static pid_t start(struct plan *p)
{
	p->joined = p->c->cgroup >= 0;
	if (p->joined || p->shared) {
		long pid = clone_child(p);
		if (pid > 0)
			return pid;
		p->joined = p->shared = 0;
	}
	pid_t pid = vfork();
	if (pid == 0)
		child(p);
	return pid;
}

/* split fills list with n strings and returns what follows them. */
static const char *split(const char *strings, char **list, int n)
{
	for (int i = 0; i < n; i++) {
		list[i] = (char *)strings;
		strings += strlen(strings) + 1;
	}
	list[n] = NULL;
	return strings;
}

static pid_t start_masked(struct plan *p)
{
	/* No handler of this process may run in the child: it shares our memory. */
	char all[KERNEL_SIGSET], before[KERNEL_SIGSET];
	memset(all, 0xff, sizeof all);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, all, before, KERNEL_SIGSET);
	p->shared = lend(p->c);
	pid_t pid = start(p);
	int error = errno;
	if (p->c->low[0] > 0)
		take_back(p->c);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, KERNEL_SIGSET);
	errno = error;
	return pid;
}

int om_spawn(struct om_command *c, const char *strings, const uint32_t *groups, const struct om_limit *limits)
{
	/* The first malloc of a thread costs a heap of its own: most commands do without. */
	char *room[512];
	size_t pointers = (c->nargs + c->nenv + 2) * sizeof(char *);
	size_t size = pointers + (c->ngroups + 1) * sizeof(uint32_t);
	char **lists = size <= sizeof room ? room : malloc(size);
	struct plan p = {.c = c, .argv = lists, .groups = groups, .limits = limits};
	c->failed = OM_STARTED;
	if (lists == NULL) {
		c->failed = OM_MEMORY;
		c->error = ENOMEM;
		return -1;
	}
	p.envp = lists + c->nargs + 1;
	p.seen = (uint32_t *)((char *)lists + pointers);
	p.path = strings;
	p.dir = p.path + strlen(p.path) + 1;
	split(split(p.dir + strlen(p.dir) + 1, p.argv, c->nargs), p.envp, c->nenv);
	pid_t pid = start_masked(&p);
	if (pid < 0) {
		c->failed = OM_FORK;
		c->error = errno;
	}
	if (lists != room)
		free(lists);
	if (c->failed == OM_STARTED)
		return pid;
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return -1;
}

#ifndef OM_SPAWN_H
#define OM_SPAWN_H

#include <stdint.h>

/* The step at which a start failed. The order is the order in which they are done. */
enum om_step {
	OM_STARTED,
	OM_MEMORY,
	OM_FORK,
	OM_TABLE,
	OM_SESSION,
	OM_TERMINAL,
	OM_STREAMS,
	OM_UMASK,
	OM_LIMIT,
	OM_CGROUP,
	OM_NICE,
	OM_IOCLASS,
	OM_OOM,
	OM_GROUPS,
	OM_GID,
	OM_UID,
	OM_VERIFY,
	OM_PRIVS,
	OM_CWD,
	OM_EXEC,
};

struct om_limit {
	int32_t resource;
	uint64_t value;
};

/* All that a start needs, in numbers; the strings and lists come beside it. */
struct om_command {
	int32_t in, out, err; /* become 0, 1 and 2 */
	int32_t low[2];       /* descriptors of ours that stand for out and err meanwhile, 0 for none: see own_table */
	int32_t tty;          /* 1: in becomes the controlling terminal */
	int32_t cgroup;       /* directory of the leaf, -1 for none */
	int32_t umask;
	int32_t nice;     /* 0 leaves it */
	int32_t ioclass;  /* as ioprio_set takes it, 0 leaves it */
	int32_t oom, has_oom;
	int32_t impersonate; /* 1: take on uid, gid and groups; 0: they must be ours already */
	int32_t no_new_privs;
	uint32_t uid, gid;
	int32_t ngroups, nlimits, nargs, nenv;

	int32_t failed; /* an om_step, OM_STARTED if none */
	int32_t error;  /* errno of that step */
	int32_t which;  /* index of the limit that failed */
};

/* om_spawn starts a process and returns its pid once it has executed the program, or -1 with
 * failed and error set, and then no process is left. strings holds the path, the directory, the
 * arguments and the environment, each ended by a NUL. groups is sorted. */
int om_spawn(struct om_command *c, const char *strings, const uint32_t *groups, const struct om_limit *limits);

/* om_soft_nofile returns the soft limit of open files that this process was started with: the Go
 * runtime raises it at start-up, and a task must not inherit that. */
uint64_t om_soft_nofile(void);

#endif

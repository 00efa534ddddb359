package state

/*
#include <pthread.h>
#include <string.h>

// What go-sqlite3 does not pass on. The functions are weak, so that this package links by itself: the
// program's SQLite, in whichever object it is, answers when it runs.
typedef struct sqlite3 sqlite3;
typedef void (*syscall_ptr)(void);
typedef struct sqlite3_vfs sqlite3_vfs;
struct sqlite3_vfs {
	int version, file_size, path_size;
	sqlite3_vfs *next;
	const char *name;
	void *data, *open, *delete, *access, *full_path, *dl_open, *dl_error, *dl_sym, *dl_close;
	void *randomness, *sleep, *current_time, *last_error, *current_time_64;
	int (*set_call)(sqlite3_vfs *, const char *, syscall_ptr);
	syscall_ptr (*get_call)(sqlite3_vfs *, const char *);
};
extern int sqlite3_config(int, ...) __attribute__((weak));
extern int sqlite3_db_config(sqlite3 *, int, ...) __attribute__((weak));
extern int sqlite3_auto_extension(void (*)(void)) __attribute__((weak));
extern sqlite3_vfs *sqlite3_vfs_find(const char *) __attribute__((weak));

enum { CONFIG_PAGECACHE = 7, CONFIG_MEMSTATUS = 9, CONFIG_LOOKASIDE = 13, CONFIG_STMTJRNL_SPILL = 26, NO_CKPT_ON_CLOSE = 1006, CANTOPEN = 14 };

static int om_opened(sqlite3 *db, char **message, const void *api) {
	return sqlite3_db_config(db, NO_CKPT_ON_CLOSE, 1, (int *)0);
}

static int (*open_directory)(const char *, int *);

// The first barrier of each process on a log would be followed by one on its folder, in case the log
// is new. SQLite goes on without where the folder cannot be opened.
static int om_open_directory(const char *path, int *fd) {
	size_t n = strlen(path);
	if (n > 4 && !strcmp(path + n - 4, "-wal")) return CANTOPEN;
	return open_directory(path, fd);
}

static void om_configure(void) {
	if (!sqlite3_config || !sqlite3_db_config || !sqlite3_auto_extension || !sqlite3_vfs_find) return;
	sqlite3_config(CONFIG_LOOKASIDE, 0, 0);
	sqlite3_config(CONFIG_PAGECACHE, (void *)0, 0, 0);
	sqlite3_config(CONFIG_MEMSTATUS, 0);
	sqlite3_config(CONFIG_STMTJRNL_SPILL, -1);
	sqlite3_auto_extension((void (*)(void))om_opened);
	sqlite3_vfs *vfs = sqlite3_vfs_find((char *)0);
	if (!vfs || vfs->version < 3) return;
	open_directory = (int (*)(const char *, int *))vfs->get_call(vfs, "openDirectory");
	if (open_directory) vfs->set_call(vfs, "openDirectory", (syscall_ptr)om_open_directory);
}

static void om_lean(void) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, om_configure);
}
*/
import "C"

// lean makes SQLite fit for a program that lives for some milliseconds. It takes no memory ahead (each
// page of it is a page fault); closing does not checkpoint (three barriers to empty a log that
// the next program reads as well); and the folder of a log is not synced by each process that writes
// to the log, but by the one that made it, see DB.setJournal. What would undo a statement of several rows is kept in
// memory: writing it to a file costs more than the rows. It has effect once a process.
func lean() { C.om_lean() }

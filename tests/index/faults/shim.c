/* Counts the file operations of a process below one folder, records them, and fails or kills the process at the n-th.
 *
 * Preloaded (LD_PRELOAD) into a process that writes an index; does nothing before fault_begin().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char folder[PATH_MAX];
static int trace = -1, sticky = 0, code = 0;
static long at = 0, count = 0;

/* The process forks while threads of its libraries close files: a child must not find the lock taken by one of them. */
static void take(void) { pthread_mutex_lock(&lock); }
static void leave(void) { pthread_mutex_unlock(&lock); }
__attribute__((constructor)) static void begin(void) { pthread_atfork(take, leave, leave); }

/* Begin to count. name: the folder; operations elsewhere pass. file: where every operation is recorded, or "". from: the
 * number of the first operation that fails, 0 for none. error: with which; 0: the process is killed before it. later: 1
 * when every later operation fails as well. */
void fault_begin(const char *name, const char *file, long from, int error, int later) {
    strncpy(folder, name, PATH_MAX - 1);
    at = from; code = error; sticky = later; count = 0;
    if (*file) trace = syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_APPEND, 0644);
}

/* The number of operations so far. */
long fault_count(void) { return count; }

static int below(const char *path) {
    size_t size = strlen(folder);
    return size && !strncmp(path, folder, size) && (path[size] == '/' || !path[size]);
}

static int path_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    if (size < 0) return 0;
    path[size] = 0;
    return below(path);
}

static void absolute(int dirfd, const char *path, char *found) {
    if (path[0] == '/') { snprintf(found, PATH_MAX, "%s", path); return; }
    char base[PATH_MAX] = "";
    if (dirfd == AT_FDCWD) { if (!getcwd(base, PATH_MAX)) base[0] = 0; }
    else path_of(dirfd, base);
    snprintf(found, PATH_MAX, "%s/%s", base, path);
}

/* A record: the name of the operation, two paths, an offset and a length, a NUL behind each; then the data. */
static void record(const char *what, const char *path, const char *other, long long offset, const void *data, size_t n) {
    if (trace < 0) return;
    char head[3 * PATH_MAX];
    int size = snprintf(head, sizeof head, "%s%c%s%c%s%c%lld%c%zu%c", what, 0, path, 0, other, 0, offset, 0, n, 0);
    syscall(SYS_write, trace, head, size);
    if (n) syscall(SYS_write, trace, data, n);
}

/* Whether the operation is to fail; errno is set. */
static int fails(void) {
    count++;
    if (!at || count < at || (count > at && !sticky)) return 0;
    if (!code) syscall(SYS_kill, getpid(), SIGKILL);
    errno = code;
    return 1;
}

/* A mark of the process's own among the operations. */
void fault_mark(const char *text) { record("mark", text, "", 0, 0, 0); }

#define REAL(name) static __typeof__(&name) real = 0; if (!real) real = dlsym(RTLD_NEXT, #name)
#define BEGIN pthread_mutex_lock(&lock)
#define END pthread_mutex_unlock(&lock)

#define OPEN(name, dir, call)                                                              \
    int mine = 0; char full[PATH_MAX]; mode_t mode = 0;                                    \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
    REAL(name); BEGIN; absolute(dir, path, full);                                          \
    struct stat known;                                                                     \
    int changes = (flags & O_TRUNC) || ((flags & O_CREAT) && stat(full, &known));          \
    if (below(full) && changes) {                                                          \
        if (fails()) { END; return -1; }                                                   \
        mine = 1;                                                                          \
    }                                                                                      \
    int found = call;                                                                      \
    if (mine && found >= 0) record((flags & O_TRUNC) ? "create-empty" : "create", full, "", 0, 0, 0); \
    END; return found

int open(const char *path, int flags, ...) { OPEN(open, AT_FDCWD, real(path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPEN(open64, AT_FDCWD, real(path, flags, mode)); }
int openat(int dir, const char *path, int flags, ...) { OPEN(openat, dir, real(dir, path, flags, mode)); }
int openat64(int dir, const char *path, int flags, ...) { OPEN(openat64, dir, real(dir, path, flags, mode)); }

static ssize_t written(int fd, const void *data, size_t n, off_t offset, int positioned) {
    char path[PATH_MAX];
    BEGIN;
    ssize_t found;
    if (path_of(fd, path)) {
        if (fails()) { END; return -1; }
        off_t place = positioned ? offset : syscall(SYS_lseek, fd, 0, SEEK_CUR);
        if (!positioned && (fcntl(fd, F_GETFL) & O_APPEND)) place = syscall(SYS_lseek, fd, 0, SEEK_END);
        found = positioned ? syscall(SYS_pwrite64, fd, data, n, offset) : syscall(SYS_write, fd, data, n);
        if (found > 0) record("write", path, "", place, data, found);
    } else {
        found = positioned ? syscall(SYS_pwrite64, fd, data, n, offset) : syscall(SYS_write, fd, data, n);
    }
    END;
    return found;
}
ssize_t write(int fd, const void *data, size_t n) { return written(fd, data, n, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t n, off_t offset) { return written(fd, data, n, offset, 1); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset) { return written(fd, data, n, offset, 1); }
ssize_t writev(int fd, const struct iovec *parts, int number) {
    char path[PATH_MAX];
    BEGIN; int mine = path_of(fd, path); END;
    if (!mine) return syscall(SYS_writev, fd, parts, number);
    ssize_t total = 0;
    for (int i = 0; i < number; i++) {
        if (!parts[i].iov_len) continue;
        ssize_t found = write(fd, parts[i].iov_base, parts[i].iov_len);
        if (found < 0) return total ? total : -1;
        total += found;
        if ((size_t)found < parts[i].iov_len) break;
    }
    return total;
}

/* Copies go by way of write(), where they are seen. */
ssize_t sendfile(int out, int in, off_t *offset, size_t n) { errno = EINVAL; return -1; }
ssize_t sendfile64(int out, int in, off64_t *offset, size_t n) { errno = EINVAL; return -1; }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags) { errno = EXDEV; return -1; }

#define ON_FILE(name, text, real_call, length)                       \
    char path[PATH_MAX]; BEGIN;                                      \
    int mine = path_of(fd, path);                                    \
    if (mine && fails()) { END; return -1; }                         \
    int found = real_call;                                           \
    if (mine && !found) record(text, path, "", length, 0, 0);        \
    END; return found
int fsync(int fd) { ON_FILE(fsync, "sync", syscall(SYS_fsync, fd), 0); }
int fdatasync(int fd) { ON_FILE(fdatasync, "sync", syscall(SYS_fdatasync, fd), 0); }
int ftruncate(int fd, off_t length) { ON_FILE(ftruncate, "truncate", syscall(SYS_ftruncate, fd, length), length); }
int ftruncate64(int fd, off64_t length) { ON_FILE(ftruncate64, "truncate", syscall(SYS_ftruncate, fd, length), length); }

#define ON_NAMES(text, a_dir, a, b_dir, b, real_call)                \
    char one[PATH_MAX], two[PATH_MAX] = ""; BEGIN;                   \
    absolute(a_dir, a, one); if (b[0]) absolute(b_dir, b, two);      \
    int mine = below(one) || below(two);                             \
    if (mine && fails()) { END; return -1; }                         \
    int found = real_call;                                           \
    if (mine && !found) record(text, one, two, 0, 0, 0);             \
    END; return found
int rename(const char *a, const char *b) { ON_NAMES("rename", AT_FDCWD, a, AT_FDCWD, b, syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0)); }
int renameat(int d, const char *a, int e, const char *b) { ON_NAMES("rename", d, a, e, b, syscall(SYS_renameat2, d, a, e, b, 0)); }
int link(const char *a, const char *b) { ON_NAMES("link", AT_FDCWD, a, AT_FDCWD, b, syscall(SYS_linkat, AT_FDCWD, a, AT_FDCWD, b, 0)); }
int linkat(int d, const char *a, int e, const char *b, int f) { ON_NAMES("link", d, a, e, b, syscall(SYS_linkat, d, a, e, b, f)); }
int unlink(const char *a) { ON_NAMES("unlink", AT_FDCWD, a, AT_FDCWD, "", syscall(SYS_unlinkat, AT_FDCWD, a, 0)); }
int unlinkat(int d, const char *a, int f) { ON_NAMES("unlink", d, a, AT_FDCWD, "", syscall(SYS_unlinkat, d, a, f)); }
int rmdir(const char *a) { ON_NAMES("unlink", AT_FDCWD, a, AT_FDCWD, "", syscall(SYS_unlinkat, AT_FDCWD, a, AT_REMOVEDIR)); }
int mkdir(const char *a, mode_t m) { ON_NAMES("mkdir", AT_FDCWD, a, AT_FDCWD, "", syscall(SYS_mkdirat, AT_FDCWD, a, m)); }
int mkdirat(int d, const char *a, mode_t m) { ON_NAMES("mkdir", d, a, AT_FDCWD, "", syscall(SYS_mkdirat, d, a, m)); }

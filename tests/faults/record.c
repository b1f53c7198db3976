/* Preloaded: records what a process does to a folder, and what it says on stdout, in one order.
 *
 * FAULT_FOLDER names the folder, as for fault.c; the records go to FAULT_FOLDER.log. Each is a head,
 * a name and bytes (disk.py reads them). A lock lets one call after the other happen and be written
 * down, so the order is that of the disk. A call that is not modelled ends the process.
 */
#include "watch.h"
#include <pthread.h>
#include <sys/mman.h>

struct __attribute__((packed)) head {
  char what;
  uint64_t file;   /* its inode */
  int64_t number;  /* where it is written, or to what it is cut */
  uint32_t name, bytes;
};

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;

static void give_up(const char *why) {
  fprintf(stderr, "record.c: %s is not modelled\n", why);
  abort();
}

static void put(const void *bytes, size_t n) {
  if ((size_t)REAL(write)(log_fd, bytes, n) != n) give_up("a full disk under the records");
}

static void note(char what, uint64_t file, int64_t number, const char *name, const void *bytes,
                 size_t n) {
  if (log_fd < 0) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s.log", getenv("FAULT_FOLDER"));
    log_fd = REAL(open)(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd < 0) give_up("a place without records");
  }
  struct head head = {what, file, number, strlen(name), n};
  put(&head, sizeof head);
  put(name, head.name);
  if (n) put(bytes, n);
}

static const char *watched(int fd, char *path) {
  return path_of(fd, path) ? within("FAULT_FOLDER", path) : NULL;
}

static const char *watched_at(int folder, const char *name, char *path) {
  return path_at(folder, name, path) ? within("FAULT_FOLDER", path) : NULL;
}

static uint64_t inode(int fd) {
  struct stat found;
  return fstat(fd, &found) ? 0 : found.st_ino;
}

static int is_stdout(int fd) { return fd == 1 && getenv("FAULT_FOLDER"); }

/* What was written, read back: for the calls that copy within the kernel. */
static void note_copied(int fd, off_t at, ssize_t n) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int again = REAL(open)(path, O_RDONLY);
  char *bytes = malloc(n);
  if (again < 0 || pread(again, bytes, n, at) != n) give_up("a copy that cannot be read");
  note('w', inode(fd), at, "", bytes, n);
  free(bytes);
  close(again);
}

#define LOCKED(kind, call, noted)       \
  pthread_mutex_lock(&one);             \
  kind done = call;                     \
  int error = errno;                    \
  noted;                                \
  pthread_mutex_unlock(&one);           \
  errno = error;                        \
  return done;

ssize_t write(int fd, const void *bytes, size_t n) {
  char path[PATH_MAX];
  if (is_stdout(fd)) {
    LOCKED(ssize_t, REAL(write)(fd, bytes, n), if (done > 0) note('s', 0, 0, "", bytes, done))
  }
  if (!watched(fd, path)) return REAL(write)(fd, bytes, n);
  LOCKED(ssize_t, REAL(write)(fd, bytes, n),
         if (done > 0) note('w', inode(fd), lseek(fd, 0, SEEK_CUR) - done, "", bytes, done))
}

#define WRITES_AT(name, offset)                                               \
  ssize_t name(int fd, const void *bytes, size_t n, offset at) {              \
    char path[PATH_MAX];                                                      \
    if (!watched(fd, path)) return REAL(name)(fd, bytes, n, at);              \
    LOCKED(ssize_t, REAL(name)(fd, bytes, n, at),                             \
           if (done > 0) note('w', inode(fd), at, "", bytes, done))           \
  }

WRITES_AT(pwrite, off_t)
WRITES_AT(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int n) {
  char path[PATH_MAX];
  if (!watched(fd, path)) return REAL(writev)(fd, parts, n);
  LOCKED(ssize_t, REAL(writev)(fd, parts, n),
         if (done > 0) note_copied(fd, lseek(fd, 0, SEEK_CUR) - done, done))
}

#define SENDS(name, offset)                                                   \
  ssize_t name(int fd, int in, offset *from, size_t n) {                      \
    char path[PATH_MAX];                                                      \
    if (!watched(fd, path)) return REAL(name)(fd, in, from, n);               \
    LOCKED(ssize_t, REAL(name)(fd, in, from, n),                              \
           if (done > 0) note_copied(fd, lseek(fd, 0, SEEK_CUR) - done, done)) \
  }

SENDS(sendfile, off_t)
SENDS(sendfile64, off64_t)

ssize_t copy_file_range(int in, off64_t *from, int fd, off64_t *to, size_t n, unsigned flags) {
  char path[PATH_MAX];
  if (!watched(fd, path)) return REAL(copy_file_range)(in, from, fd, to, n, flags);
  LOCKED(ssize_t, REAL(copy_file_range)(in, from, fd, to, n, flags),
         if (done > 0) note_copied(fd, (to ? *to : lseek(fd, 0, SEEK_CUR)) - done, done))
}

#define CUTS(name, offset)                                                    \
  int name(int fd, offset n) {                                                \
    char path[PATH_MAX];                                                      \
    if (!watched(fd, path)) return REAL(name)(fd, n);                         \
    LOCKED(int, REAL(name)(fd, n), if (!done) note('t', inode(fd), n, "", NULL, 0)) \
  }

CUTS(ftruncate, off_t)
CUTS(ftruncate64, off64_t)

/* A file that got room ahead is as long as one that was cut to that length: there are zeros. */
static int64_t size(int fd) {
  struct stat found;
  return fstat(fd, &found) ? 0 : found.st_size;
}

#define GROWS(name, offset)                                                   \
  int name(int fd, offset at, offset n) {                                     \
    char path[PATH_MAX];                                                      \
    if (!watched(fd, path)) return REAL(name)(fd, at, n);                     \
    LOCKED(int, REAL(name)(fd, at, n),                                        \
           if (!done) note('t', inode(fd), size(fd), "", NULL, 0))            \
  }

GROWS(posix_fallocate, off_t)
GROWS(posix_fallocate64, off64_t)

/* A folder that is synced has its names on the disk, a file its bytes and its size. */
static void note_sync(int fd, const char *name) {
  struct stat found;
  if (fstat(fd, &found)) give_up("a sync of nothing");
  note(S_ISDIR(found.st_mode) ? 'd' : 'f', found.st_ino, 0, name, NULL, 0);
}

#define SYNCS(name)                                                           \
  int name(int fd) {                                                          \
    char path[PATH_MAX];                                                      \
    const char *inside = watched(fd, path);                                   \
    if (!inside) return REAL(name)(fd);                                       \
    LOCKED(int, REAL(name)(fd), if (!done) note_sync(fd, inside))             \
  }

SYNCS(fsync)
SYNCS(fdatasync)

#define NAMES(name, parameters, folder, path, what, whole)                    \
  int name parameters {                                                       \
    char buffer[PATH_MAX];                                                    \
    const char *inside = watched_at(folder, path, buffer);                    \
    if (!inside) return REAL(name) whole;                                     \
    LOCKED(int, REAL(name) whole, if (!done) note(what, 0, 0, inside, NULL, 0)) \
  }

NAMES(unlink, (const char *path), AT_FDCWD, path, 'u', (path))
NAMES(unlinkat, (int at, const char *path, int flags), at, path, 'u', (at, path, flags))
NAMES(rmdir, (const char *path), AT_FDCWD, path, 'u', (path))
NAMES(mkdir, (const char *path, mode_t mode), AT_FDCWD, path, 'm', (path, mode))

#define MOVES(name, what)                                                     \
  int name(const char *from, const char *to) {                                \
    char old[PATH_MAX], new[PATH_MAX];                                        \
    const char *source = watched_at(AT_FDCWD, from, old);                     \
    const char *target = watched_at(AT_FDCWD, to, new);                       \
    if (!source && !target) return REAL(name)(from, to);                      \
    if (!source || !target) give_up("a name that comes from outside or goes there"); \
    LOCKED(int, REAL(name)(from, to),                                         \
           if (!done) note(what, 0, 0, source, target, strlen(target)))       \
  }

MOVES(rename, 'r')
MOVES(link, 'l')

static int open_watched(int folder, const char *name, int flags, mode_t mode) {
  char path[PATH_MAX];
  struct stat before;
  const char *inside = flags & O_DIRECTORY ? NULL : watched_at(folder, name, path);
  if (!inside) return REAL(openat)(folder, name, flags, mode);
  if ((flags & O_TMPFILE) == O_TMPFILE) give_up("a file without a name");
  pthread_mutex_lock(&one);
  int is_new = flags & O_CREAT && stat(path, &before) != 0;
  int done = REAL(openat)(folder, name, flags, mode);
  int error = errno;
  if (done >= 0 && is_new) note('o', inode(done), 0, inside, NULL, 0);
  if (done >= 0 && flags & O_TRUNC) note('t', inode(done), 0, "", NULL, 0);
  pthread_mutex_unlock(&one);
  errno = error;
  return done;
}

OPEN_ALL

static const char *shared(int fd, int protection, int flags, char *path) {
  int writes = protection & PROT_WRITE && (flags & MAP_TYPE) != MAP_PRIVATE && fd >= 0;
  const char *inside = writes ? watched(fd, path) : NULL;
  /* The index of the log is made anew after a crash. */
  return inside && !strstr(inside, "-shm") ? inside : NULL;
}

#define UNMODELLED(kind, name, parameters, is_watched, whole)                 \
  kind name parameters {                                                      \
    char path[PATH_MAX];                                                      \
    if (is_watched) give_up(#name);                                           \
    return REAL(name) whole;                                                  \
  }

UNMODELLED(void *, mmap, (void *to, size_t n, int p, int f, int fd, off_t at),
           shared(fd, p, f, path), (to, n, p, f, fd, at))
UNMODELLED(void *, mmap64, (void *to, size_t n, int p, int f, int fd, off64_t at),
           shared(fd, p, f, path), (to, n, p, f, fd, at))
UNMODELLED(int, fallocate, (int fd, int mode, off_t at, off_t n), watched(fd, path),
           (fd, mode, at, n))
UNMODELLED(int, truncate, (const char *file, off_t n), watched_at(AT_FDCWD, file, path), (file, n))
UNMODELLED(int, truncate64, (const char *file, off64_t n), watched_at(AT_FDCWD, file, path),
           (file, n))
UNMODELLED(int, renameat, (int a, const char *from, int b, const char *to),
           watched_at(a, from, path) || watched_at(b, to, path), (a, from, b, to))
UNMODELLED(int, symlink, (const char *to, const char *name), watched_at(AT_FDCWD, name, path),
           (to, name))

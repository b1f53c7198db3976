/* Preloaded: makes the k-th call that changes a folder the last one, or a failing one.
 *
 * FAULT_FOLDER names the folder; what is made, written, cut, synced, renamed or removed anywhere in
 * it counts. Counting begins when the file FAULT_FOLDER.arm is there; it holds what shall happen and
 * k, as in "kill 17":
 *   kill    the process dies before the call
 *   tear    the process dies with half of the write done
 *   eio     this call alone fails
 *   full    no write finds room, from this one until a file is cut or removed, or until the file
 *           FAULT_FOLDER.room is there
 *   short   half of the write is done, and the call says so
 *   intr    a signal interrupts the call before it has done anything
 *   count   nothing
 * The file FAULT_FOLDER.hit gets a byte each time that it happens.
 */
#include "watch.h"

static char action;
static long at, calls;

static void arm(void) {
  char path[PATH_MAX], word[8] = "";
  snprintf(path, sizeof path, "%s.arm", getenv("FAULT_FOLDER"));
  FILE *file = fopen(path, "r");
  if (!file) return;
  if (fscanf(file, "%7s %ld", word, &at) == 2) action = word[0];
  fclose(file);
}

static void leave_sign(void) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s.hit", getenv("FAULT_FOLDER"));
  int sign = REAL(open)(path, O_CREAT | O_APPEND | O_WRONLY, 0600);
  if (REAL(write)(sign, "", 1) != 1) abort();
  close(sign);
}

static int is_there(const char *sign) {
  char path[PATH_MAX];
  snprintf(path, sizeof path, "%s.%s", getenv("FAULT_FOLDER"), sign);
  return access(path, F_OK) == 0;
}

/* Count a call on a path and tell what shall happen to it, if anything. */
static char fault_at(const char *path) {
  if (!within("FAULT_FOLDER", path)) return 0;
  if (!at) arm();
  if (!at) return 0;
  long call = __sync_add_and_fetch(&calls, 1);
  if (!action || (action == 'f' || action == 'c' ? call < at : call != at)) return 0;
  if (action == 'f' && is_there("room")) return 0;
  leave_sign();
  if (action == 'k') kill(getpid(), SIGKILL);
  return action;
}

static char fault(int fd) {
  char path[PATH_MAX];
  return path_of(fd, path) ? fault_at(path) : 0;
}

static char fault_in(int folder, const char *name) {
  char path[PATH_MAX];
  return path_at(folder, name, path) ? fault_at(path) : 0;
}

static int fails(char what, int needs_room) {
  if (what == 'e') errno = EIO;
  else if (what == 'i') errno = EINTR;
  else if (what == 'f' && needs_room) errno = ENOSPC;
  else return 0;
  return 1;
}

#define WRITES(name, parameters, whole, half)          \
  ssize_t name parameters {                            \
    char what = fault(fd);                             \
    if (fails(what, 1)) return -1;                     \
    if (what == 's') return REAL(name) half;           \
    if (what == 't') {                                 \
      REAL(name) half;                                 \
      kill(getpid(), SIGKILL);                         \
    }                                                  \
    return REAL(name) whole;                           \
  }

WRITES(write, (int fd, const void *bytes, size_t n), (fd, bytes, n), (fd, bytes, (n + 1) / 2))
WRITES(pwrite, (int fd, const void *bytes, size_t n, off_t o), (fd, bytes, n, o),
       (fd, bytes, (n + 1) / 2, o))
WRITES(pwrite64, (int fd, const void *bytes, size_t n, off64_t o), (fd, bytes, n, o),
       (fd, bytes, (n + 1) / 2, o))
WRITES(writev, (int fd, const struct iovec *parts, int n), (fd, parts, n),
       (fd, parts, (n + 1) / 2))
WRITES(sendfile, (int fd, int in, off_t *from, size_t n), (fd, in, from, n),
       (fd, in, from, (n + 1) / 2))
WRITES(sendfile64, (int fd, int in, off64_t *from, size_t n), (fd, in, from, n),
       (fd, in, from, (n + 1) / 2))
WRITES(copy_file_range,
       (int in, off64_t *from, int fd, off64_t *to, size_t n, unsigned flags),
       (in, from, fd, to, n, flags), (in, from, fd, to, (n + 1) / 2, flags))

/* Those that change a file or a name all at once. */
#define CHANGES(name, parameters, seen, whole, needs_room, makes_room) \
  int name parameters {                                                \
    char what = seen;                                                  \
    if (fails(what, needs_room)) return -1;                            \
    int done = REAL(name) whole;                                       \
    if (what == 'f' && !done && (makes_room)) action = 0;              \
    return done;                                                       \
  }

CHANGES(fsync, (int fd), fault(fd), (fd), 0, 0)
CHANGES(fdatasync, (int fd), fault(fd), (fd), 0, 0)
CHANGES(ftruncate, (int fd, off_t n), fault(fd), (fd, n), 0, n == 0)
CHANGES(ftruncate64, (int fd, off64_t n), fault(fd), (fd, n), 0, n == 0)
CHANGES(mkdir, (const char *path, mode_t mode), fault_in(AT_FDCWD, path), (path, mode), 1, 0)
CHANGES(rmdir, (const char *path), fault_in(AT_FDCWD, path), (path), 0, 0)
CHANGES(unlink, (const char *path), fault_in(AT_FDCWD, path), (path), 0, 1)
CHANGES(unlinkat, (int folder, const char *path, int flags), fault_in(folder, path),
        (folder, path, flags), 0, 1)
CHANGES(rename, (const char *from, const char *to), fault_in(AT_FDCWD, to), (from, to), 0, 0)
CHANGES(link, (const char *from, const char *to), fault_in(AT_FDCWD, to), (from, to), 1, 0)

/* These return their error. */
#define GROWS(name, offset)                                     \
  int name(int fd, offset at_byte, offset n) {                  \
    return fails(fault(fd), 1) ? errno : REAL(name)(fd, at_byte, n); \
  }

GROWS(posix_fallocate, off_t)
GROWS(posix_fallocate64, off64_t)

static int open_watched(int folder, const char *name, int flags, mode_t mode) {
  char path[PATH_MAX];
  struct stat before;
  // Only what makes a file changes anything.
  if (flags & O_CREAT && path_at(folder, name, path) && stat(path, &before) != 0 &&
      fails(fault_at(path), 1))
    return -1;
  return REAL(openat)(folder, name, flags, mode);
}

OPEN_ALL

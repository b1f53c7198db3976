/* Preloaded: a folder lies on a small disk, or on one that cannot be written. No rights are needed.
 *
 * DISK_FOLDER names the folder. What the file DISK_FOLDER.disk holds is looked up each time:
 *   a number   so many bytes the disk has in all; what the folder's files take is gone from it
 *   ro         nothing can be written
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))
#define READ_ONLY (-2L)
#define UNBOUND (-1L)

static const char *folder(void) { return getenv("DISK_FOLDER"); }

static int is_inside(const char *path) {
  const char *own = folder();
  size_t length = own ? strlen(own) : 0;
  return own && strncmp(path, own, length) == 0 && (path[length] == '/' || !path[length]);
}

static int is_watched(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = folder() ? readlink(link, path, sizeof path - 1) : -1;
  if (length < 0) return 0;
  path[length] = 0;
  return is_inside(path);
}

static long size_of_disk(void) {
  char path[4096], text[32] = "";
  snprintf(path, sizeof path, "%s.disk", folder());
  int fd = REAL(open)(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return UNBOUND;
  ssize_t got = read(fd, text, sizeof text - 1);
  close(fd);
  if (got <= 0) return UNBOUND;
  return text[0] == 'r' ? READ_ONLY : atol(text);
}

static long used(void) {
  long sum = 0;
  DIR *all = opendir(folder());
  if (!all) return 0;
  for (struct dirent *each; (each = readdir(all));) {
    struct stat found;
    if (fstatat(dirfd(all), each->d_name, &found, 0) == 0 && S_ISREG(found.st_mode))
      sum += found.st_size;
  }
  closedir(all);
  return sum;
}

/* Whether there is no room for the file to reach as far as `end`. */
static int is_refused(int fd, off_t end) {
  struct stat found;
  if (!is_watched(fd) || fstat(fd, &found)) return 0;
  long size = size_of_disk();
  if (size == READ_ONLY) return errno = EROFS;
  if (size == UNBOUND || end <= found.st_size) return 0;
  return used() + end - found.st_size > size ? (errno = ENOSPC) : 0;
}

ssize_t write(int fd, const void *bytes, size_t n) {
  off_t at = folder() ? lseek(fd, 0, SEEK_CUR) : -1;
  if (at >= 0 && is_refused(fd, at + n)) return -1;
  return REAL(write)(fd, bytes, n);
}

#define PWRITE(name, offset)                                  \
  ssize_t name(int fd, const void *bytes, size_t n, offset o) { \
    if (is_refused(fd, o + n)) return -1;                       \
    return REAL(name)(fd, bytes, n, o);                         \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define ALLOCATE(name, offset)                     \
  int name(int fd, offset at, offset n) {          \
    if (is_refused(fd, at + n)) return errno;      \
    return REAL(name)(fd, at, n);                  \
  }
ALLOCATE(posix_fallocate, off_t)
ALLOCATE(posix_fallocate64, off64_t)

#define TRUNCATE(name, offset)                 \
  int name(int fd, offset n) {                 \
    if (is_refused(fd, n)) return -1;          \
    return REAL(name)(fd, n);                  \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

static int is_sealed(const char *path) {
  return is_inside(path) && size_of_disk() == READ_ONLY ? (errno = EROFS) : 0;
}

#define OPEN(name)                                                            \
  int name(const char *path, int flags, ...) {                                \
    va_list more;                                                             \
    va_start(more, flags);                                                    \
    mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;                 \
    va_end(more);                                                             \
    int writes = (flags & O_ACCMODE) != O_RDONLY;                             \
    if ((writes || (flags & O_CREAT && REAL(access)(path, F_OK))) && is_sealed(path)) return -1; \
    return REAL(name)(path, flags, mode);                                     \
  }
OPEN(open)
OPEN(open64)

int access(const char *path, int mode) {
  if (mode & W_OK && is_sealed(path)) return -1;
  return REAL(access)(path, mode);
}

int unlink(const char *path) { return is_sealed(path) ? -1 : REAL(unlink)(path); }
int mkdir(const char *path, mode_t mode) { return is_sealed(path) ? -1 : REAL(mkdir)(path, mode); }
int chmod(const char *path, mode_t mode) { return is_sealed(path) ? -1 : REAL(chmod)(path, mode); }
int rename(const char *from, const char *to) { return is_sealed(to) ? -1 : REAL(rename)(from, to); }

#define STAT(name, type)                                          \
  int name(const char *path, struct type *found) {                \
    int result = REAL(name)(path, found);                         \
    long size = result || !is_inside(path) ? UNBOUND : size_of_disk(); \
    if (size >= 0) {                                              \
      long left = size - used();                                  \
      found->f_bavail = found->f_bfree = left > 0 ? left / found->f_frsize : 0; \
    }                                                             \
    return result;                                                \
  }
STAT(statvfs, statvfs)
STAT(statvfs64, statvfs64)

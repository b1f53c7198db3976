/* What the preloaded libraries share: which calls concern the watched folder, and the real ones. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

/* The part of a path within the folder that an environment variable names, or NULL; "" for itself. */
static const char *within(const char *variable, const char *path) {
  const char *folder = getenv(variable);
  if (!folder) return NULL;
  size_t length = strlen(folder);
  if (strncmp(path, folder, length) != 0) return NULL;
  if (!path[length]) return path + length;
  return path[length] == '/' ? path + length + 1 : NULL;
}

/* The path behind a descriptor, in a buffer of PATH_MAX. */
static int path_of(int fd, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return 1;
}

/* The path that a call means by a folder's descriptor and a name, in a buffer of PATH_MAX. */
static int path_at(int folder, const char *name, char *path) {
  if (name[0] == '/') return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
  if (folder == AT_FDCWD) return getcwd(path, PATH_MAX) &&
      snprintf(path + strlen(path), PATH_MAX - strlen(path), "/%s", name) > 0;
  return path_of(folder, path) &&
      snprintf(path + strlen(path), PATH_MAX - strlen(path), "/%s", name) > 0;
}

/* Calls come under several names; these make each of them one function of ours. */
#define OPENS(name, at_name, fallback)                                          \
  int name(const char *path, int flags, ...) {                                  \
    va_list rest;                                                               \
    va_start(rest, flags);                                                      \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;     \
    va_end(rest);                                                               \
    return open_watched(AT_FDCWD, path, flags | fallback, mode);                \
  }                                                                             \
  int at_name(int folder, const char *path, int flags, ...) {                   \
    va_list rest;                                                               \
    va_start(rest, flags);                                                      \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;     \
    va_end(rest);                                                               \
    return open_watched(folder, path, flags | fallback, mode);                  \
  }

#define OPEN_ALL OPENS(open, openat, 0) OPENS(open64, openat64, O_LARGEFILE)

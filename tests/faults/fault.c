/* Preloaded: makes the k-th call that changes a file of a folder the last one, or a failing one.
 *
 * FAULT_FOLDER names the folder. Counting begins when the file FAULT_FOLDER.arm is there; it holds
 * what shall happen and k, as in "kill 17":
 *   kill    the process dies before the call
 *   tear    the process dies with half of the write done
 *   eio     this call alone fails
 *   full    no write finds room, from this one until a file is cut or removed
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char action;
static long at, calls;

static int is_watched(int fd) {
  char link[64], path[4096];
  const char *folder = getenv("FAULT_FOLDER");
  if (!folder) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  size_t wanted = strlen(folder);
  return strncmp(path, folder, wanted) == 0 && path[wanted] == '/';
}

static void arm(void) {
  char path[4096], word[8] = "";
  snprintf(path, sizeof path, "%s.arm", getenv("FAULT_FOLDER"));
  FILE *file = fopen(path, "r");
  if (!file) return;
  if (fscanf(file, "%7s %ld", word, &at) == 2) action = word[0];
  fclose(file);
}

static char fault(int fd) {
  if (!is_watched(fd)) return 0;
  if (!at) arm();
  if (!at) return 0;
  long call = __sync_add_and_fetch(&calls, 1);
  if (!action || (action == 'f' ? call < at : call != at)) return 0;
  if (action == 'k') kill(getpid(), SIGKILL);
  return action;
}

static int fails(char what, int is_write) {
  if (what == 'e') errno = EIO;
  else if (what == 'f' && is_write) errno = ENOSPC;
  else return 0;
  return 1;
}

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

#define WRITES(name, parameters, whole, half)          \
  ssize_t name parameters {                            \
    char what = fault(fd);                             \
    if (fails(what, 1)) return -1;                     \
    if (what == 't') {                                 \
      REAL(name) half;                                 \
      kill(getpid(), SIGKILL);                         \
    }                                                  \
    return REAL(name) whole;                           \
  }

WRITES(write, (int fd, const void *bytes, size_t n), (fd, bytes, n), (fd, bytes, n / 2))
WRITES(pwrite, (int fd, const void *bytes, size_t n, off_t o), (fd, bytes, n, o),
       (fd, bytes, n / 2, o))
WRITES(pwrite64, (int fd, const void *bytes, size_t n, off64_t o), (fd, bytes, n, o),
       (fd, bytes, n / 2, o))

#define CHANGES(name, parameters, whole, makes_room)   \
  int name parameters {                                \
    char what = fault(fd);                             \
    if (fails(what, 0)) return -1;                     \
    if (what == 'f' && makes_room) action = 0;         \
    return REAL(name) whole;                           \
  }

CHANGES(fsync, (int fd), (fd), 0)
CHANGES(fdatasync, (int fd), (fd), 0)
CHANGES(ftruncate, (int fd, off_t n), (fd, n), n == 0)
CHANGES(ftruncate64, (int fd, off64_t n), (fd, n), n == 0)

int unlink(const char *path) {
  if (action == 'f' && calls >= at) action = 0;
  return REAL(unlink)(path);
}

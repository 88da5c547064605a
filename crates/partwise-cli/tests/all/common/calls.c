/* Calls of the system that fail, or kill, for tests: a library for LD_PRELOAD.

   PARTWISE_CALLS=UNDER    counts calls about files below this folder
   PARTWISE_FAIL=KIND:N:E  the Nth call (from 1) of KIND, read or write, fails with the error of number E; 0 kills the process before it
   PARTWISE_COUNTS=FILE    gets "READS WRITES" at the end of the process

   Whatever changes a file or gives it a name is a write; links beside others and removals by way of a folder are not looked at. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { READ, WRITE };

static const char *under;
static long seen[2], failing[2], failure;

#define REAL(result, name, ...)                                   \
    static result (*real)(__VA_ARGS__);                           \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    const char *asked = getenv("PARTWISE_FAIL");
    char kind[8];
    long number;
    under = getenv("PARTWISE_CALLS");
    if (asked && sscanf(asked, "%7[a-z]:%ld:%ld", kind, &number, &failure) == 3)
        failing[strcmp(kind, "write") == 0] = number;
}

__attribute__((destructor)) static void end(void) {
    const char *file = getenv("PARTWISE_COUNTS");
    FILE *out = file && under ? fopen(file, "w") : NULL;
    if (out) {
        fprintf(out, "%ld %ld\n", seen[READ], seen[WRITE]);
        fclose(out);
    }
}

/* Whether this call is the one. */
static int fails(enum kind kind) {
    if (__atomic_add_fetch(&seen[kind], 1, __ATOMIC_SEQ_CST) != failing[kind]) return 0;
    if (failure == 0) kill(getpid(), SIGKILL);
    errno = (int)failure;
    return 1;
}

static int is_under(const char *path) {
    /* What is relative is below the folder that the program runs in. */
    return under && (path[0] != '/' || strncmp(path, under, strlen(under)) == 0);
}

static int file_fails(enum kind kind, int file) {
    char link[64], path[PATH_MAX];
    ssize_t length;
    if (!under) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    return path[0] == '/' && is_under(path) && fails(kind);
}

/* That of a folder may fail: what it holds is there. */
static int sync_fails(int file) {
    struct stat found;
    return fstat(file, &found) == 0 && S_ISREG(found.st_mode) && file_fails(WRITE, file);
}

static int path_fails(const char *path) { return is_under(path) && fails(WRITE); }

ssize_t read(int file, void *to, size_t size) {
    REAL(ssize_t, read, int, void *, size_t);
    return file_fails(READ, file) ? -1 : real(file, to, size);
}

ssize_t pread64(int file, void *to, size_t size, off64_t at) {
    REAL(ssize_t, pread64, int, void *, size_t, off64_t);
    return file_fails(READ, file) ? -1 : real(file, to, size, at);
}

ssize_t readv(int file, const struct iovec *to, int count) {
    REAL(ssize_t, readv, int, const struct iovec *, int);
    return file_fails(READ, file) ? -1 : real(file, to, count);
}

ssize_t write(int file, const void *from, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    return file_fails(WRITE, file) ? -1 : real(file, from, size);
}

ssize_t pwrite64(int file, const void *from, size_t size, off64_t at) {
    REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    return file_fails(WRITE, file) ? -1 : real(file, from, size, at);
}

ssize_t writev(int file, const struct iovec *from, int count) {
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return file_fails(WRITE, file) ? -1 : real(file, from, count);
}

int fsync(int file) {
    REAL(int, fsync, int);
    return sync_fails(file) ? -1 : real(file);
}

int fdatasync(int file) {
    REAL(int, fdatasync, int);
    return sync_fails(file) ? -1 : real(file);
}

int ftruncate64(int file, off64_t length) {
    REAL(int, ftruncate64, int, off64_t);
    return file_fails(WRITE, file) ? -1 : real(file, length);
}

int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return path_fails(to) ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return path_fails(path) ? -1 : real(path, mode);
}

/* A removal is a moment to be killed at; a system on which it fails leaves what there is. */
int unlink(const char *path) {
    REAL(int, unlink, const char *);
    return failure == 0 && path_fails(path) ? -1 : real(path);
}

int rmdir(const char *path) {
    REAL(int, rmdir, const char *);
    return failure == 0 && path_fails(path) ? -1 : real(path);
}

int open64(const char *path, int flags, ...) {
    mode_t mode = 0;
    REAL(int, open64, const char *, int, ...);
    if (flags & O_CREAT) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
        if (path_fails(path)) return -1;
    }
    return real(path, flags, mode);
}

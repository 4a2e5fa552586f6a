/*
 * Faults on the k-th call: loaded with LD_PRELOAD into the real program, it counts the calls by which files and connections
 * change, and at one of them ends the process, stops it, or gives an error. The test builds it with `cc` (fault.rs).
 *
 *   SEALPOST_FAULT=MODE:K:ERRNO:CLASSES:ROOT   what, at which call, with which error, counting which calls, below which folder
 *   SEALPOST_FAULT_LOG=FILE                    one line for each counted call
 *   SEALPOST_FAULT_SHADOW=FOLDER               what is certain to be on the disk (see below)
 *
 * Classes: w changes a file or a name, s synchronises, r reads a file, n talks to a server.
 * Modes: count; die (before the call); torn (half of a write, then die; dies after other calls); stop (SIGSTOP before the
 * call); fail (this call only); dead (this and every later one); full (from here on nothing may grow: ENOSPC, after half of
 * the write that met it); short (this write only takes half, as it may).
 *
 * The shadow is the disk after the power went: a file's bytes as of its last synchronisation, a folder's names as of its own.
 * Each successful fsync writes FOLDER/f-INODE or FOLDER/d-INODE (a line "inode name" for each name).
 *
 * Children are left alone: the variables are taken out of the environment, and a forked copy does nothing.
 */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { NOTHING, PLAIN, SOCKET };
enum mode { OFF, COUNT, DIE, TORN, STOP, FAIL, DEAD, FULL, SHORT };
enum verdict { PASS, FAILS, HALF_AND_DIE, HALF, GROWS_NOT };

#define FDS 1024
static atomic_int kinds[FDS];
static char *names[FDS];
static enum mode mode = OFF;
static long at, owner;
static int error_number, log_fd = -1;
static char classes[16], root[512], shadow[512];
static size_t root_length;
static atomic_long calls;

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void begin(void) {
    static const char *const modes[] = {"off", "count", "die", "torn", "stop", "fail", "dead", "full", "short"};
    const char *wish = getenv("SEALPOST_FAULT"), *log = getenv("SEALPOST_FAULT_LOG"), *to = getenv("SEALPOST_FAULT_SHADOW");
    char word[16] = "";
    owner = getpid();
    if (wish && sscanf(wish, "%15[^:]:%ld:%d:%15[^:]:%511s", word, &at, &error_number, classes, root) == 5)
        for (int i = 1; i < 9; i++)
            if (!strcmp(word, modes[i])) mode = (enum mode)i;
    root_length = strlen(root);
    if (to) snprintf(shadow, sizeof shadow, "%s", to);
    if (log && mode != OFF) log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    unsetenv("LD_PRELOAD");
    unsetenv("SEALPOST_FAULT");
    unsetenv("SEALPOST_FAULT_LOG");
    unsetenv("SEALPOST_FAULT_SHADOW");
}

static int ours(const char *path) {
    return mode != OFF && path && (path[0] != '/' || !strncmp(path, root, root_length));
}

static enum kind kind_of(int fd) { return fd >= 0 && fd < FDS ? (enum kind)kinds[fd] : NOTHING; }

static void note(int fd, enum kind kind, const char *name) {
    if (fd < 0 || fd >= FDS) return;
    kinds[fd] = kind;
    free(names[fd]);
    const char *last = name ? strrchr(name, '/') : NULL;
    names[fd] = name ? strdup(last ? last + 1 : name) : NULL;
}

static void die(void) {
    syscall(SYS_kill, owner, SIGKILL);
    for (;;) syscall(SYS_pause);
}

/* Counts a call and says what is to become of it. */
static enum verdict decide(char class, const char *call, const char *name) {
    if (mode == OFF || syscall(SYS_getpid) != owner || !strchr(classes, class)) return PASS;
    long number = ++calls;
    if (log_fd >= 0) {
        char line[256];
        int length = snprintf(line, sizeof line, "%ld %c %s %s\n", number, class, call, name ? name : "-");
        syscall(SYS_write, log_fd, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
    }
    if (mode == DEAD && number >= at) { errno = error_number; return FAILS; }
    if (mode == FULL && number >= at) { errno = ENOSPC; return GROWS_NOT; }
    if (number != at) return PASS;
    switch (mode) {
        case DIE: die(); return PASS;
        case TORN: return HALF_AND_DIE;
        case STOP: syscall(SYS_kill, owner, SIGSTOP); return PASS;
        case FAIL: errno = error_number; return FAILS;
        case SHORT: return HALF;
        default: return PASS;
    }
}

/* The end of a call that is done, where the process is to die of it. */
static ssize_t after(enum verdict verdict, ssize_t done) {
    if (verdict == HALF_AND_DIE) die();
    return done;
}

static const char *name_of(int fd) { return fd >= 0 && fd < FDS && names[fd] ? names[fd] : "?"; }

static char class_of(enum kind kind) { return kind == SOCKET ? 'n' : 'w'; }

/* How many of `length` bytes may be written where `verdict` was given; -1 for none and an error. */
static ssize_t allowed(enum verdict verdict, int fd, size_t length, off_t offset) {
    if (verdict == FAILS) return -1;
    if (verdict == HALF_AND_DIE || verdict == HALF) return (ssize_t)((length + 1) / 2);
    if (verdict == GROWS_NOT && kind_of(fd) == PLAIN) {
        struct stat found;
        if (fstat(fd, &found) == 0 && offset + (off_t)length > found.st_size) {
            /* The disk fills in the middle of the write that meets its end. */
            if (calls == at && length > 1) return (ssize_t)(length / 2);
            errno = ENOSPC;
            return -1;
        }
    }
    return (ssize_t)length;
}

/* ---- names ---- */

static void forget(const char *path) {
    struct stat found;
    char file[600];
    if (!shadow[0] || stat(path, &found) != 0) return;
    /* A new file may have the number of one that is gone. */
    snprintf(file, sizeof file, "%s/%c-%lu", shadow, S_ISDIR(found.st_mode) ? 'd' : 'f', (unsigned long)found.st_ino);
    syscall(SYS_unlink, file);
}

static int opened(int fd, const char *path, int fresh) {
    if (fd >= 0) {
        note(fd, PLAIN, path);
        if (fresh) forget(path);
    }
    return fd;
}

/* -1 where the open must fail; else whether it makes a new file. */
static int before_open(const char *path, int flags) {
    struct stat found;
    int fresh = (flags & O_CREAT) && lstat(path, &found) != 0;
    int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT);
    const char *last = strrchr(path, '/');
    enum verdict verdict = decide(writes ? 'w' : 'r', fresh ? "make" : "open", last ? last + 1 : path);
    if (verdict == FAILS) return -1;
    if (verdict == GROWS_NOT && fresh) { errno = ENOSPC; return -1; }
    if (verdict == HALF_AND_DIE) {
        int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, 0600);
        (void)fd;
        if (fresh) forget(path);
        die();
    }
    return fresh;
}

#define OPENS(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); \
        va_list rest; \
        va_start(rest, flags); \
        mode_t bits = va_arg(rest, mode_t); \
        va_end(rest); \
        if (!ours(path)) { int fd = real(path, flags, bits); note(fd, NOTHING, NULL); return fd; } \
        int fresh = before_open(path, flags); \
        return fresh < 0 ? -1 : opened(real(path, flags, bits), path, fresh); \
    }
OPENS(open)
OPENS(open64)

#define NAMES(call, word, arguments, values, path) \
    int call arguments { \
        REAL(call); \
        if (!ours(path)) return real values; \
        const char *last = strrchr(path, '/'); \
        enum verdict verdict = decide('w', word, last ? last + 1 : path); \
        if (verdict == FAILS) return -1; \
        if (verdict == GROWS_NOT && word[0] == 'm') { errno = ENOSPC; return -1; } \
        int done = real values; \
        if (verdict == HALF_AND_DIE) die(); \
        if (done == 0 && word[0] == 'm') forget(path); \
        return done; \
    }
NAMES(rename, "rename", (const char *from, const char *to), (from, to), to)
NAMES(unlink, "unlink", (const char *path), (path), path)
NAMES(rmdir, "rmdir", (const char *path), (path), path)
NAMES(mkdir, "mkdir", (const char *path, mode_t bits), (path, bits), path)

/* ---- bytes ---- */

ssize_t write(int fd, const void *bytes, size_t length) {
    REAL(write);
    enum kind kind = kind_of(fd);
    if (kind == NOTHING) return real(fd, bytes, length);
    enum verdict verdict = decide(class_of(kind), "write", name_of(fd));
    ssize_t some = allowed(verdict, fd, length, lseek(fd, 0, SEEK_CUR));
    if (some < 0) return -1;
    ssize_t done = real(fd, bytes, (size_t)some);
    return after(verdict, done);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    enum kind kind = kind_of(fd);
    if (kind == NOTHING || count < 1) return real(fd, parts, count);
    return write(fd, parts[0].iov_base, parts[0].iov_len);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    REAL(pwrite64);
    if (kind_of(fd) != PLAIN) return real(fd, bytes, length, offset);
    enum verdict verdict = decide('w', "pwrite", name_of(fd));
    ssize_t some = allowed(verdict, fd, length, offset);
    if (some < 0) return -1;
    ssize_t done = real(fd, bytes, (size_t)some, offset);
    return after(verdict, done);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) { return pwrite64(fd, bytes, length, offset); }

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset) {
    REAL(pread64);
    enum verdict verdict = kind_of(fd) == PLAIN ? decide('r', "pread", name_of(fd)) : PASS;
    return verdict == FAILS ? -1 : after(verdict, real(fd, bytes, length, offset));
}

ssize_t read(int fd, void *bytes, size_t length) {
    REAL(read);
    enum kind kind = kind_of(fd);
    enum verdict verdict = kind == NOTHING ? PASS : decide(kind == SOCKET ? 'n' : 'r', "read", name_of(fd));
    return verdict == FAILS ? -1 : after(verdict, real(fd, bytes, length));
}

#define CUTS(name) \
    int name(int fd, off_t length) { \
        REAL(name); \
        if (kind_of(fd) != PLAIN) return real(fd, length); \
        enum verdict verdict = decide('w', "truncate", name_of(fd)); \
        if (verdict == FAILS) return -1; \
        int done = real(fd, length); \
        return (int)after(verdict, done); \
    }
CUTS(ftruncate)
CUTS(ftruncate64)

#define MAPS(name) \
    void *name(void *place, size_t length, int protection, int flags, int fd, off_t offset) { \
        REAL(name); \
        int counts = kind_of(fd) == PLAIN && (protection & PROT_WRITE) && (flags & MAP_SHARED); \
        enum verdict verdict = counts ? decide('w', "map", name_of(fd)) : PASS; \
        if (verdict == FAILS) return MAP_FAILED; \
        void *mapped = real(place, length, protection, flags, fd, offset); \
        after(verdict, 0); \
        return mapped; \
    }
MAPS(mmap64)

/* ---- to the disk ---- */

static void keep_file(int fd, unsigned long inode) {
    char file[600], buffer[1 << 16];
    off_t from = 0;
    ssize_t got;
    snprintf(file, sizeof file, "%s/f-%lu", shadow, inode);
    /* Files opened only to be written cannot be read by that descriptor. */
    char self[64];
    snprintf(self, sizeof self, "/proc/%ld/fd/%d", owner, fd);
    int source = (int)syscall(SYS_openat, AT_FDCWD, self, O_RDONLY | O_CLOEXEC);
    int to = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    while ((got = syscall(SYS_pread64, source, buffer, sizeof buffer, from)) > 0) {
        syscall(SYS_write, to, buffer, (size_t)got);
        from += got;
    }
    syscall(SYS_close, source);
    syscall(SYS_close, to);
}

static void keep_folder(int fd, unsigned long inode) {
    char file[600], self[64], line[400];
    snprintf(file, sizeof file, "%s/d-%lu", shadow, inode);
    snprintf(self, sizeof self, "/proc/%ld/fd/%d", owner, fd);
    int to = (int)syscall(SYS_openat, AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    DIR *folder = opendir(self);
    struct dirent *entry;
    while (folder && (entry = readdir(folder))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        int length = snprintf(line, sizeof line, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
        syscall(SYS_write, to, line, (size_t)length);
    }
    if (folder) closedir(folder);
    syscall(SYS_close, to);
}

static void keep(int fd) {
    struct stat found;
    if (!shadow[0] || fstat(fd, &found) != 0) return;
    if (S_ISDIR(found.st_mode)) keep_folder(fd, (unsigned long)found.st_ino);
    else keep_file(fd, (unsigned long)found.st_ino);
}

#define SYNCS(name) \
    int name(int fd) { \
        REAL(name); \
        if (kind_of(fd) != PLAIN) return real(fd); \
        enum verdict verdict = decide('s', "sync", name_of(fd)); \
        if (verdict == FAILS) return -1; \
        int done = real(fd); \
        if (done == 0) keep(fd); \
        return (int)after(verdict, done); \
    }
SYNCS(fsync)
SYNCS(fdatasync)

/* ---- connections ---- */

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    REAL(connect);
    if (mode == OFF || (address->sa_family != AF_INET && address->sa_family != AF_INET6)) return real(fd, address, length);
    note(fd, SOCKET, "connection");
    enum verdict verdict = decide('n', "connect", "connection");
    if (verdict == FAILS) return -1;
    int done = real(fd, address, length);
    return after(verdict, done);
}

ssize_t send(int fd, const void *bytes, size_t length, int flags) {
    REAL(send);
    if (kind_of(fd) != SOCKET) return real(fd, bytes, length, flags);
    enum verdict verdict = decide('n', "send", "connection");
    ssize_t some = allowed(verdict, fd, length, 0);
    if (some < 0) return -1;
    ssize_t done = real(fd, bytes, (size_t)some, flags);
    return after(verdict, done);
}

ssize_t recv(int fd, void *bytes, size_t length, int flags) {
    REAL(recv);
    enum verdict verdict = kind_of(fd) == SOCKET ? decide('n', "recv", "connection") : PASS;
    return verdict == FAILS ? -1 : after(verdict, real(fd, bytes, length, flags));
}

int close(int fd) {
    REAL(close);
    note(fd, NOTHING, NULL);
    return real(fd);
}

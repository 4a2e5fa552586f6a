/* Preloaded into the program under test. The last thing that runs in it, after every destructor, writes all the memory that
 * it could write to into a file of its own: $SEALPOST_IMAGES/PID. Written by the process itself, because no other may look
 * into one that is not dumpable. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[512];
static char maps[1 << 20];

__attribute__((constructor)) static void begin(void) {
    const char *images = getenv("SEALPOST_IMAGES"), *only = getenv("SEALPOST_IMAGE_OF");
    char self[512];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (!images || !only || length < 0) return;
    self[length] = 0;
    if (strcmp(self, only) == 0) snprintf(folder, sizeof folder, "%s", images);
}

/* A page that is mapped and cannot be read is passed over. */
static void put(int to, const char *from, const char *end) {
    while (from < end) {
        size_t left = (size_t)(end - from);
        ssize_t done = write(to, from, left);
        if (done <= 0) {
            from += 4096;
        } else {
            from += done;
        }
    }
}

__attribute__((destructor)) static void image(void) {
    char name[600];
    size_t length = 0;
    ssize_t got;
    if (!folder[0]) return;
    int from = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (from < 0) return;
    while (length < sizeof maps - 1 && (got = read(from, maps + length, sizeof maps - 1 - length)) > 0) length += (size_t)got;
    close(from);
    maps[length] = 0;
    snprintf(name, sizeof name, "%s/%d", folder, (int)getpid());
    int to = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0) return;
    for (char *line = maps; line && *line;) {
        unsigned long begin, end;
        char mode[8];
        char *next = strchr(line, '\n');
        if (next) *next++ = 0;
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, mode) == 3 && mode[0] == 'r' && mode[1] == 'w')
            put(to, (const char *)begin, (const char *)end);
        line = next;
    }
    close(to);
}

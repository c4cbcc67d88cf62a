/* segment - see segment.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char prefix[] = "/nave-";

/* The process number is for whoever finds the name after a crash.  The rest nobody can guess, and
 * is not met again on a node of the same name.  Within 31 bytes, as much as some systems allow. */
static int choose_name(char name[NV_SEGMENT_NAME])
{
    uint64_t bits;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, &bits, sizeof bits) : -1;
    if (fd >= 0)
        close(fd);
    if (got != (ssize_t)sizeof bits)
        return ENOSYS;
    snprintf(name, NV_SEGMENT_NAME, "%s%lx-%016llx", prefix, (unsigned long)getpid() & 0xffffffff,
             (unsigned long long)bits);
    return 0;
}

/* Over this limit a write ends the process by a signal. */
static int check_limit(size_t size)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
        return 0;
    return size > limit.rlim_cur ? EFBIG : 0;
}

/* Written, not copied into a mapping: it takes half the time, since no page is cleared or mapped
 * first, and where there is no memory left it gives an error instead of SIGBUS. */
static int write_all(int fd, const char *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        ssize_t written = write(fd, data + at, size - at);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? errno : ENOSPC;
        at += (size_t)written;
    }
    return 0;
}

int nv_segment_make(const void *data, size_t size, struct nv_segment *out)
{
    struct nv_segment segment = {.size = size};
    int fd, code = check_limit(size);
    if (code == 0)
        code = choose_name(segment.name);
    if (code != 0)
        return code;
    fd = shm_open(segment.name, O_RDWR | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
    if (fd < 0)
        return errno;
    code = write_all(fd, data, size);
    close(fd);
    if (code != 0)
        nv_segment_unlink(&segment);
    else
        *out = segment;
    return code;
}

/* Of this size at least, since to touch what is not there would be SIGBUS; and our user's. */
static int check(int fd, const struct nv_segment *segment)
{
    struct stat state;
    if (fstat(fd, &state) != 0)
        return errno;
    if (state.st_uid != geteuid())
        return EACCES;
    return state.st_size < 0 || (uint64_t)state.st_size < segment->size ? EINVAL : 0;
}

int nv_segment_map(const struct nv_segment *segment, void **data)
{
    void *mapped;
    int fd, code;
    if (strncmp(segment->name, prefix, strlen(prefix)) != 0 || segment->size > SIZE_MAX ||
        memchr(segment->name, '\0', sizeof segment->name) == NULL)
        return EINVAL;
    fd = shm_open(segment->name, O_RDONLY, 0);
    if (fd < 0)
        return errno;
    code = check(fd, segment);
    if (code == 0) {
        mapped = mmap(NULL, (size_t)segment->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
        code = mapped == MAP_FAILED ? errno : 0;
    }
    close(fd);
    if (code == 0)
        *data = mapped;
    return code;
}

void nv_segment_unmap(void *data, uint64_t size)
{
    munmap(data, (size_t)size);
}

void nv_segment_unlink(const struct nv_segment *segment)
{
    if (segment->name[0] != '\0')
        shm_unlink(segment->name);
}

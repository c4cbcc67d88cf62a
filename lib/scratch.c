/* scratch - see scratch.h.  SPDX-License-Identifier: BSD-3-Clause */
#define _GNU_SOURCE /* memfd_create */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined MFD_CLOEXEC && !defined NV_NO_MEMFD
static int open_file(void)
{
    return memfd_create("nave", MFD_CLOEXEC);
}
#else
static int open_file(void)
{
    FILE *file = tmpfile();
    int fd = file != NULL ? fcntl(fileno(file), F_DUPFD_CLOEXEC, 0) : -1;
    if (file != NULL)
        fclose(file);
    return fd;
}
#endif

int nv_scratch_open(bool append)
{
    int low = open_file();
    int fd = low >= 0 ? fcntl(low, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (low >= 0)
        close(low);
    if (fd >= 0 && append)
        fcntl(fd, F_SETFL, O_APPEND);
    return fd;
}

uint64_t nv_scratch_size(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    return size > 0 ? (uint64_t)size : 0;
}

bool nv_scratch_read(int fd, uint64_t at, void *data, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = pread(fd, (char *)data + got, size - got, (off_t)(at + got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

bool nv_scratch_write(int fd, uint64_t at, const void *data, size_t size)
{
    for (size_t put = 0; put < size;) {
        ssize_t n = pwrite(fd, (const char *)data + put, size - put, (off_t)(at + put));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        put += (size_t)n;
    }
    return true;
}

void nv_scratch_empty(int fd)
{
    while (ftruncate(fd, 0) != 0 && errno == EINTR)
        continue;
}

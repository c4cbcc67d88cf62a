/* scratch - a file without a name, for a process and those that it forks.
 *
 * Invariant: nothing of it can be left behind, whoever dies: it is gone when all who have it open
 * have ended.  It is in memory where the system has such files, otherwise where tmpfile() puts it.
 */
#ifndef NV_SCRATCH_H
#define NV_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A file of no bytes; `append`: what is written goes to its end, whatever others did.  Its number is
 * above those of stdin, stdout and stderr, and programs that are started do not get it.  Closed by
 * close().  -1: errno says why. */
int nv_scratch_open(bool append);

/* In bytes.  Moves the position of a file that is not opened to append. */
uint64_t nv_scratch_size(int fd);

/* All `size` bytes from `at` on, or false.  Not for writing to a file opened to append. */
bool nv_scratch_read(int fd, uint64_t at, void *data, size_t size);
bool nv_scratch_write(int fd, uint64_t at, const void *data, size_t size);

/* Gives the bytes back to the system. */
void nv_scratch_empty(int fd);

#endif

/* kept - inputs of tasks that are not finished, by number: what a source gave is gone, and may be
 * needed again.
 *
 * Invariant: memory for what is kept, and no more than a few words for each of the most that were
 * kept at a time.
 */
#ifndef NV_KEPT_H
#define NV_KEPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nv_kept_input;

/* All zero is empty. */
struct nv_kept {
    struct nv_kept_input **heads; /* a power of two of them */
    size_t room, count;
};

/* Keeps a copy, with a zero byte behind it.  False: out of memory. */
bool nv_kept_put(struct nv_kept *kept, uint64_t index, const void *data, size_t size);

/* What is kept under that number, aligned to 16 bytes; NULL: nothing. */
const void *nv_kept_get(const struct nv_kept *kept, uint64_t index, size_t *size);

/* Forgets it, if it is there. */
void nv_kept_drop(struct nv_kept *kept, uint64_t index);

void nv_kept_release(struct nv_kept *kept);

#endif

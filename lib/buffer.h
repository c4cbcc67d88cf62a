/* buffer - memory for large inputs and results, used again: fresh memory of that size comes from the
 * system page by page, which takes as long as filling it.
 *
 * Invariant: a store keeps at most NV_BUFFERS_KEPT free buffers, and NV_BUFFERS_BYTES in all.
 */
#ifndef NV_BUFFER_H
#define NV_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

enum { NV_BUFFERS_KEPT = 8 };
#define NV_BUFFERS_BYTES ((size_t)512 << 20)

struct nv_buffer {
    void *memory;
    size_t room;
    size_t zeros; /* bytes from the beginning that are known to be zero */
};

/* All zero is empty. */
struct nv_buffers {
    struct nv_buffer kept[NV_BUFFERS_KEPT];
    size_t count, bytes;
};

/* Memory of `size` bytes, aligned to 64, zero-filled if so asked.  NULL: out of memory. */
void *nv_buffers_take(struct nv_buffers *buffers, size_t size, bool zero);

/* Back into the store; `size` as it was taken. */
void nv_buffers_give(struct nv_buffers *buffers, void *memory, size_t size);

/* While there is nothing better to do: zeroes a piece of a free buffer.  False: all are. */
bool nv_buffers_clean(struct nv_buffers *buffers);

void nv_buffers_release(struct nv_buffers *buffers);

#endif

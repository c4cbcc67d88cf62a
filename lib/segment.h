/* segment - memory that the processes of one node can share, under a name.
 *
 * Invariant: a segment is never written again once nv_segment_make() has returned, so each process
 * may map it as its own: pages that nobody writes to are there once, the others are copied when
 * written.  The memory is free when the name and all mappings are gone.
 *
 * Whether two ranks are on one node is known for sure only when one maps what the other has made:
 * every call here may fail, and the caller then sends the bytes.
 */
#ifndef NV_SEGMENT_H
#define NV_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

enum { NV_SEGMENT_NAME = 32 };

struct nv_segment {
    uint64_t size;
    char name[NV_SEGMENT_NAME]; /* "": none */
};

/* A segment with a copy of the bytes.  0, or why not, as in errno. */
int nv_segment_make(const void *data, size_t size, struct nv_segment *segment);

/* Maps one for reading, and for writing that no other process sees.  0, or as in errno. */
int nv_segment_map(const struct nv_segment *segment, void **data);
void nv_segment_unmap(void *data, uint64_t size);

/* Takes the name, if it has one, away; those who have mapped it keep it. */
void nv_segment_unlink(const struct nv_segment *segment);

#endif

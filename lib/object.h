/* object - the named buffers of one engine.
 *
 * Invariant: an object's bytes are this engine's alone: memory from malloc, or a mapping of a
 * segment that others have mapped as well and none of them sees the other write to.
 */
#ifndef NV_OBJECT_H
#define NV_OBJECT_H

#include "nave.h"
#include "segment.h"

#include <stdbool.h>

struct nv_objects {
    struct nv_object *first;
    uint64_t version; /* goes up when one is made, replaced or dropped, or may have been changed */
};

/* The object's bytes and size, or NULL. */
void *nv_objects_find(const struct nv_objects *objects, const char *name, size_t *size);

/* A number that changes when the object of that name is made anew; 0: there is none. */
uint64_t nv_objects_serial(const struct nv_objects *objects, const char *name);

/* Takes the bytes (from malloc) out of an object, which is dropped; NULL: there is none, or it is
 * mapped. */
void *nv_objects_take(struct nv_objects *objects, const char *name, size_t *size);

/* Makes or replaces an object that takes over `data` (from malloc; NULL when size is 0).  NAVE_OK,
 * NAVE_EINVAL, NAVE_ENOMEM; `data` is freed on failure. */
int nv_objects_set(struct nv_objects *objects, const char *name, void *data, size_t size);

/* The same with a mapping of a segment; it is unmapped on failure.  With `owns` the
 * name of the segment goes with the object, or before by nv_objects_unname(). */
int nv_objects_set_mapped(struct nv_objects *objects, const char *name, void *data,
                          const struct nv_segment *segment, bool owns);
void nv_objects_unname(struct nv_objects *objects, const char *name);

/* NAVE_OK or NAVE_EOBJECT. */
int nv_objects_drop(struct nv_objects *objects, const char *name);
void nv_objects_release(struct nv_objects *objects);

#endif

/* object - the named buffers of one engine. */
#ifndef NV_OBJECT_H
#define NV_OBJECT_H

#include "nave.h"

struct nv_objects {
    struct nv_object *first;
};

/* The object's bytes and size, or NULL. */
void *nv_objects_find(const struct nv_objects *objects, const char *name, size_t *size);

/* Makes or replaces an object that takes over `data` (from malloc; NULL when size is 0).  NAVE_OK,
 * NAVE_EINVAL, NAVE_ENOMEM; `data` is freed on failure. */
int nv_objects_set(struct nv_objects *objects, const char *name, void *data, size_t size);

/* NAVE_OK or NAVE_EOBJECT. */
int nv_objects_drop(struct nv_objects *objects, const char *name);
void nv_objects_release(struct nv_objects *objects);

#endif

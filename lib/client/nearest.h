/* nearest - which of some names somebody may have meant who has written another.
 *
 * Invariant: `best` is NULL until a name has come that is near enough, and then the nearest so far; of several
 * that are equally near, the first.
 */
#ifndef NV_NEAREST_H
#define NV_NEAREST_H

#include <stddef.h>

struct nv_nearest {
    const char *name; /* what was written */
    const char *best;
    size_t least; /* changes that are too many */
};

/* The name has to last as long as this is used. */
struct nv_nearest nv_nearest_to(const char *name);

/* One of the names there are, which has to last too. */
void nv_nearest_try(struct nv_nearest *nearest, const char *candidate);

#endif

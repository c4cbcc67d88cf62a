/* holder - which engines hold which object, as far as the hub has heard.
 *
 * Invariant: a set that was given out stays where it is until nv_holders_release(), and changes as
 * objects come and go.
 */
#ifndef NV_HOLDER_H
#define NV_HOLDER_H

#include "set.h"

struct nv_holder;

/* All zero is nobody. */
struct nv_holders {
    struct nv_holder *first;
};

/* The engines that hold the object; made empty when the name is new.  NULL: out of memory. */
struct nv_set *nv_holders_of(struct nv_holders *holders, const char *name, size_t engines);

/* An engine has it, or has it no more.  A name nobody has asked for or that is new is added. */
void nv_holders_note(struct nv_holders *holders, const char *name, size_t engines, size_t engine,
                     bool holds);

/* Each name and who holds it. */
void nv_holders_each(const struct nv_holders *holders,
                     void (*each)(void *arg, const char *name, const struct nv_set *engines),
                     void *arg);

/* An engine has nothing any more. */
void nv_holders_lose(struct nv_holders *holders, size_t engine);
void nv_holders_release(struct nv_holders *holders);

#endif

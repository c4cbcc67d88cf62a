/* surplus - who has spawned tasks waiting, and who was asked for some: a hub's or a sub-hub's view.
 *
 * Invariant: `rich` is how many have any.  Nobody is asked again before it has spoken.
 */
#ifndef NV_SURPLUS_H
#define NV_SURPLUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nv_surplus {
    int count;
    int rich;
    uint64_t *waiting; /* by number, as it said last */
    bool *asked;       /* by number */
};

/* For numbers below `count`.  False: out of memory; to be released in both cases. */
bool nv_surplus_init(struct nv_surplus *surplus, int count);
void nv_surplus_release(struct nv_surplus *surplus);

/* It says how many wait.  Returns whether it had been asked. */
bool nv_surplus_heard(struct nv_surplus *surplus, int number, uint64_t waiting);

/* Who is to be asked next: the one that has most, more than one, and was not asked; now it is.  -1:
 * nobody. */
int nv_surplus_ask(struct nv_surplus *surplus);

bool nv_surplus_any_asked(const struct nv_surplus *surplus);
uint64_t nv_surplus_sum(const struct nv_surplus *surplus);

#endif

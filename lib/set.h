/* set - a fixed set of small numbers (engines), as bits.
 *
 * Invariant: bits at `limit` and above are zero.  `count` is the number of members.
 */
#ifndef NV_SET_H
#define NV_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nv_set {
    size_t limit;
    size_t count;
    uint64_t bits[];
};

/* An empty set for members 0..limit-1; NULL when out of memory.  free() ends it. */
struct nv_set *nv_set_new(size_t limit);
void nv_set_add(struct nv_set *set, size_t member);
void nv_set_remove(struct nv_set *set, size_t member);

static inline bool nv_set_has(const struct nv_set *set, size_t member)
{
    return member < set->limit && (set->bits[member / 64] >> (member % 64) & 1) != 0;
}

#endif

/* set - see set.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "set.h"

#include <assert.h>
#include <stdlib.h>

struct nv_set *nv_set_new(size_t limit)
{
    struct nv_set *set = calloc(1, sizeof *set + (limit + 63) / 64 * sizeof set->bits[0]);
    if (set != NULL)
        set->limit = limit;
    return set;
}

void nv_set_add(struct nv_set *set, size_t member)
{
    assert(member < set->limit);
    if (!nv_set_has(set, member)) {
        set->bits[member / 64] |= (uint64_t)1 << (member % 64);
        set->count++;
    }
}

void nv_set_remove(struct nv_set *set, size_t member)
{
    if (!nv_set_has(set, member))
        return;
    set->bits[member / 64] &= ~((uint64_t)1 << member % 64);
    set->count--;
}

/* surplus - see surplus.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "surplus.h"

#include <stdlib.h>

bool nv_surplus_init(struct nv_surplus *surplus, int count)
{
    *surplus = (struct nv_surplus){.count = count};
    surplus->waiting = calloc((size_t)count, sizeof *surplus->waiting);
    surplus->asked = calloc((size_t)count, sizeof *surplus->asked);
    return surplus->waiting != NULL && surplus->asked != NULL;
}

void nv_surplus_release(struct nv_surplus *surplus)
{
    free(surplus->waiting);
    free(surplus->asked);
}

bool nv_surplus_heard(struct nv_surplus *surplus, int number, uint64_t waiting)
{
    bool asked = surplus->asked[number];
    surplus->rich += (waiting > 0) - (surplus->waiting[number] > 0);
    surplus->waiting[number] = waiting;
    surplus->asked[number] = false;
    return asked;
}

int nv_surplus_ask(struct nv_surplus *surplus)
{
    int best = -1;
    for (int n = 0; surplus->rich > 0 && n < surplus->count; n++)
        if (!surplus->asked[n] && surplus->waiting[n] > 1 &&
            (best < 0 || surplus->waiting[n] > surplus->waiting[best]))
            best = n;
    if (best >= 0)
        surplus->asked[best] = true;
    return best;
}

bool nv_surplus_any_asked(const struct nv_surplus *surplus)
{
    for (int n = 0; n < surplus->count; n++)
        if (surplus->asked[n])
            return true;
    return false;
}

uint64_t nv_surplus_sum(const struct nv_surplus *surplus)
{
    uint64_t sum = 0;
    for (int n = 0; surplus->rich > 0 && n < surplus->count; n++)
        sum += surplus->waiting[n];
    return sum;
}

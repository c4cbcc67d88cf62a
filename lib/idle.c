/* idle - see idle.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "idle.h"
#include "clock.h"

#include <sched.h>
#include <time.h>

enum { NV_PROBES = 200 };
#define NV_YIELD_SECONDS 50e-6
#define NV_NAP_MAX 2e-3

void nv_idle(struct nv_idle *idle, bool worked)
{
    double waited;
    if (worked) {
        idle->probes = 0;
        return;
    }
    if (++idle->probes < NV_PROBES)
        return;
    if (idle->probes == NV_PROBES)
        idle->since = nv_clock();
    waited = nv_clock() - idle->since;
    if (waited < NV_YIELD_SECONDS) {
        sched_yield();
    } else {
        double nap = waited / 8 < NV_NAP_MAX ? waited / 8 : NV_NAP_MAX;
        nanosleep(&(struct timespec){.tv_nsec = (long)(nap * 1e9)}, NULL);
    }
}

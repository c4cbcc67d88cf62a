/* idle - see idle.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "idle.h"
#include "clock.h"

#include <sched.h>
#include <time.h>

enum {
    NV_PROBES = 200,
    NV_PROBES_CROWDED = 20,
    NV_LOOKS = 2 /* after arming: MPI may take a frame in with one probe and show it to the next */
};
#define NV_YIELD_SECONDS 40e-6
#define NV_NAP_MIN 5e-6
#define NV_NAP_MAX 2e-3
#define NV_NAP_MOVING 50e-6
#define NV_NAP_POSTED 500e-6 /* most have gone, and lie unread with a rank that is busy */
/* Without a reason to wake up.  A sleeper needs none, but MPI may have held back a frame that its
 * sender believes gone; then a wait is late instead of endless. */
#define NV_SLEEP_MAX 0.5

static double lesser(double a, double b)
{
    return a < b ? a : b;
}

/* How long to sleep now. */
static double sleep_seconds(const struct nv_idle *idle)
{
    double now = nv_clock();
    double seconds = lesser(NV_NAP_MIN + (now - idle->since) / 8, NV_NAP_MAX);
    if (idle->moving)
        seconds = lesser(seconds, NV_NAP_MOVING);
    else if (idle->bell != NULL && idle->all_ring)
        seconds = idle->posted ? NV_NAP_POSTED : NV_SLEEP_MAX;
    if (idle->until > 0)
        seconds = lesser(seconds, idle->until - now);
    return seconds > 0 ? seconds : 0;
}

static void nap(const struct nv_idle *idle)
{
    nanosleep(&(struct timespec){.tv_nsec = (long)(sleep_seconds(idle) * 1e9)}, NULL);
}

static void arm(struct nv_idle *idle)
{
    nv_bell_arm(idle->bell);
    idle->looks = NV_LOOKS;
}

/* After a ring there is something to find, and worth some probes.  After a sleep that just ended,
 * the next turns are the looks before the next sleep. */
static void sleep_armed(struct nv_idle *idle)
{
    if (--idle->looks > 0)
        return;
    if (nv_bell_sleep(idle->bell, sleep_seconds(idle)))
        nv_idle_restart(idle);
    else
        arm(idle);
}

/* Whether it is still too early to sleep.  The time is read after the probes only. */
static bool stay_awake(struct nv_idle *idle)
{
    unsigned enough = idle->crowded ? NV_PROBES_CROWDED : NV_PROBES;
    double now;
    if (idle->probes < enough && ++idle->probes < enough)
        return true;
    now = nv_clock();
    if (idle->since == 0)
        idle->since = now;
    if (idle->crowded || now - idle->since >= NV_YIELD_SECONDS)
        return false;
    sched_yield();
    return true;
}

void nv_idle(struct nv_idle *idle, bool worked)
{
    if (worked)
        nv_idle_restart(idle);
    else if (idle->looks > 0)
        sleep_armed(idle);
    else if (stay_awake(idle))
        return;
    else if (idle->bell != NULL)
        arm(idle);
    else
        nap(idle);
}

void nv_idle_restart(struct nv_idle *idle)
{
    if (idle->looks > 0)
        nv_bell_disarm(idle->bell);
    idle->looks = 0;
    idle->probes = 0;
    idle->since = 0;
}

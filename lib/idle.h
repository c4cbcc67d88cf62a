/* idle - what a rank, or a thread beside it, does when it found nothing to do.
 *
 * The one rule: probe NV_PROBES times at full speed (a frame is mostly microseconds away), then let
 * others run (sched_yield) for a short while, then sleep.  On a bell the sleep has hardly a limit if
 * everything that can end the wait rings; otherwise it lasts an eighth of the time that it has been
 * idle, up to NV_NAP_MAX, less while transfers are moving, and with a bell not much less than a
 * millisecond while MPI has frames that it may have held back.  So waiting adds an eighth to a wait at
 * most, an idle rank burns next to nothing, and more ranks than cores get along.
 *
 * Invariant: between the arming of the bell and the sleep there are whole turns of the caller's
 * loop that found nothing, the look that the bell asks for.
 */
#ifndef NV_IDLE_H
#define NV_IDLE_H

#include "bell.h"

#include <stdbool.h>

/* Zero is a good start: naps without a bell. */
struct nv_idle {
    /* The caller's, free to change between turns: */
    struct nv_bell *bell; /* this thread's own, or NULL */
    bool all_ring;        /* whatever can end the wait rings the bell */
    bool moving;          /* transfers are under way: short naps only */
    bool posted;          /* frames are, which MPI may have held back: no long sleep */
    bool crowded;         /* somebody else wants this core: few probes, no yields */
    double until;         /* by nv_clock(), when there is something to do anyhow; 0: never */
    /* Its own: */
    unsigned looks;  /* still to take before the sleep; 0: not armed */
    unsigned probes; /* in a row that found nothing */
    double since;    /* when they had been too many; 0: not yet */
};

/* Call after each turn of the loop: `worked` says whether it found anything. */
void nv_idle(struct nv_idle *idle, bool worked);

/* Before a loop that has something new to wait for. */
void nv_idle_restart(struct nv_idle *idle);

#endif

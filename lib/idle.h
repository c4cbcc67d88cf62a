/* idle - what a rank does when it found nothing to do.
 *
 * The one rule: probe NV_PROBES times at full speed (a frame is mostly microseconds away), then let
 * others run (sched_yield) for a short while, then sleep for an eighth of the time that it has been
 * idle, up to NV_NAP_MAX.  So waiting adds an eighth to a wait at most, an idle rank burns next to
 * nothing, and more ranks than cores get along.
 */
#ifndef NV_IDLE_H
#define NV_IDLE_H

#include <stdbool.h>

struct nv_idle {
    unsigned probes; /* in a row that found nothing */
    double since;
};

/* Call after each turn of the loop: `worked` says whether it found anything. */
void nv_idle(struct nv_idle *idle, bool worked);

#endif

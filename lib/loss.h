/* loss - an engine is gone: what it had goes to others, and the farm goes on without it.
 *
 * Invariant: a rank that is in hub->lost is in no set of engines, has no task, and no transfer with
 * it is under way.  Tasks that it might have begun run alone the next time, so that one that ends its
 * engines is found out, and blamed after so many (nave_policy.crash_limit).
 */
#ifndef NV_LOSS_H
#define NV_LOSS_H

#include "hub.h"

/* Looks for ranks that have gone since the last look, not more often than is due.  NAVE_OK;
 * NAVE_ELOST: the farm cannot go on; NAVE_ENOMEM, NAVE_EMPI. */
int nv_loss_look(struct nv_hub *hub);

/* How long an engine has said nothing though it has tasks, and how many it was taken for stalled with
 * and has not answered. */
struct nv_silence {
    double since; /* on nv_hub_time() */
    uint64_t late;
    bool heard; /* since the last look */
};

/* A frame came from there.  Whether it is stalled: then its items are for nv_loss_late(), which drops
 * answers; after the last of them the engine is one like others again. */
bool nv_loss_heard(struct nv_hub *hub, int source);
int nv_loss_late(struct nv_hub *hub, int source, const struct nv_item *item);

/* At the end of the farm: ends the engines that are stalled, where it can.  Returns how many there are. */
uint64_t nv_loss_end_stalled(struct nv_hub *hub);

/* After a call was begun: tasks of it that are for lost engines do not wait for them. */
int nv_loss_sweep(struct nv_hub *hub);

#endif

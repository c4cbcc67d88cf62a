/* subhub - the loop of a rank that passes tasks on to a group of engines, its own among them.
 *
 * The hub gives it runs for all of the group at a time, on a lane of their own; it deals them out by
 * a scheduler of its own and gathers the answers into large frames.  Only balanced calls whose
 * portions are left to us go this way; all others, objects and reductions are between the hub and
 * the engines themselves, which answer whoever gave them a run.  The engine of this rank is beside
 * the loop.
 *
 * Invariant: towards the hub it behaves as an engine does (see engine.h) that runs many tasks at a
 * time, in any order: every task of a run is answered once, and only after all that it spawned was
 * run in this group or given away to the hub.
 */
#ifndef NV_SUBHUB_H
#define NV_SUBHUB_H

#include "answer.h"
#include "context.h"
#include "outbox.h"
#include "sched.h"
#include "surplus.h"

struct nv_errand;

struct nv_subhub {
    nave *ctx;
    struct nv_sched *sched;
    struct nv_set *engines; /* of the group */
    int *members;           /* the same in order of rank */
    int count;
    int *everywhere;         /* by kernel: all engines of the group have it */
    struct nv_outbox outbox; /* to the engines */
    struct nv_answers answers;
    double sent;               /* when answers went last */
    struct nv_run last;        /* from the hub, for NV_MORE; count 0: none */
    struct nv_errand *errands; /* that are not done */
    struct nv_errand *ended;   /* to be freed at the end of the turn */
    size_t bulk;               /* bytes of large results on their way to the hub */
    struct nv_surplus surplus; /* by rank */
    uint64_t *bases;           /* by rank: first task of the errand that it was last asked for */
    bool promised;             /* the hub was not yet answered that asked for spawned tasks */
    bool news;                 /* of spawned tasks, which the hub has not heard */
    double told;               /* when it heard some last */
    bool placing;              /* something may wait to be placed */
    double until;              /* when to look again who is late, by nv_clock(); 0: never */
    int rc;                    /* what went wrong where nobody could be told */
    bool closed;
    int status;
};

/* Takes over `everywhere`, see group.h.  ctx->comm and ctx->leaders must be there. */
int nv_subhub_new(nave *ctx, int *everywhere, struct nv_subhub **subhub);
void nv_subhub_free(struct nv_subhub *subhub);

/* One turn.  Stores whether anything was done.  NAVE_OK, NAVE_END after the hub's NV_CLOSE, or an
 * error that ends the sub-hub. */
int nv_subhub_turn(struct nv_subhub *subhub, bool *worked);

/* Tasks of its own engine that are not answered. */
uint64_t nv_subhub_own_load(const struct nv_subhub *subhub);

/* ------------------------------------------------------------- between subhub.c and errand.c */

/* Spawned tasks that wait in this group and that it has no use for. */
uint64_t nv_subhub_surplus(const struct nv_subhub *subhub);
bool nv_subhub_idle(const struct nv_subhub *subhub);

/* To all engines that have tasks. */
int nv_subhub_spread(struct nv_subhub *subhub, enum nv_item_kind kind,
                     const struct nv_control *control);

#endif

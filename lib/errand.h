/* errand - a run that the hub gave to a sub-hub, or spawned tasks that stay in its group: inputs,
 * tasks, and what is still to be answered.
 *
 * Spawned tasks that an engine of the group gives away make an errand too, a child.  It belongs to a
 * tree: all that one task of an errand of the hub's has grown in this group.  While a tree has
 * children, the answer of its root is kept back.
 *
 * Invariant: `left` counts the tasks that the hub (of a child: nobody) was not answered yet; an
 * errand is done when it is 0 and no transfer uses the inputs.  An errand of the hub's outlives its
 * trees.  Memory of errands that are done stays until nv_errands_bury().
 */
#ifndef NV_ERRAND_H
#define NV_ERRAND_H

#include "subhub.h"

/* NV_RUN from the hub. */
int nv_errand_take(struct nv_subhub *subhub, const struct nv_item *item);

/* What the scheduler wants sent. */
int nv_errand_send(struct nv_subhub *subhub, const struct nv_send *send);

/* From an engine: NV_RESULTS, NV_RESULT, NV_DROPPED; NV_SURPLUS; so many spawned tasks were run. */
int nv_errand_answer(struct nv_subhub *subhub, int source, const struct nv_item *item);
int nv_errand_surplus(struct nv_subhub *subhub, const struct nv_item *item);
void nv_errand_grew(struct nv_subhub *subhub, uint64_t id, uint64_t count);

/* From an engine: tasks come back. */
int nv_errand_returned(struct nv_subhub *subhub, int source, const struct nv_control *control);

/* Asks an engine for tasks back, as the scheduler says. */
int nv_errand_ask_back(struct nv_subhub *subhub, const struct nv_send *row);

/* From the hub: NV_CANCEL, NV_RECALL. */
void nv_errands_cancel(struct nv_subhub *subhub, const struct nv_control *control);
int nv_errand_recall(struct nv_subhub *subhub, const struct nv_control *control);

/* Tells the hub how many spawned tasks were run. */
int nv_errands_tell(struct nv_subhub *subhub);

void nv_errands_bury(struct nv_subhub *subhub);
void nv_errands_release(struct nv_subhub *subhub);

#endif

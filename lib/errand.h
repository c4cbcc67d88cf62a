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

/* What one task of an errand has grown in this group. */
struct nv_tree {
    struct nv_tree *next;
    uint64_t root;        /* that task */
    uint64_t children;    /* errands that are not done */
    struct nv_kept *kept; /* its answer, or NULL */
};

/* The answer of one task. */
struct nv_kept {
    struct nv_item item; /* its pointers lead to `bytes`; large data is elsewhere */
    _Alignas(16) unsigned char bytes[];
};

struct nv_errand {
    struct nv_errand *prev, *next; /* among those that are not done */
    struct nv_errand *ended;       /* among those that are */
    struct nv_subhub *subhub;
    struct nv_run run;        /* its job is the hub's */
    struct nv_errand *eldest; /* of a child: the hub's errand; NULL: this is one */
    struct nv_tree *tree;     /* of a child: where it belongs */
    struct nv_tree *trees;    /* of an errand of the hub's */
    uint64_t id; /* for the scheduler and the engines; 0: the inputs are on their way */
    uint64_t left;
    uint64_t grown;       /* spawned tasks that were run and not told of */
    size_t sending;       /* transfers of inputs */
    bool *skip;           /* by place in the run: these are cancelled; NULL: none */
    bool cancelled;       /* as a whole */
    bool busy;            /* must not end now */
    unsigned char *large; /* the inputs' memory, when they are not behind this struct */
    unsigned char *data, *extra;
};

/* NV_RUN from the hub. */
int nv_errand_take(struct nv_subhub *subhub, const struct nv_item *item);

/* What the scheduler wants sent. */
int nv_errand_send(struct nv_subhub *subhub, const struct nv_send *send);

/* From an engine: NV_RESULTS, NV_RESULT, NV_DROPPED; NV_SURPLUS; so many spawned tasks were run. */
int nv_errand_answer(struct nv_subhub *subhub, int source, const struct nv_item *item);
int nv_errand_surplus(struct nv_subhub *subhub, const struct nv_item *item);
void nv_errand_grew(struct nv_subhub *subhub, const struct nv_control *control);

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

/* -------------------------------------------------------------- between errand.c and relay.c */

/* A new errand with copies of extra part and inputs; NULL: out of memory.  Then its tasks may go. */
struct nv_errand *nv_errand_new(struct nv_subhub *subhub, const struct nv_run *run,
                                const void *extra, const void *data, size_t size);
void nv_errand_begin(struct nv_errand *errand);

/* Ends it, if it is done.  (The list still leads on from it for whoever walks along.) */
void nv_errand_check(struct nv_errand *errand);

/* An answer is here with all its bytes. */
void nv_errand_settle(struct nv_errand *errand, const struct nv_item *item);

/* So many tasks will be, then are, answered or gone. */
void nv_errand_leaving(struct nv_errand *errand, uint64_t count);
void nv_errand_leave(struct nv_errand *errand, uint64_t count);

/* A child is done. */
void nv_errand_leave_tree(struct nv_errand *child);

/* What went wrong, where no caller could hear of it. */
static inline void nv_errand_note(struct nv_subhub *subhub, int rc)
{
    if (subhub->rc == NAVE_OK)
        subhub->rc = rc;
}

#endif

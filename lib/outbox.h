/* outbox - what a hub or a sub-hub has to say to those that it gives tasks, gathered into frames.
 *
 * Receivers are numbered: a number below `ranks` is the engine of that rank, ranks + r the sub-hub
 * of rank r.
 *
 * Invariant: a receiver gets items in the order in which they were added.  After nv_outbox_flush()
 * all of them have left.
 */
#ifndef NV_OUTBOX_H
#define NV_OUTBOX_H

#include "comm.h"

struct nv_outbox {
    struct nv_comm *comm;
    struct nv_error *error;
    int ranks;
    struct nv_frame **frames; /* by number: being filled, or NULL */
    int *filled;              /* the numbers with one */
    int filled_count;
    struct nv_run *last; /* by number: sent last, for NV_MORE; count 0: none.  NULL: no NV_MORE */
};

/* `brief`: receivers know NV_MORE from this rank.  NAVE_OK or NAVE_ENOMEM; to be released in both
 * cases. */
int nv_outbox_init(struct nv_outbox *outbox, struct nv_comm *comm, int ranks, bool brief,
                   struct nv_error *error);
void nv_outbox_release(struct nv_outbox *outbox);

/* Adds a run.  Data over NV_RUN_INLINE_MAX goes its own way: then *bulk is set, and `done` is called
 * when the data is no longer needed. */
int nv_outbox_run(struct nv_outbox *outbox, int number, struct nv_run *run, const void *extra,
                  const void *data, size_t size, nv_comm_done *done, void *arg, bool *bulk);

/* Adds a control item. */
int nv_outbox_control(struct nv_outbox *outbox, int number, enum nv_item_kind kind,
                      const struct nv_control *control, const int32_t *list);

int nv_outbox_flush(struct nv_outbox *outbox);

#endif

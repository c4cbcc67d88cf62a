/* outbox - see outbox.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "outbox.h"

#include <stdlib.h>

int nv_outbox_init(struct nv_outbox *outbox, struct nv_comm *comm, int ranks, bool brief,
                   struct nv_error *error)
{
    size_t numbers = 2 * (size_t)ranks;
    *outbox = (struct nv_outbox){.comm = comm, .error = error, .ranks = ranks};
    outbox->frames = calloc(numbers, sizeof(struct nv_frame *));
    outbox->filled = calloc(numbers, sizeof *outbox->filled);
    outbox->last = brief ? calloc(numbers, sizeof *outbox->last) : NULL;
    if (outbox->frames == NULL || outbox->filled == NULL || (brief && outbox->last == NULL))
        return nv_error_set(error, NAVE_ENOMEM, "no memory for frames");
    return NAVE_OK;
}

void nv_outbox_release(struct nv_outbox *outbox)
{
    free(outbox->frames);
    free(outbox->filled);
    free(outbox->last);
    *outbox = (struct nv_outbox){0};
}

static enum nv_lane lane_to(const struct nv_outbox *outbox, int number)
{
    return number < outbox->ranks ? NV_TO_ENGINE : NV_TO_SUBHUB;
}

static int post(struct nv_outbox *outbox, int number)
{
    struct nv_frame *frame = outbox->frames[number];
    if (frame == NULL)
        return NAVE_OK;
    outbox->frames[number] = NULL;
    return nv_comm_post(outbox->comm, number % outbox->ranks, lane_to(outbox, number), frame);
}

/* A frame for this receiver with room for `size` bytes. */
static int frame_for(struct nv_outbox *outbox, int number, size_t size)
{
    struct nv_frame *frame = outbox->frames[number];
    int rc = NAVE_OK;
    if (frame != NULL && NV_FRAME_ROOM - frame->size >= size)
        return NAVE_OK;
    if (frame == NULL) {
        outbox->filled[outbox->filled_count++] = number;
        nv_comm_wake(outbox->comm, number % outbox->ranks, lane_to(outbox, number));
    } else {
        rc = post(outbox, number);
    }
    if (rc == NAVE_OK) {
        outbox->frames[number] = nv_comm_frame(outbox->comm);
        if (outbox->frames[number] == NULL)
            rc = nv_error_set(outbox->error, NAVE_ENOMEM, "no memory for a frame");
    }
    return rc;
}

/* Whether the receiver can take the run for one more like the one before. */
static bool is_like(const struct nv_run *run, const struct nv_run *last)
{
    return last->count > 0 && run->job == last->job && run->kernel == last->kernel &&
           run->in_size == last->in_size && run->out_size == last->out_size &&
           run->flags == last->flags && run->parent == last->parent && run->root == last->root &&
           run->count <= NV_MORE_MAX && run->extra_size == 0;
}

static int add_whole(struct nv_outbox *outbox, int number, const struct nv_run *run,
                     const void *extra, const void *data)
{
    int rc = frame_for(outbox, number, nv_frame_run_size(run));
    if (rc == NAVE_OK)
        nv_frame_add_run(outbox->frames[number], NV_RUN, run, extra, data);
    if (outbox->last == NULL)
        return rc;
    outbox->last[number] = *run;
    if (run->extra_size > 0 || run->flags & NV_BULK)
        outbox->last[number].count = 0;
    return rc;
}

static int add_inline(struct nv_outbox *outbox, int number, const struct nv_run *run,
                      const void *extra, const void *data, size_t size)
{
    int rc;
    if (outbox->last == NULL || !is_like(run, &outbox->last[number]))
        return add_whole(outbox, number, run, extra, data);
    rc = frame_for(outbox, number, nv_frame_more_size(size));
    if (rc == NAVE_OK)
        nv_frame_add_more(outbox->frames[number], run, data, size);
    return rc;
}

int nv_outbox_run(struct nv_outbox *outbox, int number, struct nv_run *run, const void *extra,
                  const void *data, size_t size, nv_comm_done *done, void *arg, bool *bulk)
{
    int rc;
    *bulk = size > NV_RUN_INLINE_MAX;
    if (!*bulk)
        return add_inline(outbox, number, run, extra, data, size);
    run->flags |= NV_BULK;
    rc = add_whole(outbox, number, run, extra, data);
    if (rc != NAVE_OK)
        return rc;
    return nv_comm_send(outbox->comm, number % outbox->ranks, lane_to(outbox, number), data, size,
                        done, arg);
}

int nv_outbox_control(struct nv_outbox *outbox, int number, enum nv_item_kind kind,
                      const struct nv_control *control, const int32_t *list)
{
    int rc = frame_for(outbox, number, nv_frame_control_size(control));
    if (rc == NAVE_OK && !nv_frame_add_control(outbox->frames[number], kind, control, list))
        return nv_error_set(outbox->error, NAVE_ESIZE, "a list of %u ranks is too long",
                            control->list_size);
    return rc;
}

int nv_outbox_flush(struct nv_outbox *outbox)
{
    int rc = NAVE_OK;
    for (int i = 0; i < outbox->filled_count && rc == NAVE_OK; i++)
        rc = post(outbox, outbox->filled[i]);
    outbox->filled_count = 0;
    return rc;
}

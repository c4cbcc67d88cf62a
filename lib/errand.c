/* errand - see errand.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "errand.h"

#include <stdlib.h>
#include <string.h>

enum {
    TRANSFER_BYTES = 4 << 20, /* of inputs in a transfer, about */
    PARTS_EACH = 4            /* chunks of a run for each engine */
};

/* ----------------------------------------------------------------------------------- start, end */

struct nv_errand *nv_errand_new(struct nv_subhub *subhub, const struct nv_run *run,
                                const void *extra, const void *data, size_t size)
{
    size_t head = (sizeof(struct nv_errand) + run->extra_size + 63) / 64 * 64;
    struct nv_errand *errand = aligned_alloc(64, (head + size + 63) / 64 * 64);
    if (errand == NULL)
        return NULL;
    *errand = (struct nv_errand){.subhub = subhub, .run = *run, .left = run->count};
    errand->extra = (unsigned char *)(errand + 1);
    errand->data = (unsigned char *)errand + head;
    if (run->extra_size > 0)
        memcpy(errand->extra, extra, run->extra_size);
    if (size > 0)
        memcpy(errand->data, data, size);
    errand->next = subhub->errands;
    if (errand->next != NULL)
        errand->next->prev = errand;
    subhub->errands = errand;
    return errand;
}

static uint64_t max_chunk(const struct nv_run *run)
{
    uint64_t most = run->in_size <= NV_INLINE_MAX ? NV_RUN_INLINE_MAX : TRANSFER_BYTES;
    if (run->flags & NV_SHARED || run->in_size == 0)
        return run->count;
    return most / run->in_size > 0 ? most / run->in_size : 1;
}

/* Even chunks: the hub has reckoned how many tasks fill a group for a while. */
void nv_errand_begin(struct nv_errand *errand)
{
    struct nv_subhub *subhub = errand->subhub;
    uint64_t parts = PARTS_EACH * (uint64_t)subhub->count;
    struct nv_job_spec spec = {.owner = errand,
                               .kernel = errand->run.kernel,
                               .count = errand->run.count,
                               .max_chunk = max_chunk(&errand->run),
                               .chunk = (errand->run.count + parts - 1) / parts,
                               .engines = subhub->engines};
    errand->id = nv_sched_add(subhub->sched, &spec);
    if (errand->id == 0)
        nv_errand_note(subhub,
                       nv_error_set(&subhub->ctx->error, NAVE_ENOMEM, "no memory for tasks"));
    subhub->placing = true;
}

static void unlink_errand(struct nv_errand *errand)
{
    *(errand->prev != NULL ? &errand->prev->next : &errand->subhub->errands) = errand->next;
    if (errand->next != NULL)
        errand->next->prev = errand->prev;
}

static void trees_free(struct nv_tree *tree)
{
    while (tree != NULL) {
        struct nv_tree *next = tree->next;
        struct nv_kept *kept = tree->kept;
        if (kept != NULL && kept->item.kind == NV_RESULT && kept->item.result.flags & NV_BULK)
            free((void *)(uintptr_t)kept->item.data);
        free(kept);
        free(tree);
        tree = next;
    }
}

static void errand_free(struct nv_errand *errand)
{
    trees_free(errand->trees);
    free(errand->large);
    free(errand->skip);
    free(errand);
}

void nv_errands_bury(struct nv_subhub *subhub)
{
    while (subhub->ended != NULL) {
        struct nv_errand *errand = subhub->ended;
        subhub->ended = errand->ended;
        errand_free(errand);
    }
}

void nv_errands_release(struct nv_subhub *subhub)
{
    nv_errands_bury(subhub);
    while (subhub->errands != NULL) {
        struct nv_errand *errand = subhub->errands;
        unlink_errand(errand); /* NOLINT(clang-analyzer-unix.Malloc): out of the list before */
        errand_free(errand);
    }
}

/* Ends it, if it is done.  (The list still leads on from it for whoever walks along.) */
void nv_errand_check(struct nv_errand *errand)
{
    struct nv_subhub *subhub = errand->subhub;
    if (errand->left > 0 || errand->sending > 0 || errand->busy)
        return;
    errand->busy = true;
    if (errand->id != 0)
        nv_sched_remove(subhub->sched, errand->id);
    unlink_errand(errand);
    errand->ended = subhub->ended;
    subhub->ended = errand;
    if (errand->eldest != NULL)
        nv_errand_leave_tree(errand);
}

static void drop_row(struct nv_errand *errand, uint64_t first, uint64_t count)
{
    struct nv_item item = {.kind = NV_DROPPED,
                           .control = {.first = errand->run.first + first,
                                       .count = count,
                                       .engine = errand->subhub->ctx->rank}};
    nv_errand_settle(errand, &item);
}

/* Of an errand that was cancelled meanwhile nobody will send them again. */
int nv_errand_returned(struct nv_subhub *subhub, int source, const struct nv_control *control)
{
    uint64_t asked = (uint64_t)control->value;
    uint64_t first = control->first - subhub->bases[source]; /* the errand may be done */
    struct nv_errand *errand = nv_sched_owner(subhub->sched, control->job);
    if (!nv_sched_returned(subhub->sched, source, control->job, first, control->count,
                           first + control->count - asked, asked))
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE,
                            "rank %d gave back what it was not asked for", source);
    if (errand != NULL && errand->cancelled && control->count > 0)
        drop_row(errand, first, control->count);
    return NAVE_OK;
}

int nv_errand_ask_back(struct nv_subhub *subhub, const struct nv_send *row)
{
    const struct nv_errand *errand = nv_sched_owner(subhub->sched, row->job);
    struct nv_control control = {
        .job = row->job, .first = errand->run.first + row->first, .count = row->count};
    subhub->bases[row->engine] = errand->run.first;
    return nv_outbox_control(&subhub->outbox, row->engine, NV_RECALL, &control, NULL);
}

/* ------------------------------------------------------------------------------ to the engines */

static void input_sent(void *arg, bool whole)
{
    struct nv_errand *errand = arg;
    (void)whole; /* where there are sub-hubs nobody is forgotten */
    errand->sending--;
    nv_errand_check(errand);
}

/* Tasks that were cancelled before they went: the engine drops them. */
static int send_cancels(const struct nv_errand *errand, int engine, uint64_t first, uint64_t count)
{
    const bool *skip = errand->skip + (first - errand->run.first);
    int rc = NAVE_OK;
    for (uint64_t i = 0; i < count && rc == NAVE_OK; i++) {
        uint64_t from = i;
        while (i < count && skip[i])
            i++;
        if (i > from)
            rc = nv_outbox_control(
                &errand->subhub->outbox, engine, NV_CANCEL,
                &(struct nv_control){.job = errand->id, .first = first + from, .count = i - from},
                NULL);
    }
    return rc;
}

int nv_errand_send(struct nv_subhub *subhub, const struct nv_send *send)
{
    struct nv_errand *errand = nv_sched_owner(subhub->sched, send->job);
    struct nv_run run = errand->run;
    bool shared = (run.flags & NV_SHARED) != 0, bulk;
    size_t size = (size_t)run.in_size * (shared ? 1 : (size_t)send->count);
    const unsigned char *data = errand->data + (shared ? 0 : send->first * run.in_size);
    int rc;
    run.job = errand->id;
    run.first += send->first;
    run.count = (uint32_t)send->count;
    run.flags &= ~(uint32_t)NV_BULK;
    rc = nv_outbox_run(&subhub->outbox, send->engine, &run, errand->extra, data, size, input_sent,
                       errand, &bulk);
    errand->sending += bulk;
    nv_sched_weigh(subhub->sched, send, size);
    if (rc == NAVE_OK && errand->skip != NULL)
        rc = send_cancels(errand, send->engine, run.first, run.count);
    return rc;
}

/* --------------------------------------------------------------------------------- from the hub */

static void dropped(void *arg, uint64_t first, uint64_t count)
{
    drop_row(arg, first, count);
}

/* All inputs could not be kept: the tasks fail. */
static void fail_all(struct nv_errand *errand)
{
    static const char why[] = "no memory for the inputs on the sub-hub";
    uint64_t end = errand->run.first + errand->run.count;
    for (uint64_t index = errand->run.first; index < end; index++) {
        struct nv_item item = {.kind = NV_RESULT,
                               .result = {.index = index,
                                          .code = NAVE_ENOMEM,
                                          .message_size = sizeof why - 1,
                                          .engine = errand->subhub->ctx->rank},
                               .extra = why};
        nv_errand_settle(errand, &item);
    }
}

static void inputs_arrived(void *arg, bool whole)
{
    struct nv_errand *errand = arg;
    (void)whole; /* where there are sub-hubs nobody is forgotten */
    if (errand->cancelled)
        drop_row(errand, 0, errand->run.count);
    else if (errand->large == NULL)
        fail_all(errand);
    else
        nv_errand_begin(errand);
}

int nv_errand_take(struct nv_subhub *subhub, const struct nv_item *item)
{
    bool bulk = (item->run.flags & NV_BULK) != 0;
    struct nv_errand *errand =
        nv_errand_new(subhub, &item->run, item->extra, item->data, bulk ? 0 : item->data_size);
    if (errand == NULL)
        return nv_error_set(&subhub->ctx->error, NAVE_ENOMEM, "no memory for tasks");
    if (!bulk) {
        nv_errand_begin(errand);
        return NAVE_OK;
    }
    errand->data = errand->large = aligned_alloc(64, (item->data_size + 63) / 64 * 64);
    return nv_comm_receive(subhub->ctx->comm, 0, NV_TO_SUBHUB, errand->data, item->data_size,
                           inputs_arrived, errand);
}

static void cancel_whole(struct nv_errand *errand)
{
    struct nv_control control = {.job = errand->id};
    if (errand->cancelled)
        return;
    errand->cancelled = true;
    if (errand->id == 0)
        return;
    nv_errand_note(errand->subhub, nv_subhub_spread(errand->subhub, NV_CANCEL, &control));
    errand->busy = true;
    nv_sched_cancel(errand->subhub->sched, errand->id, dropped, errand);
    errand->busy = false;
    nv_errand_check(errand);
}

/* A row of single tasks.  Of several rows in one errand only those that meet are dropped. */
static void cancel_row(struct nv_errand *errand, uint64_t first, uint64_t end)
{
    struct nv_control control = {.job = errand->id, .first = first, .count = end - first};
    uint64_t base = errand->run.first, last = base + errand->run.count;
    if (errand->skip == NULL)
        errand->skip = calloc(errand->run.count, sizeof *errand->skip);
    for (uint64_t i = first > base ? first : base; errand->skip != NULL && i < end && i < last; i++)
        errand->skip[i - base] = true;
    if (errand->id != 0)
        nv_errand_note(errand->subhub, nv_subhub_spread(errand->subhub, NV_CANCEL, &control));
}

static bool in_row(const struct nv_errand *errand, uint64_t task, const struct nv_control *row)
{
    return errand->run.job == row->job &&
           (row->count == 0 || (task >= row->first && task - row->first < row->count));
}

static bool overlaps(const struct nv_errand *errand, const struct nv_control *row)
{
    return errand->run.first < row->first + row->count &&
           row->first < errand->run.first + errand->run.count;
}

void nv_errands_cancel(struct nv_subhub *subhub, const struct nv_control *control)
{
    for (struct nv_errand *errand = subhub->errands; errand != NULL; errand = errand->next) {
        if (errand->run.job != control->job || errand->left == 0)
            continue;
        if (errand->eldest != NULL ? in_row(errand, errand->tree->root, control)
                                   : control->count == 0)
            cancel_whole(errand);
        else if (errand->eldest == NULL && overlaps(errand, control))
            cancel_row(errand, control->first, control->first + control->count);
    }
}

/* The hub's errand in which the row lies, when it is in the scheduler's hands. */
static struct nv_errand *errand_with(struct nv_subhub *subhub, const struct nv_control *row)
{
    struct nv_errand *errand = subhub->errands;
    while (errand != NULL && (errand->run.job != row->job || errand->eldest != NULL ||
                              errand->id == 0 || row->first + row->count <= errand->run.first ||
                              row->first + row->count > errand->run.first + errand->run.count))
        errand = errand->next;
    return errand;
}

/* Gives back what waits here.  Not the last spawned tasks of an errand that has grown a tree, which
 * nobody would wait for then. */
int nv_errand_recall(struct nv_subhub *subhub, const struct nv_control *row)
{
    struct nv_errand *errand = errand_with(subhub, row);
    struct nv_control control = *row;
    uint64_t end = row->first + row->count, first, got = 0;
    int rc;
    if (errand != NULL && (errand->trees == NULL || !(errand->run.flags & NV_CHILD))) {
        first = row->first > errand->run.first ? row->first : errand->run.first;
        got = nv_sched_withdraw(subhub->sched, errand->id, first - errand->run.first, end - first);
    }
    if (got > 0)
        nv_errand_leaving(errand, got);
    control.first = end - got;
    control.count = got;
    control.value = (int64_t)row->count;
    control.engine = subhub->ctx->rank;
    rc = nv_answers_control(&subhub->answers, NV_RETURNED, &control);
    if (got > 0)
        nv_errand_leave(errand, got);
    return rc == NAVE_OK ? nv_answers_post(&subhub->answers) : rc;
}

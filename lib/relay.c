/* relay - what engines answer to a sub-hub goes on to the hub: see errand.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "errand.h"

#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------------------------- answering the hub */

/* `engine` ran them; -1: several did. */
static int tell(struct nv_errand *errand, uint64_t root, int engine)
{
    struct nv_subhub *subhub = errand->subhub;
    struct nv_control control = {.job = errand->run.job,
                                 .first = root,
                                 .count = errand->grown,
                                 .value = (int64_t)nv_subhub_surplus(subhub),
                                 .engine = engine};
    if (errand->grown == 0)
        return NAVE_OK;
    errand->grown = 0;
    return nv_answers_control(&subhub->answers, NV_GREW, &control);
}

int nv_errands_tell(struct nv_subhub *subhub)
{
    struct nv_control control = {.value = (int64_t)nv_subhub_surplus(subhub),
                                 .engine = subhub->ctx->rank};
    int rc = NAVE_OK;
    for (struct nv_errand *errand = subhub->errands; errand != NULL && rc == NAVE_OK;
         errand = errand->next)
        rc = tell(errand, errand->run.first, -1);
    return rc == NAVE_OK ? nv_answers_control(&subhub->answers, NV_GREW, &control) : rc;
}

/* So many tasks of the errand are answered now, or gone.  What it has grown is told before the last
 * of them is. */
void nv_errand_leaving(struct nv_errand *errand, uint64_t count)
{
    if (errand->left == count && errand->eldest == NULL)
        nv_errand_note(errand->subhub, tell(errand, errand->run.first, -1));
}

void nv_errand_leave(struct nv_errand *errand, uint64_t count)
{
    errand->left -= count;
    nv_errand_check(errand);
}

/* A large result on its way to the hub. */
struct passing {
    struct nv_subhub *subhub;
    void *data;
    size_t size;
};

static void passed(void *arg, bool whole)
{
    struct passing *passing = arg;
    (void)whole; /* where there are sub-hubs nobody is forgotten */
    passing->subhub->bulk -= passing->size;
    free(passing->data);
    free(passing);
}

static int pass_large(struct nv_subhub *subhub, const void *data, size_t size)
{
    struct passing *passing = malloc(sizeof *passing);
    if (passing == NULL)
        return nv_error_set(&subhub->ctx->error, NAVE_ENOMEM, "no memory for a result");
    *passing = (struct passing){subhub, (void *)(uintptr_t)data, size};
    return nv_comm_send(subhub->ctx->comm, 0, NV_FROM_SUBHUB, data, size, passed, passing);
}

static int add_answer(struct nv_errand *errand, const struct nv_item *item)
{
    struct nv_answers *answers = &errand->subhub->answers;
    struct nv_item own = *item;
    int rc;
    switch (item->kind) {
    case NV_RESULTS:
        own.results.job = errand->run.job;
        return nv_answers_row(answers, &own.results, item->nanoseconds, item->data);
    case NV_RESULT:
        own.result.job = errand->run.job;
        rc = nv_answers_result(answers, &own.result, item->extra, item->data);
        if (rc == NAVE_OK && own.result.flags & NV_BULK)
            rc = pass_large(errand->subhub, item->data, item->data_size);
        return rc;
    default:
        own.control.job = errand->run.job;
        return nv_answers_control(answers, NV_DROPPED, &own.control);
    }
}

/* First task and number of an answer. */
static uint64_t first_of(const struct nv_item *item)
{
    return item->kind == NV_RESULTS  ? item->results.first
           : item->kind == NV_RESULT ? item->result.index
                                     : item->control.first;
}

static uint64_t count_of(const struct nv_item *item)
{
    return item->kind == NV_RESULTS  ? item->results.count
           : item->kind == NV_RESULT ? 1
                                     : item->control.count;
}

/* To the hub. */
static void emit(struct nv_errand *errand, const struct nv_item *item)
{
    uint64_t count = count_of(item);
    nv_errand_leaving(errand, count);
    nv_errand_note(errand->subhub, add_answer(errand, item));
    nv_errand_leave(errand, count);
}

/* Some tasks of an answer. */
static struct nv_item cut(const struct nv_item *item, uint64_t from, uint64_t count)
{
    struct nv_item part = *item;
    if (item->kind == NV_DROPPED) {
        part.control.first += from;
        part.control.count = count;
    } else if (item->kind == NV_RESULTS) {
        for (uint64_t i = 0; i < from; i++)
            part.results.started += item->nanoseconds[i] * 1e-9;
        part.results.first += from;
        part.results.count = (uint32_t)count;
        part.nanoseconds += from;
        part.data_size = (size_t)(count * item->results.size);
        part.data = (const char *)item->data + from * item->results.size;
    }
    return part;
}

/* The answer of a root waits until its tree is done. */
static void keep(struct nv_errand *errand, struct nv_tree *tree, const struct nv_item *item)
{
    bool bulk = item->kind == NV_RESULT && item->result.flags & NV_BULK;
    size_t extra = item->kind == NV_RESULT    ? nv_frame_text_size(&item->result)
                   : item->kind == NV_RESULTS ? sizeof *item->nanoseconds
                                              : 0;
    size_t size = item->kind == NV_DROPPED || bulk ? 0 : item->data_size;
    const void *from = item->kind == NV_RESULTS ? (const void *)item->nanoseconds : item->extra;
    struct nv_kept *kept = malloc(sizeof *kept + nv_align(extra) + size);
    if (kept == NULL) {
        nv_errand_note(errand->subhub, nv_error_set(&errand->subhub->ctx->error, NAVE_ENOMEM,
                                                    "no memory for a result"));
        return;
    }
    kept->item = *item;
    if (extra > 0)
        memcpy(kept->bytes, from, extra);
    if (size > 0)
        memcpy(kept->bytes + nv_align(extra), item->data, size);
    kept->item.extra = kept->bytes;
    kept->item.nanoseconds = (const uint32_t *)(const void *)kept->bytes;
    if (!bulk)
        kept->item.data = kept->bytes + nv_align(extra);
    tree->kept = kept;
}

/* The first of the tasks [first, end) whose answer must wait; `end`: none.  Of spawned tasks that
 * the hub gave it does not matter which, so it is the last one that is left. */
static uint64_t first_kept(const struct nv_errand *errand, uint64_t first, uint64_t end,
                           struct nv_tree **which)
{
    uint64_t best = end;
    *which = errand->trees;
    if (errand->trees != NULL && errand->run.flags & NV_CHILD)
        return errand->left == end - first ? end - 1 : end;
    for (struct nv_tree *tree = errand->trees; tree != NULL; tree = tree->next)
        if (tree->root >= first && tree->root < best) {
            best = tree->root;
            *which = tree;
        }
    return best;
}

static void pass(struct nv_errand *errand, const struct nv_item *item)
{
    uint64_t begin = first_of(item), first = begin, end = begin + count_of(item);
    while (first < end) {
        struct nv_tree *tree;
        uint64_t wait = first_kept(errand, first, end, &tree);
        struct nv_item part = cut(item, first - begin, wait - first);
        if (wait > first)
            emit(errand, &part);
        if (wait < end) {
            part = cut(item, wait - begin, 1);
            keep(errand, tree, &part);
        }
        first = wait + 1;
    }
}

/* ---------------------------------------------------------------------------------------- trees */

/* So many tasks that descend from one of the errand's were run.  Where each task has a future of its
 * own, the hub hears of it with that task's number; of a fold, with the engine's, which takes part
 * in the reduction then. */
static void count_grown(struct nv_errand *errand, uint64_t root, uint64_t count, int engine)
{
    struct nv_subhub *subhub = errand->subhub;
    errand->grown += count;
    subhub->news = true;
    if (errand->run.flags & (NV_SINGLES | NV_FOLD))
        nv_errand_note(subhub, tell(errand, root, engine));
}

void nv_errand_leave_tree(struct nv_errand *child)
{
    struct nv_errand *eldest = child->eldest;
    struct nv_tree **place = &eldest->trees, *tree = child->tree;
    if (--tree->children > 0)
        return;
    while (*place != tree)
        place = &(*place)->next;
    *place = tree->next;
    if (tree->kept != NULL)
        emit(eldest, &tree->kept->item);
    free(tree->kept);
    free(tree);
}

static struct nv_tree *tree_of(struct nv_errand *eldest, uint64_t root)
{
    struct nv_tree *tree = eldest->trees;
    while (tree != NULL && tree->root != root && !(eldest->run.flags & NV_CHILD))
        tree = tree->next;
    if (tree != NULL)
        return tree;
    tree = calloc(1, sizeof *tree);
    if (tree == NULL)
        return NULL;
    tree->root = root;
    tree->next = eldest->trees;
    eldest->trees = tree;
    return tree;
}

/* The task of the hub's from which a task of the errand descends. */
static uint64_t root_of(const struct nv_errand *errand, uint64_t index)
{
    if (errand->eldest != NULL)
        return errand->tree->root;
    return errand->run.flags & NV_CHILD ? errand->run.root : index;
}

static int grow_here(struct nv_errand *eldest, uint64_t root, const struct nv_item *item)
{
    struct nv_subhub *subhub = eldest->subhub;
    struct nv_tree *tree = tree_of(eldest, root);
    struct nv_errand *child = NULL;
    struct nv_run run = item->run;
    run.job = eldest->run.job;
    run.first = 0;
    run.flags = NV_CHILD | NV_UNTIMED | (eldest->run.flags & NV_FOLD);
    run.extra_size = eldest->run.extra_size;
    run.parent = eldest->run.parent;
    run.root = eldest->run.flags & NV_SINGLES ? 0 : root;
    if (tree != NULL)
        child = nv_errand_new(subhub, &run, eldest->extra, item->data, item->data_size);
    if (child == NULL)
        return nv_error_set(&subhub->ctx->error, NAVE_ENOMEM, "no memory for spawned tasks");
    child->eldest = eldest;
    child->tree = tree;
    tree->children++;
    nv_errand_begin(child);
    return NAVE_OK;
}

/* Where the hub asked for some and nobody here has nothing to do, or not all can run them, they go
 * up. */
int nv_errand_surplus(struct nv_subhub *subhub, const struct nv_item *item)
{
    struct nv_errand *errand = nv_sched_owner(subhub->sched, item->run.job);
    struct nv_run run = item->run;
    struct nv_errand *eldest;
    if (errand == NULL || item->run.kernel >= subhub->ctx->kernels.count)
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE, "spawned tasks of nothing");
    eldest = errand->eldest != NULL ? errand->eldest : errand;
    if (eldest->cancelled || errand->cancelled)
        return NAVE_OK;
    if (subhub->everywhere[run.kernel] && !(subhub->promised && !nv_subhub_idle(subhub)))
        return grow_here(eldest, root_of(errand, run.root), item);
    run.job = eldest->run.job;
    run.root = root_of(errand, run.root);
    return nv_answers_surplus(&subhub->answers, &run, "", item->data);
}

void nv_errand_grew(struct nv_subhub *subhub, const struct nv_control *control)
{
    struct nv_errand *errand = nv_sched_owner(subhub->sched, control->job);
    subhub->news = true;
    if (errand != NULL)
        count_grown(errand->eldest != NULL ? errand->eldest : errand,
                    root_of(errand, control->first), control->count, control->engine);
}

/* --------------------------------------------------------------------- answers of the engines */

/* A spawned task has failed; nobody waits for its answer. */
static void pass_stray(struct nv_errand *errand, const struct nv_item *item)
{
    struct nv_result result = item->result;
    result.job = errand->run.job;
    result.index = root_of(errand, result.index);
    result.flags = NV_STRAY;
    result.size = 0;
    nv_errand_note(errand->subhub,
                   nv_answers_result(&errand->subhub->answers, &result, item->extra, NULL));
}

void nv_errand_settle(struct nv_errand *errand, const struct nv_item *item)
{
    if (errand->eldest == NULL) {
        pass(errand, item);
        return;
    }
    if (item->kind == NV_RESULT && item->result.code != 0)
        pass_stray(errand, item);
    if (item->kind != NV_DROPPED)
        count_grown(errand->eldest, errand->tree->root, count_of(item),
                    item->kind == NV_RESULT ? item->result.engine : item->results.engine);
    nv_errand_leave(errand, count_of(item));
}

/* A large result that comes from an engine. */
struct coming {
    struct nv_errand *errand;
    struct nv_item item;
};

static void arrived(void *arg, bool whole)
{
    struct coming *coming = arg;
    struct nv_errand *errand = coming->errand;
    (void)whole; /* where there are sub-hubs nobody is forgotten */
    if (coming->item.data == NULL)
        errand->subhub->bulk -= coming->item.data_size;
    if (coming->item.data == NULL && errand->eldest == NULL) {
        static const char why[] = "there is no memory for the result on the sub-hub";
        coming->item.result.code = NAVE_ENOMEM;
        coming->item.result.flags = 0;
        coming->item.result.size = coming->item.data_size = 0;
        coming->item.result.message_size = sizeof why - 1;
        coming->item.extra = why;
    }
    nv_errand_settle(errand, &coming->item);
    free(coming);
}

/* It is received as a whole, then sent on; of a child nobody wants it. */
static int receive_large(struct nv_errand *errand, int source, const struct nv_item *item)
{
    struct nv_subhub *subhub = errand->subhub;
    struct coming *coming = malloc(sizeof *coming);
    void *data = errand->eldest == NULL ? malloc(item->data_size) : NULL;
    if (coming == NULL) {
        free(data);
        return nv_error_set(&subhub->ctx->error, NAVE_ENOMEM, "no memory for a result");
    }
    *coming = (struct coming){errand, *item};
    coming->item.data = data;
    coming->item.extra = "";
    coming->item.result.message_size = 0;
    subhub->bulk += item->data_size;
    return nv_comm_receive(subhub->ctx->comm, source, NV_TO_HUB, data, item->data_size, arrived,
                           coming);
}

static double seconds_of(const struct nv_item *item)
{
    uint64_t total = 0;
    if (item->kind == NV_DROPPED)
        return -1;
    if (item->kind == NV_RESULT)
        return item->result.ended - item->result.started;
    for (uint32_t i = 0; i < item->results.count; i++)
        total += item->nanoseconds[i];
    return (double)total * 1e-9;
}

static uint64_t job_of(const struct nv_item *item)
{
    return item->kind == NV_RESULTS  ? item->results.job
           : item->kind == NV_RESULT ? item->result.job
                                     : item->control.job;
}

int nv_errand_answer(struct nv_subhub *subhub, int source, const struct nv_item *item)
{
    struct nv_errand *errand = nv_sched_owner(subhub->sched, job_of(item));
    uint64_t first = first_of(item);
    if (errand != NULL && item->kind == NV_RESULT && item->result.flags & NV_STRAY) {
        pass_stray(errand, item);
        return NAVE_OK;
    }
    if (errand == NULL || first < errand->run.first ||
        !nv_sched_done(subhub->sched, source, errand->id, first - errand->run.first, count_of(item),
                       seconds_of(item)))
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE,
                            "rank %d answered tasks that it did not have", source);
    if (item->kind == NV_RESULT && item->result.flags & NV_BULK)
        return receive_large(errand, source, item);
    nv_errand_settle(errand, item);
    return NAVE_OK;
}

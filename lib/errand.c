/* errand - see errand.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "errand.h"

#include <stdlib.h>
#include <string.h>

enum {
    TRANSFER_BYTES = 4 << 20, /* of inputs in a transfer, about */
    PARTS_EACH = 4            /* chunks of a run for each engine */
};

/* What one task of an errand has grown in this group. */
struct nv_tree {
    struct nv_tree *next;
    uint64_t root;     /* that task */
    uint64_t children; /* errands that are not done */
    struct kept *kept; /* its answer, or NULL */
};

/* The answer of one task. */
struct kept {
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
    uint64_t id;              /* for the scheduler and the engines; 0: the inputs are on their way */
    uint64_t left;
    uint64_t grown;                /* spawned tasks that were run and not told of */
    size_t sending;                /* transfers of inputs */
    uint64_t skip_first, skip_end; /* cancelled indices */
    bool cancelled;                /* as a whole */
    bool busy;                     /* must not end now */
    unsigned char *large;          /* the inputs' memory, when they are not behind this struct */
    unsigned char *data, *extra;
};

/* Where no caller could hear of it. */
static void note(struct nv_subhub *subhub, int rc)
{
    if (subhub->rc == NAVE_OK)
        subhub->rc = rc;
}

/* ----------------------------------------------------------------------------------- start, end */

static struct nv_errand *errand_new(struct nv_subhub *subhub, const struct nv_run *run,
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
static void begin(struct nv_errand *errand)
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
        note(subhub, nv_error_set(&subhub->ctx->error, NAVE_ENOMEM, "no memory for tasks"));
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
        struct kept *kept = tree->kept;
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
        unlink_errand(errand);
        errand_free(errand);
    }
}

static void leave_tree(struct nv_errand *child);

/* Ends it, if it is done.  (The list still leads on from it for whoever walks along.) */
static void check_end(struct nv_errand *errand)
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
        leave_tree(errand);
}

/* ----------------------------------------------------------------------------- answering the hub */

static int tell(struct nv_errand *errand)
{
    struct nv_subhub *subhub = errand->subhub;
    struct nv_control control = {.job = errand->run.job,
                                 .count = errand->grown,
                                 .value = (int64_t)nv_subhub_surplus(subhub),
                                 .engine = subhub->ctx->rank};
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
        rc = tell(errand);
    return rc == NAVE_OK ? nv_answers_control(&subhub->answers, NV_GREW, &control) : rc;
}

/* So many tasks of the errand are answered now, or gone.  What it has grown is told before the last
 * of them is. */
static void before_leaving(struct nv_errand *errand, uint64_t count)
{
    if (errand->left == count && errand->eldest == NULL)
        note(errand->subhub, tell(errand));
}

static void leave(struct nv_errand *errand, uint64_t count)
{
    errand->left -= count;
    check_end(errand);
}

/* A large result on its way to the hub. */
struct passing {
    struct nv_subhub *subhub;
    void *data;
    size_t size;
};

static void passed(void *arg)
{
    struct passing *passing = arg;
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
    before_leaving(errand, count);
    note(errand->subhub, add_answer(errand, item));
    leave(errand, count);
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
    size_t extra = item->kind == NV_RESULT    ? item->result.message_size
                   : item->kind == NV_RESULTS ? sizeof *item->nanoseconds
                                              : 0;
    size_t size = item->kind == NV_DROPPED || bulk ? 0 : item->data_size;
    const void *from = item->kind == NV_RESULTS ? (const void *)item->nanoseconds : item->extra;
    struct kept *kept = malloc(sizeof *kept + nv_align(extra) + size);
    if (kept == NULL) {
        note(errand->subhub,
             nv_error_set(&errand->subhub->ctx->error, NAVE_ENOMEM, "no memory for a result"));
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

static void leave_tree(struct nv_errand *child)
{
    struct nv_errand *eldest = child->eldest;
    struct nv_tree **place = &eldest->trees, *tree = child->tree;
    eldest->grown += child->run.count;
    child->subhub->news = true;
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
        child = errand_new(subhub, &run, eldest->extra, item->data, item->data_size);
    if (child == NULL)
        return nv_error_set(&subhub->ctx->error, NAVE_ENOMEM, "no memory for spawned tasks");
    child->eldest = eldest;
    child->tree = tree;
    tree->children++;
    begin(child);
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

void nv_errand_grew(struct nv_subhub *subhub, uint64_t id, uint64_t count)
{
    struct nv_errand *errand = nv_sched_owner(subhub->sched, id);
    subhub->news = true;
    if (errand == NULL)
        return;
    if (errand->eldest != NULL)
        errand = errand->eldest;
    errand->grown += count;
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
    note(errand->subhub,
         nv_answers_result(&errand->subhub->answers, &result, item->extra, NULL));
}

static void settle(struct nv_errand *errand, const struct nv_item *item)
{
    if (errand->eldest == NULL) {
        pass(errand, item);
        return;
    }
    if (item->kind == NV_RESULT && item->result.code != 0)
        pass_stray(errand, item);
    leave(errand, count_of(item));
}

/* A large result that comes from an engine. */
struct coming {
    struct nv_errand *errand;
    struct nv_item item;
};

static void arrived(void *arg)
{
    struct coming *coming = arg;
    struct nv_errand *errand = coming->errand;
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
    settle(errand, &coming->item);
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
        !nv_sched_done(subhub->sched, source, errand->id, first - errand->run.first,
                       count_of(item), seconds_of(item)))
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE,
                            "rank %d answered tasks that it did not have", source);
    if (item->kind == NV_RESULT && item->result.flags & NV_BULK)
        return receive_large(errand, source, item);
    settle(errand, item);
    return NAVE_OK;
}

int nv_errand_returned(struct nv_subhub *subhub, int source, const struct nv_control *control)
{
    const struct nv_errand *errand = nv_sched_owner(subhub->sched, control->job);
    uint64_t base = errand != NULL ? errand->run.first : 0, asked = (uint64_t)control->value;
    uint64_t first = control->first - base;
    if (!nv_sched_returned(subhub->sched, source, control->job, first, control->count,
                           first + control->count - asked, asked))
        return nv_error_set(&subhub->ctx->error, NAVE_EWIRE,
                            "rank %d gave back what it was not asked for", source);
    return NAVE_OK;
}

int nv_errand_ask_back(struct nv_subhub *subhub, const struct nv_send *row)
{
    const struct nv_errand *errand = nv_sched_owner(subhub->sched, row->job);
    struct nv_control control = {
        .job = row->job, .first = errand->run.first + row->first, .count = row->count};
    return nv_outbox_control(&subhub->outbox, row->engine, NV_RECALL, &control, NULL);
}

/* ------------------------------------------------------------------------------ to the engines */

static void input_sent(void *arg)
{
    struct nv_errand *errand = arg;
    errand->sending--;
    check_end(errand);
}

int nv_errand_send(struct nv_subhub *subhub, const struct nv_send *send)
{
    struct nv_errand *errand = nv_sched_owner(subhub->sched, send->job);
    struct nv_run run = errand->run;
    bool shared = (run.flags & NV_SHARED) != 0, bulk;
    size_t size = (size_t)run.in_size * (shared ? 1 : (size_t)send->count);
    const unsigned char *data = errand->data + (shared ? 0 : send->first * run.in_size);
    uint64_t skip, end;
    int rc;
    run.job = errand->id;
    run.first += send->first;
    run.count = (uint32_t)send->count;
    run.flags &= ~(uint32_t)NV_BULK;
    rc = nv_outbox_run(&subhub->outbox, send->engine, &run, errand->extra, data, size, input_sent,
                       errand, &bulk);
    errand->sending += bulk;
    nv_sched_weigh(subhub->sched, send, size);
    skip = errand->skip_first > run.first ? errand->skip_first : run.first;
    end = errand->skip_end < run.first + run.count ? errand->skip_end : run.first + run.count;
    if (rc == NAVE_OK && skip < end)
        rc = nv_outbox_control(
            &subhub->outbox, send->engine, NV_CANCEL,
            &(struct nv_control){.job = errand->id, .first = skip, .count = end - skip}, NULL);
    return rc;
}

/* --------------------------------------------------------------------------------- from the hub */

static void drop_row(struct nv_errand *errand, uint64_t first, uint64_t count)
{
    struct nv_item item = {.kind = NV_DROPPED,
                           .control = {.first = errand->run.first + first,
                                       .count = count,
                                       .engine = errand->subhub->ctx->rank}};
    settle(errand, &item);
}

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
        settle(errand, &item);
    }
}

static void inputs_arrived(void *arg)
{
    struct nv_errand *errand = arg;
    if (errand->cancelled)
        drop_row(errand, 0, errand->run.count);
    else if (errand->large == NULL)
        fail_all(errand);
    else
        begin(errand);
}

int nv_errand_take(struct nv_subhub *subhub, const struct nv_item *item)
{
    bool bulk = (item->run.flags & NV_BULK) != 0;
    struct nv_errand *errand = errand_new(subhub, &item->run, item->extra, item->data,
                                          bulk ? 0 : item->data_size);
    if (errand == NULL)
        return nv_error_set(&subhub->ctx->error, NAVE_ENOMEM, "no memory for tasks");
    if (!bulk) {
        begin(errand);
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
    note(errand->subhub, nv_subhub_spread(errand->subhub, NV_CANCEL, &control));
    errand->busy = true;
    nv_sched_cancel(errand->subhub->sched, errand->id, dropped, errand);
    errand->busy = false;
    check_end(errand);
}

/* A row of single tasks.  Of several rows in one errand only those that meet are dropped. */
static void cancel_row(struct nv_errand *errand, uint64_t first, uint64_t end)
{
    struct nv_control control = {.job = errand->id, .first = first, .count = end - first};
    if (first > errand->skip_end || end < errand->skip_first || errand->skip_end == 0) {
        errand->skip_first = first;
        errand->skip_end = end;
    } else {
        errand->skip_first = first < errand->skip_first ? first : errand->skip_first;
        errand->skip_end = end > errand->skip_end ? end : errand->skip_end;
    }
    if (errand->id != 0)
        note(errand->subhub, nv_subhub_spread(errand->subhub, NV_CANCEL, &control));
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
        if (errand->eldest != NULL && in_row(errand, errand->tree->root, control))
            cancel_whole(errand);
        else if (errand->eldest == NULL && control->count == 0)
            cancel_whole(errand);
        else if (errand->eldest == NULL && overlaps(errand, control))
            cancel_row(errand, control->first, control->first + control->count);
    }
}

/* The hub's errand in which the row lies, when it is in the scheduler's hands. */
static struct nv_errand *errand_with(struct nv_subhub *subhub, const struct nv_control *row)
{
    struct nv_errand *errand = subhub->errands;
    while (errand != NULL &&
           (errand->run.job != row->job || errand->eldest != NULL || errand->id == 0 ||
            row->first + row->count <= errand->run.first ||
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
        before_leaving(errand, got);
    control.first = end - got;
    control.count = got;
    control.value = (int64_t)row->count;
    control.engine = subhub->ctx->rank;
    rc = nv_answers_control(&subhub->answers, NV_RETURNED, &control);
    if (got > 0)
        leave(errand, got);
    return rc == NAVE_OK ? nv_answers_post(&subhub->answers) : rc;
}

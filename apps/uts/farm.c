#include "farm.h"

#include <stdlib.h>
#include <string.h>

/* Design notes
 *
 * Nodes and leaves are sums, and come home as such. The depth is a maximum, for which spawned tasks
 * have no reduction: each engine keeps its own and is asked for it afterwards, and for its share of
 * the work at the same time.
 *
 * What a task leaves on its stack goes to two further tasks, dealt out like cards, so that each
 * gets shallow nodes and deep ones: most of the tree hangs on the shallow ones. As a task that is
 * not at its end has looked at `grain` nodes, and makes two, the mean is half a grain at least: the
 * many nodes with next to nothing below them do not become tasks of their own. */

enum {
    INPUT_NODES = 16 * 1024 / sizeof(uts_node), /* all that nave_spawn() takes */
    HALVES = 2
};

enum { NODES, LEAVES, SUMS };

/* ---- kernels ---- */

static const char NODE[] = "uts.node", SHARE[] = "uts.share";

/* In how many tasks `held` nodes go: a grain of one means a task for every node. */
static size_t count_pieces(size_t held, uint64_t grain)
{
    size_t most = grain < INPUT_NODES ? (size_t)grain : INPUT_NODES;
    size_t pieces = (held + most - 1) / most;

    return held > 1 && pieces < HALVES ? HALVES : pieces;
}

static int spawn_rest(nave_task *task, uts_search *search, uint64_t grain)
{
    size_t pieces = count_pieces(search->held, grain);
    uts_node hand[INPUT_NODES];
    int rc = NAVE_OK;

    for (size_t piece = 0; piece < pieces && rc == NAVE_OK; piece++) {
        size_t n = 0;
        for (size_t i = piece; i < search->held; i += pieces)
            hand[n++] = search->stack[i];
        rc = nave_spawn(task, NODE, hand, n * sizeof *hand);
    }
    search->held = 0;
    return rc == NAVE_OK ? 0 : nave_fail(task, "cannot spawn: %s", nave_strerror(rc));
}

static int search_nodes(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uts_worker *worker = nave_task_user(task);
    uts_search *search = &worker->search;
    uts_count before = search->count;
    uint64_t *sums = out;
    (void)out_size;

    search->held = 0;
    if (uts_search_add(search, in, in_size / sizeof(uts_node)) < 0 ||
        uts_search_run(search, worker->grain) < 0)
        return nave_fail(task, "%s", nave_strerror(NAVE_ENOMEM));
    worker->tasks++;
    sums[NODES] += search->count.nodes - before.nodes;
    sums[LEAVES] += search->count.leaves - before.leaves;
    return spawn_rest(task, search, worker->grain);
}

static int tell_share(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    const uts_worker *worker = nave_task_user(task);
    uts_share share = {worker->search.count, worker->tasks};
    (void)in, (void)in_size;

    memcpy(out, &share, out_size);
    return 0;
}

const nave_kernel uts_kernels[UTS_KERNELS] = {{NODE, search_nodes, NAVE_ACCUMULATES, NULL},
                                              {SHARE, tell_share, 0, NULL}};

void uts_worker_init(uts_worker *worker, const uts_rule *rule, uint64_t grain)
{
    *worker = (uts_worker){.grain = grain};
    uts_search_init(&worker->search, rule);
}

void uts_worker_release(uts_worker *worker)
{
    uts_search_release(&worker->search);
}

/* ---- the hub ---- */

static int search_tree(nave *ctx, const uts_rule *rule, uts_result *result)
{
    uint64_t sums[SUMS] = {0};
    double begun;
    nave_view *farm;
    uts_node root;
    int rc = nave_balanced(ctx, NULL, &farm);

    if (rc != NAVE_OK)
        return rc;
    uts_rule_root(rule, &root);
    begun = uts_clock();
    rc = nave_map_reduce(farm, NODE, &root, sizeof root, 1, sums, SUMS, MPI_UINT64_T, MPI_SUM);
    result->seconds = uts_clock() - begun;
    result->count.nodes = sums[NODES];
    result->count.leaves = sums[LEAVES];
    nave_view_free(farm);
    return rc;
}

static int take_shares(nave_future *future, uts_result *result)
{
    int rc = NAVE_OK;

    for (int i = 0; i < result->engines && rc == NAVE_OK; i++) {
        const void *data;
        uts_share *share = &result->shares[i];
        rc = nave_result(future, (size_t)i, &data, NULL);
        if (rc == NAVE_OK)
            memcpy(share, data, sizeof *share);
        if (share->count.depth > result->count.depth)
            result->count.depth = share->count.depth;
        result->tasks += share->tasks;
    }
    return rc;
}

static int ask_shares(nave *ctx, uts_result *result)
{
    nave_future *future = NULL;
    nave_view *all;
    int rc = nave_direct(ctx, NULL, 0, &all);

    if (rc != NAVE_OK)
        return rc;
    rc = nave_apply(all, SHARE, NULL, 0, sizeof *result->shares, &future);
    if (rc == NAVE_OK)
        rc = take_shares(future, result);
    nave_future_free(future);
    nave_view_free(all);
    return rc;
}

int uts_farm_run(nave *ctx, const uts_rule *rule, uts_result *result)
{
    int rc;

    *result = (uts_result){.ranks = nave_size(ctx), .engines = nave_engine_count(ctx)};
    result->shares = calloc((size_t)result->engines, sizeof *result->shares);
    if (result->shares == NULL)
        return NAVE_ENOMEM;
    rc = search_tree(ctx, rule, result);
    return rc == NAVE_OK ? ask_shares(ctx, result) : rc;
}

/* subhub - farms with two levels: whatever goes through a sub-hub ends as it does without.
 * ranks: 4 16
 * timeout: 240
 *
 * Every test is run without sub-hubs and with groups of several sizes, or of the size that
 * NAVE_TEST_GROUP says; test/hosts.sh runs them over several hosts.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include "comm.h"

#include <math.h>

/* ---------------------------------------------------------- what this rank sends, by lane (PMPI) */

static unsigned long sent[2 * NV_LANES + 1];

int MPI_Isend(const void *data, int count, MPI_Datatype type, int rank, int tag, MPI_Comm mpi,
              MPI_Request *request)
{
    if (tag >= 0 && tag < 2 * NV_LANES)
        sent[tag]++;
    return PMPI_Isend(data, count, type, rank, tag, mpi, request);
}

/* --------------------------------------------------------------------------------------- kernels */

static int square(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    const double *x = in;
    (void)in_size;
    *(double *)out = out_size == sizeof *x ? *x * *x : 0;
    return nave_task_index(task) < SIZE_MAX ? 0 : 1;
}

static int where(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int engine = nave_task_engine(task);
    (void)in, (void)in_size, (void)out_size;
    ranks_sleep(200e-6);
    memcpy(out, &engine, sizeof engine);
    return 0;
}

/* Fails where the input says so. */
static int picky(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    const uint32_t *x = in;
    (void)in_size, (void)out_size;
    *(uint32_t *)out = ~*x;
    if (*x % 7 == 3)
        return nave_fail(task, "%u is not wanted", *x % 21);
    return *x % 11 == 5 ? 9 : 0;
}

/* The input again, as a result of its own size. */
static int echo(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    void *output = nave_output(task, in_size);
    (void)out, (void)out_size;
    if (output != NULL && in_size > 0)
        memcpy(output, in, in_size);
    return 0;
}

static int nap(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    for (int i = 0; i < 20 && !nave_cancelled(task); i++)
        ranks_sleep(1e-3);
    return 0;
}

/* A tree: a node of height h has `width` children of height h-1; leaves fail when told to. */
struct node {
    uint16_t height, width, fails, index;
};

static int grow(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct node node;
    uint64_t one = 1;
    int rc = 0;
    if (in_size != sizeof node)
        return 2;
    memcpy(&node, in, sizeof node);
    if (out_size == sizeof one)
        memcpy(out, &one, sizeof one);
    if (nave_task_index(task) != node.index)
        return nave_fail(task, "task %zu, not %u", nave_task_index(task), (unsigned)node.index);
    if (node.height == 0 && node.fails)
        return nave_fail(task, "a dry leaf");
    for (int i = 0; i < node.width && node.height > 0 && rc == 0; i++) {
        struct node child = node;
        child.height--;
        rc = nave_spawn(task, "grow", &child, sizeof child);
    }
    return rc;
}

static uint64_t nodes_of(const struct node *node)
{
    uint64_t nodes = 1, level = 1;
    for (int h = node->height; h > 0; h--) {
        level *= node->width;
        nodes += level;
    }
    return nodes;
}

static void term(size_t index, double *to, size_t n)
{
    uint64_t state = index;
    for (size_t i = 0; i < n; i++)
        to[i] = ldexp((double)(ranks_random(&state) >> 11), (int)(index % 40) - 20);
}

enum { TERMS = 3, TERMS_LARGE = 4000 };

static int terms(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size;
    term(nave_task_index(task), out, out_size / sizeof(double));
    return 0;
}

static int add_terms(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    double some[TERMS], *sum = out;
    (void)in, (void)in_size;
    if (out_size != sizeof some)
        return 1;
    term(nave_task_index(task), some, TERMS);
    for (int i = 0; i < TERMS; i++)
        sum[i] += some[i];
    return 0;
}

static int bits(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t state = nave_task_index(task);
    (void)in, (void)in_size;
    for (size_t i = 0; i < out_size / sizeof state; i++)
        ((uint64_t *)out)[i] = ranks_random(&state);
    return 0;
}

static int bump(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    size_t size = 0;
    int *counter = nave_object(task, "counter", &size);
    (void)in, (void)in_size;
    if (counter == NULL || size != sizeof *counter || out_size != sizeof *counter)
        return nave_fail(task, "no counter");
    *(int *)out = ++*counter;
    return 0;
}

static int loner(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    return where(task, in, in_size, out, out_size);
}

static const nave_kernel kernels[] = {NAVE_KERNEL(square),
                                      NAVE_KERNEL(where),
                                      NAVE_KERNEL(picky),
                                      NAVE_KERNEL(echo),
                                      NAVE_KERNEL(nap),
                                      NAVE_KERNEL(grow),
                                      NAVE_KERNEL(terms),
                                      {"add_terms", add_terms, 1, NULL},
                                      NAVE_KERNEL(bits),
                                      NAVE_KERNEL(bump),
                                      {"loner", loner, NAVE_NOT_ON_HUB, NULL}};
enum { KERNELS = 10 /* without the last */ };

/* ---------------------------------------------------------------------------------- each farm */

static const int groups[] = {-1, 2, 3, 4, 16};
static int group; /* of the farm that is open */

static void each_farm(void (*hub)(nave *ctx))
{
    const char *only = getenv("NAVE_TEST_GROUP");
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
        if (only != NULL && groups[i] > 0 && groups[i] != strtol(only, NULL, 10))
            continue;
        nave_options opt = {.kernels = kernels, .kernel_count = KERNELS, .group = groups[i]};
        group = groups[i];
        memset(sent, 0, sizeof sent);
        ranks_farm(&opt, hub);
    }
}

/* The sub-hub that rank r should have: the first of its group, which are neighbours on one host. */
static int leader_of(const nave *ctx, int r)
{
    int before = 0, leader = 0, members = 0;
    for (int q = 0; q < r; q++)
        before += strcmp(nave_host(ctx, q), nave_host(ctx, r)) == 0;
    for (int q = 0, place = 0; q < ranks.size && group > 0; q++) {
        if (strcmp(nave_host(ctx, q), nave_host(ctx, r)) != 0)
            continue;
        if (place == before / group * group)
            leader = q;
        members += place / group == before / group;
        place++;
    }
    return members > 1 ? leader : 0;
}

static bool has_subhubs(const nave *ctx)
{
    for (int r = 1; r < ranks.size; r++)
        if (leader_of(ctx, r) > 0)
            return true;
    return false;
}

/* --------------------------------------------------------------------------------------- places */

static void hub_places(nave *ctx)
{
    const nave_place *places;
    size_t n;
    NEED_OK(nave_topo(ctx, &places, &n));
    NEED(n == (size_t)ranks.size);
    for (int r = 0; r < ranks.size; r++) {
        CHECK(places[r].subhub == leader_of(ctx, r));
        CHECK(places[r].engine == 1);
    }
}

static void test_places(void **state)
{
    (void)state;
    each_farm(hub_places);
}

/* ------------------------------------------------------------------------------------------ maps */

static void hub_map(nave *ctx)
{
    enum { N = 50000 };
    static double x[N], y[N];
    nave_view *view;
    nave_policy fifo = {.policy = "fifo"};
    for (int i = 0; i < N; i++)
        x[i] = i - 7.5;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    memset(y, 0, sizeof y);
    NEED_OK(nave_map(view, "square", x, sizeof *x, y, sizeof *y, N));
    for (int i = 0; i < N; i++)
        NEED(ranks_same(y[i], x[i] * x[i]));
    CHECK((sent[NV_TO_SUBHUB] > 0) == has_subhubs(ctx));
    nave_view_free(view);
    NEED_OK(nave_balanced(ctx, &fifo, &view));
    memset(y, 0, sizeof y);
    NEED_OK(nave_map(view, "square", x, sizeof *x, y, sizeof *y, 500));
    for (int i = 0; i < 500; i++)
        NEED(ranks_same(y[i], x[i] * x[i]));
    nave_view_free(view);
}

/* Every engine gets some, and the records know who ran what. */
static void hub_where(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    int tasks = 40 * ranks.size;
    unsigned char seen[64] = {0};
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "where", NULL, 0, NULL, sizeof(int), (size_t)tasks, &future));
    NEED_OK(nave_wait(future, -1));
    for (int i = 0; i < tasks; i++) {
        nave_record record;
        NEED_OK(nave_task_record(future, (size_t)i, &record));
        NEED(record.size == sizeof(int) && record.engine >= 0 && record.engine < ranks.size);
        NEED(memcmp(record.data, &record.engine, sizeof(int)) == 0);
        NEED(record.started >= record.submitted - 1 && record.ended >= record.started);
        seen[record.engine] = 1;
    }
    for (int r = 1; r < ranks.size; r++)
        CHECK(seen[r]);
    nave_future_free(future);
    nave_view_free(view);
}

static void test_maps(void **state)
{
    (void)state;
    each_farm(hub_map);
    each_farm(hub_where);
}

/* A view of some engines: whole groups and parts of groups. */
static void hub_some(nave *ctx)
{
    int engines[16], n = 0;
    unsigned char chosen[64] = {0};
    nave_view *view;
    int out[300];
    for (int r = 1; r < ranks.size - 1 && n < 16; r++) {
        engines[n++] = r;
        chosen[r] = 1;
    }
    NEED_OK(
        nave_balanced(ctx, &(nave_policy){.engines = engines, .engine_count = (size_t)n}, &view));
    NEED_OK(nave_map(view, "where", NULL, 0, out, sizeof *out, 300));
    for (int i = 0; i < 300; i++)
        NEED(out[i] > 0 && out[i] < ranks.size && chosen[out[i]]);
    nave_view_free(view);
}

static void test_some(void **state)
{
    (void)state;
    each_farm(hub_some);
}

/* ------------------------------------------------------------------------------------- failures */

static void hub_failures(nave *ctx)
{
    enum { N = 3000 };
    static uint32_t x[N], y[N];
    nave_view *view;
    nave_future *future;
    size_t expected = 0;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (uint32_t i = 0; i < N; i++) {
        x[i] = i * 3;
        expected += x[i] % 7 == 3 || x[i] % 11 == 5;
    }
    memset(y, 0, sizeof y);
    NEED_OK(nave_map_start(view, "picky", x, sizeof *x, y, sizeof *y, N, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    CHECK(nave_failed(future, NULL, 0) == expected);
    for (uint32_t i = 0; i < N; i++) {
        nave_record record;
        char text[64];
        NEED_OK(nave_task_record(future, i, &record));
        snprintf(text, sizeof text, "%u is not wanted", x[i] % 21);
        if (x[i] % 7 == 3)
            NEED(record.state == NAVE_FAILED && strcmp(record.message, text) == 0 && y[i] == 0);
        else if (x[i] % 11 == 5)
            NEED(record.state == NAVE_FAILED && record.code == 9 && y[i] == 0);
        else
            NEED(record.state == NAVE_SUCCEEDED && y[i] == ~x[i]);
        NEED(record.engine >= 0 && record.engine < ranks.size);
    }
    nave_future_free(future);
    nave_view_free(view);
}

static void test_failures(void **state)
{
    (void)state;
    each_farm(hub_failures);
}

/* -------------------------------------------------------------------------------------- streams */

static void hub_stream(nave *ctx)
{
    enum { N = 3000 };
    static nave_future *futures[N];
    nave_view *view;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (uint32_t i = 0; i < N; i++)
        NEED_OK(nave_apply(view, "picky", &i, sizeof i, sizeof i, &futures[i]));
    for (uint32_t j = 0; j < N; j++) {
        uint32_t i = (j * 7919u) % N;
        bool bad = i % 7 == 3 || i % 11 == 5;
        const void *data;
        NEED(nave_result(futures[i], 0, &data, NULL) == (bad ? NAVE_ETASK : NAVE_OK));
        NEED(bad || *(const uint32_t *)data == ~i);
        nave_future_free(futures[i]);
    }
    nave_view_free(view);
}

/* Some are cancelled or freed while they run or wait; all others end well. */
static void hub_stream_cancel(nave *ctx)
{
    enum { N = 200 };
    static nave_future *futures[N];
    nave_view *view;
    nave_counts counts;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (uint32_t i = 0; i < N; i++)
        NEED_OK(nave_apply(view, i % 2 == 0 ? "nap" : "square", NULL, 0, 0, &futures[i]));
    for (uint32_t i = 0; i < N; i += 2)
        NEED_OK(nave_cancel(futures[i]));
    for (uint32_t i = 0; i < N; i++) {
        int rc = nave_wait(futures[i], -1);
        nave_count(futures[i], &counts);
        NEED(counts.complete && rc != NAVE_ETIMEDOUT);
        NEED(i % 2 == 0 || rc == NAVE_OK);
        NEED(i % 2 != 0 || rc == NAVE_ECANCELED || counts.succeeded == 1);
        nave_future_free(futures[i]);
    }
    nave_view_free(view);
}

static void test_streams(void **state)
{
    (void)state;
    each_farm(hub_stream);
    each_farm(hub_stream_cancel);
}

/* -------------------------------------------------------------------------------------- sources */

static int number_source(void *arg, size_t index, const void **in, size_t *in_size)
{
    static uint64_t words[20000];
    size_t n = index % 100 == 99 ? sizeof words / sizeof *words : index % 50 + 1;
    for (size_t i = 0; i < n; i++)
        words[i] = index + i;
    *in = words;
    *in_size = n * sizeof *words;
    return index < *(const size_t *)arg;
}

static void hub_source(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    size_t n = 1000, read = 0;
    int rc;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_from(view, "echo", number_source, &n, 0, &future));
    while ((rc = nave_next(future, -1, &record)) == NAVE_OK) {
        size_t i = record.index, words = i % 100 == 99 ? 20000 : i % 50 + 1;
        const uint64_t *data = record.data;
        NEED(record.state == NAVE_SUCCEEDED && record.size == words * sizeof *data);
        NEED(data[0] == i && data[words - 1] == i + words - 1);
        read++;
    }
    NEED(rc == NAVE_END && read == n);
    nave_future_free(future);
    nave_view_free(view);
}

static void test_sources(void **state)
{
    (void)state;
    each_farm(hub_source);
}

/* -------------------------------------------------------------------------------- large payloads */

/* Inputs that fill transfers to a sub-hub, results that are larger than was said. */
static void hub_large(nave *ctx)
{
    enum { N = 64, SIZE = 12000, HUGE_SIZE = 300000 };
    static unsigned char in[N * HUGE_SIZE], out[N * HUGE_SIZE];
    uint64_t state = 5;
    nave_view *view;
    for (size_t i = 0; i + 8 <= (size_t)N * HUGE_SIZE; i += 8) {
        uint64_t word = ranks_random(&state);
        memcpy(in + i, &word, sizeof word);
    }
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int huge = 0; huge < 2; huge++) {
        size_t size = huge ? HUGE_SIZE : SIZE;
        nave_future *future;
        memset(out, 0, (size_t)N * size);
        NEED_OK(nave_map(view, "echo", in, size, out, size, N));
        NEED(memcmp(in, out, (size_t)N * size) == 0);
        NEED_OK(nave_map_start(view, "echo", in, size, NULL, 0, N, &future));
        for (size_t i = 0; i < N; i++) {
            const void *data;
            size_t got;
            NEED_OK(nave_result(future, i, &data, &got));
            NEED(got == size && memcmp(data, in + i * size, size) == 0);
        }
        nave_future_free(future);
    }
    nave_view_free(view);
}

static void test_large(void **state)
{
    (void)state;
    each_farm(hub_large);
}

/* ------------------------------------------------------------------------------------ cancelling */

static void hub_cancel(nave *ctx)
{
    nave_view *view;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int round = 0; round < 6; round++) {
        nave_future *future;
        nave_counts counts;
        double y[4] = {0}, x[4] = {1, 2, 3, 4};
        int rc;
        NEED_OK(nave_map_start(view, "nap", NULL, 0, NULL, 0, 400, &future));
        for (int i = 0; i < 3 * round; i++) {
            nave_test(future);
            ranks_sleep(1e-3);
        }
        NEED_OK(nave_cancel(future));
        if (round % 2 == 0) {
            nave_future_free(future);
        } else {
            rc = nave_wait(future, -1);
            nave_count(future, &counts);
            NEED(rc == NAVE_ECANCELED && counts.complete && counts.running == 0);
            NEED(counts.cancelled > 0 && counts.cancelled + counts.succeeded == 400);
            nave_future_free(future);
        }
        NEED_OK(nave_map(view, "square", x, sizeof *x, y, sizeof *y, 4));
        NEED(ranks_same(y[3], 16));
    }
    nave_view_free(view);
}

static void test_cancel(void **state)
{
    (void)state;
    each_farm(hub_cancel);
}

/* ----------------------------------------------------------------------------------------- trees */

static void hub_tree(nave *ctx)
{
    struct node roots[3] = {{13, 2, 0, 0}, {4, 9, 0, 1}, {0, 0, 0, 2}};
    nave_view *view;
    uint64_t expected = 0, sum = 0;
    nave_future *future;
    nave_counts counts;
    for (int i = 0; i < 3; i++)
        expected += nodes_of(&roots[i]);
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_reduce(view, "grow", roots, sizeof *roots, 3, &sum, 1, MPI_UINT64_T, MPI_SUM));
    NEED(sum == expected);
    NEED_OK(nave_map_start(view, "grow", roots, sizeof *roots, NULL, 0, 3, &future));
    NEED_OK(nave_wait(future, -1));
    nave_count(future, &counts);
    NEED(counts.total == expected && counts.succeeded == expected);
    nave_future_free(future);
    NEED_OK(nave_apply(view, "grow", roots, sizeof *roots, 0, &future));
    NEED_OK(nave_wait(future, -1));
    nave_count(future, &counts);
    NEED(counts.total == nodes_of(roots));
    nave_future_free(future);
    nave_view_free(view);
}

/* Many small trees at a time, one by one; each is complete with its last node. */
static void hub_woods(nave *ctx)
{
    enum { N = 300 };
    static nave_future *futures[N];
    nave_view *view;
    nave_counts counts;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int i = 0; i < N; i++) {
        struct node root = {(uint16_t)(i % 7), 3, 0, 0};
        NEED_OK(nave_apply(view, "grow", &root, sizeof root, 8, &futures[i]));
    }
    for (int i = N; i-- > 0;) {
        struct node root = {(uint16_t)(i % 7), 3, 0, 0};
        NEED_OK(nave_wait(futures[i], -1));
        nave_count(futures[i], &counts);
        NEED(counts.total == nodes_of(&root));
        nave_future_free(futures[i]);
    }
    nave_view_free(view);
}

/* Leaves fail; a wood is cut down while it grows. */
static void hub_dry(nave *ctx)
{
    struct node roots[2] = {{9, 2, 1, 0}, {9, 2, 0, 1}}, high = {30, 2, 0, 0};
    nave_view *view;
    nave_future *future;
    nave_counts counts;
    double x = 3, y = 0;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_start(view, "grow", roots, sizeof *roots, NULL, 0, 2, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    nave_count(future, &counts);
    CHECK(counts.failed == 512 && counts.complete);
    CHECK(strstr(nave_digest(future), "a dry leaf") != NULL);
    nave_future_free(future);
    for (int i = 0; i < 4; i++) {
        NEED_OK(nave_map_start(view, "grow", &high, sizeof high, NULL, 0, 1, &future));
        CHECK(nave_wait(future, 0.02 * i) == NAVE_ETIMEDOUT);
        nave_future_free(future);
        NEED_OK(nave_map(view, "square", &x, sizeof x, &y, sizeof y, 1));
    }
    nave_view_free(view);
}

static void test_trees(void **state)
{
    (void)state;
    each_farm(hub_tree);
    each_farm(hub_woods);
    each_farm(hub_dry);
}

/* ------------------------------------------------------------------------------------ reductions */

static bool same_bits(const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!ranks_same(a[i], b[i]))
            return false;
    return true;
}

static void hub_reduce(nave *ctx)
{
    enum { N = 3000 };
    static double first[2][TERMS], large[TERMS_LARGE], large_first[TERMS_LARGE];
    double sum[TERMS], added[TERMS];
    uint64_t xors[5], expected[5] = {0};
    nave_view *view, *coarse;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_balanced(ctx, &(nave_policy){.chunk = 17}, &coarse));
    for (uint64_t i = 0; i < N; i++)
        for (uint64_t j = 0, state = i; j < 5; j++)
            expected[j] ^= ranks_random(&state);
    for (int round = 0; round < 3; round++) {
        NEED_OK(nave_map_reduce(round == 2 ? coarse : view, "bits", NULL, 0, N, xors, 5,
                                MPI_UINT64_T, MPI_BXOR));
        NEED(memcmp(xors, expected, sizeof xors) == 0);
    }
    NEED_OK(nave_map_reduce(coarse, "terms", NULL, 0, N, sum, TERMS, MPI_DOUBLE, MPI_SUM));
    NEED_OK(nave_map_reduce(coarse, "add_terms", NULL, 0, N, added, TERMS, MPI_DOUBLE, MPI_SUM));
    NEED_OK(
        nave_map_reduce(coarse, "terms", NULL, 0, 100, large, TERMS_LARGE, MPI_DOUBLE, MPI_SUM));
    if (group < 0) {
        memcpy(first[0], sum, sizeof sum);
        memcpy(first[1], added, sizeof added);
        memcpy(large_first, large, sizeof large);
    }
    CHECK(same_bits(first[0], sum, TERMS) && same_bits(first[1], added, TERMS));
    CHECK(same_bits(large_first, large, TERMS_LARGE));
    nave_view_free(view);
    nave_view_free(coarse);
}

static void test_reduce(void **state)
{
    (void)state;
    each_farm(hub_reduce);
}

/* ------------------------------------------------------- objects, direct and balanced calls at once */

static void hub_both(nave *ctx)
{
    enum { N = 20000 };
    static double x[N], y[N];
    nave_view *view, *all;
    nave_future *map;
    int zero = 0;
    for (int i = 0; i < N; i++)
        x[i] = i;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_direct(ctx, NULL, 0, &all));
    NEED_OK(nave_push(all, "counter", &zero, sizeof zero));
    NEED_OK(nave_map_start(view, "square", x, sizeof *x, y, sizeof *y, N, &map));
    for (int round = 1; round <= 5; round++) {
        nave_future *future;
        NEED_OK(nave_apply(all, "bump", NULL, 0, sizeof(int), &future));
        NEED_OK(nave_wait(future, -1));
        for (int r = 0; r < ranks.size; r++) {
            nave_record record;
            NEED_OK(nave_task_record(future, (size_t)r, &record));
            NEED(record.engine == r && *(const int *)record.data == round);
        }
        nave_future_free(future);
    }
    NEED_OK(nave_wait(map, -1));
    for (int i = 0; i < N; i++)
        NEED(ranks_same(y[i], x[i] * x[i]));
    nave_future_free(map);
    NEED_OK(nave_drop(all, "counter"));
    nave_view_free(view);
    nave_view_free(all);
}

static void test_both(void **state)
{
    (void)state;
    each_farm(hub_both);
}

/* ------------------------------------------------------------- ranks that cannot be sub-hubs */

/* Odd ranks have a kernel that must not run beside a loop. */
static void hub_loner(nave *ctx)
{
    nave_view *view;
    const nave_place *places;
    int out[100];
    size_t n;
    NEED_OK(nave_topo(ctx, &places, &n));
    for (int r = 0; r < ranks.size; r++)
        CHECK(places[r].subhub % 2 == 0);
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map(view, "loner", NULL, 0, out, sizeof *out, 100));
    for (int i = 0; i < 100; i++)
        NEED(out[i] % 2 == 1);
    NEED_OK(nave_map(view, "where", NULL, 0, out, sizeof *out, 100));
    nave_view_free(view);
}

static void test_loner(void **state)
{
    (void)state;
    for (int g = 1; g <= 3; g++) {
        nave_options opt = {
            .kernels = kernels, .kernel_count = (size_t)(KERNELS + ranks.rank % 2), .group = g};
        ranks_farm(&opt, hub_loner);
    }
}

/* Turns of one's own in place of nave_serve(). */
static void test_turns(void **state)
{
    nave_options opt = {.kernels = kernels, .kernel_count = KERNELS, .group = 2};
    nave *ctx;
    int rc = NAVE_OK;
    (void)state;
    GIVES(NAVE_OK, nave_open(MPI_COMM_WORLD, &opt, &ctx));
    if (ranks.rank == 0) {
        nave_view *view;
        int out[200];
        GIVES(NAVE_OK, nave_balanced(ctx, NULL, &view));
        GIVES(NAVE_OK, nave_map(view, "where", NULL, 0, out, sizeof *out, 200));
        GIVES(NAVE_OK, nave_close_with(&ctx, 5));
    } else {
        while (rc == NAVE_OK)
            rc = nave_turn(ctx);
        CHECK(rc == NAVE_END);
        GIVES(NAVE_OK, nave_close(&ctx));
    }
    ranks_agree();
    GIVES(NAVE_OK, nave_open(MPI_COMM_WORLD, &opt, &ctx));
    if (ranks.rank == 0)
        GIVES(NAVE_OK, nave_close_with(&ctx, 5));
    else
        CHECK(nave_serve(ctx) == 5);
    GIVES(NAVE_OK, nave_close(&ctx));
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),  cmocka_unit_test(test_maps),
        cmocka_unit_test(test_some),    cmocka_unit_test(test_failures),
        cmocka_unit_test(test_streams), cmocka_unit_test(test_sources),
        cmocka_unit_test(test_large),   cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_trees),   cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_both),    cmocka_unit_test(test_loner),
        cmocka_unit_test(test_turns),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}

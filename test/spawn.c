/* spawn - tasks that make tasks: each is run once, wherever it was born.
 * ranks: 1 2 4 16
 *
 * Trees that look random and are the same everywhere.  Every rank adds up the nodes that it met;
 * after the farm the sums are compared with those of a serial walk.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

/* ------------------------------------------------------------------------------------- the trees */

struct node {
    uint64_t key;
    uint32_t root, depth; /* the index of the task that it descends from; levels below it */
};

struct sum {
    uint64_t nodes, keys, wrong;
};

static struct sum met, walked; /* by this rank's kernels; by the hub's serial walk */

static uint64_t mixed(uint64_t key)
{
    return ranks_random(&key);
}

static unsigned child_count(const struct node *node)
{
    return node->depth == 0 ? 0 : (unsigned)(mixed(node->key) % 5);
}

/* Children with an odd key carry ballast, so that inputs are of two sizes. */
static size_t child_of(const struct node *node, unsigned i, struct node *child)
{
    *child = (struct node){mixed(node->key + i + 1), node->root, node->depth - 1};
    return child->key % 2 == 0 ? sizeof *child : sizeof *child + child->key % 3000;
}

static void add(struct sum *sum, const struct node *node)
{
    sum->nodes++;
    sum->keys += mixed(node->key ^ node->root);
}

static void walk(const struct node *node, struct sum *sum)
{
    struct node child;
    add(sum, node);
    for (unsigned i = 0; i < child_count(node); i++) {
        child_of(node, i, &child);
        walk(&child, sum);
    }
}

static struct node root_of(uint32_t index, uint32_t depth)
{
    return (struct node){0x5eed + index * 77u, index, depth};
}

/* --------------------------------------------------------------------------------- their kernels */

static int spawn_children(nave_task *task, const struct node *node, const char *kernel)
{
    unsigned char bytes[sizeof *node + 3000];
    for (unsigned i = 0; i < child_count(node); i++) {
        struct node child;
        size_t size = child_of(node, i, &child);
        memset(bytes, (int)(child.key & 0xff), size);
        memcpy(bytes, &child, sizeof child);
        if (nave_spawn(task, kernel, bytes, size) != NAVE_OK)
            return 1;
    }
    return 0;
}

static bool is_sound(nave_task *task, const void *in, size_t in_size)
{
    const unsigned char *bytes = in;
    struct node node;
    memcpy(&node, in, sizeof node);
    for (size_t i = sizeof node; i < in_size; i++)
        if (bytes[i] != (unsigned char)(node.key & 0xff))
            return false;
    return nave_task_index(task) == node.root && (uintptr_t)in % sizeof(uint64_t) == 0;
}

/* A root has a result; what it spawned has none, though it may write to `out`. */
static int grow(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct sum *sum = nave_task_user(task);
    struct node node;
    memcpy(&node, in, sizeof node);
    add(sum, &node);
    sum->wrong += !is_sound(task, in, in_size);
    for (size_t i = 0; i < out_size; i++)
        sum->wrong += ((unsigned char *)out)[i] != 0;
    memcpy(out, &node.key, out_size < sizeof node.key ? out_size : sizeof node.key);
    return spawn_children(task, &node, "grow");
}

/* The same, with a large result of its own. */
static int grow_large(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t key, *large;
    memcpy(&key, in, sizeof key);
    large = nave_output(task, 40000 + key % 5 * 8);
    if (large == NULL)
        return 1;
    large[0] = large[4999] = key;
    return grow(task, in, in_size, out, out_size);
}

/* For reductions: number of nodes, and what tells whether they were the right ones. */
static int grow_sum(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct sum *sum = nave_task_user(task), mine = {0};
    struct node node;
    memcpy(&node, in, sizeof node);
    add(&mine, &node);
    sum->wrong += !is_sound(task, in, in_size);
    memcpy(out, &mine, out_size < 16 ? out_size : 16);
    return spawn_children(task, &node, "grow_sum");
}

static int grow_xor(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct node node;
    uint64_t key;
    (void)in_size, (void)out_size;
    memcpy(&node, in, sizeof node);
    key = mixed(node.key);
    memcpy(out, &key, sizeof key);
    return spawn_children(task, &node, "grow_xor");
}

/* One in eight fails, in one of three ways; it has spawned its children all the same. */
static int grow_failing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct node node;
    int rc;
    (void)in_size, (void)out, (void)out_size;
    memcpy(&node, in, sizeof node);
    rc = spawn_children(task, &node, "grow_failing");
    if (rc != 0 || node.key % 8 != 0)
        return rc;
    return node.key % 16 == 0 ? nave_fail(task, "node %d", (int)(node.key / 16 % 2)) : 5;
}

/* Never ends by itself: each has two children, one of which is a task to look busy with. */
static int endless(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)out, (void)out_size;
    ranks_sleep(20e-6);
    if (*(const char *)in == 'e' && (nave_spawn(task, "endless", "e", 1) != NAVE_OK ||
                                     nave_spawn(task, "endless", "x", 1) != NAVE_OK))
        return 1;
    return in_size != 1;
}

/* Sleeps for a millisecond and says who did. */
static int nap(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    struct sum *sum = nave_task_user(task);
    unsigned char levels = *(const unsigned char *)in, below = (unsigned char)(levels - 1);
    (void)in_size, (void)out, (void)out_size;
    sum->nodes++;
    ranks_sleep(1e-3);
    for (int i = 0; levels > 0 && i < 5; i++)
        if (nave_spawn(task, "nap", &below, 1) != NAVE_OK)
            return 1;
    return 0;
}

static int nothing(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)task, (void)in, (void)in_size, (void)out, (void)out_size;
    return 0;
}

/* Spawns three.  The input says for how many milliseconds it sleeps. */
static int slow_three(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in_size, (void)out, (void)out_size;
    for (int i = 0; i < 3; i++)
        if (nave_spawn(task, "nothing", NULL, 0) != NAVE_OK)
            return 1;
    if (*(const char *)in > 0)
        ranks_sleep(1e-3 * *(const char *)in);
    return 0;
}

static const nave_kernel kernels[] = {
    NAVE_KERNEL(grow),         NAVE_KERNEL(grow_large), NAVE_KERNEL(grow_sum),
    NAVE_KERNEL(grow_xor),     NAVE_KERNEL(endless),    NAVE_KERNEL(nap),
    NAVE_KERNEL(grow_failing), NAVE_KERNEL(nothing),    NAVE_KERNEL(slow_three)};
static const nave_options opt = {
    .kernels = kernels, .kernel_count = sizeof kernels / sizeof *kernels, .user = &met};

/* A farm, and then the sums. */
static void tree_farm(void (*hub)(nave *ctx))
{
    struct ranks_hub call = {hub};
    struct sum all = {0};
    ranks_crash_openly();
    met = walked = (struct sum){0};
    GIVES(NAVE_OK, nave_run(MPI_COMM_WORLD, &opt, ranks_hub, &call));
    MPI_Allreduce(&met, &all, 3, MPI_UINT64_T, MPI_SUM, MPI_COMM_WORLD);
    CHECK(all.wrong == 0);
    if (ranks.rank == 0)
        ranks_check(all.nodes == walked.nodes && all.keys == walked.keys, __FILE__, __LINE__,
                    "%llu tasks ran, %llu are in the trees (or other ones)",
                    (unsigned long long)all.nodes, (unsigned long long)walked.nodes);
    ranks_agree();
}

enum { ROOTS = 40, DEPTH = 9 };

static struct node roots[ROOTS];

static void plant(uint32_t depth, struct sum *sum)
{
    for (uint32_t i = 0; i < ROOTS; i++) {
        roots[i] = root_of(i, depth);
        walk(&roots[i], sum);
    }
}

/* ------------------------------------------------------------------------------------- the tests */

/* All ways to call. */
static void map_trees(nave *ctx)
{
    nave_view *farm;
    uint64_t keys[ROOTS];
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int round = 0; round < 3; round++) {
        memset(keys, 0xff, sizeof keys);
        plant(DEPTH, &walked);
        NEED_OK(nave_map(farm, "grow", roots, sizeof *roots, keys, sizeof *keys, ROOTS));
        for (int i = 0; i < ROOTS; i++)
            CHECK(keys[i] == roots[i].key);
    }
    nave_view_free(farm);
}

static void start_trees(nave *ctx)
{
    nave_view *farm;
    nave_future *futures[2];
    nave_record record;
    nave_counts counts;
    NEED_OK(nave_balanced(ctx, &(nave_policy){.chunk = 7}, &farm));
    plant(DEPTH, &walked);
    plant(DEPTH, &walked);
    NEED_OK(nave_map_start(farm, "grow_large", roots, sizeof *roots, NULL, 8, ROOTS, &futures[0]));
    NEED_OK(nave_map_start(farm, "grow", roots, sizeof *roots, NULL, 8, ROOTS, &futures[1]));
    for (int f = 0; f < 2; f++) {
        for (int i = 0; i < ROOTS; i++) {
            const uint64_t *data;
            NEED_OK(nave_next(futures[f], -1, &record));
            NEED(record.state == NAVE_SUCCEEDED && record.index < ROOTS);
            data = record.data;
            CHECK(data[0] == roots[record.index].key);
            CHECK(record.size == (f == 1 ? 8 : 40000 + data[0] % 5 * 8));
            CHECK(f == 1 || data[4999] == data[0]);
        }
        CHECK(nave_next(futures[f], -1, &record) == NAVE_END);
        nave_count(futures[f], &counts);
        CHECK(counts.complete && counts.failed == 0 && counts.cancelled == 0);
        nave_future_free(futures[f]);
    }
    nave_view_free(farm);
}

/* What a future counts are its own tasks and those that they have spawned. */
static void count_trees(nave *ctx)
{
    struct sum here = {0};
    nave_view *farm;
    nave_future *futures[3];
    nave_counts counts;
    plant(DEPTH, &here);
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int f = 0; f < 3; f++) {
        NEED_OK(nave_map_start(farm, "grow", roots, sizeof *roots, NULL, 0, ROOTS, &futures[f]));
        plant(DEPTH, &walked);
    }
    for (int f = 0; f < 3; f++) {
        GIVES(NAVE_OK, nave_wait(futures[f], -1));
        nave_count(futures[f], &counts);
        ranks_check(counts.total == here.nodes && counts.succeeded == here.nodes, __FILE__,
                    __LINE__, "%zu tasks were counted, %zu succeeded, of %llu", counts.total,
                    counts.succeeded, (unsigned long long)here.nodes);
        nave_future_free(futures[f]);
    }
    nave_view_free(farm);
}

/* Whatever becomes of a row of tasks (some are called back, some are cancelled), each future counts
 * its own. */
static void count_apart(nave *ctx)
{
    enum { N = 600, LATE = 560 };
    static char quick[N], late[N];
    nave_view *farm;
    nave_future *futures[2];
    nave_counts counts;
    memset(late + LATE, 2, N - LATE);
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int round = 0; round < 6; round++) {
        NEED_OK(nave_map_start(farm, "slow_three", late, 1, NULL, 0, N, &futures[0]));
        NEED_OK(nave_map_start(farm, "slow_three", quick, 1, NULL, 0, N, &futures[1]));
        if (round % 2 == 1) {
            GIVES(NAVE_ETIMEDOUT, nave_wait(futures[0], 0.001 * round));
            NEED_OK(nave_cancel(futures[0]));
        }
        for (int f = 1; f >= 0; f--) {
            nave_wait(futures[f], -1);
            nave_count(futures[f], &counts);
            CHECK(counts.total == counts.succeeded + counts.cancelled && counts.failed == 0);
            if (f == 1 || round % 2 == 0)
                ranks_check(counts.total == 4 * N, __FILE__, __LINE__,
                            "round %d: %zu tasks were counted", round, counts.total);
        }
        nave_future_free(futures[0]);
        nave_future_free(futures[1]);
    }
    nave_view_free(farm);
}

static void direct_trees(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    int last[] = {ranks.size - 1};
    uint64_t keys[ROOTS];
    struct node root = root_of(0, DEPTH + 1);
    NEED_OK(nave_direct(ctx, NULL, 0, &view));
    plant(DEPTH, &walked);
    NEED_OK(nave_map(view, "grow", roots, sizeof *roots, keys, sizeof *keys, ROOTS));
    nave_view_free(view);
    NEED_OK(nave_direct(ctx, last, 1, &view));
    walk(&root, &walked);
    NEED_OK(nave_apply(view, "grow", &root, sizeof root, 8, &future));
    GIVES(NAVE_OK, nave_wait(future, -1));
    nave_future_free(future);
    nave_view_free(view);
}

static int next_root(void *arg, size_t index, const void **in, size_t *in_size)
{
    struct node *root = arg;
    if (index == 300)
        return 0;
    *root = root_of((uint32_t)index, 6);
    walk(root, &walked);
    *in = root;
    *in_size = sizeof *root;
    return 1;
}

static void source_of_trees(nave *ctx)
{
    nave_view *farm;
    nave_future *future;
    nave_record record;
    struct node root;
    size_t read = 0;
    NEED_OK(nave_balanced(ctx, &(nave_policy){.backlog = 20}, &farm));
    NEED_OK(nave_map_from(farm, "grow", next_root, &root, 8, &future));
    while (nave_next(future, -1, &record) == NAVE_OK) {
        root = root_of((uint32_t)record.index, 6);
        CHECK(record.state == NAVE_SUCCEEDED && memcmp(record.data, &root.key, 8) == 0);
        read++;
    }
    CHECK(read == 300);
    GIVES(NAVE_OK, nave_wait(future, -1));
    nave_future_free(future);
    nave_view_free(farm);
}

static uint64_t xor_of(const struct node *node)
{
    uint64_t sum = mixed(node->key);
    struct node child;
    for (unsigned i = 0; i < child_count(node); i++) {
        child_of(node, i, &child);
        sum ^= xor_of(&child);
    }
    return sum;
}

static void reduce_trees(nave *ctx)
{
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int round = 0; round < 3; round++) {
        struct sum expected = {0};
        uint64_t sums[2] = {0}, bits = 0, expected_bits = 0;
        plant(DEPTH, &expected);
        for (int i = 0; i < ROOTS; i++)
            expected_bits ^= xor_of(&roots[i]);
        NEED_OK(nave_map_reduce(farm, "grow_sum", roots, sizeof *roots, ROOTS, sums, 2,
                                MPI_UINT64_T, MPI_SUM));
        CHECK(sums[0] == expected.nodes && sums[1] == expected.keys);
        NEED_OK(nave_map_reduce(farm, "grow_xor", roots, sizeof *roots, ROOTS, &bits, 1,
                                MPI_UINT64_T, MPI_BXOR));
        CHECK(bits == expected_bits);
    }
    nave_view_free(farm);
}

static size_t failures_below(const struct node *node, bool itself)
{
    size_t sum = itself && node->key % 8 == 0;
    struct node child;
    for (unsigned i = 0; i < child_count(node); i++) {
        child_of(node, i, &child);
        sum += failures_below(&child, true);
    }
    return sum;
}

/* A failure is one of the future's, under the number of its root. */
static void failing_trees(nave *ctx)
{
    static size_t places[100000];
    size_t of_root[ROOTS] = {0}, failed, expected = 0;
    struct sum nobody = {0};
    nave_view *farm;
    nave_future *future;
    nave_counts counts;
    plant(DEPTH, &nobody);
    for (int i = 0; i < ROOTS; i++)
        expected += failures_below(&roots[i], true);
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    NEED_OK(nave_map_start(farm, "grow_failing", roots, sizeof *roots, NULL, 0, ROOTS, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    nave_count(future, &counts);
    CHECK(counts.failed == expected && counts.total == counts.failed + counts.succeeded);
    failed = nave_failed(future, places, sizeof places / sizeof *places);
    NEED(failed == expected && failed <= sizeof places / sizeof *places);
    for (size_t i = 0; i < failed; i++)
        of_root[places[i]]++;
    for (int i = 0; i < ROOTS; i++) {
        nave_record record;
        CHECK(of_root[i] == failures_below(&roots[i], true));
        NEED_OK(nave_task_record(future, (size_t)i, &record));
        CHECK(record.state == (roots[i].key % 8 == 0 ? NAVE_FAILED : NAVE_SUCCEEDED));
    }
    CHECK(strstr(nave_digest(future), "node 0") != NULL);
    CHECK(strstr(nave_digest(future), "node 1") != NULL);
    nave_future_free(future);
    nave_view_free(farm);
}

/* Cancelled, freed, and left to nave_close(). */
static void endless_trees(nave *ctx)
{
    nave_view *farm;
    nave_future *future;
    struct node root = root_of(0, DEPTH);
    uint64_t key;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (int round = 0; round < 6; round++) {
        NEED_OK(nave_map_start(farm, "endless", "eeeeeeee", 1, NULL, 0, 8, &future));
        GIVES(NAVE_ETIMEDOUT, nave_wait(future, 0.002 * round));
        if (round % 2 == 0) {
            NEED_OK(nave_cancel(future));
            GIVES(NAVE_ECANCELED, nave_wait(future, -1));
        }
        nave_future_free(future);
        walk(&root, &walked);
        NEED_OK(nave_map(farm, "grow", &root, sizeof root, &key, sizeof key, 1));
        CHECK(key == root.key);
    }
    NEED_OK(nave_map_start(farm, "endless", "eeeeeeee", 1, NULL, 0, 8, &future));
    nave_wait(future, 0.01);
}

/* One root, and work for all: nobody is left out.  781 tasks of a millisecond. */
static void shared_tree(nave *ctx)
{
    nave_view *farm;
    nave_future *future;
    unsigned char levels = 4;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    NEED_OK(nave_apply(farm, "nap", &levels, 1, 0, &future));
    GIVES(NAVE_OK, nave_wait(future, -1));
    nave_future_free(future);
    nave_view_free(farm);
    walked.nodes += 781;
}

/* ------------------------------------------------------------------------------------------ main */

#define FARM(name, hub)                                                                            \
    static void name(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        tree_farm(hub);                                                                            \
    }

FARM(every_node_of_a_map_runs_once, map_trees)
FARM(results_of_roots_come_with_their_trees, start_trees)
FARM(spawned_tasks_are_counted, count_trees)
FARM(futures_count_their_own, count_apart)
FARM(trees_grow_in_direct_views, direct_trees)
FARM(trees_come_from_a_source, source_of_trees)
FARM(integer_sums_count_spawned_tasks, reduce_trees)
FARM(failures_are_the_futures, failing_trees)
FARM(endless_trees_can_be_cancelled, endless_trees)

static void all_take_part_in_one_tree(void **state)
{
    uint64_t least = 0;
    (void)state;
    tree_farm(shared_tree);
    MPI_Allreduce(&met.nodes, &least, 1, MPI_UINT64_T, MPI_MIN, MPI_COMM_WORLD);
    CHECK(least > 0);
    ranks_agree();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_of_a_map_runs_once),
        cmocka_unit_test(results_of_roots_come_with_their_trees),
        cmocka_unit_test(spawned_tasks_are_counted),
        cmocka_unit_test(futures_count_their_own),
        cmocka_unit_test(trees_grow_in_direct_views),
        cmocka_unit_test(trees_come_from_a_source),
        cmocka_unit_test(integer_sums_count_spawned_tasks),
        cmocka_unit_test(failures_are_the_futures),
        cmocka_unit_test(endless_trees_can_be_cancelled),
        cmocka_unit_test(all_take_part_in_one_tree),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}

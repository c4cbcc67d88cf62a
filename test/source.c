/* source - tasks that are drawn one by one, without end perhaps.
 * ranks: 1 2 4 16
 * SPDX-License-Identifier: BSD-3-Clause */
#include "ranks.h"

#include <unistd.h>

/* The result is the input. */
static int echo(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    void *copy = nave_output(task, in_size);
    (void)out, (void)out_size;
    if (copy != NULL && in_size > 0)
        memcpy(copy, in, in_size);
    return 0;
}

static int number(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t x = 3 * (uint64_t)nave_task_index(task) + 1;
    (void)in, (void)in_size;
    if (out_size != sizeof x)
        return nave_fail(task, "%zu bytes for the result", out_size);
    memcpy(out, &x, sizeof x);
    return 0;
}

/* Every tenth fails. */
static int tenth(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    (void)in, (void)in_size, (void)out, (void)out_size;
    return nave_task_index(task) % 10 == 9 ? nave_fail(task, "a tenth") : 0;
}

static int where(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    int rank = nave_task_engine(task);
    (void)in, (void)in_size;
    memcpy(out, &rank, out_size < sizeof rank ? out_size : sizeof rank);
    return 0;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(echo), NAVE_KERNEL(number), NAVE_KERNEL(tenth),
                                      NAVE_KERNEL(where)};
static const nave_options opt = {.kernels = kernels, .kernel_count = 4};

enum { MOST = 70000 };

/* Draws `count` tasks and ends with `code`; the one buffer is used again at each draw. */
struct source {
    size_t count;
    int code;
    size_t largest; /* inputs have 0 to this many bytes */
    size_t drawn;
    bool ended, wrong; /* called out of order, or after its end */
    size_t memory;     /* the largest seen, in bytes */
    unsigned char buffer[MOST];
};

static size_t size_of(size_t index, size_t largest)
{
    uint64_t state = index;
    uint64_t random = ranks_random(&state);
    return random % 7 == 0 ? random / 7 % (largest + 1) : random / 7 % (largest / 100 + 1);
}

static unsigned char byte_of(size_t index, size_t i)
{
    return (unsigned char)(index * 31 + i * 7);
}

static size_t memory_now(void)
{
    char line[128] = "", *at = line;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    if (fgets(line, sizeof line, file) != NULL)
        strtoul(line, &at, 10);
    fclose(file);
    return (size_t)strtoul(at, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static int draw(void *arg, size_t index, const void **in, size_t *in_size)
{
    struct source *source = arg;
    source->wrong = source->wrong || source->ended || index != source->drawn;
    if (index % 100000 == 99999) {
        size_t memory = memory_now();
        source->memory = memory > source->memory ? memory : source->memory;
    }
    if (index == source->count) {
        source->ended = true;
        return source->code;
    }
    source->drawn++;
    *in_size = size_of(index, source->largest);
    for (size_t i = 0; i < *in_size; i++)
        source->buffer[i] = byte_of(index, i);
    *in = source->buffer;
    return 1;
}

static struct source source, second;

static struct source *new_source(struct source *fresh, size_t count, int code, size_t largest)
{
    memset(fresh, 0, sizeof *fresh);
    fresh->count = count;
    fresh->code = code;
    fresh->largest = largest;
    return fresh;
}

static bool is_echo(const nave_record *record, size_t largest)
{
    size_t size = size_of(record->index, largest);
    if (record->state != NAVE_SUCCEEDED || record->size != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (((const unsigned char *)record->data)[i] != byte_of(record->index, i))
            return false;
    return true;
}

/* Reads all that is left, each task once, `seen` in all. */
static void read_echoes(nave_future *future, size_t count, size_t largest)
{
    unsigned char *seen = calloc(count + 1, 1);
    nave_record record;
    size_t got = 0;
    int rc;
    while ((rc = nave_next(future, -1, &record)) == NAVE_OK) {
        if (!CHECK(record.index < count && !seen[record.index] && is_echo(&record, largest)))
            break;
        seen[record.index] = 1;
        got++;
    }
    CHECK(rc == NAVE_END && got == count);
    free(seen);
}

/* ----------------------------------------------------------------------------------- to the end */

static void sizes_hub(nave *ctx)
{
    nave_view *views[2];
    NEED_OK(nave_balanced(ctx, NULL, &views[0]));
    NEED_OK(nave_direct(ctx, NULL, 0, &views[1]));
    for (int v = 0; v < 2; v++)
        for (size_t largest = 0; largest <= MOST; largest = 10 * largest + 70) {
            nave_future *future;
            new_source(&source, 700, 0, largest);
            NEED_OK(nave_map_from(views[v], "echo", draw, &source, 0, &future));
            read_echoes(future, 700, largest);
            NEED_OK(nave_wait(future, -1));
            CHECK(!source.wrong && source.drawn == 700);
            nave_future_free(future);
        }
}

static void test_inputs_of_all_sizes(void **state)
{
    (void)state;
    ranks_farm(&opt, sizes_hub);
}

static void empty_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    nave_counts counts;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_from(view, "echo", draw, new_source(&source, 0, 0, 0), 0, &future));
    NEED_OK(nave_wait(future, -1));
    CHECK(nave_next(future, -1, &record) == NAVE_END);
    CHECK(nave_result(future, 0, NULL, NULL) == NAVE_EINVAL);
    nave_count(future, &counts);
    CHECK(counts.total == 0 && counts.complete);
    nave_future_free(future);
}

static void test_empty(void **state)
{
    (void)state;
    ranks_farm(&opt, empty_hub);
}

static void failing_hub(nave *ctx)
{
    const size_t lengths[] = {0, 1, 100, 1000};
    nave_view *view;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int i = 0; i < 4; i++) {
        nave_future *future;
        nave_counts counts;
        char words[32];
        NEED_OK(nave_map_from(view, "echo", draw, new_source(&source, lengths[i], -77, 300), 0,
                              &future));
        GIVES(NAVE_ESOURCE, nave_wait(future, -1));
        snprintf(words, sizeof words, "%zu tasks", lengths[i]);
        CHECK(strstr(nave_error(ctx), "-77") != NULL && strstr(nave_error(ctx), words) != NULL);
        nave_count(future, &counts);
        CHECK(counts.total == lengths[i] && counts.succeeded == lengths[i] && counts.complete);
        read_echoes(future, lengths[i], 300);
        CHECK(!source.wrong);
        nave_future_free(future);
    }
}

static void test_failing_source(void **state)
{
    (void)state;
    ranks_farm(&opt, failing_hub);
}

static void in_order_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_from(view, "number", draw, new_source(&source, 2000, 0, 8), 8, &future));
    for (size_t i = 0; i < 2000; i++) {
        const void *data;
        size_t size;
        uint64_t x;
        NEED_OK(nave_result(future, i, &data, &size));
        NEED(size == sizeof x);
        memcpy(&x, data, sizeof x);
        NEED(x == 3 * i + 1);
    }
    CHECK(nave_result(future, 2000, NULL, NULL) == NAVE_EINVAL);
    nave_future_free(future);
}

static void test_results_in_order(void **state)
{
    (void)state;
    ranks_farm(&opt, in_order_hub);
}

static void one_engine_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    NEED_OK(nave_direct(ctx, (int[]){ranks.size - 1}, 1, &view));
    NEED_OK(
        nave_map_from(view, "where", draw, new_source(&source, 500, 0, 8), sizeof(int), &future));
    for (int i = 0; i < 500; i++) {
        int rank;
        NEED_OK(nave_next(future, -1, &record));
        memcpy(&rank, record.data, sizeof rank);
        NEED(rank == ranks.size - 1 && record.engine == rank);
    }
    CHECK(nave_next(future, -1, &record) == NAVE_END);
    nave_future_free(future);
}

static void test_direct_view(void **state)
{
    (void)state;
    ranks_farm(&opt, one_engine_hub);
}

/* ----------------------------------------------------------------------------------- without end
 */

static void endless_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    nave_counts counts;
    size_t drawn, good = 0, cancelled = 0;
    int rc;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_from(view, "echo", draw, new_source(&source, SIZE_MAX, 0, 500), 0, &future));
    for (; good < 5000; good++) {
        NEED_OK(nave_next(future, -1, &record));
        NEED(is_echo(&record, 500));
    }
    NEED_OK(nave_cancel(future));
    drawn = source.drawn;
    GIVES(NAVE_ECANCELED, nave_wait(future, -1));
    CHECK(source.drawn == drawn && !source.wrong); /* nothing is drawn after that */
    while ((rc = nave_next(future, -1, &record)) == NAVE_OK) {
        NEED(record.state == NAVE_CANCELLED || is_echo(&record, 500));
        good += record.state == NAVE_SUCCEEDED;
        cancelled += record.state == NAVE_CANCELLED;
    }
    nave_count(future, &counts);
    CHECK(rc == NAVE_END && counts.complete && counts.running == 0);
    CHECK(counts.total == drawn && counts.succeeded == good && counts.cancelled == cancelled);
    CHECK(good + cancelled == drawn);
    nave_future_free(future);
}

static void test_endless_until_cancelled(void **state)
{
    (void)state;
    ranks_farm(&opt, endless_hub);
}

static void freed_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    size_t drawn;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    for (int i = 0; i < 10; i++) {
        NEED_OK(
            nave_map_from(view, "echo", draw, new_source(&source, SIZE_MAX, 0, MOST), 0, &future));
        for (int k = 0; k < i; k++)
            NEED_OK(nave_turn(ctx));
        nave_future_free(future);
        drawn = source.drawn;
        NEED_OK(nave_turn(ctx));
        CHECK(source.drawn == drawn);
    }
    /* and one that nave_close() ends */
    NEED_OK(nave_map_from(view, "echo", draw, new_source(&source, SIZE_MAX, 0, 100), 0, &future));
}

static void test_endless_until_freed(void **state)
{
    (void)state;
    ranks_farm(&opt, freed_hub);
}

/* Never more than `backlog` drawn ahead of what was read. */
static void backlog_hub(nave *ctx)
{
    const size_t backlogs[] = {1, 7, 100};
    for (int b = 0; b < 3; b++) {
        size_t backlog = backlogs[b], read = 0;
        nave_view *view;
        nave_future *future;
        nave_record record;
        NEED_OK(nave_balanced(ctx, &(nave_policy){.backlog = backlog}, &view));
        NEED_OK(nave_map_from(view, "echo", draw, new_source(&source, 1000, 0, 100), 0, &future));
        GIVES(NAVE_EUNREAD, nave_wait(future, -1));
        CHECK(source.drawn == backlog);
        CHECK(nave_result(future, 500, NULL, NULL) == NAVE_EUNREAD);
        while (nave_next(future, -1, &record) == NAVE_OK) {
            read++;
            NEED(is_echo(&record, 100) && source.drawn <= read + backlog);
            if (read % 100 == 0 && read + backlog < 1000)
                NEED(GIVES(NAVE_EUNREAD, nave_wait(future, -1)) && source.drawn == read + backlog);
        }
        CHECK(read == 1000);
        NEED_OK(nave_wait(future, -1));
        nave_future_free(future);
    }
}

static void test_backlog(void **state)
{
    (void)state;
    ranks_farm(&opt, backlog_hub);
}

/* Left to the library, the backlog of large results is short. */
static void large_backlog_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_counts counts;
    size_t out_size = 4 << 20, most = (64 << 20) / out_size;
    most = most > 2 * (size_t)ranks_engines() ? most : 2 * (size_t)ranks_engines();
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(
        nave_map_from(view, "where", draw, new_source(&source, SIZE_MAX, 0, 0), out_size, &future));
    GIVES(NAVE_EUNREAD, nave_wait(future, -1));
    nave_count(future, &counts);
    CHECK(counts.total == most && counts.succeeded == most);
    nave_future_free(future);
}

static void test_backlog_of_large_results(void **state)
{
    (void)state;
    ranks_farm(&opt, large_backlog_hub);
}

static void any_unread_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future[2] = {NULL, NULL};
    size_t which = 9;
    NEED_OK(nave_balanced(ctx, &(nave_policy){.backlog = 5}, &view));
    NEED_OK(nave_map_from(view, "echo", draw, new_source(&source, 1000, 0, 100), 0, &future[1]));
    GIVES(NAVE_EUNREAD, nave_wait_any(future, 2, &which, -1));
    CHECK(which == 1);
    nave_future_free(future[1]);
}

static void test_wait_any_says_unread(void **state)
{
    (void)state;
    ranks_farm(&opt, any_unread_hub);
}

static void discard_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    nave_counts counts;
    size_t failed[2];
    NEED_OK(nave_balanced(ctx, &(nave_policy){.discard = 1, .backlog = 10}, &view));
    NEED_OK(nave_map_from(view, "number", draw, new_source(&source, 50000, 0, 8), 8, &future));
    NEED_OK(nave_wait(future, -1));
    CHECK(nave_next(future, -1, &record) == NAVE_END);
    nave_count(future, &counts);
    CHECK(counts.total == 50000 && counts.succeeded == 50000);
    nave_future_free(future);
    NEED_OK(nave_map_from(view, "tenth", draw, new_source(&source, 5000, 0, 8), 0, &future));
    GIVES(NAVE_ETASK, nave_wait(future, -1));
    CHECK(strstr(nave_error(ctx), "500 of 5000 tasks failed") != NULL);
    CHECK(nave_failed(future, failed, 2) == 500 && failed[0] == 9 && failed[1] == 19);
    nave_future_free(future);
}

static void test_discard(void **state)
{
    (void)state;
    ranks_farm(&opt, discard_hub);
}

/* Two sources, and a map that comes and goes. */
static void side_by_side_hub(nave *ctx)
{
    nave_view *view;
    nave_future *first, *other;
    uint64_t out[100];
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_from(view, "echo", draw, new_source(&source, 3000, 0, MOST), 0, &first));
    NEED_OK(nave_map_from(view, "echo", draw, new_source(&second, 3000, 0, 50), 0, &other));
    for (int i = 0; i < 10; i++) {
        NEED_OK(nave_map(view, "number", NULL, 0, out, sizeof *out, 100));
        NEED(out[99] == 298);
    }
    read_echoes(other, 3000, 50);
    read_echoes(first, 3000, MOST);
    nave_future_free(first);
    nave_future_free(other);
}

static void test_side_by_side(void **state)
{
    (void)state;
    ranks_farm(&opt, side_by_side_hub);
}

/* A source that takes its time, asked when results come. */
static int slow_next(void *arg, size_t index, const void **in, size_t *in_size)
{
    (void)arg;
    *in = NULL;
    *in_size = 0;
    ranks_sleep(5e-3);
    return index < 200;
}

static void slow_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    nave_counts counts;
    size_t read = 1;
    NEED_OK(nave_balanced(ctx, NULL, &view));
    NEED_OK(nave_map_from(view, "number", slow_next, NULL, sizeof(uint64_t), &future));
    NEED_OK(nave_next(future, -1, &record));
    nave_count(future, &counts);
    CHECK(counts.total < 200 && !counts.complete); /* long before the source has ended */
    while (nave_next(future, -1, &record) == NAVE_OK)
        read++;
    CHECK(read == 200);
    nave_future_free(future);
}

static void test_slow_source_does_not_hold_up_results(void **state)
{
    (void)state;
    ranks_farm(&opt, slow_hub);
}

/* ------------------------------------------------------------------------------------------ many
 */

#ifdef __SANITIZE_ADDRESS__
enum { GROWTH = 512 << 20 }; /* it keeps what was freed for a while */
#else
enum { GROWTH = 64 << 20 };
#endif

static void ten_million_hub(nave *ctx)
{
    nave_view *view;
    nave_future *future;
    nave_record record;
    uint64_t sum = 0;
    size_t before, n = ranks.size < 16 ? 10000000 : 1000000;
    bool discard = ranks.size != 4; /* there they are read */
    NEED_OK(nave_balanced(ctx, &(nave_policy){.discard = discard}, &view));
    before = memory_now();
    NEED_OK(nave_map_from(view, "number", draw, new_source(&source, n, 0, 8), 8, &future));
    while (!discard && nave_next(future, -1, &record) == NAVE_OK) {
        uint64_t x;
        memcpy(&x, record.data, sizeof x);
        NEED(x == 3 * record.index + 1);
        sum += record.index;
    }
    NEED_OK(nave_wait(future, -1));
    CHECK(discard || sum == (uint64_t)n * (n - 1) / 2);
    CHECK(source.drawn == n && !source.wrong);
    ranks_check(before > 0 && source.memory < before + GROWTH, __FILE__, __LINE__,
                "the hub grew from %zu to %zu bytes", before, source.memory);
    nave_future_free(future);
}

static void test_ten_million(void **state)
{
    (void)state;
    ranks_farm(&opt, ten_million_hub);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inputs_of_all_sizes),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_failing_source),
        cmocka_unit_test(test_results_in_order),
        cmocka_unit_test(test_direct_view),
        cmocka_unit_test(test_endless_until_cancelled),
        cmocka_unit_test(test_endless_until_freed),
        cmocka_unit_test(test_backlog),
        cmocka_unit_test(test_backlog_of_large_results),
        cmocka_unit_test(test_wait_any_says_unread),
        cmocka_unit_test(test_discard),
        cmocka_unit_test(test_side_by_side),
        cmocka_unit_test(test_slow_source_does_not_hold_up_results),
        cmocka_unit_test(test_ten_million),
    };
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}

/* Frames: each item goes there and back; damaged ones are refused. */
#include "frame.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct nv_frame frame;
static unsigned char bytes[NV_FRAME_ROOM]; /* some data */

static int set_up(void **state)
{
    (void)state;
    frame.data = aligned_alloc(NV_ALIGN, NV_FRAME_ROOM);
    frame.size = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 251);
    return frame.data != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    free(frame.data);
    return 0;
}

static struct nv_item only_item(void)
{
    struct nv_reader reader = {frame.data, frame.size, 0};
    struct nv_item item, none;
    assert_int_equal(nv_frame_next(&reader, &item), 1);
    assert_int_equal(nv_frame_next(&reader, &none), 0);
    return item;
}

static void assert_aligned(const void *pointer)
{
    assert_int_equal((uintptr_t)pointer % NV_ALIGN, 0);
}

/* -- there and back -- */

static void check_run(struct nv_run run, size_t expected)
{
    frame.size = 0;
    assert_true(nv_frame_add_run(&frame, NV_RUN, &run, bytes, bytes + 100));
    assert_int_equal(frame.size, nv_frame_run_size(&run));
    struct nv_item item = only_item();
    assert_int_equal(item.kind, NV_RUN);
    assert_memory_equal(&item.run, &run, sizeof run);
    assert_memory_equal(item.extra, bytes, run.extra_size);
    assert_int_equal(item.data_size, expected);
    if (run.flags & NV_BULK) {
        assert_null(item.data);
        return;
    }
    assert_aligned(item.data);
    assert_memory_equal(item.data, bytes + 100, expected);
}

static void runs_go_there_and_back(void **state)
{
    struct nv_run run = {.job = UINT64_MAX, .first = 5, .count = 7, .kernel = 9, .out_size = 11};
    (void)state;
    check_run(run, 0);
    for (run.in_size = 1; run.in_size < 40; run.in_size++)
        check_run(run, 7 * run.in_size);
    run.extra_size = 33;
    check_run(run, 7 * run.in_size);
    run.flags = NV_SHARED;
    check_run(run, run.in_size);
    run.flags = NV_BULK | NV_FOLD;
    run.in_size = (uint64_t)1 << 40;
    check_run(run, (size_t)7 << 40);
    run.flags = NV_BULK | NV_SHARED;
    run.count = UINT32_MAX;
    run.extra_size = NV_EXTRA_MAX;
    check_run(run, (size_t)1 << 40);
    run.first = UINT64_MAX - UINT32_MAX;
    check_run(run, (size_t)1 << 40);
}

static void check_results(struct nv_results results)
{
    uint32_t times[100];
    size_t size = (size_t)(results.count * results.size);
    for (uint32_t i = 0; i < 100; i++)
        times[i] = UINT32_MAX - i;
    frame.size = 0;
    assert_true(nv_frame_add_results(&frame, &results, times, bytes));
    assert_int_equal(frame.size, nv_frame_results_size(&results));
    struct nv_item item = only_item();
    assert_int_equal(item.kind, NV_RESULTS);
    assert_memory_equal(&item.results, &results, sizeof results);
    assert_memory_equal(item.nanoseconds, times, results.count * sizeof *times);
    assert_int_equal(item.data_size, size);
    if (results.flags & NV_BULK) {
        assert_null(item.data);
        return;
    }
    assert_aligned(item.data);
    assert_memory_equal(item.data, bytes, size);
}

static void results_go_there_and_back(void **state)
{
    struct nv_results results = {.job = 1, .first = 1000, .started = 1.5};
    (void)state;
    for (results.count = 1; results.count <= 100; results.count += 9)
        for (results.size = 0; results.size < 100; results.size += 11)
            check_results(results);
    results.count = 1;
    results.flags = NV_BULK;
    results.size = (uint64_t)5 << 30;
    check_results(results);
}

static void check_result(struct nv_result result)
{
    frame.size = 0;
    assert_true(nv_frame_add_result(&frame, &result, (const char *)bytes, bytes + 5));
    assert_int_equal(frame.size, nv_frame_result_size(&result));
    struct nv_item item = only_item();
    assert_int_equal(item.kind, NV_RESULT);
    assert_memory_equal(&item.result, &result, sizeof result);
    assert_memory_equal(item.extra, bytes, result.message_size);
    assert_int_equal(item.data_size, result.size);
    if (result.flags & NV_BULK) {
        assert_null(item.data);
        return;
    }
    assert_aligned(item.data);
    assert_memory_equal(item.data, bytes + 5, (size_t)result.size);
}

static void single_results_go_there_and_back(void **state)
{
    struct nv_result result = {.job = 3, .index = UINT64_MAX, .started = 0.25, .ended = -0.5};
    (void)state;
    check_result(result);
    result.code = -12345;
    for (result.message_size = 1; result.message_size <= NV_MESSAGE_MAX; result.message_size += 31)
        check_result(result);
    result.message_size = NV_MESSAGE_MAX;
    result.size = NV_INLINE_MAX;
    check_result(result);
    result.flags = NV_BULK;
    result.size = UINT64_MAX;
    check_result(result);
}

static void controls_go_there_and_back(void **state)
{
    static const enum nv_item_kind kinds[] = {NV_CANCEL, NV_PREPARE,  NV_REDUCE, NV_DROP,
                                              NV_CLOSE,  NV_DROPPED,  NV_READY,  NV_RECALL,
                                              NV_WANT,   NV_RETURNED, NV_GREW,   NV_HOLDS};
    static int32_t list[1000];
    (void)state;
    memcpy(list, bytes, sizeof list);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
        for (uint32_t size = 0; size <= 1000; size += 125) {
            struct nv_control control = {8, 9, 10, -11, size, 0};
            frame.size = 0;
            assert_true(nv_frame_add_control(&frame, kinds[k], &control, list));
            assert_int_equal(frame.size, nv_frame_control_size(&control));
            struct nv_item item = only_item();
            assert_int_equal(item.kind, kinds[k]);
            assert_memory_equal(&item.control, &control, sizeof control);
            assert_memory_equal(item.extra, list, size * sizeof *list);
            assert_null(item.data);
        }
}

static void short_forms_go_there_and_back(void **state)
{
    static const uint32_t counts[] = {1, 2, 7, 1000, NV_MORE_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct nv_run run = {.first = 77, .count = counts[i], .in_size = 3};
        struct nv_results row = {.first = 78, .count = counts[i] % 5000, .size = 2, .started = 1.5};
        struct nv_item item;
        frame.size = 0;
        assert_true(nv_frame_add_more(&frame, &run, bytes, 100));
        assert_int_equal(frame.size, nv_frame_more_size(100));
        item = only_item();
        assert_int_equal(item.kind, NV_MORE);
        assert_true(item.run.first == 77 && item.run.count == counts[i]);
        assert_true(item.data_size >= 100);
        assert_memory_equal(item.data, bytes, 100);
        frame.size = 0;
        assert_true(nv_frame_add_good(&frame, &row, (const uint32_t *)(void *)bytes, bytes + 8));
        assert_int_equal(frame.size, nv_frame_good_size(&row));
        item = only_item();
        assert_int_equal(item.kind, NV_GOOD);
        assert_true(item.results.first == 78 && item.results.count == row.count);
        assert_true(item.results.started == row.started);
        assert_memory_equal(item.nanoseconds, bytes, row.count * sizeof(uint32_t));
        assert_true(item.data_size >= row.count * 2);
        assert_memory_equal(item.data, bytes + 8, row.count * 2);
    }
}

/* A short form takes the rest from the long one before, if it goes with it. */
static void short_forms_are_completed(void **state)
{
    struct nv_run run = {.job = 5, .first = 10, .count = 3, .kernel = 7, .in_size = 8};
    struct nv_results row = {.job = 6, .first = 20, .count = 2, .size = 8, .started = 2.5};
    struct nv_run last = run;
    struct nv_results last_row = row;
    struct nv_item item;
    (void)state;
    frame.size = 0;
    assert_true(nv_frame_add_more(&frame, &run, bytes, 24));
    item = only_item();
    last.first = 1;
    last.count = 0;
    assert_false(nv_frame_complete_run(&item, &last)); /* there was none */
    last.count = 1;
    last.in_size = 16;
    assert_false(nv_frame_complete_run(&item, &last)); /* there is less data */
    last.in_size = 8;
    last.extra_size = 1;
    assert_false(nv_frame_complete_run(&item, &last)); /* that is never left out */
    last.extra_size = 0;
    assert_true(nv_frame_complete_run(&item, &last));
    assert_int_equal(item.kind, NV_RUN);
    assert_memory_equal(&item.run, &run, sizeof run);
    assert_int_equal(item.data_size, 24);
    assert_memory_equal(item.data, bytes, 24);
    frame.size = 0;
    assert_true(nv_frame_add_good(&frame, &row, (const uint32_t *)(void *)bytes, bytes + 8));
    item = only_item();
    last_row.count = 0;
    assert_false(nv_frame_complete_results(&item, &last_row));
    last_row = (struct nv_results){.job = 6, .first = 1, .count = 9, .size = 8};
    assert_true(nv_frame_complete_results(&item, &last_row));
    assert_int_equal(item.kind, NV_RESULTS);
    assert_memory_equal(&item.results, &row, sizeof row);
    assert_int_equal(item.data_size, 16);
    assert_memory_equal(item.data, bytes + 8, 16);
}

static void items_follow_each_other(void **state)
{
    struct nv_control control = {.job = 0};
    struct nv_run run = {.count = 1, .in_size = 3};
    struct nv_reader reader;
    struct nv_item item;
    uint64_t count = 0, found = 0;
    (void)state;
    for (;;) {
        size_t before = frame.size;
        bool added = count % 2 == 0 ? nv_frame_add_control(&frame, NV_CANCEL, &control, NULL)
                                    : nv_frame_add_run(&frame, NV_RUN, &run, NULL, bytes);
        assert_int_equal(frame.size % NV_ALIGN, 0);
        if (!added) {
            assert_int_equal(frame.size, before);
            break;
        }
        count++;
        control.job = run.job = count;
    }
    assert_true(count > 500 && frame.size > NV_FRAME_ROOM - 100);
    reader = (struct nv_reader){frame.data, frame.size, 0};
    while (nv_frame_next(&reader, &item) == 1) {
        assert_int_equal(item.kind, found % 2 == 0 ? NV_CANCEL : NV_RUN);
        assert_int_equal(found % 2 == 0 ? item.control.job : item.run.job, found);
        found++;
    }
    assert_int_equal(found, count);
    assert_int_equal(reader.at, frame.size);
}

/* -- limits -- */

/* Just what is left fits, and not a byte more. */
static void the_room_is_used_to_the_end(void **state)
{
    struct nv_run run = {.count = 1};
    (void)state;
    run.in_size = NV_FRAME_ROOM - nv_frame_run_size(&run);
    assert_int_equal(nv_frame_run_size(&run), NV_FRAME_ROOM);
    assert_true(nv_frame_add_run(&frame, NV_RUN, &run, NULL, bytes));
    assert_int_equal(only_item().data_size, run.in_size);
    assert_false(nv_frame_add_control(&frame, NV_CLOSE, &(struct nv_control){0}, NULL));
    frame.size = 0;
    run.in_size++;
    assert_true(nv_frame_run_size(&run) > NV_FRAME_ROOM);
    assert_false(nv_frame_add_run(&frame, NV_RUN, &run, NULL, bytes));
    assert_int_equal(frame.size, 0);
}

/* The sizes would wrap around in 64 bits. */
static void sizes_that_overflow_are_refused(void **state)
{
    static const uint64_t sizes[] = {(uint64_t)1 << 32, (uint64_t)1 << 62,  (uint64_t)1 << 63,
                                     UINT64_MAX / 4,    UINT64_MAX / 4 + 1, UINT64_MAX - 15,
                                     UINT64_MAX - 1,    UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct nv_run run = {.count = 4, .in_size = sizes[i]};
        struct nv_results results = {.count = 4, .size = sizes[i]};
        struct nv_result result = {.size = sizes[i]};
        assert_int_equal(nv_frame_run_size(&run), SIZE_MAX);
        assert_false(nv_frame_add_run(&frame, NV_RUN, &run, NULL, bytes));
        run.flags = NV_SHARED;
        assert_int_equal(nv_frame_run_size(&run), SIZE_MAX);
        assert_false(nv_frame_add_run(&frame, NV_RUN, &run, NULL, bytes));
        assert_int_equal(nv_frame_results_size(&results), SIZE_MAX);
        assert_false(
            nv_frame_add_results(&frame, &results, (const uint32_t *)(void *)bytes, bytes));
        assert_int_equal(nv_frame_result_size(&result), SIZE_MAX);
        assert_false(nv_frame_add_result(&frame, &result, NULL, bytes));
    }
    assert_int_equal(nv_frame_results_size(&(struct nv_results){.count = UINT32_MAX}), SIZE_MAX);
    assert_int_equal(nv_frame_control_size(&(struct nv_control){.list_size = UINT32_MAX}),
                     SIZE_MAX);
    assert_int_equal(nv_frame_run_size(&(struct nv_run){.count = 1, .extra_size = UINT32_MAX}),
                     SIZE_MAX);
    assert_int_equal(frame.size, 0);
}

/* -- damage -- */

/* Items of every kind, with all their parts. */
static void fill_frame(void)
{
    struct nv_run run = {.job = 1, .count = 3, .in_size = 5, .extra_size = 7};
    struct nv_results results = {.job = 1, .count = 3, .size = 9};
    struct nv_result result = {
        .job = 1, .code = 2, .message_size = 3, .output_size = 40, .size = 20};
    struct nv_control control = {.job = 1, .list_size = 6};
    frame.size = 0;
    assert_true(nv_frame_add_run(&frame, NV_RUN, &run, bytes, bytes));
    assert_true(nv_frame_add_results(&frame, &results, (const uint32_t *)(void *)bytes, bytes));
    assert_true(nv_frame_add_result(&frame, &result, (const char *)bytes, bytes));
    assert_true(nv_frame_add_control(&frame, NV_REDUCE, &control, (const int32_t *)(void *)bytes));
}

static bool within(const void *part, size_t size, const unsigned char *data, size_t all)
{
    const unsigned char *at = part;
    return at == NULL || (at >= data && size <= all && (size_t)(at - data) <= all - size);
}

static size_t extra_size(const struct nv_item *item)
{
    if (item->kind == NV_RUN)
        return item->run.extra_size;
    if (item->kind == NV_RESULT)
        return nv_frame_text_size(&item->result);
    return item->kind == NV_RESULTS ? 0 : item->control.list_size * sizeof(int32_t);
}

/* Reads all of a frame, in memory of just its size so that a sanitizer sees each step outside. */
static int read_all(const unsigned char *data, size_t size, size_t *items)
{
    unsigned char *copy = aligned_alloc(NV_ALIGN, nv_align(size + 1));
    struct nv_reader reader = {copy, size, 0};
    struct nv_item item;
    int rc;
    assert_non_null(copy);
    memcpy(copy, data, size);
    *items = 0;
    while ((rc = nv_frame_next(&reader, &item)) == 1) {
        assert_true(within(item.extra, extra_size(&item), copy, size));
        assert_true(within(item.data, item.data != NULL ? item.data_size : 0, copy, size));
        if (item.kind == NV_RESULTS)
            assert_true(within(item.nanoseconds, 4 * (size_t)item.results.count, copy, size));
        ++*items;
    }
    free(copy);
    return rc;
}

/* A frame that was cut is good only when it was cut between two items. */
static void cut_frames_are_refused(void **state)
{
    struct nv_reader reader;
    struct nv_item item;
    size_t whole = 0, items;
    (void)state;
    fill_frame();
    reader = (struct nv_reader){frame.data, frame.size, 0};
    for (size_t size = 0; size <= frame.size; size++) {
        if (reader.at < size) {
            assert_int_equal(nv_frame_next(&reader, &item), 1);
            whole++;
        }
        if (size == reader.at) {
            assert_int_equal(read_all(frame.data, size, &items), 0);
            assert_int_equal(items, whole);
        } else {
            assert_int_equal(read_all(frame.data, size, &items), -1);
            assert_int_equal(items, whole - 1);
        }
    }
}

/* Whatever value a byte has, nothing outside of the frame is pointed to. */
static void every_byte_may_be_wrong(void **state)
{
    static const unsigned char flips[] = {0x01, 0x10, 0x7f, 0x80, 0xff};
    size_t items;
    (void)state;
    fill_frame();
    for (size_t i = 0; i < frame.size; i++)
        for (size_t f = 0; f < sizeof flips; f++) {
            frame.data[i] ^= flips[f];
            assert_true(read_all(frame.data, frame.size, &items) <= 0);
            frame.data[i] ^= flips[f];
        }
    assert_int_equal(read_all(frame.data, frame.size, &items), 0);
    assert_int_equal(items, 4);
}

/* Changes the only item in the frame by `offset` bytes behind its head, and expects a refusal. */
static void assert_refused(size_t offset, const void *value, size_t size)
{
    struct nv_reader reader = {frame.data, frame.size, 0};
    struct nv_item item;
    memcpy(frame.data + NV_ALIGN + offset, value, size);
    assert_int_equal(nv_frame_next(&reader, &item), -1);
    assert_int_equal(reader.at, 0);
    frame.size = 0;
}

#define REFUSED(item, field, type, value)                                                          \
    assert_refused(offsetof(struct item, field), &(type){value}, sizeof(type))

static void add_run(uint32_t flags)
{
    struct nv_run run = {.count = 4, .kernel = 5000, .in_size = 4, .flags = flags};
    assert_true(nv_frame_add_run(&frame, NV_RUN, &run, bytes, bytes));
}

static void add_results(void)
{
    struct nv_results results = {.count = 4, .size = 4};
    assert_true(nv_frame_add_results(&frame, &results, (const uint32_t *)(void *)bytes, bytes));
}

static void inconsistent_items_are_refused(void **state)
{
    (void)state;
    add_run(0);
    REFUSED(nv_run, count, uint32_t, 0);
    add_run(0);
    REFUSED(nv_run, count, uint32_t, 100);
    add_run(0);
    REFUSED(nv_run, first, uint64_t, UINT64_MAX - 3);
    add_run(0);
    REFUSED(nv_run, in_size, uint64_t, ((uint64_t)1 << 62) + 4);
    add_run(0);
    REFUSED(nv_run, extra_size, uint32_t, NV_EXTRA_MAX + 1);
    add_run(NV_BULK);
    REFUSED(nv_run, in_size, uint64_t, ((uint64_t)1 << 62) + 4);
    add_results();
    REFUSED(nv_results, count, uint32_t, 0);
    add_results();
    REFUSED(nv_results, count, uint32_t, UINT32_MAX);
    add_results();
    REFUSED(nv_results, first, uint64_t, UINT64_MAX - 3);
    add_results();
    REFUSED(nv_results, size, uint64_t, ((uint64_t)1 << 62) + 4);
    assert_true(nv_frame_add_result(&frame, &(struct nv_result){.size = 8}, NULL, bytes));
    REFUSED(nv_result, message_size, uint32_t, NV_MESSAGE_MAX + 1);
    assert_true(nv_frame_add_result(&frame, &(struct nv_result){.size = 8}, NULL, bytes));
    REFUSED(nv_result, output_size, uint32_t, NV_OUTPUT_MAX + 1);
    assert_true(nv_frame_add_result(&frame, &(struct nv_result){.size = 8}, NULL, bytes));
    REFUSED(nv_result, size, uint64_t, UINT64_MAX);
    assert_true(nv_frame_add_control(&frame, NV_DROPPED, &(struct nv_control){.count = 4}, NULL));
    REFUSED(nv_control, first, uint64_t, UINT64_MAX - 3);
    assert_true(nv_frame_add_control(&frame, NV_REDUCE, &(struct nv_control){.count = 4}, NULL));
    REFUSED(nv_control, list_size, uint32_t, UINT32_MAX);
}

/* An item is just as long as its parts. */
static void items_have_nothing_left_over(void **state)
{
    (void)state;
    add_run(0);
    REFUSED(nv_run, in_size, uint64_t, 0);
    add_results();
    REFUSED(nv_results, size, uint64_t, 0);
    assert_true(nv_frame_add_result(&frame, &(struct nv_result){.size = 8}, NULL, bytes));
    REFUSED(nv_result, size, uint64_t, 0);
}

/* Nor is a run taken for something else. */
static void kinds_are_checked(void **state)
{
    (void)state;
    for (uint32_t kind = 0; kind < 20; kind++) {
        struct nv_reader reader;
        struct nv_item item;
        frame.size = 0;
        add_run(0);
        memcpy(frame.data, &kind, sizeof kind);
        reader = (struct nv_reader){frame.data, frame.size, 0};
        assert_int_equal(nv_frame_next(&reader, &item),
                         kind == NV_RUN || kind == NV_SURPLUS ? 1 : -1);
    }
}

static void heads_are_checked(void **state)
{
    static const uint32_t sizes[] = {0, 1, 15, 17, 32, 1 << 20, (uint32_t)1 << 31, UINT32_MAX - 15};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct nv_reader reader;
        struct nv_item item;
        frame.size = 0;
        add_run(0);
        memcpy(frame.data + 4, &sizes[i], sizeof sizes[i]);
        reader = (struct nv_reader){frame.data, frame.size, 0};
        assert_int_equal(nv_frame_next(&reader, &item), -1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(runs_go_there_and_back),
        TEST(results_go_there_and_back),
        TEST(single_results_go_there_and_back),
        TEST(controls_go_there_and_back),
        TEST(short_forms_go_there_and_back),
        TEST(short_forms_are_completed),
        TEST(items_follow_each_other),
        TEST(the_room_is_used_to_the_end),
        TEST(sizes_that_overflow_are_refused),
        TEST(cut_frames_are_refused),
        TEST(every_byte_may_be_wrong),
        TEST(inconsistent_items_are_refused),
        TEST(items_have_nothing_left_over),
        TEST(kinds_are_checked),
        TEST(heads_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

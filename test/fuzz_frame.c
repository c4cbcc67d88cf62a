/* Reads any bytes as a frame.  What is accepted lies within them, and written again as it was read
 * it takes the same room and reads the same. */
#include "frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(x) ((x) ? (void)0 : broken(#x, __LINE__))

static void broken(const char *what, int line)
{
    fprintf(stderr, "fuzz_frame.c:%d: %s\n", line, what);
    abort();
}

static size_t extra_size(const struct nv_item *item)
{
    switch (item->kind) {
    case NV_RUN:
    case NV_SURPLUS:
        return item->run.extra_size;
    case NV_MORE:
        return 0;
    case NV_RESULTS:
    case NV_GOOD:
        return item->results.count * sizeof *item->nanoseconds;
    case NV_RESULT:
        return nv_frame_text_size(&item->result);
    default:
        return item->control.list_size * sizeof(int32_t);
    }
}

static const void *extra(const struct nv_item *item)
{
    bool row = item->kind == NV_RESULTS || item->kind == NV_GOOD;
    return row ? item->nanoseconds : item->extra;
}

/* Bytes of the data that are in the frame. */
static size_t data_size(const struct nv_item *item)
{
    return item->data != NULL ? item->data_size : 0;
}

static void check_within(const void *part, size_t part_size, size_t align,
                         const unsigned char *data, size_t size)
{
    const unsigned char *at = part;
    HOLDS(at >= data && part_size <= size && (size_t)(at - data) <= size - part_size);
    HOLDS((size_t)(at - data) % align == 0);
}

/* A short row does not say how large each result is: any size that fits will do. */
static bool write_item(struct nv_frame *frame, const struct nv_item *item)
{
    struct nv_results row = item->results;
    if (item->kind == NV_GOOD)
        row.size = item->data_size / row.count;
    switch (item->kind) {
    case NV_RUN:
    case NV_SURPLUS:
        return nv_frame_add_run(frame, item->kind, &item->run, item->extra, item->data);
    case NV_MORE:
        return nv_frame_add_more(frame, &item->run, item->data, item->data_size);
    case NV_GOOD:
        return nv_frame_add_good(frame, &row, item->nanoseconds, item->data);
    case NV_RESULTS:
        return nv_frame_add_results(frame, &item->results, item->nanoseconds, item->data);
    case NV_RESULT:
        return nv_frame_add_result(frame, &item->result, item->extra, item->data);
    default:
        return nv_frame_add_control(frame, item->kind, &item->control, item->extra);
    }
}

static void check_same(const struct nv_item *a, const struct nv_item *b)
{
    HOLDS(a->kind == b->kind);
    const void *first = &a->run, *second = &b->run; /* the largest of the union */
    HOLDS(memcmp(first, second, sizeof a->run) == 0);
    HOLDS(extra_size(a) == 0 || memcmp(extra(a), extra(b), extra_size(a)) == 0);
    HOLDS((a->data == NULL) == (b->data == NULL) && a->data_size == b->data_size);
    HOLDS(data_size(a) == 0 || memcmp(a->data, b->data, data_size(a)) == 0);
}

static void check_again(const struct nv_item *item, size_t size)
{
    static _Alignas(NV_ALIGN) unsigned char room[NV_FRAME_ROOM];
    struct nv_frame frame = {room, 0};
    struct nv_item again;
    if (size > NV_FRAME_ROOM ||
        (item->kind == NV_GOOD && item->data_size % item->results.count != 0))
        return;
    HOLDS(write_item(&frame, item));
    HOLDS(frame.size == size);
    struct nv_reader reader = {room, size, 0};
    HOLDS(nv_frame_next(&reader, &again) == 1);
    check_same(item, &again);
    HOLDS(nv_frame_next(&reader, &again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned char *copy = aligned_alloc(NV_ALIGN, nv_align(size + 1));
    struct nv_reader reader = {copy, size, 0};
    struct nv_item item;
    size_t before = 0;
    int rc;
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    while ((rc = nv_frame_next(&reader, &item)) == 1) {
        HOLDS(reader.at > before && reader.at <= size);
        size_t whole = reader.at - before;
        if (extra(&item) != NULL)
            check_within(extra(&item), extra_size(&item), item.kind == NV_GOOD ? 8 : NV_ALIGN,
                         copy + before, whole);
        if (item.data != NULL)
            check_within(item.data, item.data_size, NV_ALIGN, copy + before, whole);
        check_again(&item, reader.at - before);
        before = reader.at;
    }
    HOLDS(rc == 0 ? reader.at == size : rc == -1 && reader.at == before);
    free(copy);
    return 0;
}

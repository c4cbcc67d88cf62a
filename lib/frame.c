/* frame - see frame.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "frame.h"

#include <assert.h>
#include <string.h>

struct head {
    uint16_t kind, count; /* count, first: of the short forms */
    uint32_t size;
    uint64_t first;
};

/* The up to three variable parts behind an item's fixed part, each padded to NV_ALIGN. */
struct part {
    const void *data;
    size_t size;
};

static bool add(struct nv_frame *frame, enum nv_item_kind kind, const void *fixed,
                size_t fixed_size, const struct part *parts, size_t part_count)
{
    size_t size = sizeof(struct head) + nv_align(fixed_size);
    unsigned char *at = frame->data + frame->size;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > NV_FRAME_ROOM)
            return false;
        size += nv_align(parts[i].size);
    }
    if (size > NV_FRAME_ROOM - frame->size)
        return false;
    memcpy(at, &(struct head){.kind = (uint16_t)kind, .size = (uint32_t)size}, sizeof(struct head));
    at += sizeof(struct head);
    memcpy(at, fixed, fixed_size);
    at += nv_align(fixed_size);
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i].size > 0)
            memcpy(at, parts[i].data, parts[i].size);
        at += nv_align(parts[i].size);
    }
    frame->size += size;
    return true;
}

/* Bytes of a row of `count` values; false when they overflow. */
static bool row_size(uint64_t count, uint64_t each, size_t *size)
{
    if (each != 0 && count > SIZE_MAX / each)
        return false;
    *size = (size_t)(count * each);
    return true;
}

static bool run_data_size(const struct nv_run *run, size_t *size)
{
    return row_size(run->flags & NV_SHARED ? 1 : run->count, run->in_size, size);
}

static size_t item_size(size_t fixed, size_t first, size_t second)
{
    if (first > NV_FRAME_ROOM || second > NV_FRAME_ROOM)
        return SIZE_MAX;
    return sizeof(struct head) + nv_align(fixed) + nv_align(first) + nv_align(second);
}

size_t nv_frame_run_size(const struct nv_run *run)
{
    size_t data = 0;
    if (!(run->flags & NV_BULK) && !run_data_size(run, &data))
        return SIZE_MAX;
    return item_size(sizeof *run, run->extra_size, data);
}

size_t nv_frame_results_size(const struct nv_results *results)
{
    size_t data = 0;
    if (!(results->flags & NV_BULK) && !row_size(results->count, results->size, &data))
        return SIZE_MAX;
    return item_size(sizeof *results, results->count * sizeof(uint32_t), data);
}

size_t nv_frame_result_size(const struct nv_result *result)
{
    return item_size(sizeof *result, nv_frame_text_size(result),
                     result->flags & NV_BULK ? 0 : (size_t)result->size);
}

size_t nv_frame_control_size(const struct nv_control *control)
{
    return item_size(sizeof *control, control->list_size * sizeof(int32_t), 0);
}

bool nv_frame_add_run(struct nv_frame *frame, enum nv_item_kind kind, const struct nv_run *run,
                      const void *extra, const void *data)
{
    struct part parts[2] = {{extra, run->extra_size}, {data, 0}};
    if (!(run->flags & NV_BULK) && !run_data_size(run, &parts[1].size))
        return false;
    return add(frame, kind, run, sizeof *run, parts, 2);
}

bool nv_frame_add_results(struct nv_frame *frame, const struct nv_results *results,
                          const uint32_t *nanoseconds, const void *data)
{
    struct part parts[2] = {{nanoseconds, results->count * sizeof *nanoseconds}, {data, 0}};
    if (!(results->flags & NV_BULK) && !row_size(results->count, results->size, &parts[1].size))
        return false;
    return add(frame, NV_RESULTS, results, sizeof *results, parts, 2);
}

bool nv_frame_add_result(struct nv_frame *frame, const struct nv_result *result, const char *text,
                         const void *data)
{
    struct part parts[2] = {{text, nv_frame_text_size(result)}, {data, 0}};
    if (!(result->flags & NV_BULK))
        parts[1].size = result->size;
    return add(frame, NV_RESULT, result, sizeof *result, parts, 2);
}

bool nv_frame_add_control(struct nv_frame *frame, enum nv_item_kind kind,
                          const struct nv_control *control, const int32_t *list)
{
    struct part part = {list, control->list_size * sizeof *list};
    return add(frame, kind, control, sizeof *control, &part, 1);
}

/* ---------------------------------------------------------------------------------- short forms */

size_t nv_frame_more_size(size_t size)
{
    return item_size(0, size, 0);
}

/* The time and the nanoseconds stand together: they fit one line of a single result. */
static size_t times_size(uint32_t count)
{
    return sizeof(double) + count * sizeof(uint32_t);
}

size_t nv_frame_good_size(const struct nv_results *results)
{
    return item_size(0, times_size(results->count), (size_t)(results->count * results->size));
}

bool nv_frame_add_more(struct nv_frame *frame, const struct nv_run *run, const void *data,
                       size_t size)
{
    size_t whole = nv_frame_more_size(size);
    unsigned char *at = frame->data + frame->size;
    struct head head = {NV_MORE, (uint16_t)run->count, (uint32_t)whole, run->first};
    if (whole > NV_FRAME_ROOM - frame->size)
        return false;
    memcpy(at, &head, sizeof head);
    if (size > 0)
        memcpy(at + sizeof head, data, size);
    frame->size += whole;
    return true;
}

bool nv_frame_add_good(struct nv_frame *frame, const struct nv_results *results,
                       const uint32_t *nanoseconds, const void *data)
{
    size_t whole = nv_frame_good_size(results), times = times_size(results->count);
    unsigned char *at = frame->data + frame->size;
    struct head head = {NV_GOOD, (uint16_t)results->count, (uint32_t)whole, results->first};
    if (whole > NV_FRAME_ROOM - frame->size)
        return false;
    memcpy(at, &head, sizeof head);
    memcpy(at + sizeof head, &results->started, sizeof(double));
    memcpy(at + sizeof head + sizeof(double), nanoseconds, times - sizeof(double));
    if (results->size > 0)
        memcpy(at + sizeof head + nv_align(times), data, results->count * results->size);
    frame->size += whole;
    return true;
}

bool nv_frame_complete_run(struct nv_item *item, const struct nv_run *last)
{
    struct nv_run run = *last;
    size_t size;
    if (item->kind != NV_MORE)
        return true;
    run.first = item->run.first;
    run.count = item->run.count;
    if (last->count == 0 || last->extra_size > 0 || last->flags & NV_BULK ||
        !run_data_size(&run, &size) || size > item->data_size)
        return false;
    item->kind = NV_RUN;
    item->run = run;
    item->extra = "";
    item->data_size = size;
    return true;
}

bool nv_frame_complete_results(struct nv_item *item, const struct nv_results *last)
{
    struct nv_results row = *last;
    size_t size;
    if (item->kind != NV_GOOD)
        return true;
    row.first = item->results.first;
    row.count = item->results.count;
    row.started = item->results.started;
    if (last->count == 0 || !row_size(row.count, row.size, &size) || size > item->data_size)
        return false;
    item->kind = NV_RESULTS;
    item->results = row;
    item->data_size = size;
    return true;
}

/* ------------------------------------------------------------------------------------- decoding */

/* Reads within one item; `ok` turns false at the first step beyond its end. */
struct cursor {
    const unsigned char *at;
    size_t left;
    bool ok;
};

static const void *take(struct cursor *cursor, size_t size)
{
    const unsigned char *at = cursor->at;
    if (!cursor->ok || size > cursor->left || nv_align(size) > cursor->left) {
        cursor->ok = false;
        return NULL;
    }
    cursor->at += nv_align(size);
    cursor->left -= nv_align(size);
    return at;
}

static void take_fixed(struct cursor *cursor, void *fixed, size_t size)
{
    const void *at = take(cursor, size);
    if (at != NULL)
        memcpy(fixed, at, size);
}

static void decode_run(struct cursor *cursor, struct nv_item *item)
{
    struct nv_run *run = &item->run;
    take_fixed(cursor, run, sizeof *run);
    if (!cursor->ok || run->count == 0 || run->extra_size > NV_EXTRA_MAX ||
        run->first > UINT64_MAX - run->count || !run_data_size(run, &item->data_size)) {
        cursor->ok = false;
        return;
    }
    item->extra = take(cursor, run->extra_size);
    if (!(run->flags & NV_BULK))
        item->data = take(cursor, item->data_size);
}

static void decode_results(struct cursor *cursor, struct nv_item *item)
{
    struct nv_results *results = &item->results;
    take_fixed(cursor, results, sizeof *results);
    if (!cursor->ok || results->count == 0 || results->first > UINT64_MAX - results->count ||
        !row_size(results->count, results->size, &item->data_size)) {
        cursor->ok = false;
        return;
    }
    item->nanoseconds = take(cursor, results->count * sizeof *item->nanoseconds);
    if (!(results->flags & NV_BULK))
        item->data = take(cursor, item->data_size);
}

static void decode_result(struct cursor *cursor, struct nv_item *item)
{
    struct nv_result *result = &item->result;
    take_fixed(cursor, result, sizeof *result);
    if (!cursor->ok || result->message_size > NV_MESSAGE_MAX ||
        result->output_size > NV_OUTPUT_MAX || result->size > SIZE_MAX) {
        cursor->ok = false;
        return;
    }
    item->data_size = (size_t)result->size;
    item->extra = take(cursor, nv_frame_text_size(result));
    if (!(result->flags & NV_BULK))
        item->data = take(cursor, item->data_size);
}

static void decode_more(struct cursor *cursor, const struct head *head, struct nv_item *item)
{
    item->run.first = head->first;
    item->run.count = head->count;
    item->data_size = cursor->left;
    item->data = take(cursor, cursor->left);
    if (head->count == 0 || head->first > UINT64_MAX - head->count)
        cursor->ok = false;
}

static void decode_good(struct cursor *cursor, const struct head *head, struct nv_item *item)
{
    const unsigned char *times = take(cursor, times_size(head->count));
    item->results.first = head->first;
    item->results.count = head->count;
    if (!cursor->ok || head->count == 0 || head->first > UINT64_MAX - head->count) {
        cursor->ok = false;
        return;
    }
    memcpy(&item->results.started, times, sizeof(double));
    item->nanoseconds = (const uint32_t *)(const void *)(times + sizeof(double));
    item->data_size = cursor->left;
    item->data = take(cursor, cursor->left);
}

static void decode_control(struct cursor *cursor, struct nv_item *item)
{
    take_fixed(cursor, &item->control, sizeof item->control);
    if (cursor->ok && item->control.first > UINT64_MAX - item->control.count)
        cursor->ok = false;
    if (cursor->ok)
        item->extra = take(cursor, item->control.list_size * sizeof(int32_t));
}

static void decode(struct cursor *cursor, const struct head *head, struct nv_item *item)
{
    switch (item->kind) {
    case NV_MORE:
        decode_more(cursor, head, item);
        break;
    case NV_GOOD:
        decode_good(cursor, head, item);
        break;
    case NV_RUN:
    case NV_SURPLUS:
        decode_run(cursor, item);
        break;
    case NV_RESULTS:
        decode_results(cursor, item);
        break;
    case NV_RESULT:
        decode_result(cursor, item);
        break;
    case NV_CANCEL:
    case NV_PREPARE:
    case NV_REDUCE:
    case NV_DROP:
    case NV_CLOSE:
    case NV_DROPPED:
    case NV_READY:
    case NV_RECALL:
    case NV_WANT:
    case NV_RETURNED:
    case NV_GREW:
    case NV_HOLDS:
        decode_control(cursor, item);
        break;
    default:
        cursor->ok = false;
    }
}

int nv_frame_next(struct nv_reader *reader, struct nv_item *item)
{
    struct head head;
    struct cursor cursor;
    size_t left = reader->size - reader->at;
    assert(reader->at <= reader->size && (uintptr_t)reader->data % NV_ALIGN == 0);
    if (left == 0)
        return 0;
    if (left < sizeof head)
        return -1;
    memcpy(&head, reader->data + reader->at, sizeof head);
    if (head.size < sizeof head || head.size > left || head.size % NV_ALIGN != 0)
        return -1;
    memset(item, 0, sizeof *item);
    item->kind = (enum nv_item_kind)head.kind;
    cursor = (struct cursor){reader->data + reader->at + sizeof head,
                             (size_t)head.size - sizeof head, true};
    decode(&cursor, &head, item);
    if (!cursor.ok || cursor.left > 0)
        return -1;
    reader->at += (size_t)head.size;
    return 1;
}

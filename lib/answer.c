/* answer - see answer.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "answer.h"

void nv_answers_init(struct nv_answers *answers, struct nv_comm *comm, int rank,
                     struct nv_error *error)
{
    answers->comm = comm;
    answers->error = error;
    answers->rank = rank;
    answers->to = 0;
    answers->lane = NV_TO_HUB;
    answers->frame = NULL;
    answers->row.head.count = 0;
    answers->row.base = 0;
    answers->row.timed = 0;
    answers->last.count = 0;
}

void nv_answers_release(struct nv_answers *answers)
{
    if (answers->frame != NULL)
        nv_comm_frame_free(answers->comm, answers->frame);
    answers->frame = NULL;
}

static int post_frame(struct nv_answers *answers)
{
    struct nv_frame *frame = answers->frame;
    if (frame == NULL)
        return NAVE_OK;
    answers->frame = NULL;
    return nv_comm_post(answers->comm, answers->to, answers->lane, frame);
}

/* A frame with room for an item of `size` bytes; a full one goes first. */
static int frame_for(struct nv_answers *answers, size_t size)
{
    if (answers->frame != NULL && NV_FRAME_ROOM - answers->frame->size < size) {
        int rc = post_frame(answers);
        if (rc != NAVE_OK)
            return rc;
    }
    if (answers->frame == NULL)
        answers->frame = nv_comm_frame(answers->comm);
    if (answers->frame == NULL)
        return nv_error_set(answers->error, NAVE_ENOMEM, "no memory for results");
    return NAVE_OK;
}

/* The hub knows the job and the size from the row before. */
static int add_short(struct nv_answers *answers)
{
    struct nv_row *row = &answers->row;
    int rc = frame_for(answers, nv_frame_good_size(&row->head));
    if (rc == NAVE_OK)
        nv_frame_add_good(answers->frame, &row->head, row->nanoseconds, row->data + row->base);
    return rc;
}

static int add_long(struct nv_answers *answers)
{
    struct nv_row *row = &answers->row;
    int rc = frame_for(answers, nv_frame_results_size(&row->head));
    if (rc == NAVE_OK)
        nv_frame_add_results(answers->frame, &row->head, row->nanoseconds, row->data + row->base);
    if (answers->to == 0)
        answers->last = row->head;
    return rc;
}

static int row_flush(struct nv_answers *answers)
{
    struct nv_row *row = &answers->row;
    int rc;
    if (row->head.count == 0)
        return NAVE_OK;
    for (uint32_t i = row->timed; i < row->head.count; i++)
        row->nanoseconds[i] = 0;
    if (answers->to == 0 && answers->last.count > 0 && answers->last.job == row->head.job &&
        answers->last.size == row->head.size)
        rc = add_short(answers);
    else
        rc = add_long(answers);
    if (rc != NAVE_OK)
        return rc;
    row->base += row->head.count * row->head.size;
    row->head.first += row->head.count;
    row->head.count = 0;
    row->timed = 0;
    return NAVE_OK;
}

int nv_answers_post(struct nv_answers *answers)
{
    int rc = row_flush(answers);
    return rc == NAVE_OK ? post_frame(answers) : rc;
}

int nv_answers_to(struct nv_answers *answers, int rank)
{
    int rc = NAVE_OK;
    if (rank != answers->to)
        rc = nv_answers_post(answers);
    answers->to = rank;
    return rc;
}

/* ----------------------------------------------------------------------------------------- rows */

bool nv_answers_fits(const struct nv_answers *answers, uint64_t job, uint64_t index, size_t size)
{
    const struct nv_row *row = &answers->row;
    const struct nv_results *head = &row->head;
    return head->count > 0 && head->job == job && head->first + head->count == index &&
           head->size == size && head->count < NV_ROW_TASKS &&
           row->base + (head->count + 1) * head->size <= NV_ROW_BYTES;
}

int nv_answers_room(struct nv_answers *answers, uint64_t job, uint64_t index, size_t size,
                    double now, void **room)
{
    struct nv_row *row = &answers->row;
    if (!nv_answers_fits(answers, job, index, size)) {
        int rc = row_flush(answers);
        if (rc != NAVE_OK)
            return rc;
        row->head = (struct nv_results){
            .job = job, .first = index, .size = size, .engine = answers->rank, .started = now};
        row->base = 0;
    }
    *room = row->data + row->base + row->head.count * size;
    return NAVE_OK;
}

static uint32_t nanoseconds(double seconds)
{
    double ns = seconds * 1e9 + 0.5;
    return ns < 0 ? 0 : ns > (double)UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

void nv_answers_time(struct nv_answers *answers, double since, double now)
{
    struct nv_row *row = &answers->row;
    uint32_t each;
    if (row->timed == row->head.count)
        return;
    each = nanoseconds((now - since) / (row->head.count - row->timed));
    while (row->timed < row->head.count)
        row->nanoseconds[row->timed++] = each;
}

/* ---------------------------------------------------------------------------------- other items */

static int make_room(struct nv_answers *answers, size_t size)
{
    int rc = row_flush(answers);
    return rc == NAVE_OK ? frame_for(answers, size) : rc;
}

int nv_answers_result(struct nv_answers *answers, const struct nv_result *result,
                      const char *message, const void *data)
{
    int rc = make_room(answers, nv_frame_result_size(result));
    if (rc == NAVE_OK)
        nv_frame_add_result(answers->frame, result, message, data);
    return rc;
}

int nv_answers_list(struct nv_answers *answers, enum nv_item_kind kind,
                    const struct nv_control *control, const int32_t *list)
{
    int rc = make_room(answers, nv_frame_control_size(control));
    if (rc == NAVE_OK)
        nv_frame_add_control(answers->frame, kind, control, list);
    return rc;
}

int nv_answers_control(struct nv_answers *answers, enum nv_item_kind kind,
                       const struct nv_control *control)
{
    return nv_answers_list(answers, kind, control, NULL);
}

int nv_answers_row(struct nv_answers *answers, const struct nv_results *row,
                   const uint32_t *nanoseconds, const void *data)
{
    int rc = make_room(answers, nv_frame_results_size(row));
    if (rc == NAVE_OK)
        nv_frame_add_results(answers->frame, row, nanoseconds, data);
    return rc;
}

int nv_answers_surplus(struct nv_answers *answers, const struct nv_run *run, const void *extra,
                       const void *data)
{
    int rc = make_room(answers, nv_frame_run_size(run));
    if (rc == NAVE_OK)
        nv_frame_add_run(answers->frame, NV_SURPLUS, run, extra, data);
    return rc;
}

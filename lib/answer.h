/* answer - what an engine has to say to those who gave it tasks, gathered into frames.
 *
 * Invariant: what is added goes out in the order in which it was added.  A row of results of one
 * size grows in place, where kernels write them; it becomes an item of the frame when something
 * else is added, or it is full, or nv_answers_post() sends everything.
 */
#ifndef NV_ANSWER_H
#define NV_ANSWER_H

#include "comm.h"

enum {
    NV_ROW_TASKS = 4096, /* results in a row */
    NV_ROW_BYTES = 32 * 1024
};

/* A row of results of neighbouring tasks, of one size. */
struct nv_row {
    struct nv_results head; /* count: those that are finished */
    size_t base;            /* where in `data` the first result of the row is */
    uint32_t timed;         /* results of which the time is known, the first ones */
    uint32_t nanoseconds[NV_ROW_TASKS];
    _Alignas(64) unsigned char data[NV_ROW_BYTES];
};

struct nv_answers {
    struct nv_comm *comm;
    struct nv_error *error;
    int rank;               /* of the engine */
    int to;                 /* whom the frame is for */
    enum nv_lane lane;      /* NV_TO_HUB, unless the caller says otherwise */
    struct nv_frame *frame; /* NULL: none yet */
    struct nv_results last; /* sent to the hub last; count 0: none */
    struct nv_row row;
};

void nv_answers_init(struct nv_answers *answers, struct nv_comm *comm, int rank,
                     struct nv_error *error);
void nv_answers_release(struct nv_answers *answers);

/* What follows is for this rank; what others have to get goes first. */
int nv_answers_to(struct nv_answers *answers, int rank);

/* Whether the task's result would go on with the row as it is. */
bool nv_answers_fits(const struct nv_answers *answers, uint64_t job, uint64_t index, size_t size);

/* Room for the result of a task within the row, size at most NV_INLINE_MAX.  Not zeroed. */
int nv_answers_room(struct nv_answers *answers, uint64_t job, uint64_t index, size_t size,
                    double now, void **room);

/* The result for which there was room is finished; its time is not known yet. */
static inline void nv_answers_good(struct nv_answers *answers)
{
    answers->row.head.count++;
}

/* All results of the row whose time is not known ended by now: they share the time since `since`. */
void nv_answers_time(struct nv_answers *answers, double since, double now);

/* Any other item. */
int nv_answers_result(struct nv_answers *answers, const struct nv_result *result,
                      const char *message, const void *data);
int nv_answers_control(struct nv_answers *answers, enum nv_item_kind kind,
                       const struct nv_control *control);
int nv_answers_list(struct nv_answers *answers, enum nv_item_kind kind,
                    const struct nv_control *control, const int32_t *list);
int nv_answers_row(struct nv_answers *answers, const struct nv_results *row,
                   const uint32_t *nanoseconds, const void *data);
int nv_answers_surplus(struct nv_answers *answers, const struct nv_run *run, const void *extra,
                       const void *data);

int nv_answers_post(struct nv_answers *answers);

#endif

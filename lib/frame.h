/* frame - the messages between ranks: pure encoding and decoding, no MPI.
 *
 * A frame is a row of items; each starts at a multiple of NV_ALIGN with a head {kind, count, size,
 * first}, where size counts the whole item and is a multiple of NV_ALIGN too.  Integers are in the machine's own
 * order: nave_open() has compared it over the ranks.
 *
 * Invariant: whatever bytes a reader is given, nv_frame_next() never points outside of them, and
 * an item that it accepts is consistent in itself.  Meaning (does the job exist?) is the caller's.
 */
#ifndef NV_FRAME_H
#define NV_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NV_ALIGN = 16,
    NV_FRAME_ROOM = 64 * 1024,     /* bytes in a frame at most */
    NV_INLINE_MAX = 16 * 1024,     /* one input or result up to here travels within the frame */
    NV_RUN_INLINE_MAX = 32 * 1024, /* the inputs of one run likewise */
    NV_MORE_MAX = 65535,           /* tasks of a short item */
    NV_MESSAGE_MAX = 1024,         /* bytes of a failure's message */
    NV_OUTPUT_MAX = 16 * 1024,     /* bytes of what a task wrote */
    NV_EXTRA_MAX = 16 * 1024,      /* bytes of a run's extra part */
};

enum nv_item_kind {
    NV_RUN = 1,  /* hub to engine: run these tasks */
    NV_CANCEL,   /*   drop the tasks of a job that have not started */
    NV_PREPARE,  /*   reduction: send what you have, then say NV_READY */
    NV_REDUCE,   /*   reduction: all are ready, enter it; list: the ranks, none: all */
    NV_DROP,     /*   reduction: forget the partial sums */
    NV_CLOSE,    /*   the hub closes; value: status for nave_serve(); count: lost ranks */
    NV_MORE,     /*   as the NV_RUN before from this sender, but for `first` and `count` */
    NV_RECALL,   /*   give back those of a row of tasks that have not started */
    NV_WANT,     /*   others have no work: give away spawned tasks */
    NV_RESULTS,  /* engine to hub: a row of tasks that succeeded, with results of one size */
    NV_GOOD,     /*   as the NV_RESULTS before from this sender, but for first, count, started */
    NV_RESULT,   /*   one task: failed, or with a result of another size than asked for */
    NV_DROPPED,  /*   a row of tasks that were cancelled before they started */
    NV_READY,    /*   reduction: nothing of this engine is under way any more */
    NV_RETURNED, /*  first, count: the end of a row that was called back; value: how long that was */
    NV_HOLDS,    /*  an object was made (value 1) or dropped (0); list: its name */
    NV_SURPLUS,  /*   as NV_RUN: spawned tasks of a job that are given away */
    NV_GREW, /*   spawned tasks; count: that were run; value: that wait, when it was asked for or
                 *   they are many */
};

enum nv_item_flag {
    NV_BULK = 1,       /* the data follows in transfers of its own */
    NV_SHARED = 2,     /* one input for all tasks of the run */
    NV_FOLD = 4,       /* results are folded on the engine; extra: how (see fold.h) */
    NV_UNTIMED = 8,    /* nobody will ask how long a single task took */
    NV_CHILD = 16,     /* spawned tasks: `root` is the index that they go by */
    NV_CHILDLESS = 32, /* may not spawn */
    NV_SINGLES = 128,  /* each task is the only one of its future */
    NV_BLOCKS = 256,  /* run: sums of whole blocks come home; result: one, `index` its first task */
    NV_GUARDED = 512, /* runs in a guard; */
    NV_CAPTURE = 1024, /*   what it writes is kept */
    NV_STRAY = 64      /* result: a spawned task failed, and nobody waits for its answer */
};

struct nv_run {
    uint64_t job, first;
    uint32_t count, kernel;
    uint64_t in_size, out_size;
    uint32_t flags, extra_size;
    uint64_t parent, root; /* the job whose fold and fate it shares: the same unless NV_CHILD */
    uint32_t retries;      /* how often what fails is run again, by the hub or (see work.h) here */
    uint32_t unused;
    double seconds; /* in a guard: that a task may run, bytes that it may use more; 0: any */
    uint64_t bytes;
};

struct nv_results {
    uint64_t job, first;
    uint32_t count, flags;
    int32_t engine; /* that ran them */
    uint32_t unused;
    uint64_t size;  /* of each result */
    double started; /* of the first; each task starts where the one before it ends */
};

struct nv_result {
    uint64_t job, index;
    int32_t code;
    uint32_t message_size;
    uint64_t size;
    double started, ended;
    uint32_t flags;
    int32_t engine;       /* that ran it */
    uint32_t output_size; /* what it wrote, behind the message */
    uint32_t unused;
};

/* Bytes of the message and what the task wrote, in a row. */
static inline size_t nv_frame_text_size(const struct nv_result *result)
{
    return (size_t)result->message_size + result->output_size;
}

struct nv_control {
    uint64_t job, first, count; /* first, count: of a row of tasks */
    int64_t value;
    uint32_t list_size; /* entries of int32_t */
    int32_t engine;     /* that it is about */
};

struct nv_frame {
    unsigned char *data; /* NV_FRAME_ROOM bytes, aligned to NV_ALIGN */
    size_t size;
};

struct nv_item {
    enum nv_item_kind kind;
    union {
        struct nv_run run;
        struct nv_results results;
        struct nv_result result;
        struct nv_control control;
    };
    const void *extra;           /* run: extra bytes; result: message; control: int32_t list */
    const uint32_t *nanoseconds; /* results: how long each task ran */
    const void *data;            /* inputs or results; NULL when NV_BULK */
    size_t data_size;            /* their bytes, also when NV_BULK */
};

struct nv_reader {
    const unsigned char *data;
    size_t size, at;
};

static inline size_t nv_align(size_t size)
{
    return (size + NV_ALIGN - 1) & ~(size_t)(NV_ALIGN - 1);
}

/* Bytes that an item would take, to be compared with the room that is left; SIZE_MAX: over any. */
size_t nv_frame_run_size(const struct nv_run *run);
size_t nv_frame_results_size(const struct nv_results *results);
size_t nv_frame_result_size(const struct nv_result *result);
size_t nv_frame_control_size(const struct nv_control *control);

/* Append an item.  False, and nothing changed, when it does not fit into what is left. */
bool nv_frame_add_run(struct nv_frame *frame, enum nv_item_kind kind, const struct nv_run *run,
                      const void *extra, const void *data);
bool nv_frame_add_results(struct nv_frame *frame, const struct nv_results *results,
                          const uint32_t *nanoseconds, const void *data);
bool nv_frame_add_result(struct nv_frame *frame, const struct nv_result *result, const char *text,
                         const void *data);
bool nv_frame_add_control(struct nv_frame *frame, enum nv_item_kind kind,
                          const struct nv_control *control, const int32_t *list);

/* Short forms for rows that are like the one before; count at most NV_MORE_MAX, size as by the two
 * functions above it.  Of NV_MORE the item has run.first, run.count, and the padded data; of NV_GOOD
 * results.first, .count, .started, the nanoseconds, and the padded data. */
size_t nv_frame_more_size(size_t size);
size_t nv_frame_good_size(const struct nv_results *results);
bool nv_frame_add_more(struct nv_frame *frame, const struct nv_run *run, const void *data,
                       size_t size);
bool nv_frame_add_good(struct nv_frame *frame, const struct nv_results *results,
                       const uint32_t *nanoseconds, const void *data);

/* Makes the long form out of a short one, by the last long one from this sender (its count is 0: there
 * was none).  Other items stay as they are.  False: it does not go with that one. */
bool nv_frame_complete_run(struct nv_item *item, const struct nv_run *last);
bool nv_frame_complete_results(struct nv_item *item, const struct nv_results *last);

/* The next item: 1; 0 at the end; -1 when the bytes are no frame.  `reader->data` must be aligned
 * to NV_ALIGN; the item points into it. */
int nv_frame_next(struct nv_reader *reader, struct nv_item *item);

#endif

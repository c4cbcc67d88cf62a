/* task - one call of a kernel on this engine: what the kernel sees, and what it leaves behind.
 *
 * Invariant: after nv_task_run() a task has failed (code is not 0) or has a result (data, size);
 * `output` (from nave_output()) and `room` are memory to be freed.  `out` stays as it is when there
 * is an output: a kernel may still copy from it.
 */
#ifndef NV_TASK_H
#define NV_TASK_H

#include "frame.h"
#include "kernel.h"
#include "object.h"

struct nv_engine;

struct nave_task {
    struct nv_engine *engine;
    bool guarded; /* it runs in a guard, where there is no farm to talk to */
    struct nv_objects *objects;
    const char *object; /* the name that the library's own kernels work on */
    void **input;       /* where the input's memory may be taken from; NULL inside: not to be had */
    void *user;
    uint64_t job, index;
    uint64_t number; /* what nave_task_index() says: of a spawned task, that of its root */
    int rank;
    double started;
    void *out;
    size_t out_size;
    void *room;   /* the memory of a large `out`; NULL: it is the engine's */
    void *output; /* from nave_output() */
    const void *data;
    size_t size;
    bool borrowed; /* data belongs to an object */
    int code;
    size_t message_size;
    char message[NV_MESSAGE_MAX];
};

/* Runs the kernel with `task` set up to `out_size`. */
void nv_task_run(nave_task *task, nave_kernel_fn *run, const void *in, size_t in_size);

/* The library's own kernels: they act on the object that the run names. */
nave_kernel_fn nv_task_push, nv_task_pull, nv_task_drop;

/* For a push that the engines of a node share.  Share: as push, and the result is a struct
 * nv_segment that others can join, with no name when there is none.  Join: the object is the segment
 * that is the input; the result is an int, 0 or why not.  Unname: nobody else will join. */
nave_kernel_fn nv_task_share, nv_task_join, nv_task_unname;

/* For the door.  Piece, lay: see piece.h.  Plugin: see plugin.h. */
nave_kernel_fn nv_task_piece, nv_task_lay, nv_task_plugin;

#endif

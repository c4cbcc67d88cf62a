/* nave_kernel.h - what the code of a task needs of Nave, and the codes of all its functions: no MPI
 *
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * nave.h and nave_client.h include it.  A file of kernels that are to be added to a running job (a
 * plug-in, see NAVE_PLUGIN at the end) includes nothing else of Nave's.
 */
#ifndef NAVE_KERNEL_H
#define NAVE_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NAVE_VERSION "0.1.0"

#if defined(__GNUC__)
#define NAVE_API __attribute__((visibility("default")))
#define NAVE_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define NAVE_API
#define NAVE_PRINTF(text, first)
#endif

typedef struct nave_task nave_task;

/* --------------------------------------------------------------------------------------- errors */

/* The one list of results: name, value, text.  NAVE_OK is 0, all others are negative. */
#define NAVE_ERRORS(X)                                                                             \
    X(NAVE_OK, 0, "success")                                                                       \
    X(NAVE_END, -1, "no more results")                                                             \
    X(NAVE_ETASK, -2, "tasks failed")                                                              \
    X(NAVE_ECANCELED, -3, "tasks were cancelled")                                                  \
    X(NAVE_ETIMEDOUT, -4, "time is over")                                                          \
    X(NAVE_EUNREAD, -5, "too many results are waiting to be read")                                 \
    X(NAVE_EINVAL, -6, "invalid argument")                                                         \
    X(NAVE_ENOMEM, -7, "out of memory")                                                            \
    X(NAVE_ESIZE, -8, "size does not fit")                                                         \
    X(NAVE_EKERNEL, -9, "no engine of the view has this kernel")                                   \
    X(NAVE_EENGINE, -10, "no such engine")                                                         \
    X(NAVE_EOBJECT, -11, "no such object")                                                         \
    X(NAVE_ETYPE, -12, "datatype or operation cannot be used on the engines")                      \
    X(NAVE_ESOURCE, -13, "the source of tasks failed")                                             \
    X(NAVE_EROLE, -14, "only the hub may do this")                                                 \
    X(NAVE_ESTATE, -15, "not possible in this state")                                              \
    X(NAVE_EDISAGREE, -16, "ranks disagree")                                                       \
    X(NAVE_ELAUNCH, -17, "the ranks were started apart from each other")                           \
    X(NAVE_EMPI, -18, "MPI reported an error")                                                     \
    X(NAVE_EWIRE, -19, "a damaged or foreign frame arrived")                                       \
    X(NAVE_EJOURNAL, -20, "the journal cannot be used")                                            \
    X(NAVE_EDRAINED, -21, "the farm was drained before all tasks were run")                        \
    X(NAVE_ECRASH, -22, "the process that ran the task ended")                                     \
    X(NAVE_ELOST, -23, "engines are lost")                                                         \
    X(NAVE_ECONNECT, -24, "the job cannot be reached")                                             \
    X(NAVE_EDENIED, -25, "this connection file does not allow that")                               \
    X(NAVE_EPROTOCOL, -26, "the other side speaks another protocol")                               \
    X(NAVE_ECOMPILE, -27, "the compiler does not accept this")                                     \
    X(NAVE_EDOOR, -28, "the door cannot be opened")

#define NAVE_ERROR_VALUE(name, value, text) name = value,
enum nave_error_code { NAVE_ERRORS(NAVE_ERROR_VALUE) };
#undef NAVE_ERROR_VALUE

/* The name ("NAVE_EINVAL") and the text of a code; "unknown" for others.  Static strings. */
NAVE_API const char *nave_error_name(int code);
NAVE_API const char *nave_strerror(int code);

/* What may be said of errors and warnings while it runs: lines without a newline. */
enum nave_log_level { NAVE_LOG_ERROR = 1, NAVE_LOG_WARNING };
typedef void nave_log_fn(void *arg, int level, const char *line);

/* A ready-made nave_options.log: "nave: LINE" on standard error. */
NAVE_API void nave_log_stderr(void *arg, int level, const char *line);

/* The version of the library that is linked, "MAJOR.MINOR.PATCH". */
NAVE_API const char *nave_version(void);

/* What becomes of a task. */
enum nave_task_state {
    NAVE_WAITING = 0,
    NAVE_RUNNING, /* with an engine, perhaps waiting there */
    NAVE_SUCCEEDED,
    NAVE_FAILED,
    NAVE_CANCELLED
};

/* The elements of arrays that are seen from outside, see nave_publish() and nave_client_array. */
enum nave_type { NAVE_DOUBLE = 1, NAVE_FLOAT, NAVE_INT64, NAVE_INT32, NAVE_UINT8 };

/* -------------------------------------------------------------------------------------- kernels */

/* A kernel: the code of a task.
 *
 * in, in_size    the input; read-only, gone after the return.  Within a map, inputs are aligned as
 *                elements of the caller's array are; all others to 16 bytes.
 * out, out_size  room for the result, zero-filled, aligned as an element of an array of such
 *                results is.  What the call on the view said; a result of another size is made
 *                by nave_output().
 * return         0, or a code of the kernel's choice: the task has then failed, and nothing else.
 *
 * Kernels run on engines, one at a time: in the thread that called nave_serve(), and on rank 0 in a
 * thread beside the caller's program.  A kernel that calls MPI (on communicators of its own, not the
 * context's) or cannot run beside the program of rank 0 says NAVE_NOT_ON_HUB. */
typedef int nave_kernel_fn(nave_task *task, const void *in, size_t in_size, void *out,
                           size_t out_size);

enum {
    /* In nave_map_reduce() the kernel adds to what `out` holds, instead of getting it empty. */
    NAVE_ACCUMULATES = 1,
    /* It calls MPI, or cannot run beside the program of rank 0, which then does not run it, unless
     * rank 0 is alone.  (A direct view of all engines cannot
     * have it then, unless nave_options.idle_hub is set.) */
    NAVE_NOT_ON_HUB = 2
};

typedef struct nave_kernel {
    const char *name; /* 1 to 127 bytes; names that start with "nave." are the library's */
    nave_kernel_fn *run;
    unsigned flags; /* 0, or those above added up */
    /* What input and result are, for people and programs outside the job, see nave_client.h; NULL:
     * bytes.  Two lists of C types and names, "double strike, int64_t paths -> double price", which
     * stand for structs with these members.  The types: char, int, unsigned, long, size_t, float,
     * double, int8_t to int64_t, uint8_t to uint64_t; with [N] behind the name an array, with [] as the
     * last member one of as many elements as there are (char: text without a zero at its end). */
    const char *signature;
} nave_kernel;

/* clang-format off */
#define NAVE_KERNEL(fn) { #fn, fn, 0, NULL }
#define NAVE_KERNEL_OF(fn, signature) { #fn, fn, 0, signature }
/* clang-format on */

/* What a kernel may ask and do; `task` is the argument it got. */

/* Fails the task with a message (cut at 1 KiB).  Returns a non-zero code to return at once:
 *     if (x < 0) return nave_fail(task, "x is %g", x); */
NAVE_API int nave_fail(nave_task *task, const char *format, ...) NAVE_PRINTF(2, 3);

/* Makes the result `size` bytes long and returns zero-filled room for it, 16-byte aligned, instead
 * of `out`, which may still be read.  The library frees it.  NULL when out of memory (the task then
 * fails by itself).  A second call replaces the first.  Where the caller gave an array for the
 * results, a size over its out_size fails the task with NAVE_ESIZE. */
NAVE_API void *nave_output(nave_task *task, size_t size);

/* The task's number within its future; the rank that runs it; nave_options.user of that rank. */
NAVE_API size_t nave_task_index(const nave_task *task);
NAVE_API int nave_task_engine(const nave_task *task);
NAVE_API void *nave_task_user(const nave_task *task);

/* Starts a further task of the same future, on a copy of `in` (up to 16 KiB).  It runs later, on
 * this engine or another, and may spawn in turn; the future is complete when all that descends from
 * its tasks is finished.  Spawned tasks have the index of the task that they descend from and no
 * result; in nave_map_reduce(), with integer sums only (integer types with MPI_SUM, MPI_BOR or
 * MPI_BXOR), what they put into `out` counts like any other.  A failure is one of the future's.
 *
 * They are run last in, first out, so that a tree is searched depth first and takes little memory;
 * engines without work get the oldest ones of others.  NAVE_OK; NAVE_EKERNEL, this rank has no such
 * kernel; NAVE_ENOMEM; NAVE_ESIZE, the input is too large; NAVE_ETYPE, not in this reduction;
 * NAVE_ESTATE, not in a guard. */
NAVE_API int nave_spawn(nave_task *task, const char *kernel, const void *in, size_t in_size);

/* 1 when nobody wants the result any more: the future was cancelled or freed.  Looks for news, so
 * it costs about a microsecond; a long kernel that asks now and then can stop early. */
NAVE_API int nave_cancelled(nave_task *task);

/* An object on this engine, see nave_push().  Returns its bytes, which the kernel may change in
 * place, and stores the size (size may be NULL); NULL where there is none.  Valid until the object
 * is replaced or dropped. */
NAVE_API void *nave_object(nave_task *task, const char *name, size_t *size);

/* Makes or replaces an object on this engine by a copy of `data`; drops one.  NAVE_OK,
 * NAVE_EINVAL (name empty or over 127 bytes), NAVE_ENOMEM, NAVE_EOBJECT, NAVE_ESTATE (in a guard). */
NAVE_API int nave_object_set(nave_task *task, const char *name, const void *data, size_t size);
NAVE_API int nave_object_drop(nave_task *task, const char *name);

/* A plug-in: a file of C that `nave cc` compiles and adds to a running job.  It names its kernels once:
 *     NAVE_PLUGIN(NAVE_KERNEL(square), NAVE_KERNEL_OF(cube, "double x -> double y")) */
#define NAVE_PLUGIN(...)                                                                           \
    extern NAVE_API const nave_kernel nave_plugin[];                                               \
    const nave_kernel nave_plugin[] = {__VA_ARGS__, {NULL, NULL, 0, NULL}};

#ifdef __cplusplus
}
#endif

#endif

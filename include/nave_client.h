/* nave_client.h - reach a running job from outside, without MPI
 *
 * SPDX-License-Identifier: BSD-3-Clause
 *
 * A job that was opened with a connection (nave_options.connection, `--connection FILE`) has a door.
 * With its connection file a client, on the same host or anywhere a TCP connection or ssh leads to it,
 * may look, submit tasks, fetch results, move objects, steer.  Link with -lnave-client.
 *
 *     nave_client *job;
 *     uint64_t call;
 *     double x[3] = {1, 2, 3}, y;
 *     const void *data;
 *     size_t size;
 *     if (nave_connect("job.json", NULL, &job) != NAVE_OK)
 *         return fprintf(stderr, "%s\n", nave_client_error(job)), 1;
 *     nave_client_submit(job, "square", x, sizeof *x, sizeof y, 3, NULL, &call);
 *     nave_client_result(job, call, 2, -1, &data, &size);
 *     nave_disconnect(&job);
 *
 * All functions block, for opt->timeout at most unless they say otherwise, and return NAVE_OK or a
 * negative code; nave_client_error() has the words.  NAVE_ECONNECT: the job is not there, or does not
 * answer; NAVE_EDENIED: the file does not allow it; NAVE_EPROTOCOL: the other side is no Nave, or of
 * another protocol.  A client is for one thread at a time; there are no globals.  What data points to
 * is the client's, valid until the next call on it.  doc/protocol.md says what passes.
 */
#ifndef NAVE_CLIENT_H
#define NAVE_CLIENT_H

#include "nave_kernel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct nave_client nave_client;

/* All zero is the default. */
typedef struct nave_client_options {
    double timeout; /* seconds to wait for an answer; 0: 10 */
    const char
        *ssh; /* "user@login": through a tunnel that the system's ssh makes (NAVE_SSH: another
                      *   command in its place, with options if need be); NULL: what the file says */
} nave_client_options;

/* Opens a connection file.  NULL or "": what NAVE_CONNECTION says, or the only job that is running in
 * the folders for connection files, $XDG_RUNTIME_DIR/nave and ~/.nave/run; a name without a slash and a dot
 * is looked for there, with ".json" added, and then here; one with a dot the other way round.  On failure *client is still set (NULL only when out of
 * memory): to be asked by nave_client_error() and closed. */
NAVE_API int nave_connect(const char *file, const nave_client_options *opt, nave_client **client);

/* Closes the connection; what was submitted goes on.  *client becomes NULL.  NULL is allowed. */
NAVE_API void nave_disconnect(nave_client **client);

/* The words for the last error.  Never NULL. */
NAVE_API const char *nave_client_error(const nave_client *client);

/* Where a job that is opened with `connection` NAME puts its file: a name with a slash or a dot is a path
 * as it is; of others NAME.json in $XDG_RUNTIME_DIR/nave; where that is not set, in a job of a batch system,
 * and with `shared` other than 0 in ~/.nave/run, which other hosts may see.  The folder is made.  NAVE_OK, or
 * NAVE_EDOOR: longer than `room`, or neither folder is known. */
NAVE_API int nave_connection_place(const char *name, int shared, char *path, size_t room);

/* Whether this connection may change things, or only look. */
NAVE_API int nave_client_may_control(const nave_client *client);

/* Whether numbers of the job, in objects, arrays, inputs and results, are in the other byte order than those
 * of this host. */
NAVE_API int nave_client_is_foreign(const nave_client *client);

/* The ssh command that leads to the hub from a login host, with the same port on this side: for doing by
 * hand what opt->ssh does.  NAVE_OK, or NAVE_ESIZE. */
NAVE_API int nave_client_ssh_line(const nave_client *client, char *line, size_t room);

/* Any request of doc/protocol.md: `request` is a JSON object without "id", data the bytes that go with
 * it.  Stores the answer as JSON text, and its bytes (NULL and 0: none); each may be NULL. `seconds`:
 * how much longer than usual the answer may take; negative: any time.  The code is that of the
 * answer. */
NAVE_API int nave_client_ask(nave_client *client, const char *request, const void *data,
                             size_t size, double seconds, const char **answer,
                             const void **answer_data, size_t *answer_size);

/* The job's last answer to any of these functions, as JSON text, without its bytes; "{}": there was none. */
NAVE_API const char *nave_client_answer(const nave_client *client);

/* How tasks from outside are placed; all zero is the default.  As in nave_policy. */
typedef struct nave_client_policy {
    int priority, retries, guard;
    double time_limit;
    size_t memory_limit;
    const int *engines; /* these ranks only; NULL: all */
    size_t engine_count;
    int each; /* 1: one task on each engine, with the one input (a direct view) */
} nave_client_policy;

/* n tasks of a kernel, task i on the in_size bytes at in + i * in_size; stores the number of the call,
 * by which all clients know them.  out_size: of each result, as nave_map(); kernels that use
 * nave_output() need none. */
NAVE_API int nave_client_submit(nave_client *client, const char *kernel, const void *in,
                                size_t in_size, size_t out_size, size_t n,
                                const nave_client_policy *policy, uint64_t *call);

/* The input of a kernel out of words, as on a command line, by its signature (see nave_kernel); of a kernel
 * without one the only word, as it is.  Stores the bytes (the caller's, to be freed by free()), their
 * size, and the size of the result, 0 if that is not fixed.  NAVE_EINVAL says which word is wrong. */
NAVE_API int nave_client_encode(nave_client *client, const char *kernel, char *const *words,
                                size_t n, void **in, size_t *in_size, size_t *out_size);

/* A result of a kernel (`data` may be what nave_client_result() stored) as text, or as JSON, by its
 * signature, to be freed by free().  NAVE_ESTATE: it has
 * none, or the bytes do not fit it: they are to be taken as they are. */
NAVE_API int nave_client_show(nave_client *client, const char *kernel, const void *data,
                              size_t size, int json, char **text);

/* Waits until a call is finished, for `seconds` (negative: without end).  NAVE_OK, NAVE_ETASK,
 * NAVE_ECANCELED, NAVE_EDRAINED, or NAVE_ETIMEDOUT. */
NAVE_API int nave_client_wait(nave_client *client, uint64_t call, double seconds);

/* The result of one task, also of a call of the program's own or of another client's; waits for it as
 * above.  NAVE_ETASK or NAVE_ECANCELED when it has none. */
NAVE_API int nave_client_result(nave_client *client, uint64_t call, size_t index, double seconds,
                                const void **data, size_t *size);

/* What has not begun; the answer (nave_client_answer()) has how many tasks run on to their end,
 * as `running`. */
NAVE_API int nave_client_cancel(nave_client *client, uint64_t call);

/* The job forgets a finished call that came from outside, and its results. */
NAVE_API int nave_client_forget(nave_client *client, uint64_t call);

/* Puts a copy of the buffer on engines (NULL, 0: on all); fetches that of one engine.  Objects go in
 * pieces, so they may be larger than the memory of the hub. */
NAVE_API int nave_client_push(nave_client *client, const char *name, const void *data, size_t size,
                              const int *engines, size_t engine_count);
NAVE_API int nave_client_pull(nave_client *client, const char *name, int engine, const void **data,
                              size_t *size);
NAVE_API int nave_client_drop(nave_client *client, const char *name);

/* Deals out n elements of `size` bytes over all engines, in order of rank, in contiguous blocks; the
 * inverse puts all engines' together. */
NAVE_API int nave_client_scatter(nave_client *client, const char *name, const void *base, size_t n,
                                 size_t size);
NAVE_API int nave_client_gather(nave_client *client, const char *name, const void **data,
                                size_t *size);

/* A published array, assembled, see nave_publish().  type: enum nave_type of nave.h as a name, "double"
 * ...; shape has `dims` numbers (4 at most).  step: which nave_poll() it is of. */
typedef struct nave_client_array {
    const char *type;
    size_t item; /* bytes of an element */
    int dims;
    size_t shape[4];
    uint64_t step;
    const void *data;
    size_t size;
} nave_client_array;

NAVE_API int nave_client_array_pull(nave_client *client, const char *name,
                                    nave_client_array *array);

/* The same in pieces, for what is larger than memory: first the array without data, then the bytes of
 * each block, contiguous, with where they belong (start and count, by dimension; `offset` of the bytes in
 * the block).  A negative return of `take` ends it. */
typedef int nave_client_piece(void *arg, const nave_client_array *array, const size_t *start,
                              const size_t *count, size_t offset, const void *data, size_t size);
NAVE_API int nave_client_array_each(nave_client *client, const char *name, nave_client_piece *take,
                                    void *arg);

/* Where byte `offset` of a block belongs among the bytes of the whole array, and how many bytes of the
 * block follow it there without a gap; *run is 0 when there is no such byte. */
NAVE_API size_t nave_client_place(const nave_client_array *array, const size_t *start,
                                  const size_t *count, size_t offset, size_t *run);

/* An object in pieces likewise; start, count and array->shape are of bytes. */
NAVE_API int nave_client_object_each(nave_client *client, const char *name, int engine,
                                     nave_client_piece *take, void *arg);

/* Changes a steering value; gives a command (its code on rank 0 comes back in *code).  Both return when
 * it is done. */
NAVE_API int nave_client_set(nave_client *client, const char *name, const char *value);
NAVE_API int nave_client_command(nave_client *client, const char *name, const char *text,
                                 int *code);

/* No task begins, and nave_poll() does not return; on again; the farm ends in good order. */
NAVE_API int nave_client_pause(nave_client *client);
NAVE_API int nave_client_resume(nave_client *client);
NAVE_API int nave_client_stop(nave_client *client);

/* Compiles a plug-in on the hub's host and adds its kernels; `file` is for the compiler's messages,
 * which are stored also on failure (NAVE_ECOMPILE), or "". */
NAVE_API int nave_client_compile(nave_client *client, const char *file, const char *source,
                                 const char **messages);

#ifdef __cplusplus
}
#endif

#endif

/* stream - small tasks that are applied one by one travel together.
 *
 * Each nave_apply() of a balanced view is a future of one task.  Those of one kernel and one size
 * become neighbouring tasks of one job, the stream's, which goes on for as long as the view: so they
 * share frames, rows of results and the scheduler's care like the tasks of a map.
 *
 * Invariant: task i of the stream's job is task 0 of the future `owners[i]`, until it is finished.
 * The stream's own future (the carrier) is nobody's; it is complete when the view has gone and all
 * tasks are finished.
 */
#ifndef NV_STREAM_H
#define NV_STREAM_H

#include "future.h"

struct nv_stream;

enum { NV_STREAM_BYTES = 512 /* of input or result, at most */ };

/* Whether an apply on this view can be part of a stream. */
bool nv_stream_takes(const nave_view *view, size_t in_size, size_t out_size);

/* Starts one task. */
int nv_stream_apply(nave_view *view, const char *kernel, const void *in, size_t in_size,
                    size_t out_size, nave_future **future);

/* For the carrier, as nv_future_send() and nv_future_take(). */
int nv_stream_send(struct nv_stream *stream, const struct nv_send *send);
int nv_stream_take(struct nv_stream *stream, int source, const struct nv_item *item);

/* The input of a future of one task, until others have taken its place in the ring. */
const void *nv_stream_input(const nave_future *future);

/* For the future of one task. */
int nv_stream_cancel(nave_future *future);
void nv_stream_free(nave_future *future);

/* As nv_future_lost(). */
int nv_stream_lost(struct nv_stream *stream, int engine, uint64_t first, uint64_t count,
                   bool begun);

/* What has not been sent is not to be run any more. */
void nv_stream_drain(struct nv_stream *stream);

/* No more tasks will come: the view's streams end when theirs are finished. */
void nv_streams_end(nave_view *view);

/* The carrier is discarded. */
void nv_stream_release(struct nv_stream *stream);

#endif

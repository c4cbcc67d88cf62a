/* report - what the parent of a guarded child tells of it: what it wrote, and how it ended; see ward.h.
 * SPDX-License-Identifier: BSD-3-Clause */
#define _DEFAULT_SOURCE /* strsignal */
#include "clock.h"
#include "scratch.h"
#include "ward.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PIECE = 1 << 14, /* bytes passed on at a time */
    NOTE_ROOM = 64   /* bytes for how much was cut */
};

/* ------------------------------------------------------------------------------ what it has written */

static void write_out(const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(STDERR_FILENO, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        data += n;
        size -= (size_t)n;
    }
}

/* Passes on what is new. */
void nv_report_forward(struct nv_guard *guard)
{
    struct nv_guard_row *row = &guard->row;
    char piece[PIECE];
    row->size = nv_scratch_size(guard->output);
    while (!row->capture && row->forwarded < row->size) {
        uint64_t left = row->size - row->forwarded;
        size_t size = left < sizeof piece ? (size_t)left : sizeof piece;
        if (!nv_scratch_read(guard->output, row->forwarded, piece, size))
            return;
        write_out(piece, size);
        row->forwarded += size;
    }
}

/* What task `at` has written, as far as it is there.  The size that is known may be from before it. */
static uint64_t range(struct nv_guard *guard, uint32_t at, uint64_t *begin)
{
    const struct nv_ward_task *task = &guard->page->tasks[at];
    uint64_t end = at < guard->state.done ? task->text_end : guard->row.size;
    if (end > guard->row.size)
        guard->row.size = nv_scratch_size(guard->output);
    if (end > guard->row.size)
        end = guard->row.size;
    *begin = task->text < end ? task->text : end;
    return end - *begin;
}

/* The last whole lines, or the end of a line that is longer than that. */
static void keep_tail(struct nv_guard *guard)
{
    uint64_t begin, size = range(guard, guard->state.done, &begin);
    size_t kept = size < NV_GUARD_TAIL ? (size_t)size : NV_GUARD_TAIL;
    const char *line;
    if (!nv_scratch_read(guard->output, begin + size - kept, guard->tail, kept))
        kept = 0;
    while (kept > 0 && guard->tail[kept - 1] == '\n')
        kept--;
    guard->tail[kept] = '\0';
    if (size > NV_GUARD_TAIL && (line = strchr(guard->tail, '\n')) != NULL)
        memmove(guard->tail, line + 1, strlen(line));
    guard->state.tail = guard->tail;
}

/* ---------------------------------------------------------------------------------- how it has ended */

void nv_report_classify(struct nv_guard *guard, bool known, int status)
{
    struct nv_guard_state *state = &guard->state;
    unsigned left = atomic_load(&guard->page->left);
    bool killed = !known || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    state->number = 0;
    if (guard->row.ending && killed) {
        state->cause = guard->row.why;
    } else if (known && WIFSIGNALED(status)) {
        state->cause = NV_GUARD_SIGNAL;
        state->number = WTERMSIG(status);
    } else if (left > 0 || known) {
        state->cause = NV_GUARD_EXIT;
        state->number = left == NV_WARD_LEFT ? -1 : left > 0 ? (int)left - 1 : WEXITSTATUS(status);
    } else {
        state->cause = NV_GUARD_UNKNOWN;
    }
}

static void describe(struct nv_guard *guard)
{
    struct nv_guard_state *state = &guard->state;
    char *text = guard->text;
    size_t room = sizeof guard->text;
    state->text = text;
    if (state->cause == NV_GUARD_SIGNAL && state->number == SIGKILL)
        snprintf(text, room, "killed by SIGKILL (out of memory?)");
    else if (state->cause == NV_GUARD_SIGNAL)
        snprintf(text, room, "signal %d (%s)", state->number, strsignal(state->number));
    else if (state->cause == NV_GUARD_EXIT && state->number >= 0)
        snprintf(text, room, "exit status %d", state->number);
    else if (state->cause == NV_GUARD_EXIT)
        snprintf(text, room, "called exit()");
    else if (state->cause == NV_GUARD_TIME)
        snprintf(text, room, "ran longer than %g s", guard->row.seconds);
    else if (state->cause == NV_GUARD_CANCELLED)
        snprintf(text, room, "cancelled");
    else if (state->cause == NV_GUARD_OUTPUT)
        snprintf(text, room, "wrote more than %d MiB", NV_GUARD_FLOOD >> 20);
    else if (state->cause == NV_GUARD_DAMAGE)
        snprintf(text, room, "wrote over memory that is not its own");
    else
        snprintf(text, room, "ended, and how was not to be learnt (SIGCHLD is ignored?)");
}

void nv_report_blame(struct nv_guard *guard)
{
    guard->state.what = NV_GUARD_ENDED;
    guard->page->tasks[guard->state.done].ended = nv_clock();
    describe(guard);
    keep_tail(guard);
}

/* ------------------------------------------------------------------------------------ the interface */

void nv_guard_times(const struct nv_guard *guard, uint32_t at, double *started, double *ended)
{
    *started = guard->page->tasks[at].started;
    *ended = guard->page->tasks[at].ended;
}

int nv_guard_output(struct nv_guard *guard, uint32_t at, const char **data, size_t *size)
{
    uint64_t begin, all = range(guard, at, &begin);
    size_t kept = all < NV_GUARD_KEPT ? (size_t)all : NV_GUARD_KEPT;
    if (guard->kept == NULL)
        guard->kept = malloc(NV_GUARD_KEPT + NOTE_ROOM);
    if (guard->kept == NULL)
        return nv_error_set(guard->spec.error, NAVE_ENOMEM, "no memory for a task's output");
    if (!nv_scratch_read(guard->output, begin, guard->kept, kept))
        all = kept = 0;
    if (all > kept)
        kept += (size_t)snprintf(guard->kept + kept, NOTE_ROOM, "\n[%llu more bytes were cut]\n",
                                 (unsigned long long)(all - kept));
    *data = guard->kept;
    *size = kept;
    return NAVE_OK;
}

int nv_guard_take(const struct nv_guard *guard, uint32_t at, void **data, size_t *size)
{
    const struct nv_ward_task *task = &guard->page->tasks[at];
    uint64_t extra = task->extra_size;
    void *copy = NULL;
    if (extra > 0 && extra <= SIZE_MAX)
        copy = malloc((size_t)extra);
    if (extra > 0 && (copy == NULL || !nv_scratch_read(guard->extra, task->extra, copy, extra))) {
        free(copy);
        return nv_error_set(guard->spec.error, NAVE_ENOMEM, "no memory for a result of %llu bytes",
                            (unsigned long long)extra);
    }
    *data = copy;
    *size = (size_t)extra;
    return NAVE_OK;
}

/* wait - waiting for futures, and reading their results.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "future.h"

#define PROGRESS_SECONDS 0.1

static int outcome(nave_future *future)
{
    struct nv_error *error = &future->hub->ctx->error;
    if (future->drained)
        return nv_error_note(error, NAVE_EDRAINED, "%s%s%s", future->hub->drained_by,
                             future->hub->drained ? ": " : "", nave_digest(future));
    if (future->ledger.failed > 0)
        return nv_error_note(error, NAVE_ETASK, "%s", nave_digest(future));
    if (future->source_code < 0)
        return nv_error_note(error, NAVE_ESOURCE, "the source ended with code %d after %llu tasks",
                             future->source_code, (unsigned long long)future->count);
    if (future->ledger.cancelled > 0 || future->cancelled)
        return nv_error_note(error, NAVE_ECANCELED, "%s", nave_digest(future));
    return NAVE_OK;
}

/* Nothing is with an engine, and the backlog is full: only reading helps. */
static bool stuck(const nave_future *future)
{
    return future->open && future->count >= future->limit &&
           nv_ledger_finished(&future->ledger) == future->count;
}

static bool complete_or_stuck(void *arg)
{
    const nave_future *future = arg;
    return future->complete || stuck(future);
}

/* A wait during which the caller wants to hear how far it is. */
struct watched {
    nave_future *future;
    double next; /* when to say it again */
};

static void tell(const nave_future *future)
{
    const nave *ctx = future->hub->ctx;
    nave_counts counts;
    nave_count(future, &counts);
    ctx->progress(ctx->progress_arg, &counts);
}

static bool complete_and_told(void *arg)
{
    struct watched *watched = arg;
    double now = nv_hub_time(watched->future->hub);
    if (complete_or_stuck(watched->future))
        return true;
    if (now >= watched->next) {
        tell(watched->future);
        watched->next = now + PROGRESS_SECONDS;
    }
    return false;
}

static int wait_and_tell(nave_future *future, double seconds)
{
    struct watched watched = {future, nv_hub_time(future->hub) + PROGRESS_SECONDS};
    int rc = nv_hub_wait(future->hub, complete_and_told, &watched, seconds);
    if (rc == NAVE_OK && future->complete)
        tell(future);
    return rc;
}

/* What came out of waiting (rc), as nave_wait() puts it. */
static int verdict(nave_future *future, double seconds, int rc)
{
    if (rc == NAVE_ETIMEDOUT)
        return nv_error_note(&future->hub->ctx->error, rc, "not complete after %g s", seconds);
    if (rc != NAVE_OK)
        return rc;
    if (!future->complete)
        return nv_error_note(&future->hub->ctx->error, NAVE_EUNREAD,
                             "%llu results wait to be read by nave_next() (or set "
                             "nave_policy.discard or a larger backlog)",
                             (unsigned long long)future->ledger.unread);
    return outcome(future);
}

int nv_future_wait(nave_future *future, double seconds)
{
    int rc = nv_hub_wait(future->hub, complete_or_stuck, future, seconds);
    return verdict(future, seconds, rc);
}

int nave_wait(nave_future *future, double seconds)
{
    if (future->complete || future->hub->ctx->progress == NULL)
        return nv_future_wait(future, seconds);
    return verdict(future, seconds, wait_and_tell(future, seconds));
}

struct any {
    nave_future *const *futures;
    size_t n, which;
};

static bool any_complete(void *arg)
{
    struct any *any = arg;
    for (size_t i = 0; i < any->n; i++)
        if (any->futures[i] != NULL && complete_or_stuck(any->futures[i])) {
            any->which = i;
            return true;
        }
    return false;
}

int nave_wait_any(nave_future *const *futures, size_t n, size_t *which, double seconds)
{
    struct any any = {futures, n, 0};
    struct nv_hub *hub = NULL;
    int rc;
    for (size_t i = 0; futures != NULL && i < n; i++) {
        if (futures[i] == NULL)
            continue;
        if (hub != NULL && futures[i]->hub != hub)
            return nv_error_set(&hub->ctx->error, NAVE_EINVAL,
                                "the futures are of different contexts");
        hub = futures[i]->hub;
    }
    if (hub == NULL)
        return NAVE_EINVAL;
    rc = nv_hub_wait(hub, any_complete, &any, seconds);
    if (rc == NAVE_ETIMEDOUT)
        return nv_error_note(&hub->ctx->error, rc, "none is complete after %g s", seconds);
    if (rc != NAVE_OK)
        return rc;
    *which = any.which;
    return nv_future_wait(futures[any.which], 0);
}

int nave_test(nave_future *future)
{
    bool worked;
    if (!future->complete)
        nv_hub_turn(future->hub, &worked);
    return future->complete;
}

static uint64_t running(const nave_future *future)
{
    if (future->single)
        return nv_ledger_state(&future->ledger, 0) == NAVE_RUNNING;
    return nv_sched_running(future->hub->sched, future->job);
}

void nave_count(const nave_future *future, nave_counts *counts)
{
    const struct nv_ledger *ledger = &future->ledger;
    *counts =
        (nave_counts){.total = (size_t)(future->count + future->grown),
                      .succeeded = (size_t)(ledger->succeeded + future->grown - ledger->strays),
                      .failed = (size_t)ledger->failed,
                      .cancelled = (size_t)ledger->cancelled,
                      .running = (size_t)running(future),
                      .complete = future->complete};
}

/* -------------------------------------------------------------------------------------- reading */

struct one {
    const nave_future *future;
    uint64_t index;
};

static bool task_finished(void *arg)
{
    const struct one *one = arg;
    return one->future->complete || stuck(one->future) ||
           nv_ledger_state(&one->future->ledger, one->index) > NAVE_RUNNING;
}

static int check_index(const nave_future *future, size_t i)
{
    struct nv_error *error = &future->hub->ctx->error;
    if (i >= future->count && !future->open)
        return nv_error_note(error, NAVE_EINVAL, "there is no task %zu; the future has %llu", i,
                             (unsigned long long)future->count);
    if (nv_ledger_was_read(&future->ledger, i))
        return nv_error_note(error, NAVE_EINVAL, "task %zu was read already", i);
    return NAVE_OK;
}

int nave_result(nave_future *future, size_t i, const void **data, size_t *size)
{
    struct one one = {future, i};
    struct nv_error *error = &future->hub->ctx->error;
    nave_record record;
    int rc = check_index(future, i);
    if (rc == NAVE_OK)
        rc = nv_hub_wait(future->hub, task_finished, &one, -1);
    if (rc == NAVE_OK)
        rc = nave_task_record(future, i, &record);
    if (rc != NAVE_OK)
        return rc;
    if (record.state == NAVE_FAILED)
        return nv_error_note(error, NAVE_ETASK, "task %zu failed on engine %d (%s): %s (code %d)",
                             i, record.engine, record.host, record.message, record.code);
    if (record.state == NAVE_CANCELLED)
        return nv_error_note(error, NAVE_ECANCELED, "task %zu was cancelled", i);
    if (record.state != NAVE_SUCCEEDED)
        return nv_error_note(error, NAVE_EUNREAD,
                             "task %zu will not be drawn before results are "
                             "read",
                             i);
    if (data != NULL)
        *data = record.data;
    if (size != NULL)
        *size = record.size;
    return NAVE_OK;
}

static void fill_record(const nave_future *future, nave_record *record)
{
    const char *output = nv_kept_get(&future->outputs, record->index, &record->output_size);
    record->output = output != NULL ? output : "";
    if (record->submitted == 0)
        record->submitted = future->submitted;
    if (record->engine >= 0)
        record->host = nv_hub_host(future->hub, record->engine);
}

int nave_task_record(const nave_future *future, size_t i, nave_record *record)
{
    int rc = check_index(future, i);
    if (rc != NAVE_OK)
        return rc;
    nv_ledger_record(&future->ledger, i, record);
    fill_record(future, record);
    return NAVE_OK;
}

static bool something_unread(void *arg)
{
    const nave_future *future = arg;
    return future->complete || future->ledger.unread > 0;
}

int nave_next(nave_future *future, double seconds, nave_record *record)
{
    int rc = nv_hub_wait(future->hub, something_unread, future, seconds);
    if (rc == NAVE_ETIMEDOUT)
        return nv_error_note(&future->hub->ctx->error, rc, "no result within %g s", seconds);
    if (rc != NAVE_OK)
        return rc;
    if (future->read_last > 0)
        nv_kept_drop(&future->outputs, future->read_last - 1);
    if (!nv_ledger_next(&future->ledger, record))
        return NAVE_END;
    future->read_last = record->index + 1;
    fill_record(future, record);
    nv_future_allow(future);
    return NAVE_OK;
}

size_t nave_failed(nave_future *future, size_t *indices, size_t room)
{
    return nv_ledger_failed(&future->ledger, indices, room);
}

const char *nave_digest(nave_future *future)
{
    return nv_ledger_digest(&future->ledger, future->count + future->grown);
}

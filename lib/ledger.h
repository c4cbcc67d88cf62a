/* ledger - what is known of each task of a future, and the results that wait to be read.
 *
 * Invariant: a task is finished once.  Entries lie in pages of NV_PAGE tasks, made when first
 * touched and freed when all their tasks were read, so that an endless future stays small.
 * Messages of failures are kept once each.
 */
#ifndef NV_LEDGER_H
#define NV_LEDGER_H

#include "nave.h"

#include <stdbool.h>

enum { NV_PAGE = 256 };

struct nv_entry {
    double submitted, started, ended;
    void *data; /* the result; NULL where there is none, or it was read */
    union {
        size_t size;
        int code; /* of a failed task */
    };
    uint64_t next; /* in order of arrival */
    int32_t engine;
    uint32_t failure : 16; /* number of its message, of a failed task */
    uint32_t retried : 11; /* times that it was to be run again */
    uint32_t crashes : 4;  /* of those: because the process that ran it ended */
    uint32_t owned : 1;    /* `data` is to be freed */
};

enum { NV_RETRIES_MAX = 2047, NV_CRASHES_MAX = 15 };

struct nv_page;

/* One way to fail, and how often it was met. */
struct nv_failure {
    int code; /* 0: many */
    char *message;
    uint64_t count, first;
    int engines[4];   /* the first that met it */
    int engine_count; /* 5: more */
};

struct nv_failed {
    uint64_t index;
    uint32_t failure;
};

struct nv_ledger {
    struct nv_page **pages;
    size_t page_room;
    struct nv_page *only; /* the page of a ledger of one task, which is not freed */
    uint64_t succeeded, failed, cancelled;
    uint64_t strays;      /* failures of spawned tasks, among the failed */
    uint64_t first, last; /* arrivals that were not read; UINT64_MAX: none */
    uint64_t unread;
    void *handed; /* given out last, freed at the next */
    struct nv_failure *failures;
    size_t failure_count, failure_room;
    uint16_t *failure_table; /* open addressing by code and message: numbers from 1; 0: free */
    struct nv_failed *tasks_failed;
    size_t failed_count, failed_room;
    bool failed_sorted;
    char *text; /* of the digest */
};

/* Tasks of which nothing more will be heard. */
static inline uint64_t nv_ledger_finished(const struct nv_ledger *ledger)
{
    return ledger->succeeded + ledger->failed + ledger->cancelled - ledger->strays;
}

void nv_ledger_init(struct nv_ledger *ledger);

/* Of one task at most: its page lies in `room`, which must stay. */
struct nv_one_page {
    _Alignas(16) unsigned char bytes[112];
};
void nv_ledger_init_one(struct nv_ledger *ledger, struct nv_one_page *room);

void nv_ledger_release(struct nv_ledger *ledger);

/* Tasks first..first+count-1 are with an engine.  False when out of memory. */
bool nv_ledger_send(struct nv_ledger *ledger, uint64_t first, uint64_t count);

/* The entry of a task, made if need be (NULL: out of memory); as it is (NULL: unknown or read). */
struct nv_entry *nv_ledger_entry(struct nv_ledger *ledger, uint64_t index);
struct nv_entry *nv_ledger_look(const struct nv_ledger *ledger, uint64_t index);

enum nave_task_state nv_ledger_state(const struct nv_ledger *ledger, uint64_t index);
bool nv_ledger_was_read(const struct nv_ledger *ledger, uint64_t index);

/* The task is finished; its entry has been filled.  With `keep` it waits to be read. */
void nv_ledger_finish(struct nv_ledger *ledger, uint64_t index, enum nave_task_state state,
                      bool keep);

/* The task waits again, after a crash perhaps.  How often it did, and how often after one. */
void nv_ledger_retry(struct nv_ledger *ledger, uint64_t index, bool crashed);
/* Finished tasks whose results nobody has kept are running again, as if they had not been finished.
 * False when out of memory. */
bool nv_ledger_reopen(struct nv_ledger *ledger, uint64_t first, uint64_t count);
unsigned nv_ledger_retried(const struct nv_ledger *ledger, uint64_t index);
unsigned nv_ledger_crashes(const struct nv_ledger *ledger, uint64_t index);

/* Neighbouring tasks that succeeded on one engine, one after the other, with results of one size.
 */
struct nv_good {
    uint64_t first;
    uint32_t count;
    int32_t engine;
    double submitted; /* negative: the entries have it */
    double started;   /* of the first */
    const uint32_t *nanoseconds;
    char *data; /* of the first result, the next one `stride` bytes on; NULL: none has bytes */
    size_t size, stride;
    bool keep;
};

/* All of them are finished; with `keep` they wait to be read. */
void nv_ledger_finish_row(struct nv_ledger *ledger, const struct nv_good *good);

/* Says why the task fails; nv_ledger_finish() follows. */
void nv_ledger_blame(struct nv_ledger *ledger, uint64_t index, int engine, int code,
                     const char *message, size_t message_size);

/* A spawned task that descends from `index` has failed; it has no record of its own. */
void nv_ledger_stray(struct nv_ledger *ledger, uint64_t index, int engine, int code,
                     const char *message, size_t message_size);

/* Fills the record of a task with what is known (not: host, and times before the first answer). */
void nv_ledger_record(const struct nv_ledger *ledger, uint64_t index, nave_record *record);

/* The same, as if it were in this state. */
void nv_ledger_record_as(const struct nv_ledger *ledger, uint64_t index, enum nave_task_state state,
                         nave_record *record);

/* Hands out the next unread arrival and forgets it; its data stays until the next call.  False when
 * there is none. */
bool nv_ledger_next(struct nv_ledger *ledger, nave_record *record);

/* See nave_failed() and nave_digest(). */
size_t nv_ledger_failed(struct nv_ledger *ledger, size_t *indices, size_t room);
const char *nv_ledger_digest(struct nv_ledger *ledger, uint64_t total);

#endif

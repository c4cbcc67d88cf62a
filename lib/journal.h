/* journal - the file in which a hub writes what became of each task, so that the next run need not do it
 * again.
 *
 * Invariant: what a journal says is finished is finished: a record and its result are written in one
 * transaction.  What was added is on the disk a second later at most, and then outlives the power.
 *
 * Design notes.  The hub does not wait for the disk: a record is copied into a batch in memory, and a
 * thread of the journal's (no MPI, no signals) writes batches, a transaction each.  Only when
 * NV_JOURNAL_WAITING bytes wait does nv_journal_add() wait too.  SQLite in WAL mode: readers, such as
 * `nave log`, are not in the way.  WAL needs memory shared between those who have the file open, so
 * on a network file system all of these must be on the host of rank 0.  Two jobs never write one
 * journal: the writer holds a lock on FILE-lock, which the system takes back when it dies; record
 * locks, since these work over NFS, and since the children of a guard do not inherit them.
 *
 * On opening, what is finished is put into a table in memory by digest (about 50 bytes a task);
 * results are read when they are asked for.
 */
#ifndef NV_JOURNAL_H
#define NV_JOURNAL_H

#include "digest.h"
#include "error.h"

struct nv_journal;

#define NV_JOURNAL_SECONDS 0.5 /* that a record waits for others */
enum {
    NV_JOURNAL_APPLICATION = 0x4e617665, /* "Nave", SQLite's application_id of the file */
    NV_JOURNAL_FORMAT = 1,               /*   and its user_version */
    NV_JOURNAL_BATCH = 4 << 20,          /* bytes of a batch that waits for no others */
    NV_JOURNAL_WAITING = 256 << 20       /* bytes that may wait to be written */
};

struct nv_journal_job {
    const char *program, *kernels; /* kernels: a line for each */
    int ranks;
    bool retry_failed; /* what failed in earlier runs is to be run again */
};

/* One task, or the sum of a block of `count` tasks.  Times are in seconds since the epoch. */
struct nv_journal_task {
    uint64_t call, index, count;
    struct nv_digest digest;
    enum nave_task_state state;
    int attempts, engine, code;
    double submitted, started, ended;
    const char *host, *message;
    const char *output;
    size_t output_size;
    const void *data; /* the result */
    size_t size;
};

/* Opens a file for this job; it is made if it is not there, or empty.  NAVE_OK; NAVE_EJOURNAL, with
 * words: it cannot be opened, is no journal, is damaged, or another job writes it; NAVE_ENOMEM. */
int nv_journal_open(const char *file, const struct nv_journal_job *job, struct nv_error *error,
                    struct nv_journal **journal);

/* Writes all that was added, and that the job has ended so.  NAVE_OK or NAVE_EJOURNAL.  The other
 * leaves the job as one that was cut off.  NULL is fine. */
int nv_journal_close(struct nv_journal *journal, int status, struct nv_error *error);

/* The kernel tables of this job and the one before differ. */
bool nv_journal_changed(const struct nv_journal *journal);

/* A call of the program begins; calls are numbered from 1. */
void nv_journal_call(struct nv_journal *journal, uint64_t call, const char *kind,
                     const char *kernel, uint64_t tasks, uint64_t in_size, uint64_t out_size);

/* A task is finished; copies everything. */
void nv_journal_add(struct nv_journal *journal, const struct nv_journal_task *task);

/* NAVE_OK, or NAVE_EJOURNAL with the words of what went wrong while writing.  Costs a load. */
int nv_journal_check(struct nv_journal *journal, struct nv_error *error);

/* Tasks that were finished in earlier jobs and were not asked for yet. */
uint64_t nv_journal_left(const struct nv_journal *journal);

/* Takes one of those with this digest, the oldest; what it points to is valid until the next call.
 * False: there is none. */
bool nv_journal_take(struct nv_journal *journal, struct nv_digest digest,
                     struct nv_journal_task *task);

#endif

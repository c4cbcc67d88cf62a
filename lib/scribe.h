/* scribe - the thread that writes a journal's records into its database, batch by batch.
 *
 * Invariant: a batch is one transaction.  After a failure nothing more is written, and
 * nv_scribe_failed() says so for ever.
 */
#ifndef NV_SCRIBE_H
#define NV_SCRIBE_H

#include "database.h"
#include "journal.h"

struct nv_scribe;

/* Starts the thread, for records of that job; the database is its own until nv_scribe_end().  NULL:
 * out of memory. */
struct nv_scribe *nv_scribe_start(struct nv_database *database, int64_t job);

/* Copies a record, or a call's, into the batch. */
void nv_scribe_task(struct nv_scribe *scribe, const struct nv_journal_task *task);
void nv_scribe_call(struct nv_scribe *scribe, uint64_t call, const char *kind, const char *kernel,
                    uint64_t tasks, uint64_t in_size, uint64_t out_size);

/* Whether writing has failed; then `why` (256 bytes; may be NULL) gets the words. */
bool nv_scribe_failed(struct nv_scribe *scribe, char *why);

/* Writes what waits, ends the thread, and frees.  False, with `why`, when writing has failed. */
bool nv_scribe_end(struct nv_scribe *scribe, char *why);

#endif

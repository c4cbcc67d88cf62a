/* past - the tasks that a journal knows as finished, by digest.
 *
 * Invariant: each record is taken once.  Of several with one digest those that succeeded come first,
 * then the oldest.
 */
#ifndef NV_PAST_H
#define NV_PAST_H

#include "database.h"
#include "journal.h"

struct nv_past;

/* Reads what there is.  NULL: the database failed, or (its why is "") out of memory. */
struct nv_past *nv_past_new(struct nv_database *database);
void nv_past_free(struct nv_past *past);

/* Records that were not taken. */
uint64_t nv_past_left(const struct nv_past *past);

/* See nv_journal_take(). */
bool nv_past_take(struct nv_past *past, struct nv_digest digest, struct nv_journal_task *task);

#endif

/* recollect - what a farm's journal has to do with its futures: tasks that were finished in an earlier
 * run are answered from it, and those that finish now are written to it.
 *
 * Invariant: a task is recognised by its digest: of the kernel's name, the size of its result, the
 * number that it goes by, its input, and, of a block of a reduction, how it is folded.  So neither
 * the number of ranks nor the order of calls matters, and whatever has changed is run again.
 *
 * Calls on direct views, objects and spawned tasks are not the journal's: they set engines up.
 */
#ifndef NV_RECOLLECT_H
#define NV_RECOLLECT_H

#include "future.h"

/* A future begins: whether its tasks are the journal's is settled here. */
void nv_recollect_begin(nave_future *future);

/* Whether the task with this input was finished before; then it is answered, and not to be sent. */
bool nv_recollect_task(nave_future *future, uint64_t index, const void *in, size_t size);

/* The same of a block of a reduction, which begins with the task. */
bool nv_recollect_block(nave_future *future, uint64_t first);

/* Engines get an object, on which the results of later calls may depend. */
void nv_recollect_object(struct nv_hub *hub, const char *name, const void *data, size_t size);

/* Whether anything can be known of the future's tasks. */
bool nv_recollect_any(const nave_future *future);

/* The task is finishing in this state, and its record is filled; a row of tasks is; the sum of a
 * block has come home. */
void nv_recollect_note(nave_future *future, uint64_t index, enum nave_task_state state);
void nv_recollect_note_row(nave_future *future, const struct nv_good *good);
void nv_recollect_note_block(nave_future *future, uint64_t first, const void *data, int engine);

/* What a source gave is gone when its task is finished: its digest is kept till then.  False: out of
 * memory. */
bool nv_recollect_keep(nave_future *future, uint64_t index, const void *in, size_t size);

#endif

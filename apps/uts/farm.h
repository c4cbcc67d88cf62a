/* farm - a search by all engines, of tasks that make tasks.
 *
 * Invariant: a node is in just one task, as one of its inputs or below one. A task looks at so
 * many nodes, counts them, and spawns tasks for what is then on its stack. */
#ifndef UTS_FARM_H
#define UTS_FARM_H

#include "nave.h"
#include "result.h"
#include "search.h"

enum { UTS_KERNELS = 2 };

/* The kernels of every rank; nave_options.user is the rank's uts_worker. */
extern const nave_kernel uts_kernels[UTS_KERNELS];

/* What a rank keeps between its tasks; touched by its kernels only, once the farm is open. */
typedef struct uts_worker {
    uts_search search; /* its count is of all tasks that this rank has run */
    uint64_t grain;    /* nodes that a task looks at, at most */
    uint64_t tasks;
} uts_worker;

void uts_worker_init(uts_worker *worker, const uts_rule *rule, uint64_t grain);
void uts_worker_release(uts_worker *worker);

/* Searches the tree, on the hub, once for each opening of the farm. Returns a code of Nave's, of
 * which nave_error() knows more. result->shares is to be freed in either case. */
int uts_farm_run(nave *ctx, const uts_rule *rule, uts_result *result);

#endif

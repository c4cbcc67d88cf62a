/* search - counts what is below some nodes, depth first, as far as one likes.
 *
 * Invariant: every node of the part searched is counted, or below one on the stack, just one of
 * the two. So a search may stop after any node and go on elsewhere, by what is on the stack. */
#ifndef UTS_SEARCH_H
#define UTS_SEARCH_H

#include "tree.h"

#include <stddef.h>
#include <stdint.h>

typedef struct uts_count {
    uint64_t nodes, leaves;
    uint64_t depth; /* of the deepest node, the root's being 0 */
} uts_count;

typedef struct uts_search {
    const uts_rule *rule;
    uts_node *stack; /* still to be looked at, the next one last */
    size_t held, room;
    uts_count count;
} uts_search;

void uts_search_init(uts_search *search, const uts_rule *rule);
void uts_search_release(uts_search *search);

/* Both return 0, or -1 when out of memory. */

/* Puts n nodes on the stack. */
int uts_search_add(uts_search *search, const uts_node *nodes, size_t n);

/* Looks at nodes until the stack is empty, or at `limit` of them; what fails fails before the next
 * node is looked at. */
int uts_search_run(uts_search *search, uint64_t limit);

#endif

#include "search.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 1024 };

void uts_search_init(uts_search *search, const uts_rule *rule)
{
    memset(search, 0, sizeof *search);
    search->rule = rule;
}

void uts_search_release(uts_search *search)
{
    free(search->stack);
}

static int reserve(uts_search *search, size_t more)
{
    size_t room = search->room > 0 ? search->room : FIRST_ROOM;
    uts_node *stack;

    if (more <= search->room - search->held)
        return 0;
    while (room - search->held < more)
        room *= 2;
    stack = realloc(search->stack, room * sizeof *stack);
    if (stack == NULL)
        return -1;
    search->stack = stack;
    search->room = room;
    return 0;
}

int uts_search_add(uts_search *search, const uts_node *nodes, size_t n)
{
    if (n == 0)
        return 0;
    if (reserve(search, n) < 0)
        return -1;
    memcpy(search->stack + search->held, nodes, n * sizeof *nodes);
    search->held += n;
    return 0;
}

static void count(uts_count *count, const uts_node *node, int children)
{
    count->nodes++;
    count->leaves += children == 0;
    if (node->depth > count->depth)
        count->depth = node->depth;
}

int uts_search_run(uts_search *search, uint64_t limit)
{
    for (; limit > 0 && search->held > 0; limit--) {
        uts_node node = search->stack[search->held - 1];
        int children = uts_rule_children(search->rule, &node);
        if (reserve(search, (size_t)children) < 0)
            return -1;
        search->held--;
        count(&search->count, &node, children);
        for (int i = 0; i < children; i++)
            uts_rule_child(search->rule, &node, i, &search->stack[search->held++]);
    }
    return 0;
}

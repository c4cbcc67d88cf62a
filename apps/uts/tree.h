/* tree - the trees of the UTS benchmark: what children a node has.
 *
 * S. Olivier, J. Huan, J. Liu, J. Prins, J. Dinan, P. Sadayappan, C.-W. Tseng: UTS: An Unbalanced
 * Tree Search Benchmark, LCPC 2006.
 *
 * Invariant: a node alone determines all that is below it. Its state is a SHA-1: the root's of 16
 * zero bytes and the seed, a child's of the parent's state and the number of the child, both
 * numbers as four bytes, high one first. The last 31 bits of a state are the random number of the
 * node, by which it has children or not. */
#ifndef UTS_TREE_H
#define UTS_TREE_H

#include <stdint.h>

enum {
    UTS_STATE_SIZE = 20,
    UTS_LEVELS = 1024,      /* whose figures are worked out beforehand */
    UTS_CHILDREN_MAX = 100, /* of a node; the root of a binomial tree has as many as it likes */
    UTS_BRANCHING_MAX = 1000000,
    UTS_DEPTH_MAX = 1000000
};

/* Numbered as in the published program. */
enum uts_type { UTS_BINOMIAL = 0, UTS_GEOMETRIC, UTS_HYBRID, UTS_BALANCED };
enum uts_shape { UTS_LINEAR = 0, UTS_EXPONENTIAL, UTS_CYCLIC, UTS_FIXED };

typedef struct uts_tree {
    enum uts_type type;
    enum uts_shape shape; /* geometric: how the mean number of children goes on below the root */
    double branching;     /* children of the root, in a geometric tree their mean number */
    int depth;            /* of geometric and balanced trees; most shapes keep to it */
    int seed;
    double probability; /* binomial: that a node has children */
    int children;       /* binomial: how many it then has */
    double shift;       /* hybrid: geometric above this part of the depth, binomial below */
    int granularity;    /* a child's state is worked out so many times, to make it more work */
} uts_tree;

/* A node, as it travels. */
typedef struct uts_node {
    unsigned char state[UTS_STATE_SIZE];
    uint32_t depth; /* 0: the root */
} uts_node;

/* A tree with what follows from it. Read-only once made: threads may share it. */
typedef struct uts_rule {
    uts_tree tree;
    double decay[UTS_LEVELS]; /* geometric: log(1 - p) by depth, see tree.c */
} uts_rule;

/* The published program's tree when it is given no options. */
extern const uts_tree uts_tree_default;

/* NULL; or why there is no such tree. The rest wants a tree that passed. Binomial trees that passed
 * may have no end all the same, when probability times children is more than 1: it depends on the
 * seed (T3L has an end). */
const char *uts_tree_check(const uts_tree *tree);

void uts_rule_init(uts_rule *rule, const uts_tree *tree);
void uts_rule_root(const uts_rule *rule, uts_node *root);
int uts_rule_children(const uts_rule *rule, const uts_node *node);
void uts_rule_child(const uts_rule *rule, const uts_node *node, int number, uts_node *child);

#endif

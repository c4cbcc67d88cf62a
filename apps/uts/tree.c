#define OPENSSL_SUPPRESS_DEPRECATED /* see sha1() */
#include "tree.h"

#include <math.h>
#include <openssl/sha.h>
#include <stddef.h>
#include <string.h>

static const double PI = 3.141592653589793;

const uts_tree uts_tree_default = {.type = UTS_GEOMETRIC,
                                   .shape = UTS_LINEAR,
                                   .branching = 4,
                                   .depth = 6,
                                   .seed = 0,
                                   .probability = 15.0 / 64.0,
                                   .children = 4,
                                   .shift = 0.5,
                                   .granularity = 1};

static int is_geometric(const uts_tree *tree)
{
    return tree->type == UTS_GEOMETRIC || tree->type == UTS_HYBRID;
}

static int is_binomial(const uts_tree *tree)
{
    return tree->type == UTS_BINOMIAL || tree->type == UTS_HYBRID;
}

static const char *check_geometric(const uts_tree *tree)
{
    if (tree->shape < UTS_LINEAR || tree->shape > UTS_FIXED)
        return "there is no such shape";
    if (tree->branching < 1 && (tree->shape == UTS_EXPONENTIAL || tree->shape == UTS_CYCLIC))
        return "this shape needs a branching of 1 or more";
    if (tree->depth < 2 && tree->shape == UTS_EXPONENTIAL)
        return "this shape needs a depth of 2 or more";
    return NULL;
}

const char *uts_tree_check(const uts_tree *tree)
{
    if (tree->type < UTS_BINOMIAL || tree->type > UTS_BALANCED)
        return "there is no such type";
    if (!(tree->branching >= 0 && tree->branching <= UTS_BRANCHING_MAX))
        return "the branching must be from 0 to 1000000";
    if (tree->depth < 1 || tree->depth > UTS_DEPTH_MAX)
        return "the depth must be from 1 to 1000000";
    if (tree->seed < 0)
        return "the seed must not be negative";
    if (tree->children < 0 || !(tree->probability >= 0 && tree->probability <= 1))
        return "the probability must be from 0 to 1, the number of children not negative";
    if (!(tree->shift >= 0 && tree->shift <= 1))
        return "the shift must be from 0 to 1";
    if (tree->granularity < 1)
        return "the granularity must be 1 or more";
    if (is_binomial(tree) && tree->probability == 1 && tree->children > 0)
        return "the tree has no end: the probability must be less than 1";
    return is_geometric(tree) ? check_geometric(tree) : NULL;
}

/* The mean number of children at a depth in a geometric tree. */
static double mean_children(const uts_tree *tree, uint32_t depth)
{
    double limit = tree->depth, b = tree->branching;

    if (depth == 0)
        return b;
    switch (tree->shape) {
    case UTS_EXPONENTIAL:
        return b * pow(depth, -log(b) / log(limit));
    case UTS_CYCLIC:
        return depth > 5 * limit ? 0 : pow(b, sin(2 * PI * depth / limit));
    case UTS_FIXED:
        return depth < limit ? b : 0;
    default:
        return b * (1 - depth / limit);
    }
}

/* With p = 1 / (1 + mean) a node has n children with probability p (1-p)^n. This is log(1-p), by
 * which the distribution is inverted; minus infinity where the mean is 0. */
static double decay_at(const uts_tree *tree, uint32_t depth)
{
    return log(1 - 1 / (1 + mean_children(tree, depth)));
}

void uts_rule_init(uts_rule *rule, const uts_tree *tree)
{
    memset(rule, 0, sizeof *rule);
    rule->tree = *tree;
    for (uint32_t depth = 0; is_geometric(tree) && depth < UTS_LEVELS; depth++)
        rule->decay[depth] = decay_at(tree, depth);
}

/* These three functions are called obsolete since OpenSSL 3.0, but they keep nothing, allocate
 * nothing, cannot fail, and take 55 ns for a node where the best of the new ones takes 135. */
static void sha1(const void *data, size_t size, unsigned char state[UTS_STATE_SIZE])
{
    SHA_CTX context;

    SHA1_Init(&context);
    SHA1_Update(&context, data, size);
    SHA1_Final(state, &context);
}

static void put_number(unsigned char *bytes, uint32_t number)
{
    bytes[0] = (unsigned char)(number >> 24);
    bytes[1] = (unsigned char)(number >> 16);
    bytes[2] = (unsigned char)(number >> 8);
    bytes[3] = (unsigned char)number;
}

void uts_rule_root(const uts_rule *rule, uts_node *root)
{
    unsigned char start[UTS_STATE_SIZE] = {0};

    put_number(start + 16, (uint32_t)rule->tree.seed);
    sha1(start, sizeof start, root->state);
    root->depth = 0;
}

void uts_rule_child(const uts_rule *rule, const uts_node *node, int number, uts_node *child)
{
    unsigned char start[UTS_STATE_SIZE + 4];

    memcpy(start, node->state, UTS_STATE_SIZE);
    put_number(start + UTS_STATE_SIZE, (uint32_t)number);
    for (int i = 0; i < rule->tree.granularity; i++)
        sha1(start, sizeof start, child->state);
    child->depth = node->depth + 1;
}

/* The node's random number, at least 0 and less than 1. */
static double chance(const uts_node *node)
{
    const unsigned char *s = node->state + UTS_STATE_SIZE - 4;
    uint32_t bits =
        (uint32_t)(s[0] & 0x7f) << 24 | (uint32_t)s[1] << 16 | (uint32_t)s[2] << 8 | s[3];

    return bits / 2147483648.0;
}

static int limited(int children)
{
    return children < UTS_CHILDREN_MAX ? children : UTS_CHILDREN_MAX;
}

static int binomial_children(const uts_tree *tree, const uts_node *node)
{
    return chance(node) < tree->probability ? limited(tree->children) : 0;
}

static int geometric_children(const uts_rule *rule, const uts_node *node)
{
    uint32_t depth = node->depth;
    double decay = depth < UTS_LEVELS ? rule->decay[depth] : decay_at(&rule->tree, depth);

    return limited((int)floor(log(1 - chance(node)) / decay));
}

int uts_rule_children(const uts_rule *rule, const uts_node *node)
{
    const uts_tree *tree = &rule->tree;

    switch (tree->type) {
    case UTS_BINOMIAL:
        return node->depth == 0 ? (int)tree->branching : binomial_children(tree, node);
    case UTS_GEOMETRIC:
        return geometric_children(rule, node);
    case UTS_HYBRID:
        return node->depth < tree->shift * tree->depth ? geometric_children(rule, node)
                                                       : binomial_children(tree, node);
    default:
        return node->depth < (uint32_t)tree->depth ? (int)tree->branching : 0;
    }
}

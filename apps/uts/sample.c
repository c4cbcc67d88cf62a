#include "sample.h"

#include <string.h>
#include <strings.h>

/* clang-format off */

/* What these do not say is as in uts_tree_default. */
#define BINOMIAL(root, q, m, seed_) {UTS_BINOMIAL, UTS_LINEAR, root, 6, seed_, q, m, 0.5, 1}
#define GEOMETRIC(shape_, depth_, root, seed_)                                                     \
    {UTS_GEOMETRIC, shape_, root, depth_, seed_, 15.0 / 64.0, 4, 0.5, 1}

const uts_sample uts_samples[UTS_SAMPLES] = {
    {"default", GEOMETRIC(UTS_LINEAR, 6, 4, 0), {1732, 1050, 0}},
    {"T1", GEOMETRIC(UTS_FIXED, 10, 4, 19), {4130071, 3305118, 10}},
    {"T2", GEOMETRIC(UTS_CYCLIC, 16, 6, 502), {4117769, 2342762, 81}},
    {"T3", BINOMIAL(2000, 0.124875, 8, 42), {4112897, 3599034, 1572}},
    {"T4", {UTS_HYBRID, UTS_LINEAR, 6, 16, 1, 0.234375, 4, 0.5, 1}, {4132453, 3108986, 134}},
    {"T5", GEOMETRIC(UTS_LINEAR, 20, 4, 34), {4147582, 2181318, 20}},
    {"T1L", GEOMETRIC(UTS_FIXED, 13, 4, 29), {102181082, 81746377, 13}},
    {"T2L", GEOMETRIC(UTS_CYCLIC, 23, 7, 220), {96793510, 53791152, 67}},
    {"T3L", BINOMIAL(2000, 0.200014, 5, 7), {111345631, 89076904, 17844}},
    {"T1XL", GEOMETRIC(UTS_FIXED, 15, 4, 29), {1635119272, 1308100063, 15}},
    {"T3XXL", BINOMIAL(2000, 0.499995, 2, 316), {2793220501, 0, 0}},
    {"T1XXL", GEOMETRIC(UTS_FIXED, 15, 4, 19), {4230646601, 0, 15}},
    {"T2XXL", BINOMIAL(2000, 0.499999995, 2, 0), {10612052303, 5306027151, 216370}},
    {"T3WL", BINOMIAL(2000, 0.4999995, 2, 559), {157063495159, 78531748579, 758577}},
    {"T1WL", GEOMETRIC(UTS_FIXED, 18, 4, 19), {270751679750, 216601257283, 18}},
    {"T2WL", BINOMIAL(2000, 0.4999999995, 2, 559), {295393891003, 147696946501, 1021239}}
};
/* clang-format on */

const uts_sample *uts_sample_named(const char *name)
{
    for (size_t i = 0; i < UTS_SAMPLES; i++)
        if (strcasecmp(uts_samples[i].name, name) == 0)
            return &uts_samples[i];
    return NULL;
}

static int same_geometric(const uts_tree *a, const uts_tree *b)
{
    return a->shape == b->shape && a->depth == b->depth;
}

static int same_binomial(const uts_tree *a, const uts_tree *b)
{
    return a->probability == b->probability && a->children == b->children;
}

/* The granularity makes no other tree, nor does what the type has no use for. */
static int same_tree(const uts_tree *a, const uts_tree *b)
{
    if (a->type != b->type || a->branching != b->branching || a->seed != b->seed)
        return 0;
    switch (a->type) {
    case UTS_BINOMIAL:
        return same_binomial(a, b);
    case UTS_GEOMETRIC:
        return same_geometric(a, b);
    case UTS_HYBRID:
        return same_binomial(a, b) && same_geometric(a, b) && a->shift == b->shift;
    default:
        return a->depth == b->depth;
    }
}

const uts_sample *uts_sample_of(const uts_tree *tree)
{
    for (size_t i = 0; i < UTS_SAMPLES; i++)
        if (same_tree(&uts_samples[i].tree, tree))
            return &uts_samples[i];
    return NULL;
}

int uts_sample_agrees(const uts_sample *sample, const uts_count *found)
{
    const uts_count *known = &sample->count;

    return known->nodes == found->nodes && (known->leaves == 0 || known->leaves == found->leaves) &&
           (known->depth == 0 || known->depth == found->depth);
}

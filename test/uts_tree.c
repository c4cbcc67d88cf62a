/* The trees of the benchmark: node states against SHA-1 sums made elsewhere, the published counts,
 * searches that are cut anywhere. timeout: 120 */
#include "uts/names.h"
#include "uts/sample.h"
#include "uts/search.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { SMALL_SAMPLES = 6 };

static uts_count search_all(const uts_tree *tree)
{
    uts_rule rule;
    uts_search search;
    uts_node root;
    uts_count count;

    assert_null(uts_tree_check(tree));
    uts_rule_init(&rule, tree);
    uts_rule_root(&rule, &root);
    uts_search_init(&search, &rule);
    assert_int_equal(uts_search_add(&search, &root, 1), 0);
    assert_int_equal(uts_search_run(&search, UINT64_MAX), 0);
    assert_int_equal(search.held, 0);
    count = search.count;
    uts_search_release(&search);
    return count;
}

static void assert_same_count(const uts_count *a, const uts_count *b)
{
    assert_int_equal(a->nodes, b->nodes);
    assert_int_equal(a->leaves, b->leaves);
    assert_int_equal(a->depth, b->depth);
}

static void assert_state(const uts_node *node, uint32_t depth, const char *expected)
{
    char hex[2 * UTS_STATE_SIZE + 1];

    for (int i = 0; i < UTS_STATE_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", node->state[i]);
    assert_string_equal(hex, expected);
    assert_int_equal(node->depth, depth);
}

/* The sums as sha1sum(1) prints them. */
static void states_are_sha1(void **state)
{
    uts_tree tree = uts_tree_default;
    uts_rule rule;
    uts_node root, child;
    (void)state;

    uts_rule_init(&rule, &tree);
    uts_rule_root(&rule, &root);
    assert_state(&root, 0, "6768033e216468247bd031a0a2d9876d79818f8f");
    uts_rule_child(&rule, &root, 1, &child);
    assert_state(&child, 1, "5f9ce39723964a09decdaecdd937b9f50107e514");
    uts_rule_child(&rule, &root, 0x203, &child);
    assert_state(&child, 1, "ba4491e8a43dc537faef1ae2bc086d0ef6a7f8e3");
    tree.seed = 0x01020304;
    uts_rule_init(&rule, &tree);
    uts_rule_root(&rule, &root);
    assert_state(&root, 0, "48ccff3f96b600c24e2b568f595f85df2a2fa794");
}

static void small_trees_are_as_published(void **state)
{
    (void)state;
    for (int i = 0; i < SMALL_SAMPLES; i++) {
        const uts_sample *sample = &uts_samples[i];
        uts_count count = search_all(&sample->tree);
        assert_int_equal(count.nodes, sample->count.nodes);
        assert_int_equal(count.leaves, sample->count.leaves);
        if (sample->count.depth > 0)
            assert_int_equal(count.depth, sample->count.depth);
        assert_true(uts_sample_agrees(sample, &count));
    }
}

/* Searches a tree in steps, after each of which some of the nodes on the stack go to a second
 * search. */
static void search_cut(const uts_tree *tree, uint64_t step)
{
    uts_count whole = search_all(tree), sum;
    uts_search one, other;
    uts_rule rule;
    uts_node root;

    uts_rule_init(&rule, tree);
    uts_rule_root(&rule, &root);
    uts_search_init(&one, &rule);
    uts_search_init(&other, &rule);
    assert_int_equal(uts_search_add(&one, &root, 1), 0);
    while (one.held > 0) {
        uint64_t before = one.count.nodes;
        size_t moved = one.held / 3;
        one.held -= moved;
        assert_int_equal(uts_search_add(&other, one.stack + one.held, moved), 0);
        assert_int_equal(uts_search_run(&one, step), 0);
        assert_true(one.count.nodes - before == step || one.held == 0);
    }
    assert_int_equal(uts_search_run(&other, UINT64_MAX), 0);
    sum.nodes = one.count.nodes + other.count.nodes;
    sum.leaves = one.count.leaves + other.count.leaves;
    sum.depth = one.count.depth > other.count.depth ? one.count.depth : other.count.depth;
    assert_true(other.count.nodes > 0);
    assert_same_count(&sum, &whole);
    uts_search_release(&one);
    uts_search_release(&other);
}

static void a_search_may_be_cut_anywhere(void **state)
{
    uts_tree binomial = {UTS_BINOMIAL, UTS_LINEAR, 300, 6, 5, 0.12, 8, 0.5, 1};
    (void)state;

    search_cut(&uts_tree_default, 1);
    search_cut(&uts_tree_default, 7);
    search_cut(&binomial, 1);
    search_cut(&binomial, 100);
}

static void balanced_trees_have_their_size(void **state)
{
    uts_tree tree = uts_tree_default;
    uts_count count, expected = {1 + 3 + 9 + 27 + 81 + 243, 243, 5};
    (void)state;

    tree.type = UTS_BALANCED;
    tree.branching = 3.9;
    tree.depth = 5;
    count = search_all(&tree);
    assert_same_count(&count, &expected);
    tree.branching = 0;
    expected = (uts_count){1, 1, 0};
    count = search_all(&tree);
    assert_same_count(&count, &expected);
}

static void fixed_trees_end_at_their_depth(void **state)
{
    uts_tree tree = uts_tree_default;
    uts_count count;
    (void)state;

    tree.shape = UTS_FIXED;
    for (tree.depth = 1; tree.depth < 6; tree.depth++) {
        tree.branching = 8;
        count = search_all(&tree);
        assert_int_equal(count.depth, tree.depth);
        assert_true(count.leaves < count.nodes);
    }
}

/* In a fixed tree all depths but the last are alike, whether their figures are in the table or not.
 */
static void depths_beyond_the_table(void **state)
{
    uts_tree tree = uts_tree_default;
    uts_rule rule;
    uts_node node = {{0}, UTS_LEVELS - 1};
    (void)state;

    tree.shape = UTS_FIXED;
    tree.depth = 2 * UTS_LEVELS;
    uts_rule_init(&rule, &tree);
    for (int byte = 0; byte < 128; byte++) {
        uts_node below = node;
        node.state[UTS_STATE_SIZE - 4] = below.state[UTS_STATE_SIZE - 4] = (unsigned char)byte;
        below.depth = UTS_LEVELS;
        assert_int_equal(uts_rule_children(&rule, &node), uts_rule_children(&rule, &below));
    }
    assert_true(uts_rule_children(&rule, &node) > 0);
    node.depth = 2 * UTS_LEVELS;
    assert_int_equal(uts_rule_children(&rule, &node), 0);
}

static void only_a_binomial_root_has_over_a_hundred(void **state)
{
    uts_tree tree = uts_tree_default;
    uts_node node;
    uts_rule rule;
    (void)state;

    tree.branching = 100000;
    uts_rule_init(&rule, &tree);
    uts_rule_root(&rule, &node);
    assert_int_equal(uts_rule_children(&rule, &node), UTS_CHILDREN_MAX);
    tree.type = UTS_BINOMIAL;
    uts_rule_init(&rule, &tree);
    assert_int_equal(uts_rule_children(&rule, &node), 100000);
    node.depth = 1;
    assert_in_range(uts_rule_children(&rule, &node), 0, UTS_CHILDREN_MAX);
}

static void granularity_makes_no_other_tree(void **state)
{
    uts_tree tree = uts_tree_default;
    uts_count plain = search_all(&tree), worked;
    (void)state;

    tree.granularity = 5;
    worked = search_all(&tree);
    assert_same_count(&worked, &plain);
    assert_string_equal(uts_sample_of(&tree)->name, "default");
}

static uts_tree changed(size_t field)
{
    uts_tree tree = uts_samples[4].tree; /* hybrid: everything matters */

    switch (field) {
    case 0:
        tree.branching = -1;
        break;
    case 1:
        tree.depth = 0;
        break;
    case 2:
        tree.seed = -1;
        break;
    case 3:
        tree.probability = 1; /* no end */
        break;
    case 4:
        tree.children = -1;
        break;
    case 5:
        tree.shift = 1.5;
        break;
    case 6:
        tree.granularity = 0;
        break;
    case 7:
        tree.shape = UTS_CYCLIC;
        tree.branching = 0.5;
        break;
    default:
        tree.shape = UTS_EXPONENTIAL;
        tree.depth = 1;
    }
    return tree;
}

static void trees_that_are_none(void **state)
{
    (void)state;
    for (size_t field = 0; field < 9; field++) {
        uts_tree tree = changed(field);
        assert_non_null(uts_tree_check(&tree));
    }
    for (int i = 0; i < UTS_SAMPLES; i++)
        assert_null(uts_tree_check(&uts_samples[i].tree));
}

static void samples_are_found(void **state)
{
    uts_tree tree = uts_sample_named("t4")->tree;
    (void)state;

    for (int i = 0; i < UTS_SAMPLES; i++) {
        assert_ptr_equal(uts_sample_named(uts_samples[i].name), &uts_samples[i]);
        assert_ptr_equal(uts_sample_of(&uts_samples[i].tree), &uts_samples[i]);
    }
    assert_null(uts_sample_named("T6"));
    tree.seed++;
    assert_null(uts_sample_of(&tree));
}

static void another_count_does_not_agree(void **state)
{
    const uts_sample *t1 = uts_sample_named("T1"), *t3xxl = uts_sample_named("T3XXL");
    uts_count count = t1->count;
    (void)state;

    assert_true(uts_sample_agrees(t1, &count));
    count.nodes++;
    assert_false(uts_sample_agrees(t1, &count));
    count = t1->count;
    count.leaves--;
    assert_false(uts_sample_agrees(t1, &count));
    count = t1->count;
    count.depth++;
    assert_false(uts_sample_agrees(t1, &count));
    count = (uts_count){t3xxl->count.nodes, 123, 456}; /* these were not published */
    assert_true(uts_sample_agrees(t3xxl, &count));
}

static void kinds_have_names_and_numbers(void **state)
{
    enum uts_type type = UTS_GEOMETRIC;
    enum uts_shape shape = UTS_LINEAR;
    (void)state;

    assert_int_equal(uts_name_find_type("hybrid", &type), 0);
    assert_int_equal(type, UTS_HYBRID);
    assert_int_equal(uts_name_find_type("0", &type), 0);
    assert_int_equal(type, UTS_BINOMIAL);
    assert_int_equal(uts_name_find_shape("3", &shape), 0);
    assert_string_equal(uts_name_shape(shape), "fixed");
    for (const char **word = (const char *[]){"", "4", "00", "fix", "fixed ", NULL}; *word; word++)
        assert_int_equal(uts_name_find_shape(*word, &shape), -1);
    assert_int_equal(shape, UTS_FIXED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_sha1),
        cmocka_unit_test(small_trees_are_as_published),
        cmocka_unit_test(a_search_may_be_cut_anywhere),
        cmocka_unit_test(balanced_trees_have_their_size),
        cmocka_unit_test(fixed_trees_end_at_their_depth),
        cmocka_unit_test(depths_beyond_the_table),
        cmocka_unit_test(only_a_binomial_root_has_over_a_hundred),
        cmocka_unit_test(granularity_makes_no_other_tree),
        cmocka_unit_test(trees_that_are_none),
        cmocka_unit_test(samples_are_found),
        cmocka_unit_test(another_count_does_not_agree),
        cmocka_unit_test(kinds_have_names_and_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

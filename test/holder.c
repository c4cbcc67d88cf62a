/* Who holds which object. */
#include "holder.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

enum { ENGINES = 130 };

static void nobody_holds_a_new_name(void **state)
{
    struct nv_holders holders = {0};
    struct nv_set *set = nv_holders_of(&holders, "table", ENGINES);
    (void)state;
    assert_non_null(set);
    assert_int_equal(set->count, 0);
    assert_int_equal(set->limit, ENGINES);
    nv_holders_release(&holders);
}

/* A job keeps the set while objects come and go. */
static void a_set_stays_where_it_is_and_changes(void **state)
{
    struct nv_holders holders = {0};
    struct nv_set *set = nv_holders_of(&holders, "table", ENGINES);
    (void)state;
    nv_holders_note(&holders, "table", ENGINES, 129, true);
    nv_holders_note(&holders, "table", ENGINES, 0, true);
    nv_holders_note(&holders, "table", ENGINES, 0, true);
    assert_ptr_equal(nv_holders_of(&holders, "table", ENGINES), set);
    assert_int_equal(set->count, 2);
    assert_true(nv_set_has(set, 0) && nv_set_has(set, 129));
    nv_holders_note(&holders, "table", ENGINES, 129, false);
    nv_holders_note(&holders, "table", ENGINES, 129, false);
    assert_int_equal(set->count, 1);
    assert_false(nv_set_has(set, 129));
    nv_holders_release(&holders);
}

static void objects_that_nobody_asked_for_are_known(void **state)
{
    struct nv_holders holders = {0};
    (void)state;
    nv_holders_note(&holders, "made by a kernel", ENGINES, 7, true);
    assert_true(nv_set_has(nv_holders_of(&holders, "made by a kernel", ENGINES), 7));
    nv_holders_note(&holders, "never there", ENGINES, 7, false);
    assert_int_equal(nv_holders_of(&holders, "never there", ENGINES)->count, 0);
    nv_holders_release(&holders);
}

/* Names are told apart to the last letter, however long and many. */
static void names_are_told_apart(void **state)
{
    struct nv_holders holders = {0};
    char name[128];
    (void)state;
    for (size_t i = 0; i < 100; i++) {
        memset(name, 'x', sizeof name);
        snprintf(name + 110, sizeof name - 110, "%02zu", i);
        nv_holders_note(&holders, name, ENGINES, i, true);
        nv_holders_note(&holders, name, ENGINES, i + 1, true);
    }
    for (size_t i = 0; i < 100; i++) {
        struct nv_set *set;
        memset(name, 'x', sizeof name);
        snprintf(name + 110, sizeof name - 110, "%02zu", i);
        set = nv_holders_of(&holders, name, ENGINES);
        assert_int_equal(set->count, 2);
        assert_true(nv_set_has(set, i) && nv_set_has(set, i + 1));
    }
    nv_holders_release(&holders);
    nv_holders_release(&holders);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_holds_a_new_name),
        cmocka_unit_test(a_set_stays_where_it_is_and_changes),
        cmocka_unit_test(objects_that_nobody_asked_for_are_known),
        cmocka_unit_test(names_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

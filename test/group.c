/* group - who is grouped with whom, and who leads.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { MOST = 200 };

/* A rank for each letter, its host; a capital one may run kernels beside a loop, '-' is no engine on
 * the host of the letter behind it. */
static int read_members(const char *text, struct nv_member *members)
{
    int n = 0;
    for (; *text != '\0'; text++, n++) {
        bool engine = *text != '-';
        text += !engine;
        members[n] = (struct nv_member){(uint64_t)(*text | 0x20), engine, *text < 'a'};
    }
    return n;
}

static void forms(const char *text, int wish, const char *expected)
{
    struct nv_member members[MOST] = {{0}};
    int leaders[MOST], n = read_members(text, members);
    char got[4 * MOST] = "";
    nv_groups_form(members, n, wish, leaders);
    for (int r = 0; r < n; r++)
        sprintf(got + strlen(got), "%s%d", r > 0 ? " " : "", leaders[r]);
    assert_string_equal(got, expected);
}

static void test_one_host(void **state)
{
    (void)state;
    forms("A", 2, "0");
    forms("AAAA", 2, "0 0 2 2");
    forms("AAAAA", 2, "0 0 2 2 0");
    forms("AAAAAAAA", 3, "0 0 0 3 3 3 6 6");
    forms("AAAA", 1, "0 0 0 0");
    forms("AAAA", 9, "0 0 0 0");
}

static void test_several_hosts(void **state)
{
    (void)state;
    forms("AABBCC", 64, "0 0 2 2 4 4");
    forms("ABCABC", 64, "0 1 2 0 1 2");
    forms("ABABABAB", 2, "0 1 0 1 4 5 4 5");
    forms("ABBC", 64, "0 1 1 0");
}

static void test_unable(void **state)
{
    (void)state;
    forms("AAaA", 2, "0 0 3 3");
    forms("AAaa", 2, "0 0 0 0");
    forms("aabBB", 8, "0 0 3 3 3");
}

static void test_idle_hub(void **state)
{
    (void)state;
    forms("-AAAAAA", 2, "0 0 0 3 3 0");
    forms("-ABB", 2, "0 1 1");
}

static void test_wishes(void **state)
{
    char text[MOST + 1] = "";
    struct nv_member members[MOST] = {{0}};
    int leaders[MOST];
    (void)state;
    forms("AABB", 0, "0 0 0 0");
    forms("AABB", -1, "0 0 0 0");
    memset(text, 'A', 70);
    assert_int_equal(read_members(text, members), 70);
    nv_groups_form(members, 70, 0, leaders);
    for (int r = 0; r < 70; r++)
        assert_int_equal(leaders[r], 0);
    memset(text + 35, 'B', 65);
    assert_int_equal(read_members(text, members), 100);
    nv_groups_form(members, 100, 0, leaders);
    for (int r = 0; r < 100; r++)
        assert_int_equal(leaders[r], r < 35 || r == 99 ? 0 : 35);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_host), cmocka_unit_test(test_several_hosts),
        cmocka_unit_test(test_unable),   cmocka_unit_test(test_idle_hub),
        cmocka_unit_test(test_wishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

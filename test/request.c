/* request - what clients may ask, and what is none.  SPDX-License-Identifier: BSD-3-Clause */
#include "request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[256];
static const struct nv_why why = {text, sizeof text};

static struct nv_request read_good(const char *json)
{
    struct nv_request request;
    assert_int_equal(nv_request_read(json, strlen(json), &request, why), NAVE_OK);
    return request;
}

static void verbs_are_known(void **state)
{
    struct nv_request request = read_good("{\"do\":\"status\",\"id\":17,\"more\":[]}");
    (void)state;
    assert_int_equal(request.verb, NV_ASKS_status);
    assert_true(request.id == 17);
    nv_request_release(&request);
    for (int verb = 0; verb < NV_VERB_COUNT; verb++) {
        char json[64];
        snprintf(json, sizeof json, "{\"do\":\"%s\"}", nv_verb_name((enum nv_verb)verb));
        request = read_good(json);
        assert_int_equal(request.verb, verb);
        nv_request_release(&request);
    }
    assert_true(nv_verb_changes(NV_ASKS_submit) && nv_verb_changes(NV_ASKS_stop) &&
                nv_verb_changes(NV_ASKS_compile) && nv_verb_changes(NV_ASKS_set));
    assert_false(nv_verb_changes(NV_ASKS_status) || nv_verb_changes(NV_ASKS_pull) ||
                 nv_verb_changes(NV_ASKS_result) || nv_verb_changes(NV_ASKS_wait));
}

static void what_is_no_request_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "{",
                                        "[1]",
                                        "17",
                                        "\"status\"",
                                        "{\"id\":1}",
                                        "{\"do\":1}",
                                        "{\"do\":\"fly\"}",
                                        "{\"do\":\"Status\"}",
                                        "null",
                                        "{\"do\":\"status\""};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct nv_request request;
        assert_int_equal(nv_request_read(wrong[i], strlen(wrong[i]), &request, why),
                         NAVE_EPROTOCOL);
        assert_null(request.body);
        assert_true(text[0] != '\0');
    }
}

static void members_have_types_and_ranges(void **state)
{
    struct nv_request r =
        read_good("{\"do\":\"submit\",\"n\":5,\"x\":-1.5,\"big\":1e300,\"half\":0.5,"
                  "\"t\":\"word\",\"yes\":true,\"none\":null,\"list\":[1,2,3],"
                  "\"bad\":[1,-2],\"empty\":[],\"long\":\"" /* 128 bytes */
                  "0123456789012345678901234567890123456789012345678901234567890123"
                  "0123456789012345678901234567890123456789012345678901234567890123"
                  "\"}");
    uint64_t n = 42;
    int i = 42, *ranks = NULL;
    size_t count = 0;
    double x = 42;
    const char *word = "as it was";
    (void)state;
    assert_int_equal(nv_request_natural(&r, "n", 5, &n, why), NAVE_OK);
    assert_int_equal(n, 5);
    assert_int_equal(nv_request_natural(&r, "n", 4, &n, why), NAVE_EINVAL);
    assert_int_equal(nv_request_natural(&r, "x", UINT64_MAX, &n, why), NAVE_EINVAL);
    assert_int_equal(nv_request_natural(&r, "big", UINT64_MAX, &n, why), NAVE_EINVAL);
    assert_int_equal(nv_request_natural(&r, "half", UINT64_MAX, &n, why), NAVE_EINVAL);
    assert_int_equal(nv_request_natural(&r, "t", UINT64_MAX, &n, why), NAVE_EINVAL);
    assert_int_equal(nv_request_natural(&r, "absent", 5, &n, why), NAVE_OK);
    assert_int_equal(nv_request_natural(&r, "none", 5, &n, why), NAVE_OK);
    assert_int_equal(n, 5);
    assert_int_equal(nv_request_integer(&r, "half", &i, why), NAVE_EINVAL);
    assert_int_equal(nv_request_integer(&r, "big", &i, why), NAVE_EINVAL);
    assert_int_equal(i, 42);
    assert_int_equal(nv_request_real(&r, "x", 0, &x, why), NAVE_EINVAL);
    assert_int_equal(nv_request_real(&r, "x", -2, &x, why), NAVE_OK);
    assert_true(x < -1.4);
    assert_int_equal(nv_request_truth(&r, "yes", &i, why), NAVE_OK);
    assert_int_equal(i, 1);
    assert_int_equal(nv_request_truth(&r, "t", &i, why), NAVE_EINVAL);
    assert_int_equal(nv_request_text(&r, "n", &word, why), NAVE_EINVAL);
    assert_string_equal(word, "as it was");
    assert_int_equal(nv_request_name(&r, "t", &word, why), NAVE_OK);
    assert_string_equal(word, "word");
    assert_int_equal(nv_request_name(&r, "absent", &word, why), NAVE_EINVAL);
    assert_int_equal(nv_request_name(&r, "long", &word, why), NAVE_EINVAL);
    assert_int_equal(nv_request_ranks(&r, "bad", &ranks, &count, why), NAVE_EINVAL);
    assert_int_equal(nv_request_ranks(&r, "empty", &ranks, &count, why), NAVE_EINVAL);
    assert_int_equal(nv_request_ranks(&r, "absent", &ranks, &count, why), NAVE_OK);
    assert_null(ranks);
    assert_int_equal(nv_request_ranks(&r, "list", &ranks, &count, why), NAVE_OK);
    assert_int_equal(count, 3);
    assert_int_equal(ranks[2], 3);
    free(ranks);
    nv_request_release(&r);
}

static int task_of(const char *json, uint64_t *call, uint64_t *index)
{
    struct nv_request r = read_good(json);
    int rc = nv_request_task(&r, call, index, why);
    nv_request_release(&r);
    return rc;
}

static int place_of(const char *json, uint64_t *call, uint64_t *index)
{
    struct nv_request r = read_good(json);
    int rc = nv_request_place(&r, "from", call, index, why);
    nv_request_release(&r);
    return rc;
}

static void tasks_are_calls_and_indices(void **state)
{
    uint64_t call = 0, index = 0;
    (void)state;
    assert_int_equal(task_of("{\"do\":\"result\",\"task\":\"3.17\"}", &call, &index), NAVE_OK);
    assert_true(call == 3 && index == 17);
    assert_int_equal(task_of("{\"do\":\"result\",\"task\":\"4\"}", &call, &index), NAVE_OK);
    assert_true(call == 4 && index == 0);
    assert_int_equal(place_of("{\"do\":\"tasks\"}", &call, &index), NAVE_OK);
    assert_true(call == 4 && index == 0);
    assert_int_equal(place_of("{\"do\":\"tasks\",\"from\":\"5.6\"}", &call, &index), NAVE_OK);
    assert_true(call == 5 && index == 6);
    assert_int_equal(place_of("{\"do\":\"tasks\",\"from\":5}", &call, &index), NAVE_EINVAL);
    assert_int_equal(task_of("{\"do\":\"result\"}", &call, &index), NAVE_EINVAL);
    assert_int_equal(task_of("{\"do\":\"result\",\"task\":\"4.\"}", &call, &index), NAVE_EINVAL);
    assert_int_equal(task_of("{\"do\":\"result\",\"task\":\"-4\"}", &call, &index), NAVE_EINVAL);
    assert_int_equal(task_of("{\"do\":\"result\",\"task\":\"4.1x\"}", &call, &index), NAVE_EINVAL);
    assert_int_equal(task_of("{\"do\":\"result\",\"task\":4}", &call, &index), NAVE_EINVAL);
    assert_int_equal(task_of("{\"do\":\"result\"}", &call, &index), NAVE_EINVAL);
    assert_int_equal(
        task_of("{\"do\":\"result\",\"task\":\"99999999999999999999.1\"}", &call, &index),
        NAVE_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verbs_are_known),
        cmocka_unit_test(what_is_no_request_is_refused),
        cmocka_unit_test(members_have_types_and_ranges),
        cmocka_unit_test(tasks_are_calls_and_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

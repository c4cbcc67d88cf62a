/* Codes, their words, and the line of detail. */
#include "error_mpi.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static struct nv_error error;

struct heard {
    int level, count;
    char line[sizeof error.text];
};

static void hear(void *arg, int level, const char *line)
{
    struct heard *heard = arg;
    heard->level = level;
    heard->count++;
    snprintf(heard->line, sizeof heard->line, "%s", line);
}

static void every_code_has_name_and_text(void **state)
{
    static const struct {
        int code;
        const char *name, *text;
    } all[] = {
#define ROW(name, value, text) {value, #name, text},
        NAVE_ERRORS(ROW)
#undef ROW
    };
    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_string_equal(nave_error_name(all[i].code), all[i].name);
        assert_string_equal(nave_strerror(all[i].code), all[i].text);
        assert_true(all[i].code == 0 ? i == 0 : all[i].code < 0);
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(all[i].code, all[j].code);
    }
    assert_string_equal(nave_error_name(1), "unknown");
    assert_string_equal(nave_strerror(-1000), "unknown");
}

static void the_detail_is_kept_and_logged(void **state)
{
    struct heard heard = {0, 0, ""};
    (void)state;
    error = (struct nv_error){.log = NULL};
    assert_int_equal(nv_error_set(&error, NAVE_EINVAL, "%d of %s", 3, "them"), NAVE_EINVAL);
    assert_string_equal(error.text, "3 of them");
    error.log = hear;
    error.log_arg = &heard;
    assert_int_equal(nv_error_set(&error, NAVE_ENOMEM, "memory"), NAVE_ENOMEM);
    assert_int_equal(heard.count, 1);
    assert_int_equal(heard.level, NAVE_LOG_ERROR);
    assert_string_equal(heard.line, "memory");
    assert_int_equal(nv_error_note(&error, NAVE_ETASK, "a task"), NAVE_ETASK);
    assert_string_equal(error.text, "a task");
    nv_error_warn(&error, "%s is odd", "this");
    assert_string_equal(error.text, "a task");
    assert_int_equal(heard.count, 2);
    assert_int_equal(heard.level, NAVE_LOG_WARNING);
    assert_string_equal(heard.line, "this is odd");
    error.log = NULL;
    nv_error_warn(&error, "nobody hears");
    assert_int_equal(heard.count, 2);
}

/* What kernels say may hold anything, of any length. */
static void a_message_stays_one_line(void **state)
{
    char longer[2 * sizeof error.text];
    (void)state;
    nv_error_set(&error, -1, "a\nb\r\tc\x1b[31m\x7f\x01 %s", "d\ne");
    assert_string_equal(error.text, "a b  c [31m   d e");
    nv_error_set(&error, -1, "%s", "h\xc3\xa9 100%");
    assert_string_equal(error.text, "h\xc3\xa9 100%");
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    nv_error_set(&error, -1, "%s", longer);
    assert_int_equal(strlen(error.text), sizeof error.text - 1);
    nv_error_set(&error, -1, "%s", "");
    assert_string_equal(error.text, "");
}

static void success_of_mpi_says_nothing(void **state)
{
    (void)state;
    nv_error_set(&error, -1, "before");
    assert_int_equal(nv_error_mpi(&error, MPI_SUCCESS, "MPI_Send"), NAVE_OK);
    assert_string_equal(error.text, "before");
}

static void the_version_is_three_numbers(void **state)
{
    const char *at = nave_version();
    (void)state;
    assert_string_equal(at, NAVE_VERSION);
    for (int i = 0; i < 3; i++) {
        size_t digits = strspn(at, "0123456789");
        assert_in_range(digits, 1, 4);
        at += digits;
        assert_int_equal(*at, i < 2 ? '.' : '\0');
        at++;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_name_and_text),
        cmocka_unit_test(the_detail_is_kept_and_logged),
        cmocka_unit_test(a_message_stays_one_line),
        cmocka_unit_test(success_of_mpi_says_nothing),
        cmocka_unit_test(the_version_is_three_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* signature: layouts are the compiler's; words, JSON and bytes become each other; what is wrong is named.
 * SPDX-License-Identifier: BSD-3-Clause */
#include "signature.h"

#include "nave_kernel.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY = 200 };

static struct nv_signature parsed(const char *text)
{
    struct nv_signature signature;
    char why[WHY] = "";
    int rc = nv_signature_parse(text, &signature, why, sizeof why);
    if (rc != NAVE_OK)
        fail_msg("'%s': %s", text, why);
    return signature;
}

static void assert_field(const struct nv_fields *fields, size_t i, const char *name, size_t offset,
                         size_t count)
{
    assert_true(i < fields->count);
    assert_string_equal(fields->list[i].name, name);
    assert_int_equal(fields->list[i].offset, offset);
    assert_int_equal(fields->list[i].count, count);
}

/* --------------------------------------------------------------------------------------- layouts */

struct mixed {
    char a;
    double b;
    char c[3];
    int16_t d;
    uint8_t e;
    int64_t f;
    float g[3];
    char h;
};

static void a_list_is_laid_out_as_a_struct(void **state)
{
    struct nv_signature s = parsed("char a, double b, char c[3], int16_t d, uint8_t e, int64_t f,"
                                   "float g[3], char h ->");
    (void)state;
    assert_int_equal(s.in.count, 8);
    assert_field(&s.in, 0, "a", offsetof(struct mixed, a), 1);
    assert_field(&s.in, 1, "b", offsetof(struct mixed, b), 1);
    assert_field(&s.in, 2, "c", offsetof(struct mixed, c), 3);
    assert_field(&s.in, 3, "d", offsetof(struct mixed, d), 1);
    assert_field(&s.in, 4, "e", offsetof(struct mixed, e), 1);
    assert_field(&s.in, 5, "f", offsetof(struct mixed, f), 1);
    assert_field(&s.in, 6, "g", offsetof(struct mixed, g), 3);
    assert_field(&s.in, 7, "h", offsetof(struct mixed, h), 1);
    assert_int_equal(s.in.size, sizeof(struct mixed));
    assert_int_equal(s.in.align, _Alignof(struct mixed));
    assert_false(s.in.open);
    assert_int_equal(s.out.count, 0);
    assert_int_equal(s.out.size, 0);
    nv_signature_release(&s);
}

#define CHECK_PAIR(value, c_type, holds)                                                           \
    {                                                                                              \
        struct pair {                                                                              \
            char a;                                                                                \
            c_type b;                                                                              \
        };                                                                                         \
        struct nv_signature s = parsed("char a, " #c_type " b -> " #c_type " c[7]");               \
        assert_int_equal(s.in.list[1].type, value);                                                \
        assert_string_equal(nv_signature_type(value), #c_type);                                    \
        assert_field(&s.in, 1, "b", offsetof(struct pair, b), 1);                                  \
        assert_int_equal(s.in.size, sizeof(struct pair));                                          \
        assert_int_equal(s.in.align, _Alignof(struct pair));                                       \
        assert_int_equal(s.out.size, 7 * sizeof(c_type));                                          \
        nv_signature_release(&s);                                                                  \
    }

static void each_type_is_as_large_as_in_c(void **state)
{
    (void)state;
    NV_SCALARS(CHECK_PAIR)
}

struct opened {
    int64_t n;
    char c;
    int16_t rest[];
};

static void an_open_member_follows_without_padding(void **state)
{
    struct nv_signature s = parsed("int64_t n, char c, int16_t rest[] -> char name[]");
    (void)state;
    assert_true(s.in.open && s.in.list[2].open && s.in.list[2].array);
    assert_int_equal(s.in.list[2].offset, offsetof(struct opened, rest));
    assert_int_equal(s.in.size, offsetof(struct opened, rest));
    assert_true(nv_signature_fits(&s.in, s.in.size));
    assert_true(nv_signature_fits(&s.in, s.in.size + 6));
    assert_false(nv_signature_fits(&s.in, s.in.size + 5));
    assert_false(nv_signature_fits(&s.in, s.in.size - 2));
    assert_int_equal(s.out.size, 0);
    assert_true(s.out.list[0].text && nv_signature_fits(&s.out, 5));
    nv_signature_release(&s);
}

static void blanks_and_lists_may_be_anything(void **state)
{
    const char *good[] = {"->",
                          "  ->  ",
                          "-> double y",
                          "double x ->",
                          "double x->double x",
                          " \tdouble\n x [ 3 ] ,int y->unsigned z[ ] "};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct nv_signature s = parsed(good[i]);
        nv_signature_release(&s);
    }
}

static void refused(const char *text, const char *reason)
{
    struct nv_signature s;
    char why[WHY] = "";
    memset(&s, 7, sizeof s);
    assert_int_equal(nv_signature_parse(text, &s, why, sizeof why), NAVE_EINVAL);
    if (strstr(why, reason) == NULL)
        fail_msg("'%s': '%s', not '%s'", text, why, reason);
    assert_int_equal(s.in.count & 255, 7);
    assert_int_equal(nv_signature_parse(text, &s, NULL, 0), NAVE_EINVAL);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    refused("", "'->' is missing");
    refused("double x", "'->' is missing");
    refused("double x -", "a comma is missing at '-'");
    refused("double x -> double y -> z", "a comma is missing at '-> z'");
    refused("double x, -> int y", "a type is missing at '-> int y'");
    refused("-> double x,", "a type is missing");
    refused(", double x ->", "a type is missing");
    refused("dubble x ->", "'dubble' is not a type");
    refused("double ->", "a name is missing behind 'double'");
    refused("-> double", "a name is missing behind 'double'");
    refused("double 3x ->", "a name is missing");
    refused("double *x ->", "a name is missing");
    refused("unsigned int x ->", "'int' behind 'unsigned' is a type");
    refused("double x y ->", "a comma is missing at 'y ->'");
    refused("double x[2][3] ->", "a comma is missing at '[3]");
    refused("double x[-1] ->", "x: between [ and ]");
    refused("double x[2 ->", "x: between [ and ]");
    refused("double x[n] ->", "x: between [ and ]");
    refused("double x[0] ->", "x: an array of nothing");
    refused("double x[], int y ->", "x[]: only the last member can be open");
    refused("double x, int x ->", "two members are called 'x'");
    refused("-> double y\x01\xff", "a comma is missing at '?");
}

static void sizes_cannot_overflow(void **state)
{
    struct nv_signature s = parsed("char x[1073741824] -> double y[134217728]");
    (void)state;
    assert_int_equal(s.in.size, NV_SIGNATURE_BYTES_MAX);
    assert_int_equal(s.out.size, NV_SIGNATURE_BYTES_MAX);
    nv_signature_release(&s);
    refused("char x[1073741825] ->", "x: more than 1073741824 bytes");
    refused("double x[134217729] ->", "x: more than");
    refused("double x[2305843009213693953] ->", "x: more than");
    refused("char x[18446744073709551617] ->", "x: more than");
    refused("char x[99999999999999999999999999999999999] ->", "x: more than");
    refused("char x[1073741824], char y ->", "y: more than");
    refused("char x[1073741823], int y, char z[] ->", "y: more than");
    s = parsed("char x[1073741823], double y[] ->"); /* the padding just fits */
    assert_int_equal(s.in.size, NV_SIGNATURE_BYTES_MAX);
    nv_signature_release(&s);
}

static void names_and_members_have_limits(void **state)
{
    char text[40000] = "double ";
    struct nv_signature s;
    (void)state;
    memset(text + 7, 'n', NV_SIGNATURE_NAME_MAX);
    strcpy(text + 7 + NV_SIGNATURE_NAME_MAX, "->");
    s = parsed(text);
    assert_int_equal(strlen(s.in.list[0].name), NV_SIGNATURE_NAME_MAX);
    nv_signature_release(&s);
    strcpy(text + 7 + NV_SIGNATURE_NAME_MAX, "n->");
    refused(text, "is longer than 127 bytes");
    size_t used = 0;
    for (int i = 0; i < NV_SIGNATURE_FIELDS_MAX; i++)
        used += (size_t)sprintf(text + used, i > 0 ? ",int a%d" : "int a%d", i);
    strcpy(text + used, "->");
    s = parsed(text);
    assert_int_equal(s.in.size, NV_SIGNATURE_FIELDS_MAX * sizeof(int));
    nv_signature_release(&s);
    strcpy(text + used, ",int b->");
    refused(text, "more than 1024 members");
}

/* ----------------------------------------------------------------------------------------- words */

/* Words are separated by '|'; "" are none. */
static int encode_words(const struct nv_fields *fields, const char *line, void **data, size_t *size,
                        char *why)
{
    char copy[1024], *words[16];
    size_t n = 0;
    strcpy(copy, line);
    for (char *at = *copy != '\0' ? copy : NULL; at != NULL;) {
        words[n++] = at;
        at = strchr(at, '|');
        if (at != NULL)
            *at++ = '\0';
    }
    return nv_signature_encode_words(fields, words, n, data, size, why, WHY);
}

static int encode_json(const struct nv_fields *fields, const char *line, void **data, size_t *size,
                       char *why)
{
    cJSON *value = cJSON_Parse(line);
    assert_non_null(value);
    int rc = nv_signature_encode_json(fields, value, data, size, why, WHY);
    cJSON_Delete(value);
    return rc;
}

typedef int encoder(const struct nv_fields *fields, const char *line, void **data, size_t *size,
                    char *why);

/* What is encoded reads back as this text, and through JSON gives the same bytes. */
static void reads(encoder *encode, const char *list, const char *line, const char *expected)
{
    char signature[512], why[WHY] = "";
    void *data = NULL, *again = NULL;
    size_t size = 77, size_again;
    snprintf(signature, sizeof signature, "%s ->", list);
    struct nv_signature s = parsed(signature);
    if (encode(&s.in, line, &data, &size, why) != NAVE_OK)
        fail_msg("%s: '%s': %s", list, line, why);
    assert_true(nv_signature_fits(&s.in, size));
    unsigned char *askew = malloc(size + 1); /* no pointer into it is aligned by itself */
    assert_non_null(askew);
    if (size > 0)
        memcpy(askew + 1, data, size);
    char *text = nv_signature_text(&s.in, askew + 1, size);
    assert_non_null(text);
    assert_string_equal(text, expected);
    cJSON *json = nv_signature_json(&s.in, askew + 1, size);
    assert_non_null(json);
    char *print = cJSON_PrintUnformatted(json);
    if (encode_json(&s.in, print, &again, &size_again, why) != NAVE_OK)
        fail_msg("%s: '%s': %s", list, print, why);
    assert_int_equal(size, size_again);
    if (size > 0)
        assert_memory_equal(data, again, size);
    free(text);
    cJSON_free(print);
    cJSON_Delete(json);
    free(askew);
    free(data);
    free(again);
    nv_signature_release(&s);
}

static void refuses(encoder *encode, const char *list, const char *line, const char *reason)
{
    char signature[512], why[WHY] = "";
    void *data = signature;
    size_t size = 77;
    snprintf(signature, sizeof signature, "%s ->", list);
    struct nv_signature s = parsed(signature);
    int rc = encode(&s.in, line, &data, &size, why);
    if (rc != NAVE_EINVAL || strstr(why, reason) == NULL)
        fail_msg("%s: '%s': %d '%s', not '%s'", list, line, rc, why, reason);
    assert_ptr_equal(data, signature);
    assert_int_equal(size, 77);
    nv_signature_release(&s);
}

static void words_become_the_struct(void **state)
{
    struct nv_signature s = parsed("char a, double b, char c[3], int16_t d, uint8_t e, int64_t f,"
                                   "float g[3], char h ->");
    struct mixed *mixed;
    void *data;
    size_t size;
    char why[WHY];
    (void)state;
    assert_int_equal(encode_words(&s.in, "x|-1.5e3|abc|-0x10|255|9007199254740993|1,2.5,-inf|",
                                  &data, &size, why),
                     0);
    assert_int_equal(size, sizeof *mixed);
    mixed = data;
    assert_true(mixed->a == 'x' && mixed->b == -1500 && memcmp(mixed->c, "abc", 3) == 0);
    assert_true(mixed->d == -16 && mixed->e == 255 && mixed->f == INT64_C(9007199254740993));
    assert_true(mixed->g[0] == 1 && mixed->g[1] == 2.5F && isinf(mixed->g[2]) && mixed->g[2] < 0);
    assert_int_equal(mixed->h, 0);
    free(data);
    nv_signature_release(&s);
}

static void words_read_back(void **state)
{
    (void)state;
    reads(encode_words, "", "", "");
    reads(encode_words, "double x", "1.5", "1.5");
    reads(encode_words, "double x", "x=0.1", "0.1");
    reads(encode_words, "double x", "1e-320", "9.99988867182683e-321");
    reads(encode_words, "double x", "1e-999", "0");
    reads(encode_words, "double x", "-0", "-0");
    reads(encode_words, "double x", "0.1000000000000000055", "0.1");
    reads(encode_words, "double x", "0.30000000000000004", "0.30000000000000004");
    reads(encode_words, "double x", "1.7976931348623157e308", "1.7976931348623157e+308");
    reads(encode_words, "double x", "0x1p-3", "0.125");
    reads(encode_words, "double x[3]", "nan,INF,-infinity", "nan,inf,-inf");
    reads(encode_words, "float x[3]", "nan,inf,-inf", "nan,inf,-inf");
    reads(encode_words, "float x", "0.1", "0.1");
    reads(encode_words, "float x", "16777217", "16777216");
    reads(encode_words, "float x", "3.40282347e38", "3.4028235e+38");
    reads(encode_words, "double price, float error", "1.5|0.001", "price=1.5 error=0.001");
    reads(encode_words, "double price, float error", "error=0.001|price=1.5",
          "price=1.5 error=0.001");
    reads(encode_words, "int x[3], int y", "1,2,3|4", "x=1,2,3 y=4");
    reads(encode_words, "int n, double x[]", "2|1,2.5", "n=2 x=1,2.5");
    reads(encode_words, "int n, double x[]", "2|", "n=2 x=");
    reads(encode_words, "double x[]", "x=", "");
    reads(encode_words, "int n, char s[]", "n=1|s=a=b", "n=1 s=a=b");
    reads(encode_words, "char s[]", "a,b c", "a,b c");
    reads(encode_words, "char s[]", "u=v", "u=v");
    reads(encode_words, "char s[4]", "abcd", "abcd");
    reads(encode_words, "char s[4], int n", "ab|1", "s=ab n=1");
    reads(encode_words, "char c", "c=", "");
    reads(encode_words, "char s[]", "a\nb\tc\x1b[0m\x7f \xc2\x85 \xc3\xa9",
          "a\\nb\\tc\\x1b[0m\\x7f \\xc2\\x85 \xc3\xa9");
}

static void whole_numbers_go_to_their_limits(void **state)
{
    const char *all =
        "int8_t a, uint8_t b, int16_t c, uint16_t d, int32_t e, uint32_t f, int64_t g,"
        "uint64_t h";
    (void)state;
    reads(encode_words, all, "-128|0|-32768|0|-2147483648|0|-9223372036854775808|0",
          "a=-128 b=0 c=-32768 d=0 e=-2147483648 f=0 g=-9223372036854775808 h=0");
    reads(encode_words, all,
          "127|255|32767|65535|2147483647|4294967295|9223372036854775807|18446744073709551615",
          "a=127 b=255 c=32767 d=65535 e=2147483647 f=4294967295 g=9223372036854775807 "
          "h=18446744073709551615");
    reads(encode_words, "long a, size_t b, int c, unsigned d", "-1|1|+2|0XfF",
          "a=-1 b=1 c=2 d=255");
    reads(encode_words, "int64_t a", "-0x8000000000000000", "-9223372036854775808");
    refuses(encode_words, "int8_t a", "128", "a: '128' is out of the range of int8_t");
    refuses(encode_words, "int8_t a", "-129", "out of the range");
    refuses(encode_words, "uint8_t a", "256", "out of the range");
    refuses(encode_words, "uint8_t a", "-1", "out of the range");
    refuses(encode_words, "int32_t a", "2147483648", "out of the range");
    refuses(encode_words, "int64_t a", "9223372036854775808", "out of the range");
    refuses(encode_words, "int64_t a", "-9223372036854775809", "out of the range");
    refuses(encode_words, "uint64_t a", "18446744073709551616", "out of the range");
    refuses(encode_words, "uint64_t a", "0x10000000000000000", "out of the range");
    refuses(encode_words, "uint64_t a", "99999999999999999999999999", "out of the range");
}

static void words_must_be_whole(void **state)
{
    const char *no_int[] = {"x=",   "1 ",   " 1",  "1.0", "1.5e0", "1e",  "1e-1", "e3",
                            "1e 3", "1e3.", "--1", "-",   "0x",    "0xg", "true", "1a"};
    const char *no_double[] = {"x=", "1 ", " 1", "1.0f", "1e", "true", "1,2"};
    (void)state;
    for (size_t i = 0; i < sizeof no_int / sizeof *no_int; i++)
        refuses(encode_words, "int x", no_int[i], "' is not a number of type int");
    for (size_t i = 0; i < sizeof no_double / sizeof *no_double; i++)
        refuses(encode_words, "double x", no_double[i], "' is not a number of type double");
    refuses(encode_words, "double strike", "strkie=3", "strike: 'strkie=3' is not a number");
    refuses(encode_words, "double x", "1e999", "x: '1e999' is out of the range of double");
    refuses(encode_words, "float x", "1e39", "x: '1e39' is out of the range of float");
    reads(encode_words, "int x", "1e6", "1000000");
    reads(encode_words, "int x", "-2.5E3", "-2500");
    reads(encode_words, "int x", "120e-1", "12");
    reads(encode_words, "int x", "0e9999", "0");
    reads(encode_words, "uint64_t x", "1e19", "10000000000000000000");
    refuses(encode_words, "uint64_t x", "1e20", "x: '1e20' is out of the range of uint64_t");
    refuses(encode_words, "unsigned x", "-1e1", "x: '-1e1' is out of the range of unsigned");
    refuses(encode_words, "int x", "3e9", "x: '3e9' is out of the range of int");
    refuses(encode_words, "int x[3]", "1,2", "x: '1,2' has 2 elements, 3 are needed");
    refuses(encode_words, "int x[3]", "1,2,3,4", "has 4 elements");
    refuses(encode_words, "int x[3]", "x=", "x: '' has 0 elements");
    refuses(encode_words, "int x[3]", "1,,3", "x: '' is not a number");
    refuses(encode_words, "int x[]", "1,2,", "x: '' is not a number");
    refuses(encode_words, "int x[]", "1, 2", "x: ' 2' is not a number");
    refuses(encode_words, "char s[3]", "abcd", "s: 'abcd' has 4 bytes, there is room for 3");
    refuses(encode_words, "char c", "ab", "c: 'ab' has 2 bytes");
}

static void words_must_be_all_there(void **state)
{
    char digits[700] = "";
    (void)state;
    refuses(encode_words, "int x, int y", "1", "1 word, 2 are needed: x, y");
    refuses(encode_words, "int x", "1|2", "2 words, 1 is needed: x");
    refuses(encode_words, "", "1", "1 word, 0 are needed: none");
    refuses(encode_words, "int x", "", "0 words, 1 is needed: x");
    refuses(encode_words, "int x, int y", "x=1|2", "'2': either all words are NAME=VALUE or none");
    refuses(encode_words, "int x, int y", "1|y=2", "'1': either all");
    refuses(encode_words, "int x, int y", "x=1|x=2", "x: given again as 'x=2'");
    refuses(encode_words, "int x, int y", "x=1", "y: no value is given");
    refuses(encode_words, "int x, int y", "x=1|z=1", "no member is called as in 'z=1'");
    memset(digits, '1', 600);
    refuses(encode_words, "int64_t x", digits, "x: '1111111111111111111111111111111111111111' is");
    refuses(encode_words, "int x", "a\nb", "x: 'a?b' is not a number");
}

/* ------------------------------------------------------------------------------------------ JSON */

static void json_reads_back(void **state)
{
    (void)state;
    reads(encode_json, "", "null", "");
    reads(encode_json, "", "{}", "");
    reads(encode_json, "", "[]", "");
    reads(encode_json, "double x", "1.5", "1.5");
    reads(encode_json, "double x", "[1.5]", "1.5");
    reads(encode_json, "double x", "{\"x\": 1.5}", "1.5");
    reads(encode_json, "double x", "\"inf\"", "inf");
    reads(encode_json, "float x", "0.1", "0.1");
    reads(encode_json, "float x", "3.4028235677973362e38", "3.4028235e+38");
    reads(encode_json, "double x[2]", "[1, \"nan\"]", "1,nan");
    reads(encode_json, "double x[2]", "[[1, 2]]", "1,2");
    reads(encode_json, "double x[1]", "[1]", "1");
    reads(encode_json, "double x[]", "[]", "");
    reads(encode_json, "double x[]", "[[]]", "");
    reads(encode_json, "int n, char s[]", "{\"s\": \"two words\", \"n\": -3}", "n=-3 s=two words");
    reads(encode_json, "int n, int x[2]", "[1, [2, 3]]", "n=1 x=2,3");
    reads(encode_json, "char s[4]", "[\"ab\"]", "ab");
    reads(encode_json, "char s[]", "\"\"", "");
    reads(encode_json, "int64_t x", "9007199254740991", "9007199254740991");
    reads(encode_json, "int64_t x", "-9007199254740991", "-9007199254740991");
    reads(encode_json, "int64_t x", "\"-9223372036854775808\"", "-9223372036854775808");
    reads(encode_json, "uint64_t x", "\"0xffffffffffffffff\"", "18446744073709551615");
    reads(encode_json, "uint64_t x", "1e15", "1000000000000000");
}

static void json_must_be_right(void **state)
{
    (void)state;
    refuses(encode_json, "int x", "1.5", "x: 1.5 is not a whole number");
    refuses(encode_json, "int x", "2147483648", "x: 2147483648 is out of the range of int");
    refuses(encode_json, "unsigned x", "-1", "x: -1 is out of the range");
    refuses(encode_json, "int64_t x", "9007199254740992", "must be a string");
    refuses(encode_json, "int64_t x", "1e300", "must be a string");
    refuses(encode_json, "int64_t x", "1e999", "must be a string");
    refuses(encode_json, "int x", "\"1.5\"", "x: '1.5' is not a number of type int");
    refuses(encode_json, "int x", "true", "x: not a number");
    refuses(encode_json, "int x", "null", "x: not a number");
    refuses(encode_json, "int x", "{}", "x: no value is given");
    refuses(encode_json, "int x", "[[1]]", "x: not a number");
    refuses(encode_json, "int x", "[1, 2]", "2 values, 1 is needed: x");
    refuses(encode_json, "double x", "1e999", "x: inf is out of the range of double");
    refuses(encode_json, "float x", "3.4028235677973366e38", "out of the range of float");
    refuses(encode_json, "int x[2]", "[1]", "x: 1 element, 2 are needed");
    refuses(encode_json, "int x[2]", "[1, []]", "x: not a number");
    refuses(encode_json, "int x[2]", "\"1,2\"", "x: not an array");
    refuses(encode_json, "char s[]", "1", "s: not a string");
    refuses(encode_json, "char s[]", "[1]", "s: not a string");
    refuses(encode_json, "char s[2]", "\"abc\"", "s: 'abc' has 3 bytes, there is room for 2");
    refuses(encode_json, "int x, int y", "{\"x\": 1}", "y: no value is given");
    refuses(encode_json, "int x, int y", "{\"x\": 1, \"z\": 1}", "no member is called 'z'");
    refuses(encode_json, "int x, int y", "{\"x\": 1, \"x\": 1}", "x: given twice");
    refuses(encode_json, "int x, int y", "[1]", "1 value, 2 are needed: x, y");
    refuses(encode_json, "int x, int y", "1", "neither an object nor an array");
    refuses(encode_json, "", "1", "neither an object nor an array");
    refuses(encode_json, "", "[1]", "1 value, 0 are needed");
}

static void a_missing_value_is_for_nothing_only(void **state)
{
    struct nv_signature s = parsed("int x ->");
    char why[WHY];
    void *data = &s;
    size_t size = 1;
    (void)state;
    assert_int_equal(nv_signature_encode_json(&s.out, NULL, &data, &size, why, sizeof why), 0);
    assert_null(data);
    assert_int_equal(size, 0);
    assert_int_equal(nv_signature_encode_json(&s.in, NULL, &data, &size, why, sizeof why),
                     NAVE_EINVAL);
    assert_string_equal(why, "no value is given");
    nv_signature_release(&s);
}

/* ------------------------------------------------------------------------------------------ data */

static void shows(const char *list, const void *data, size_t size, const char *text,
                  const char *json)
{
    char signature[512];
    snprintf(signature, sizeof signature, "-> %s", list);
    struct nv_signature s = parsed(signature);
    char *words = nv_signature_text(&s.out, data, size);
    cJSON *made = nv_signature_json(&s.out, data, size);
    char *print = cJSON_PrintUnformatted(made);
    assert_true(nv_signature_fits(&s.out, size));
    assert_string_equal(words, text);
    assert_string_equal(print, json);
    free(words);
    cJSON_free(print);
    cJSON_Delete(made);
    nv_signature_release(&s);
}

static void data_are_shown(void **state)
{
    const double pair[] = {1.5, 0.001};
    const double odd[] = {NAN, -NAN, INFINITY, -INFINITY};
    const float tenth = 0.1F;
    const int64_t whole[] = {(INT64_C(1) << 53) - 1, INT64_C(1) << 53, -(INT64_C(1) << 53), -1};
    (void)state;
    shows("", NULL, 0, "", "{}");
    shows("double price, double error", pair, sizeof pair, "price=1.5 error=0.001",
          "{\"price\":1.5,\"error\":0.001}");
    shows("double x[2]", pair, sizeof pair, "1.5,0.001", "[1.5,0.001]");
    shows("double x[4]", odd, sizeof odd, "nan,nan,inf,-inf", "[\"nan\",\"nan\",\"inf\",\"-inf\"]");
    shows("float x", &tenth, sizeof tenth, "0.1", "0.1");
    shows("int64_t x[]", whole, sizeof whole,
          "9007199254740991,9007199254740992,-9007199254740992,-1",
          "[9007199254740991,\"9007199254740992\",\"-9007199254740992\",-1]");
    shows("double x[]", NULL, 0, "", "[]");
}

static void text_is_shown(void **state)
{
    (void)state;
    shows("char s[4]", "ab\0d", 4, "ab", "\"ab\"");
    shows("char s[4]", "abcd", 4, "abcd", "\"abcd\"");
    shows("char c", "x", 1, "x", "\"x\"");
    shows("char s[]", "ab\0d", 4, "ab\\x00d",
          "\"ab\xef\xbf\xbd"
          "d\"");
    shows("char s[]", NULL, 0, "", "\"\"");
    shows("char s[]", "\xff\xc3", 2, "\\xff\\xc3", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    shows("char s[]", "\xf0\x9f\x98\x80\xe2\x82\xac", 7, "\xf0\x9f\x98\x80\xe2\x82\xac",
          "\"\xf0\x9f\x98\x80\xe2\x82\xac\"");
    shows("char s[]", "\xc0\x80", 2, "\\xc0\\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    shows("char s[]", "\xed\xa0\x80", 3, "\\xed\\xa0\\x80",
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    shows("char s[]", "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80",
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void a_size_that_does_not_fit_is_not_shown(void **state)
{
    struct nv_signature s = parsed("double x -> int n, double y[]");
    double data[3] = {0};
    (void)state;
    for (size_t size = 0; size <= sizeof data; size++) {
        bool in = size == 8, out = size >= 8 && size % 8 == 0;
        char *text;
        cJSON *json;
        assert_true(nv_signature_fits(&s.in, size) == in);
        assert_true(nv_signature_fits(&s.out, size) == out);
        assert_true(((text = nv_signature_text(&s.in, data, size)) != NULL) == in);
        free(text);
        assert_true(((json = nv_signature_json(&s.out, data, size)) != NULL) == out);
        cJSON_Delete(json);
    }
    nv_signature_release(&s);
}

/* As read from what is printed. */
static void assert_json_is(const struct nv_fields *fields, double number)
{
    cJSON *json = nv_signature_json(fields, &number, sizeof number);
    char *print = cJSON_PrintUnformatted(json);
    cJSON *again = cJSON_Parse(print);
    double direct = json->valuedouble;
    assert_non_null(again);
    if (isfinite(number)) {
        assert_memory_equal(&again->valuedouble, &number, sizeof number);
        assert_memory_equal(&direct, &number, sizeof number);
    }
    cJSON_Delete(json);
    cJSON_Delete(again);
    cJSON_free(print);
}

static void any_double_reads_back(void **state)
{
    struct nv_signature s = parsed("float x -> double x");
    uint64_t bits = 1;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        double number, again;
        float single;
        bits = bits * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&number, &bits, sizeof number);
        memcpy(&single, &bits, sizeof single);
        char *text = nv_signature_text(&s.out, &number, sizeof number);
        again = strtod(text, NULL);
        assert_true(isnan(number) ? isnan(again) : again == number);
        free(text);
        assert_json_is(&s.out, number);
        text = nv_signature_text(&s.in, &single, sizeof single);
        assert_true(isnan(single) || strtof(text, NULL) == single);
        free(text);
        cJSON *json = nv_signature_json(&s.in, &single, sizeof single);
        assert_true(!isfinite(single) || (float)json->valuedouble == single);
        cJSON_Delete(json);
    }
    nv_signature_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_laid_out_as_a_struct),
        cmocka_unit_test(each_type_is_as_large_as_in_c),
        cmocka_unit_test(an_open_member_follows_without_padding),
        cmocka_unit_test(blanks_and_lists_may_be_anything),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(sizes_cannot_overflow),
        cmocka_unit_test(names_and_members_have_limits),
        cmocka_unit_test(words_become_the_struct),
        cmocka_unit_test(words_read_back),
        cmocka_unit_test(whole_numbers_go_to_their_limits),
        cmocka_unit_test(words_must_be_whole),
        cmocka_unit_test(words_must_be_all_there),
        cmocka_unit_test(json_reads_back),
        cmocka_unit_test(json_must_be_right),
        cmocka_unit_test(a_missing_value_is_for_nothing_only),
        cmocka_unit_test(data_are_shown),
        cmocka_unit_test(text_is_shown),
        cmocka_unit_test(a_size_that_does_not_fit_is_not_shown),
        cmocka_unit_test(any_double_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

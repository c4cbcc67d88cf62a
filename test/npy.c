/* npy, png: heads are NumPy's to the byte and read strictly; pictures have the size and the colours they
 * should.  SPDX-License-Identifier: BSD-3-Clause */
#include "nave/npy.h"
#include "nave/png.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <png.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WHY = 120 };

/* ------------------------------------------------------------------------------------------- npy */

static char order(void)
{
    const uint16_t one = 1;
    return *(const unsigned char *)&one == 1 ? '<' : '>';
}

/* '@' in expected is the order of bytes. */
static void assert_head(const char *type, int dims, const size_t *shape, const char *expected)
{
    char head[NPY_ROOM], text[128];
    memset(head, 7, sizeof head);
    assert_int_equal(npy_header(head, type, 0, dims, shape), 128);
    memset(text, ' ', sizeof text);
    memcpy(text, "\x93NUMPY\1\0\x76\0", 10);
    memcpy(text + 10, expected, strlen(expected));
    text[127] = '\n';
    for (char *at = text; (at = memchr(at, '@', (size_t)(text + 128 - at))) != NULL;)
        *at = order();
    assert_memory_equal(head, text, 128);
    assert_int_equal(head[128], 7);
}

static void heads_are_those_of_numpy(void **state)
{
    const size_t shape[] = {3, 4, 5, 6};
    char head[NPY_ROOM];
    (void)state;
    assert_head("double", 0, NULL, "{'descr': '@f8', 'fortran_order': False, 'shape': (), }");
    assert_head("float", 1, shape, "{'descr': '@f4', 'fortran_order': False, 'shape': (3,), }");
    assert_head("int64", 2, shape, "{'descr': '@i8', 'fortran_order': False, 'shape': (3, 4), }");
    assert_head("int32", 4, shape,
                "{'descr': '@i4', 'fortran_order': False, 'shape': (3, 4, 5, 6), }");
    assert_head("uint8", 1, shape, "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }");
    assert_head("char", 1, shape, "{'descr': '|S1', 'fortran_order': False, 'shape': (3,), }");
    assert_int_equal(npy_header(head, "complex", 0, 1, shape), 0);
    assert_int_equal(npy_header(head, "double", 0, -1, shape), 0);
    assert_int_equal(npy_header(head, "double", 0, NPY_DIMS + 1, shape), 0);
}

static void what_is_written_reads_back(void **state)
{
    const char *types[] = {"double", "float", "char",   "int8",   "int16", "int32",
                           "int64",  "uint8", "uint16", "uint32", "uint64"};
    const size_t shape[] = {3, 0, SIZE_MAX, 7}, items[] = {8, 4, 1, 1, 2, 4, 8, 1, 2, 4, 8};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        for (int dims = 0; dims <= NPY_DIMS; dims++) {
            char head[NPY_ROOM], why[WHY] = "";
            struct npy_array array;
            size_t size = npy_header(head, types[i], 0, dims, shape);
            assert_int_equal(size % 64, 0);
            assert_int_equal(npy_read_header(head, size, 0, &array, why, sizeof why), 0);
            assert_string_equal(array.type, types[i]);
            assert_int_equal(array.item, items[i]);
            assert_int_equal(array.dims, dims);
            assert_memory_equal(array.shape, shape, (size_t)dims * sizeof *shape);
            assert_int_equal(array.offset, size);
            assert_int_equal(array.size, dims == 0 ? items[i] : dims == 1 ? 3 * items[i] : 0);
        }
    }
}

/* Of the file that consists of this version, text and nothing else, in a block of its own size. */
static int read_text(int version, const char *text, struct npy_array *array, char *why)
{
    size_t length = strlen(text), start = version == 1 ? 10 : 12;
    char *file = calloc(1, start + length), *at;
    assert_non_null(file);
    memcpy(file, "\x93NUMPY", 6);
    file[6] = (char)version;
    file[8] = (char)(unsigned char)length;
    memcpy(file + start, text, length);
    for (at = file; (at = memchr(at, '@', (size_t)(file + start + length - at))) != NULL;)
        *at = order();
    int rc = npy_read_header(file, start + length, 0, array, why, WHY);
    free(file);
    return rc;
}

static void reads(int version, const char *text, const char *type, int dims, size_t size)
{
    struct npy_array array;
    char why[WHY] = "";
    if (read_text(version, text, &array, why) < 0)
        fail_msg("%s: %s", text, why);
    assert_string_equal(array.type, type);
    assert_int_equal(array.dims, dims);
    assert_int_equal(array.size, size);
    assert_int_equal(array.offset, strlen(text) + (version == 1 ? 10 : 12));
}

static void refuses(const char *text, const char *reason)
{
    struct npy_array array = {.dims = 77};
    char why[WHY] = "";
    int rc = read_text(1, text, &array, why);
    if (rc != -1 || strstr(why, reason) == NULL)
        fail_msg("%s: %d '%s', not '%s'", text, rc, why, reason);
    assert_int_equal(array.dims, 77);
    assert_int_equal(read_text(2, text, &array, why), -1);
}

static void the_other_byte_order_is_told(void **state)
{
    const size_t shape[] = {3, 4};
    char head[NPY_ROOM], why[WHY] = "", descr[] = "'descr': '@f8'";
    struct npy_array array = {.dims = 77};
    size_t size = npy_header(head, "double", 1, 2, shape);
    (void)state;
    *strchr(descr, '@') = order() == '<' ? '>' : '<';
    assert_memory_equal(head + 11, descr, strlen(descr));
    assert_int_equal(npy_read_header(head, size, 0, &array, why, sizeof why), -1);
    assert_int_equal(npy_read_header(head, size, 1, &array, why, sizeof why), 0);
    assert_int_equal(array.size, 96);
    size = npy_header(head, "double", 0, 2, shape);
    assert_int_equal(npy_read_header(head, size, 1, &array, why, sizeof why), -1);
    assert_non_null(strstr(why, "f8' is not in the job's byte order"));
    size = npy_header(head, "uint8", 1, 2, shape);
    assert_non_null(strstr(head + 11, "'|u1'"));
    assert_int_equal(npy_read_header(head, size, 0, &array, why, sizeof why), 0);
}

static void heads_of_others_are_read(void **state)
{
    (void)state;
    reads(1, "{'descr':'@f8','fortran_order':False,'shape':(2,)}", "double", 1, 16);
    reads(2, "{'descr': '@f8', 'fortran_order': False, 'shape': (2, 3), }  \n", "double", 2, 48);
    reads(1, " { \"shape\" : ( 2 , 3 , ) , \"fortran_order\" : False , \"descr\" : \"|u1\" } ",
          "uint8", 2, 6);
    reads(1, "{'descr': '@i4', 'fortran_order': False, 'shape': (2L, 3L), }\n", "int32", 2, 24);
    reads(1, "{'descr': '=i4', 'fortran_order': False, 'shape': (), }\n", "int32", 0, 4);
    reads(1, "{'descr': '>i1', 'fortran_order': False, 'shape': (0,), }\n", "int8", 1, 0);
}

#define HEAD(descr, order, shape)                                                                  \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }\n"

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    refuses(order() == '<' ? HEAD("'>f8'", "False", "(2,)") : HEAD("'<f8'", "False", "(2,)"),
            "f8' is not in this machine's byte order");
    refuses(HEAD("'@f8'", "True", "(2, 2)"), "in Fortran's order");
    refuses(HEAD("'@f8'", "Maybe", "(2,)"), "fortran_order");
    refuses(HEAD("'|O'", "False", "(2,)"), "the elements are Python objects");
    refuses(HEAD("[('a', '<f8')]", "False", "(2,)"), "the elements are structs");
    refuses(HEAD("'<c16'", "False", "(2,)"), "elements of type '<c16' are not supported");
    refuses(HEAD("'|S7'", "False", "(2,)"), "elements of type '|S7'");
    refuses(HEAD("''", "False", "(2,)"), "elements of type ''");
    refuses(HEAD("f8", "False", "(2,)"), "a string is missing");
    refuses(HEAD("'\\x41'", "False", "(2,)"), "a string that is none of NumPy's");
    refuses(HEAD("'01234567890123456789012345678901234567'", "False", "(2,)"), "a string that");
    refuses(HEAD("'@f8'", "False", "(1, 2, 3, 4, 5)"), "more than 4 dimensions");
    refuses(HEAD("'@f8'", "False", "(2)"), "the shape is no tuple");
    refuses(HEAD("'@f8'", "False", "2"), "the shape is no tuple");
    refuses(HEAD("'@f8'", "False", "(2 3)"), "the shape is no tuple");
    refuses(HEAD("'@f8'", "False", "(2"), "a number is missing"); /* behind HEAD's comma */
    refuses(HEAD("'@f8'", "False", "(-2,)"), "a number is missing");
    refuses(HEAD("'@f8'", "False", "(,)"), "a number is missing");
    refuses(HEAD("'@f8'", "False", "(99999999999999999999,)"), "the array is too large");
    refuses(HEAD("'@f8'", "False", "(4294967296, 4294967296)"), "the array is too large");
    refuses(HEAD("'@f8'", "False", "(2305843009213693952,)"), "the array is too large");
    refuses(HEAD("'|u1'", "False", "(18446744073709551615,)"), "the array is too large");
}

static void damaged_heads_are_refused(void **state)
{
    (void)state;
    refuses("", "no dictionary");
    refuses("{", "a string is missing");
    refuses("{'shape", "a string has no end");
    refuses("{'shape'", "':' is missing");
    refuses("{'shape': (", "a number is missing");
    refuses("{}", "lacks descr");
    refuses("{'shape': (2,)}", "lacks descr");
    refuses("{'shape': (2,), 'shape': (2,)}", "the key 'shape' twice");
    refuses("{'shape': (2,), 'size': 2}", "the key 'size', which is none");
    refuses("{'shape': (2,) 'descr': '<f8'}", "a comma is missing");
    refuses(HEAD("'@f8'", "False", "(2,)") "x", "something is behind it");
}

static void files_that_are_cut_or_foreign_are_refused(void **state)
{
    char head[NPY_ROOM], why[WHY];
    struct npy_array array = {.dims = 77};
    const size_t shape[] = {3};
    size_t size = npy_header(head, "double", 0, 1, shape);
    (void)state;
    for (size_t n = 0; n < size; n++) {
        char *cut = malloc(n + 1); /* so that a read beyond is seen */
        assert_non_null(cut);
        memcpy(cut + 1, head, n);
        assert_int_equal(npy_read_header(cut + 1, n, 0, &array, why, sizeof why), -1);
        assert_string_equal(why, n < 6 ? "not a NumPy file" : "the file ends within its head");
        free(cut);
    }
    head[6] = 3;
    assert_int_equal(npy_read_header(head, size, 0, &array, why, sizeof why), -1);
    assert_string_equal(why, "version 3.0 of NumPy's format, 1.0 and 2.0 can be read");
    head[0] = 'P';
    assert_int_equal(npy_read_header(head, size, 0, &array, why, sizeof why), -1);
    assert_string_equal(why, "not a NumPy file");
    assert_int_equal(npy_read_header(head, size, 0, &array, NULL, 0), -1);
    assert_int_equal(array.dims, 77);
}

/* ------------------------------------------------------------------------------------------- png */

struct picture {
    size_t height, width;
    unsigned char *pixels;
};

static struct picture drawn(const double *values, size_t height, size_t width, double low,
                            double high)
{
    png_image image = {.version = PNG_IMAGE_VERSION};
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(png_write_field(file, values, height, width, low, high), 0);
    rewind(file);
    assert_true(png_image_begin_read_from_stdio(&image, file));
    assert_int_equal(image.format, PNG_FORMAT_RGB);
    struct picture picture = {image.height, image.width, malloc(PNG_IMAGE_SIZE(image))};
    assert_non_null(picture.pixels);
    assert_true(png_image_finish_read(&image, NULL, picture.pixels, 0, NULL));
    fclose(file);
    return picture;
}

static unsigned pixel(const struct picture *picture, size_t y, size_t x)
{
    const unsigned char *at = picture->pixels + 3 * (y * picture->width + x);
    return (unsigned)at[0] << 16 | (unsigned)at[1] << 8 | at[2];
}

enum { DARKEST = 0x2e1553, MIDDLE = 0x4fb196, BRIGHTEST = 0xf4ee50, GREY = 0x808080 };

/* The colours of the numbers of a single row, each in the middle of its square. */
static void assert_colours(const double *values, size_t n, double low, double high,
                           const unsigned *expected)
{
    struct picture picture = drawn(values, 1, n, low, high);
    size_t side = picture.width / n;
    assert_int_equal(picture.height, side);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(pixel(&picture, 0, i * side), expected[i]);
        assert_int_equal(pixel(&picture, side - 1, (i + 1) * side - 1), expected[i]);
    }
    free(picture.pixels);
}

static void extremes_have_the_outer_colours(void **state)
{
    const double plain[] = {-1, 0, 1, 2, 3, NAN, INFINITY, -INFINITY};
    const double same[] = {4, 4, NAN, INFINITY, -INFINITY};
    const double huge[] = {-1.7e308, 0, 1.7e308};
    const double none[] = {NAN, INFINITY, -INFINITY};
    (void)state;
    assert_colours(
        plain, 8, 0, 2,
        (unsigned[]){DARKEST, DARKEST, MIDDLE, BRIGHTEST, BRIGHTEST, GREY, BRIGHTEST, DARKEST});
    assert_colours(plain, 4, 2, 0, (unsigned[]){BRIGHTEST, BRIGHTEST, MIDDLE, DARKEST});
    assert_colours(plain, 3, 0, 0, (unsigned[]){DARKEST, MIDDLE, BRIGHTEST});
    assert_colours(plain, 3, NAN, 9, (unsigned[]){DARKEST, MIDDLE, BRIGHTEST});
    assert_colours(plain, 3, 0, INFINITY, (unsigned[]){DARKEST, MIDDLE, BRIGHTEST});
    assert_colours(plain + 4, 4, 0, 0, (unsigned[]){MIDDLE, GREY, BRIGHTEST, DARKEST});
    assert_colours(same, 5, 0, 0, (unsigned[]){MIDDLE, MIDDLE, GREY, BRIGHTEST, DARKEST});
    assert_colours(huge, 3, 0, 0, (unsigned[]){DARKEST, MIDDLE, BRIGHTEST});
    assert_colours(none, 3, 0, 0, (unsigned[]){GREY, BRIGHTEST, DARKEST});
}

static double lightness(unsigned colour)
{
    double y = 0, weights[] = {.0722, .7152, .2126};
    for (int i = 0; i < 3; i++)
        y += weights[i] * pow((double)(colour >> 8 * i & 255) / 255, 2.2);
    return cbrt(y);
}

static void brighter_is_more(void **state)
{
    double values[512];
    (void)state;
    for (int i = 0; i < 512; i++)
        values[i] = i;
    struct picture picture = drawn(values, 1, 512, 0, 511);
    assert_int_equal(picture.width, 512);
    for (size_t i = 4; i < 512; i++)
        assert_true(lightness(pixel(&picture, 0, i)) > lightness(pixel(&picture, 0, i - 4)));
    free(picture.pixels);
}

static void assert_size(size_t height, size_t width, size_t rows, size_t columns)
{
    double *values = calloc(height * width, sizeof *values);
    assert_non_null(values);
    struct picture picture = drawn(values, height, width, 0, 1);
    assert_int_equal(picture.height, rows);
    assert_int_equal(picture.width, columns);
    free(picture.pixels);
    free(values);
}

static void small_ones_grow_and_large_ones_shrink(void **state)
{
    (void)state;
    assert_size(1, 1, 256, 256);
    assert_size(3, 2, 258, 172);
    assert_size(255, 10, 510, 20);
    assert_size(256, 10, 256, 10);
    assert_size(300, 400, 300, 400);
    assert_size(10, 2048, 10, 2048);
    assert_size(10, 2049, 5, 1025);
    assert_size(5000, 3, 1667, 1);
}

/* The top left number is at the top left; where it is shrunk, squares of two by two are averaged. */
static void pixels_are_where_the_numbers_are(void **state)
{
    const double small[] = {0, 1, 2, NAN};
    const size_t width = 2050;
    double *large = calloc(3 * width, sizeof *large);
    assert_non_null(large);
    (void)state;
    struct picture picture = drawn(small, 2, 2, 0, 2);
    assert_int_equal(pixel(&picture, 0, 0), DARKEST);
    assert_int_equal(pixel(&picture, 0, 255), MIDDLE);
    assert_int_equal(pixel(&picture, 255, 0), BRIGHTEST);
    assert_int_equal(pixel(&picture, 255, 255), GREY);
    free(picture.pixels);
    large[1] = large[width] = 2;                  /* mean 1 */
    large[2] = large[3] = large[width + 2] = NAN; /* those that are not do not count */
    large[width + 3] = 2;
    large[2 * width] = large[2 * width + 1] = NAN; /* half a square at the edge */
    large[2 * width + 2] = large[2 * width + 3] = 1;
    picture = drawn(large, 3, width, 0, 2);
    assert_int_equal(pixel(&picture, 0, 0), MIDDLE);
    assert_int_equal(pixel(&picture, 0, 1), BRIGHTEST);
    assert_int_equal(pixel(&picture, 0, 2), DARKEST);
    assert_int_equal(pixel(&picture, 1, 0), GREY);
    assert_int_equal(pixel(&picture, 1, 1), MIDDLE);
    free(picture.pixels);
    free(large);
}

static void what_cannot_be_written_is_said(void **state)
{
    static double values[200 * 200];
    char path[] = "/dev/full";
    FILE *full = fopen(path, "wb"), *reader = fopen("/dev/null", "rb");
    (void)state;
    assert_int_equal(png_write_field(stdout, values, 0, 3, 0, 1), -1);
    assert_int_equal(png_write_field(stdout, values, 3, 0, 0, 1), -1);
    if (full != NULL) {
        assert_int_equal(png_write_field(full, values, 2, 2, 0, 1), -1);
        setvbuf(full, NULL, _IONBF, 0);
        assert_int_equal(png_write_field(full, values, 200, 200, 0, 1), -1);
        fclose(full);
    }
    if (reader != NULL) {
        assert_int_equal(png_write_field(reader, values, 2, 2, 0, 1), -1);
        fclose(reader);
    }
}

static void items_have_their_bytes(void **state)
{
    (void)state;
    assert_int_equal(npy_item("double"), 8);
    assert_int_equal(npy_item("int16"), 2);
    assert_int_equal(npy_item("uint32"), 4);
    assert_int_equal(npy_item("char"), 1);
    assert_int_equal(npy_item("banana"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_have_their_bytes),
        cmocka_unit_test(heads_are_those_of_numpy),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(the_other_byte_order_is_told),
        cmocka_unit_test(heads_of_others_are_read),
        cmocka_unit_test(what_cannot_be_read_is_named),
        cmocka_unit_test(damaged_heads_are_refused),
        cmocka_unit_test(files_that_are_cut_or_foreign_are_refused),
        cmocka_unit_test(extremes_have_the_outer_colours),
        cmocka_unit_test(brighter_is_more),
        cmocka_unit_test(small_ones_grow_and_large_ones_shrink),
        cmocka_unit_test(pixels_are_where_the_numbers_are),
        cmocka_unit_test(what_cannot_be_written_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

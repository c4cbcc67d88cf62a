/* png - see png.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "png.h"

#include <png.h> /* NOLINT(readability-duplicate-include): libpng's */

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>

enum { CHANNELS = 3 };

static const unsigned char grey[CHANNELS] = {128, 128, 128};

/* From a dark violet over blue and green to yellow.  Made in CIELAB: the hue turns from 310 to 102 degrees
 * while the lightness rises from 14 to 92, as colourful as sRGB allows without bends; then
 * cut into pieces of equal length (colour difference), so equal steps of the number look equally large. */
static const unsigned char colours[][CHANNELS] = {
    {46, 21, 83},   {36, 45, 95},   {28, 69, 110},  {13, 97, 129},   {28, 126, 142},
    {56, 153, 150}, {79, 177, 150}, {98, 195, 141}, {114, 208, 125}, {129, 219, 103},
    {159, 227, 83}, {203, 233, 78}, {244, 238, 80}};

enum { PIECES = sizeof colours / sizeof *colours - 1 };

struct field {
    const double *values;
    size_t height, width;
    double low, high;
    size_t shrink, enlarge; /* numbers that make a pixel, pixels that a number makes, on a side */
};

/* --------------------------------------------------------------------------------------- numbers */

static void find_range(struct field *field)
{
    field->low = INFINITY;
    field->high = -INFINITY;
    for (size_t i = 0; i < field->height * field->width; i++) {
        double value = field->values[i];
        if (isfinite(value) && value < field->low)
            field->low = value;
        if (isfinite(value) && value > field->high)
            field->high = value;
    }
    if (field->low > field->high) /* nothing is finite */
        field->low = field->high = 0;
}

/* Where the value lies between low and high, 0 to 1.  By halves, for the range may be too large. */
static double position(const struct field *field, double value)
{
    double range = field->high / 2 - field->low / 2;
    double t = 0.5;
    if (range != 0 || !isfinite(value))
        t = range != 0 ? (value / 2 - field->low / 2) / range : value;
    return t < 0 ? 0 : t > 1 ? 1 : t;
}

static void paint(const struct field *field, double value, unsigned char *pixel)
{
    if (isnan(value)) {
        for (int i = 0; i < CHANNELS; i++)
            pixel[i] = grey[i];
        return;
    }
    double at = position(field, value) * PIECES;
    int piece = at < PIECES ? (int)at : PIECES - 1;
    for (int i = 0; i < CHANNELS; i++) {
        double from = colours[piece][i], to = colours[piece + 1][i];
        pixel[i] = (unsigned char)lround(from + (to - from) * (at - piece));
    }
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The mean of a square, or what there is of it at the edges; each is divided before they are added, for
 * the sum may be too large. */
static double mean(const struct field *field, size_t y, size_t x)
{
    size_t bottom = least(field->height, y + field->shrink), n = 0;
    size_t right = least(field->width, x + field->shrink);
    double sum = 0;
    for (size_t i = y; i < bottom; i++)
        for (size_t j = x; j < right; j++)
            n += !isnan(field->values[i * field->width + j]);
    for (size_t i = y; i < bottom; i++)
        for (size_t j = x; j < right; j++)
            if (!isnan(field->values[i * field->width + j]))
                sum += field->values[i * field->width + j] / (double)n;
    return n > 0 ? sum : NAN;
}

/* ---------------------------------------------------------------------------------------- pixels */

static size_t side(const struct field *field, size_t numbers)
{
    return (numbers + field->shrink - 1) / field->shrink * field->enlarge;
}

/* The row of pixels that begins at the row y of numbers. */
static void paint_row(const struct field *field, size_t y, unsigned char *row)
{
    for (size_t x = 0; x < field->width; x += field->shrink) {
        unsigned char pixel[CHANNELS];
        paint(field, mean(field, y, x), pixel);
        for (size_t i = 0; i < field->enlarge * CHANNELS; i++)
            *row++ = pixel[i % CHANNELS];
    }
}

/* libpng comes back here by longjmp() on an error: no local variable may be changed behind setjmp() that
 * is read after it, so the loops are in a function of their own. */
static void write_rows(png_structp png, png_infop info, FILE *out, const struct field *field,
                       unsigned char *row)
{
    png_init_io(png, out);
    png_set_IHDR(png, info, (png_uint_32)side(field, field->width),
                 (png_uint_32)side(field, field->height), 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (size_t y = 0; y < field->height; y += field->shrink) {
        paint_row(field, y, row);
        for (size_t i = 0; i < field->enlarge; i++)
            png_write_row(png, row);
    }
    png_write_end(png, info);
}

static int write_picture(png_structp png, png_infop info, FILE *out, const struct field *field,
                         unsigned char *row)
{
    if (setjmp(png_jmpbuf(png)) != 0)
        return -1;
    write_rows(png, info, out, field, row);
    return fflush(out) == 0 ? 0 : -1;
}

/* libpng's own would print. */
static void on_error(png_structp png, png_const_charp text)
{
    (void)text;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png;
    (void)text;
}

static void choose_size(struct field *field)
{
    size_t longer = field->height > field->width ? field->height : field->width;
    field->shrink = (longer - 1) / PNG_LARGEST + 1;
    field->enlarge = longer < PNG_SMALLEST ? (PNG_SMALLEST - 1) / longer + 1 : 1;
}

int png_write_field(FILE *out, const double *values, size_t height, size_t width, double low,
                    double high)
{
    struct field field = {values, height, width, low, high, 1, 1};
    int rc = -1;
    if (height == 0 || width == 0)
        return -1;
    choose_size(&field);
    if (!isfinite(low) || !isfinite(high) || low == high)
        find_range(&field);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
    unsigned char *row = malloc(side(&field, width) * CHANNELS);
    if (info != NULL && row != NULL)
        rc = write_picture(png, info, out, &field, row);
    free(row);
    png_destroy_write_struct(png != NULL ? &png : NULL, info != NULL ? &info : NULL);
    return rc;
}

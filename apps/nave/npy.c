/* npy - see npy.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "npy.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* The magic bytes and the version; the head's text begins behind its length, two bytes in format 1.0 and
 * four in 2.0, little-endian. */
enum { MAGIC = 6, VERSION = 8, ALIGN = 64, TEXT_ROOM = 200, DESCR_ROOM = 32 };

static const char magic[MAGIC] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

static const struct type {
    const char *name, *code; /* ours, NumPy's without the byte order */
    size_t size;
} types[] = {{"double", "f8", 8}, {"float", "f4", 4},  {"char", "S1", 1},  {"int8", "i1", 1},
             {"int16", "i2", 2},  {"int32", "i4", 4},  {"int64", "i8", 8}, {"uint8", "u1", 1},
             {"uint16", "u2", 2}, {"uint32", "u4", 4}, {"uint64", "u8", 8}};

enum { TYPES = sizeof types / sizeof *types };

/* Of this machine; foreign: the other one. */
static char order_of(int foreign)
{
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return (first == 1) == !foreign ? '<' : '>';
}

/* -------------------------------------------------------------------------------------- writing it */

/* "()", "(3,)", "(3, 4)": a tuple of one needs its comma. */
static size_t write_shape(char *out, size_t room, int dims, const size_t *shape)
{
    size_t used = (size_t)snprintf(out, room, "(");
    for (int i = 0; i < dims; i++)
        used += (size_t)snprintf(out + used, room - used, i > 0 ? ", %zu" : "%zu", shape[i]);
    return used + (size_t)snprintf(out + used, room - used, dims == 1 ? ",)" : ")");
}

static const struct type *find_name(const char *name)
{
    for (size_t i = 0; i < TYPES; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

size_t npy_item(const char *type)
{
    const struct type *found = find_name(type);
    return found != NULL ? found->size : 0;
}

size_t npy_header(char out[NPY_ROOM], const char *type, int foreign, int dims, const size_t *shape)
{
    const struct type *found = find_name(type);
    char text[TEXT_ROOM], *at = out + VERSION + 2;
    if (found == NULL || dims < 0 || dims > NPY_DIMS)
        return 0;
    write_shape(text, sizeof text, dims, shape);
    size_t used = (size_t)snprintf(at, NPY_ROOM - VERSION - 2,
                                   "{'descr': '%c%s', 'fortran_order': False, 'shape': %s, }",
                                   found->size == 1 ? '|' : order_of(foreign), found->code, text);
    size_t whole = (VERSION + 2 + used + 1 + ALIGN - 1) / ALIGN * ALIGN;
    size_t length = whole - VERSION - 2;
    memset(at + used, ' ', length - used - 1);
    at[length - 1] = '\n';
    memcpy(out, magic, MAGIC);
    memcpy(out + MAGIC, "\1\0", 2);
    out[VERSION] = (char)(unsigned char)length;
    out[VERSION + 1] = (char)(unsigned char)(length >> 8);
    return whole;
}

/* -------------------------------------------------------------------------------------- reading it */

struct text {
    const char *at, *end;
    int foreign;
    char *why;
    size_t room;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct text *text, const char *format,
                                                        ...)
{
    va_list list;
    if (text->room == 0)
        return -1;
    va_start(list, format);
    vsnprintf(text->why, text->room, format, list);
    va_end(list);
    return -1;
}

static void skip_blanks(struct text *text)
{
    while (text->at < text->end && strchr(" \t\r\n", *text->at) != NULL && *text->at != '\0')
        text->at++;
}

/* Takes `c`, and the blanks around it, if it is next. */
static bool take(struct text *text, char c)
{
    skip_blanks(text);
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    skip_blanks(text);
    return true;
}

static bool take_word(struct text *text, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, word, length) != 0)
        return false;
    text->at += length;
    return true;
}

/* A string in quotes of either kind, of printable characters other than a backslash. */
static int take_string(struct text *text, char out[DESCR_ROOM])
{
    char quote = text->at < text->end ? *text->at : '\0';
    size_t n = 0;
    if (quote != '\'' && quote != '"')
        return refuse(text, "the head of the file is damaged: a string is missing");
    for (text->at++; text->at < text->end && *text->at != quote; text->at++) {
        if (n + 1 == DESCR_ROOM || *text->at < ' ' || *text->at > '~' || *text->at == '\\')
            return refuse(text, "the head of the file has a string that is none of NumPy's");
        out[n++] = *text->at;
    }
    out[n] = '\0';
    if (text->at == text->end)
        return refuse(text, "the head of the file is damaged: a string has no end");
    text->at++;
    return 0;
}

static int take_type(struct text *text, struct npy_array *out)
{
    char descr[DESCR_ROOM] = "";
    if (text->at < text->end && *text->at == '[')
        return refuse(text, "the elements are structs");
    if (take_string(text, descr) < 0)
        return -1;
    const char *code = descr + (*descr != '\0' && strchr("<>|=", *descr) != NULL);
    if (*code == 'O')
        return refuse(text, "the elements are Python objects");
    for (size_t i = 0; i < TYPES; i++) {
        if (strcmp(types[i].code, code) != 0)
            continue;
        if (types[i].size > 1 && *descr != order_of(text->foreign) &&
            (*descr != '=' || text->foreign))
            return refuse(text, "'%s' is not in %s byte order", descr,
                          text->foreign ? "the job's" : "this machine's");
        out->type = types[i].name;
        out->item = types[i].size;
        return 0;
    }
    return refuse(text, "elements of type '%s' are not supported", descr);
}

static int take_order(struct text *text)
{
    if (take_word(text, "True"))
        return refuse(text, "the array is in Fortran's order, not in C's");
    if (!take_word(text, "False"))
        return refuse(text, "the head of the file is damaged: fortran_order");
    return 0;
}

/* A number of the shape; Python 2 wrote an L behind it. */
static int take_number(struct text *text, size_t *number)
{
    const char *start = text->at;
    *number = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        size_t digit = (size_t)(*text->at - '0');
        if (*number > (SIZE_MAX - digit) / 10)
            return refuse(text, "the array is too large");
        *number = *number * 10 + digit;
    }
    if (text->at == start)
        return refuse(text, "the head of the file is damaged: a number is missing in the shape");
    take_word(text, "L");
    return 0;
}

static int take_shape(struct text *text, struct npy_array *out)
{
    bool comma = true;
    if (!take(text, '('))
        return refuse(text, "the head of the file is damaged: the shape is no tuple");
    for (out->dims = 0; !take(text, ')'); out->dims++) {
        if (!comma)
            return refuse(text, "the head of the file is damaged: the shape is no tuple");
        if (out->dims == NPY_DIMS)
            return refuse(text, "the array has more than %d dimensions", (int)NPY_DIMS);
        if (take_number(text, &out->shape[out->dims]) < 0)
            return -1;
        comma = take(text, ',');
    }
    if (out->dims == 1 && !comma)
        return refuse(text, "the head of the file is damaged: the shape is no tuple");
    return 0;
}

enum { DESCR = 1, ORDER = 2, SHAPE = 4 };

static unsigned key_of(const char *key)
{
    return strcmp(key, "descr") == 0           ? DESCR
           : strcmp(key, "fortran_order") == 0 ? ORDER
           : strcmp(key, "shape") == 0         ? SHAPE
                                               : 0;
}

static int take_pair(struct text *text, unsigned *seen, struct npy_array *out)
{
    char key[DESCR_ROOM] = "";
    if (take_string(text, key) < 0)
        return -1;
    unsigned which = key_of(key);
    if (which == 0 || (*seen & which))
        return refuse(text, "the head of the file has the key '%s'%s", key,
                      which == 0 ? ", which is none of NumPy's" : " twice");
    if (!take(text, ':'))
        return refuse(text, "the head of the file is damaged: ':' is missing");
    *seen |= which;
    return which == DESCR ? take_type(text, out)
                          : (which == ORDER ? take_order(text) : take_shape(text, out));
}

/* The dictionary, which is all there is but for blanks. */
static int take_all(struct text *text, struct npy_array *out)
{
    unsigned seen = 0;
    bool comma = true;
    if (!take(text, '{'))
        return refuse(text, "the head of the file is damaged: it is no dictionary");
    while (!take(text, '}')) {
        if (!comma)
            return refuse(text, "the head of the file is damaged: a comma is missing");
        if (take_pair(text, &seen, out) < 0)
            return -1;
        comma = take(text, ',');
    }
    if (text->at != text->end)
        return refuse(text, "the head of the file is damaged: something is behind it");
    if (seen != (DESCR | ORDER | SHAPE))
        return refuse(text, "the head of the file lacks descr, fortran_order or shape");
    return 0;
}

static int measure(const struct text *text, struct npy_array *out)
{
    out->size = out->item;
    for (int i = 0; i < out->dims; i++) {
        if (out->shape[i] > 0 && out->size > SIZE_MAX / out->shape[i])
            return refuse(text, "the array is too large");
        out->size *= out->shape[i];
    }
    return out->size <= SIZE_MAX - out->offset ? 0 : refuse(text, "the array is too large");
}

/* Finds where the text of the head begins and ends. */
static int find_text(const unsigned char *data, size_t size, struct text *text)
{
    size_t length = 0, start;
    if (size < MAGIC || memcmp(data, magic, MAGIC) != 0)
        return refuse(text, "not a NumPy file");
    if (size < VERSION)
        return refuse(text, "the file ends within its head");
    if ((data[MAGIC] != 1 && data[MAGIC] != 2) || data[MAGIC + 1] != 0)
        return refuse(text, "version %u.%u of NumPy's format, 1.0 and 2.0 can be read", data[MAGIC],
                      data[MAGIC + 1]);
    start = VERSION + (data[MAGIC] == 1 ? 2 : 4);
    if (size < start)
        return refuse(text, "the file ends within its head");
    for (size_t i = start; i-- > VERSION;)
        length = length << 8 | data[i];
    if (length > size - start)
        return refuse(text, "the file ends within its head");
    text->at = (const char *)data + start;
    text->end = text->at + length;
    return 0;
}

int npy_read_header(const void *data, size_t size, int foreign, struct npy_array *out, char *why,
                    size_t room)
{
    struct text text = {.foreign = foreign, .why = why, .room = room};
    struct npy_array read = {.dims = 0};
    if (find_text(data, size, &text) < 0)
        return -1;
    read.offset = (size_t)(text.end - (const char *)data);
    if (take_all(&text, &read) < 0 || measure(&text, &read) < 0)
        return -1;
    *out = read;
    return 0;
}

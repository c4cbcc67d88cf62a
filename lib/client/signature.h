/* signature - what a kernel takes and gives, as its table entry says it ("double strike, int64_t paths
 * -> double price"): read, and used to make bytes of words or JSON and words or JSON of bytes.
 *
 * Each of the two lists is laid out as the C compiler lays out a struct with these members, so the bytes
 * are what the kernel sees; only a last member that is open ([]) is an addition, and it begins at `size`.
 * In a list that was accepted, names differ, offsets rise, nothing reaches beyond NV_SIGNATURE_BYTES_MAX,
 * and only the last field can be open.
 */
#ifndef NV_SIGNATURE_H
#define NV_SIGNATURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

enum {
    NV_SIGNATURE_NAME_MAX = 127,    /* bytes of a name */
    NV_SIGNATURE_FIELDS_MAX = 1024, /* of one list */
    NV_SIGNATURE_BYTES_MAX =
        1073741824 /* of one list, and of the data that is made for it: 1 GiB */
};

/* The one list of types: name, C type, what is in it. */
#define NV_SCALARS(X)                                                                              \
    X(NV_SCALAR_CHAR, char, TEXT)                                                                  \
    X(NV_SCALAR_INT, int, SIGNED)                                                                  \
    X(NV_SCALAR_UNSIGNED, unsigned, UNSIGNED)                                                      \
    X(NV_SCALAR_LONG, long, SIGNED)                                                                \
    X(NV_SCALAR_SIZE, size_t, UNSIGNED)                                                            \
    X(NV_SCALAR_FLOAT, float, REAL)                                                                \
    X(NV_SCALAR_DOUBLE, double, REAL)                                                              \
    X(NV_SCALAR_INT8, int8_t, SIGNED)                                                              \
    X(NV_SCALAR_INT16, int16_t, SIGNED)                                                            \
    X(NV_SCALAR_INT32, int32_t, SIGNED)                                                            \
    X(NV_SCALAR_INT64, int64_t, SIGNED)                                                            \
    X(NV_SCALAR_UINT8, uint8_t, UNSIGNED)                                                          \
    X(NV_SCALAR_UINT16, uint16_t, UNSIGNED)                                                        \
    X(NV_SCALAR_UINT32, uint32_t, UNSIGNED)                                                        \
    X(NV_SCALAR_UINT64, uint64_t, UNSIGNED)

#define NV_SCALAR_VALUE(value, type, holds) value,
enum nv_scalar { NV_SCALARS(NV_SCALAR_VALUE) };
#undef NV_SCALAR_VALUE

struct nv_field {
    char name[NV_SIGNATURE_NAME_MAX + 1];
    enum nv_scalar type;
    bool array, open; /* `name[N]` or `name[]`; `name[]` */
    bool text;        /* of char: bytes that stand for characters, be it one, [N] or [] */
    size_t count;     /* elements; 1 of what is no array, 0 of what is open */
    size_t offset;    /* bytes from the start */
};

struct nv_fields {
    struct nv_field *list;
    size_t count;
    size_t size;  /* bytes of the fixed part: of all, where nothing is open */
    size_t align; /* bytes; 1 of an empty list */
    bool open;    /* the last field is */
};

struct nv_signature {
    struct nv_fields in, out;
};

/* In all that follows, `why` gets the reason for a refusal, one line without newline, cut to `room` bytes;
 * room may be 0.  The result is NAVE_OK, NAVE_EINVAL or NAVE_ENOMEM, and outputs are untouched on error. */

int nv_signature_parse(const char *text, struct nv_signature *out, char *why, size_t room);
void nv_signature_release(struct nv_signature *signature);

/* The C name of a type. */
const char *nv_signature_type(enum nv_scalar type);

/* The data of n words of a command line, one for each field in order; or, when any of them begins with the
 * name of a field and '=', all are NAME=VALUE, in any order.  Numbers are decimal, whole ones also 0x and
 * hexadecimal digits, or 1e6 where that is whole; arrays are "1,2,3"; an empty word is an open array of nothing.  *data is the caller's
 * to free(); NULL when *size is 0. */
int nv_signature_encode_words(const struct nv_fields *fields, char *const *words, size_t n,
                              void **data, size_t *size, char *why, size_t room);

/* The data of an object by names, of an array by position, or, of a single field, of the bare value.  Where
 * there are no fields, value may be NULL or null.  Any number may be a string, as in a word; whole numbers
 * from 2^53 on must be, for a double does not hold them all. */
int nv_signature_encode_json(const struct nv_fields *fields, const cJSON *value, void **data,
                             size_t *size, char *why, size_t room);

/* Whether data of this size can be what the fields say. */
bool nv_signature_fits(const struct nv_fields *fields, size_t size);

/* In decoding, the data need not be aligned.  Fixed text ends at its first zero.  NULL: the size does not
 * fit, or out of memory. */

/* "price=1.5 error=0.001", arrays as "x=1,2,3"; of a single field only its value.  Numbers read back the
 * same; in text, control characters and what is not UTF-8 are \n, \t and \xHH, so it is one line that is
 * safe to print.  The caller's to free(). */
char *nv_signature_text(const struct nv_fields *fields, const void *data, size_t size);

/* An object by names, or the bare value of a single field.  Strings are: whole numbers from 2^53 on,
 * "nan", "inf" and "-inf", and text, in which U+FFFD stands for zeros and what is not UTF-8.  Numbers that
 * cJSON would not write exactly are raw items, their valuedouble set.  The caller's to cJSON_Delete(). */
cJSON *nv_signature_json(const struct nv_fields *fields, const void *data, size_t size);

#endif

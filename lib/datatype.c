/* datatype - see datatype.h.  SPDX-License-Identifier: BSD-3-Clause */
#include "datatype.h"
#include "error_mpi.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The order of these tables is the wire's.  Exact types first. */
#define EXACT_TYPES(X)                                                                             \
    X(MPI_CHAR)                                                                                    \
    X(MPI_SIGNED_CHAR)                                                                             \
    X(MPI_UNSIGNED_CHAR)                                                                           \
    X(MPI_BYTE)                                                                                    \
    X(MPI_SHORT)                                                                                   \
    X(MPI_UNSIGNED_SHORT)                                                                          \
    X(MPI_INT)                                                                                     \
    X(MPI_UNSIGNED)                                                                                \
    X(MPI_LONG)                                                                                    \
    X(MPI_UNSIGNED_LONG)                                                                           \
    X(MPI_LONG_LONG)                                                                               \
    X(MPI_UNSIGNED_LONG_LONG)                                                                      \
    X(MPI_INT8_T)                                                                                  \
    X(MPI_INT16_T)                                                                                 \
    X(MPI_INT32_T)                                                                                 \
    X(MPI_INT64_T)                                                                                 \
    X(MPI_UINT8_T)                                                                                 \
    X(MPI_UINT16_T)                                                                                \
    X(MPI_UINT32_T)                                                                                \
    X(MPI_UINT64_T)                                                                                \
    X(MPI_C_BOOL)                                                                                  \
    X(MPI_WCHAR)                                                                                   \
    X(MPI_AINT)                                                                                    \
    X(MPI_OFFSET)                                                                                  \
    X(MPI_COUNT)                                                                                   \
    X(MPI_2INT)
#define OTHER_TYPES(X)                                                                             \
    X(MPI_FLOAT)                                                                                   \
    X(MPI_DOUBLE)                                                                                  \
    X(MPI_LONG_DOUBLE)                                                                             \
    X(MPI_C_FLOAT_COMPLEX)                                                                         \
    X(MPI_C_DOUBLE_COMPLEX)                                                                        \
    X(MPI_C_LONG_DOUBLE_COMPLEX)                                                                   \
    X(MPI_FLOAT_INT)                                                                               \
    X(MPI_DOUBLE_INT)                                                                              \
    X(MPI_LONG_INT)                                                                                \
    X(MPI_SHORT_INT)                                                                               \
    X(MPI_LONG_DOUBLE_INT)                                                                         \
    X(MPI_PACKED)                                                                                  \
    X(MPI_INTEGER)                                                                                 \
    X(MPI_REAL)                                                                                    \
    X(MPI_DOUBLE_PRECISION)                                                                        \
    X(MPI_COMPLEX)                                                                                 \
    X(MPI_DOUBLE_COMPLEX)                                                                          \
    X(MPI_LOGICAL)                                                                                 \
    X(MPI_CHARACTER)

#define OPERATIONS(X)                                                                              \
    X(MPI_SUM)                                                                                     \
    X(MPI_PROD)                                                                                    \
    X(MPI_MAX)                                                                                     \
    X(MPI_MIN)                                                                                     \
    X(MPI_LAND)                                                                                    \
    X(MPI_LOR)                                                                                     \
    X(MPI_LXOR)                                                                                    \
    X(MPI_BAND)                                                                                    \
    X(MPI_BOR)                                                                                     \
    X(MPI_BXOR)                                                                                    \
    X(MPI_MAXLOC)                                                                                  \
    X(MPI_MINLOC)

enum { DEPTH_MAX = 32 };

/* Handles are no constants in every MPI, so the tables are made at each look. */
#define ENTRY(handle) handle,
#define COUNT(handle) +1
enum {
    EXACT_COUNT = 0 EXACT_TYPES(COUNT),
    TYPE_COUNT = EXACT_COUNT OTHER_TYPES(COUNT),
    OPERATION_COUNT = 0 OPERATIONS(COUNT)
};

static MPI_Datatype named_type(int number)
{
    const MPI_Datatype types[] = {EXACT_TYPES(ENTRY) OTHER_TYPES(ENTRY)};
    return number >= 0 && number < TYPE_COUNT ? types[number] : MPI_DATATYPE_NULL;
}

static int named_number(MPI_Datatype type)
{
    for (int i = 0; i < TYPE_COUNT; i++)
        if (type == named_type(i))
            return i;
    return -1;
}

bool nv_datatype_exact(MPI_Datatype type)
{
    int number = named_number(type);
    return number >= 0 && number < EXACT_COUNT;
}

MPI_Op nv_operation(int number)
{
    const MPI_Op operations[] = {OPERATIONS(ENTRY)};
    return number >= 0 && number < OPERATION_COUNT ? operations[number] : MPI_OP_NULL;
}

int nv_operation_number(MPI_Op op)
{
    for (int i = 0; i < OPERATION_COUNT; i++)
        if (op == nv_operation(i))
            return i;
    return -1;
}

/* ------------------------------------------------------------------------------------- encoding */

/* A type on the wire: number of a named type, or -1 and the combiner with its three rows, the types
 * of which follow in the same form. */
struct writer {
    unsigned char *at;
    size_t left;
    bool ok;
};

static void put(struct writer *writer, const void *data, size_t size)
{
    if (size > writer->left) {
        writer->ok = false;
        return;
    }
    memcpy(writer->at, data, size);
    writer->at += size;
    writer->left -= size;
}

static void put_int(struct writer *writer, int value)
{
    put(writer, &value, sizeof value);
}

/* Our own numbers for the combiners, since MPI's differ between libraries. */
static int combiner_number(int combiner)
{
    const int known[] = {
        MPI_COMBINER_DUP,           MPI_COMBINER_CONTIGUOUS,     MPI_COMBINER_VECTOR,
        MPI_COMBINER_HVECTOR,       MPI_COMBINER_INDEXED,        MPI_COMBINER_HINDEXED,
        MPI_COMBINER_INDEXED_BLOCK, MPI_COMBINER_HINDEXED_BLOCK, MPI_COMBINER_STRUCT,
        MPI_COMBINER_SUBARRAY,      MPI_COMBINER_RESIZED};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == combiner)
            return (int)i;
    return -1;
}

static void put_type(struct writer *writer, MPI_Datatype type, int depth);

static void free_derived(MPI_Datatype *type)
{
    int ints, addresses, types, combiner;
    if (MPI_Type_get_envelope(*type, &ints, &addresses, &types, &combiner) == MPI_SUCCESS &&
        combiner != MPI_COMBINER_NAMED)
        MPI_Type_free(type);
}

static void put_contents(struct writer *writer, MPI_Datatype type, const int counts[3], int depth)
{
    int *ints = calloc((size_t)counts[0] + 1, sizeof *ints);
    MPI_Aint *addresses = calloc((size_t)counts[1] + 1, sizeof *addresses);
    MPI_Datatype *types = calloc((size_t)counts[2] + 1, sizeof *types);
    if (ints == NULL || addresses == NULL || types == NULL ||
        MPI_Type_get_contents(type, counts[0], counts[1], counts[2], ints, addresses, types) !=
            MPI_SUCCESS) {
        writer->ok = false;
    } else {
        put(writer, ints, (size_t)counts[0] * sizeof *ints);
        put(writer, addresses, (size_t)counts[1] * sizeof *addresses);
        for (int i = 0; i < counts[2]; i++) {
            put_type(writer, types[i], depth + 1);
            free_derived(&types[i]);
        }
    }
    free(ints);
    free(addresses);
    free(types);
}

static void put_type(struct writer *writer, MPI_Datatype type, int depth)
{
    int counts[3], combiner;
    int number = named_number(type);
    if (!writer->ok)
        return;
    put_int(writer, number);
    if (number >= 0)
        return;
    if (depth > DEPTH_MAX ||
        MPI_Type_get_envelope(type, &counts[0], &counts[1], &counts[2], &combiner) != MPI_SUCCESS) {
        writer->ok = false;
        return;
    }
    combiner = combiner_number(combiner);
    if (combiner < 0) {
        writer->ok = false;
        return;
    }
    put_int(writer, combiner);
    put(writer, counts, sizeof counts);
    put_contents(writer, type, counts, depth);
}

size_t nv_datatype_encode(MPI_Datatype type, unsigned char *bytes, size_t room)
{
    struct writer writer = {bytes, room, true};
    put_type(&writer, type, 0);
    return writer.ok ? room - writer.left : 0;
}

/* ------------------------------------------------------------------------------------- decoding */

struct reader {
    const unsigned char *at;
    size_t left;
    bool ok;
};

static void get(struct reader *reader, void *data, size_t size)
{
    if (!reader->ok || size > reader->left) {
        reader->ok = false;
        return;
    }
    memcpy(data, reader->at, size);
    reader->at += size;
    reader->left -= size;
}

/* What MPI_Type_get_contents gave, in rows. */
struct contents {
    int *i;
    MPI_Aint *a;
    MPI_Datatype *d;
    bool *made;
    int counts[3];
};

/* The row layouts are those of MPI 3.1, section 4.1.13. */
static int build(int combiner, const struct contents *c, MPI_Datatype *type)
{
    const int *i = c->i;
    switch (combiner) {
    case 0:
        return MPI_Type_dup(c->d[0], type);
    case 1:
        return MPI_Type_contiguous(i[0], c->d[0], type);
    case 2:
        return MPI_Type_vector(i[0], i[1], i[2], c->d[0], type);
    case 3:
        return MPI_Type_create_hvector(i[0], i[1], c->a[0], c->d[0], type);
    case 4:
        return MPI_Type_indexed(i[0], i + 1, i + 1 + i[0], c->d[0], type);
    case 5:
        return MPI_Type_create_hindexed(i[0], i + 1, c->a, c->d[0], type);
    case 6:
        return MPI_Type_create_indexed_block(i[0], i[1], i + 2, c->d[0], type);
    case 7:
        return MPI_Type_create_hindexed_block(i[0], i[1], c->a, c->d[0], type);
    case 8:
        return MPI_Type_create_struct(i[0], i + 1, c->a, c->d, type);
    case 9:
        return MPI_Type_create_subarray(i[0], i + 1, i + 1 + i[0], i + 1 + 2 * i[0],
                                        i[1 + 3 * i[0]], c->d[0], type);
    case 10:
        return MPI_Type_create_resized(c->d[0], c->a[0], c->a[1], type);
    default:
        return MPI_ERR_TYPE;
    }
}

/* How long the rows must be for build() to stay within them; the first int is a count. */
static bool counts_fit(int combiner, const struct contents *c)
{
    static const struct {
        int ints, per_count, addresses, per_address, types;
    } need[] = {{0, 0, 0, 0, 1}, {1, 0, 0, 0, 1}, {3, 0, 0, 0, 1}, {2, 0, 1, 0, 1},
                {1, 2, 0, 0, 1}, {1, 1, 0, 1, 1}, {2, 1, 0, 0, 1}, {2, 0, 0, 1, 1},
                {1, 1, 0, 1, 0}, {2, 3, 0, 0, 1}, {0, 0, 2, 0, 1}};
    int64_t n = c->counts[0] > 0 ? c->i[0] : 0;
    if (combiner < 0 || combiner > 10 || n < 0)
        return false;
    return c->counts[0] >= need[combiner].ints + n * need[combiner].per_count &&
           c->counts[1] >= need[combiner].addresses + n * need[combiner].per_address &&
           c->counts[2] >= (combiner == 8 ? n : need[combiner].types);
}

static MPI_Datatype get_type(struct reader *reader, int depth, bool *made);

static void get_contents(struct reader *reader, struct contents *c, int depth)
{
    get(reader, c->i, (size_t)c->counts[0] * sizeof *c->i);
    get(reader, c->a, (size_t)c->counts[1] * sizeof *c->a);
    for (int t = 0; t < c->counts[2] && reader->ok; t++)
        c->d[t] = get_type(reader, depth + 1, &c->made[t]);
}

static MPI_Datatype get_derived(struct reader *reader, int depth)
{
    MPI_Datatype type = MPI_DATATYPE_NULL;
    struct contents c = {0};
    int combiner = -1;
    get(reader, &combiner, sizeof combiner);
    get(reader, c.counts, sizeof c.counts);
    for (int k = 0; k < 3; k++) /* each takes four bytes at least */
        reader->ok = reader->ok && c.counts[k] >= 0 && (size_t)c.counts[k] <= reader->left / 4;
    if (!reader->ok || depth > DEPTH_MAX) {
        reader->ok = false;
        return type;
    }
    c.i = calloc((size_t)c.counts[0] + 1, sizeof *c.i);
    c.a = calloc((size_t)c.counts[1] + 1, sizeof *c.a);
    c.d = calloc((size_t)c.counts[2] + 1, sizeof(MPI_Datatype));
    c.made = calloc((size_t)c.counts[2] + 1, sizeof *c.made);
    reader->ok = c.i != NULL && c.a != NULL && c.d != NULL && c.made != NULL;
    if (reader->ok)
        get_contents(reader, &c, depth);
    if (reader->ok)
        reader->ok = counts_fit(combiner, &c) && build(combiner, &c, &type) == MPI_SUCCESS;
    for (int t = 0; c.made != NULL && t < c.counts[2]; t++)
        if (c.made[t])
            MPI_Type_free(&c.d[t]);
    free(c.i);
    free(c.a);
    free(c.d);
    free(c.made);
    return type;
}

static MPI_Datatype get_type(struct reader *reader, int depth, bool *made)
{
    MPI_Datatype type;
    int number = -1;
    get(reader, &number, sizeof number);
    *made = false;
    if (!reader->ok || number >= 0) {
        type = named_type(number);
        reader->ok = reader->ok && type != MPI_DATATYPE_NULL;
        return type;
    }
    type = get_derived(reader, depth);
    *made = reader->ok;
    return type;
}

bool nv_datatype_decode(const unsigned char *bytes, size_t size, MPI_Datatype *type, bool *made)
{
    struct reader reader = {bytes, size, true};
    struct nv_handlers handlers;
    MPI_Datatype found;
    bool ours;
    nv_error_catch(&handlers);
    found = get_type(&reader, 0, &ours);
    reader.ok = reader.ok && reader.left == 0;
    if (reader.ok && ours)
        reader.ok = MPI_Type_commit(&found) == MPI_SUCCESS;
    if (!reader.ok && ours)
        MPI_Type_free(&found);
    nv_error_release(&handlers);
    if (!reader.ok)
        return false;
    *type = found;
    *made = ours;
    return true;
}

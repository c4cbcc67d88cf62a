/* ranks: 1
 *
 * MPI datatypes and operations there and back. */
#include "datatype.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 4096, MEMORY = 4096 };

static unsigned char wire[ROOM], pattern[MEMORY];

static void named_types_are_sent_as_numbers(void **state)
{
    const MPI_Datatype types[] = {MPI_CHAR,          MPI_SIGNED_CHAR, MPI_UNSIGNED_CHAR,
                                  MPI_BYTE,          MPI_SHORT,       MPI_UNSIGNED_SHORT,
                                  MPI_INT,           MPI_UNSIGNED,    MPI_LONG,
                                  MPI_UNSIGNED_LONG, MPI_LONG_LONG,   MPI_UNSIGNED_LONG_LONG,
                                  MPI_INT8_T,        MPI_INT64_T,     MPI_UINT16_T,
                                  MPI_C_BOOL,        MPI_AINT,        MPI_FLOAT,
                                  MPI_DOUBLE,        MPI_LONG_DOUBLE, MPI_C_DOUBLE_COMPLEX,
                                  MPI_FLOAT_INT,     MPI_DOUBLE_INT,  MPI_2INT};
    (void)state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        MPI_Datatype found = MPI_DATATYPE_NULL;
        bool made = true;
        size_t size = nv_datatype_encode(types[i], wire, ROOM);
        assert_int_equal(size, sizeof(int));
        assert_true(nv_datatype_decode(wire, size, &found, &made));
        assert_true(found == types[i]);
        assert_false(made);
    }
}

static void integers_are_exact(void **state)
{
    MPI_Datatype two;
    (void)state;
    assert_true(nv_datatype_exact(MPI_INT));
    assert_true(nv_datatype_exact(MPI_UINT64_T));
    assert_true(nv_datatype_exact(MPI_BYTE));
    assert_false(nv_datatype_exact(MPI_FLOAT));
    assert_false(nv_datatype_exact(MPI_C_DOUBLE_COMPLEX));
    assert_false(nv_datatype_exact(MPI_DOUBLE_INT));
    MPI_Type_contiguous(2, MPI_INT, &two);
    assert_false(nv_datatype_exact(two)); /* which operation works on it is the caller's affair */
    MPI_Type_free(&two);
}

static void add_up(void *in, void *inout, int *count, MPI_Datatype *type)
{
    (void)type;
    for (int i = 0; i < *count; i++)
        ((int *)inout)[i] += ((const int *)in)[i];
}

static void operations_have_numbers(void **state)
{
    const MPI_Op ops[] = {MPI_SUM,  MPI_PROD, MPI_MAX, MPI_MIN,  MPI_LAND,   MPI_LOR,
                          MPI_LXOR, MPI_BAND, MPI_BOR, MPI_BXOR, MPI_MAXLOC, MPI_MINLOC};
    enum { COUNT = sizeof ops / sizeof *ops };
    MPI_Op own;
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        int number = nv_operation_number(ops[i]);
        assert_in_range(number, 0, COUNT - 1);
        assert_true(nv_operation(number) == ops[i]);
    }
    MPI_Op_create(add_up, 1, &own);
    assert_int_equal(nv_operation_number(own), -1);
    MPI_Op_free(&own);
    assert_int_equal(nv_operation_number(MPI_OP_NULL), -1);
    assert_true(nv_operation(-1) == MPI_OP_NULL);
    assert_true(nv_operation(COUNT) == MPI_OP_NULL);
}

/* -- derived types -- */

enum { KINDS = 14 };

/* One type of each kind, and some within others. */
static MPI_Datatype derived(int kind)
{
    const int lengths[] = {2, 0, 3}, places[] = {4, 0, 9}, sizes[] = {4, 5}, parts[] = {2, 3},
              begins[] = {1, 2};
    const MPI_Aint offsets[] = {40, 0, 88};
    MPI_Datatype type, inner[3] = {MPI_INT, MPI_DOUBLE, MPI_CHAR};
    switch (kind) {
    case 0:
        MPI_Type_contiguous(7, MPI_SHORT, &type);
        break;
    case 1:
        MPI_Type_vector(3, 2, 5, MPI_INT, &type);
        break;
    case 2:
        MPI_Type_create_hvector(3, 2, 30, MPI_SHORT, &type);
        break;
    case 3:
        MPI_Type_indexed(3, lengths, places, MPI_DOUBLE, &type);
        break;
    case 4:
        MPI_Type_create_hindexed(3, lengths, offsets, MPI_INT, &type);
        break;
    case 5:
        MPI_Type_create_indexed_block(3, 2, places, MPI_INT, &type);
        break;
    case 6:
        MPI_Type_create_hindexed_block(3, 2, offsets, MPI_FLOAT, &type);
        break;
    case 7:
        MPI_Type_create_struct(3, lengths, offsets, inner, &type);
        break;
    case 8:
        MPI_Type_create_subarray(2, sizes, parts, begins, MPI_ORDER_C, MPI_INT, &type);
        break;
    case 9:
        MPI_Type_create_subarray(2, sizes, parts, begins, MPI_ORDER_FORTRAN, MPI_BYTE, &type);
        break;
    case 10:
        MPI_Type_create_resized(MPI_INT, 0, 24, &type);
        break;
    case 11:
        MPI_Type_dup(MPI_DOUBLE, &type);
        break;
    case 12: /* a struct of a vector, a duplicate and a resized struct */
        inner[0] = derived(1);
        inner[1] = derived(11);
        inner[2] = derived(13);
        MPI_Type_create_struct(3, (const int[]){1, 2, 1}, (const MPI_Aint[]){0, 64, 96}, inner,
                               &type);
        for (int i = 0; i < 3; i++)
            MPI_Type_free(&inner[i]);
        break;
    default:
        inner[0] = derived(7);
        MPI_Type_create_resized(inner[0], 0, 128, &type);
        MPI_Type_free(&inner[0]);
    }
    MPI_Type_commit(&type);
    return type;
}

/* The bytes of two elements of a type in the order of their map. */
static int pack(MPI_Datatype type, unsigned char *packed)
{
    int size = 0;
    memset(packed, 0, MEMORY);
    MPI_Pack(pattern, 2, type, packed, MEMORY, &size, MPI_COMM_SELF);
    return size;
}

static void assert_same_type(MPI_Datatype a, MPI_Datatype b)
{
    static unsigned char packed[2][MEMORY];
    MPI_Aint lower[2], extent[2];
    MPI_Type_get_extent(a, &lower[0], &extent[0]);
    MPI_Type_get_extent(b, &lower[1], &extent[1]);
    assert_int_equal(lower[0], lower[1]);
    assert_int_equal(extent[0], extent[1]);
    assert_int_equal(pack(a, packed[0]), pack(b, packed[1]));
    assert_memory_equal(packed[0], packed[1], MEMORY);
}

static void derived_types_are_rebuilt(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        MPI_Datatype type = derived(kind), found = MPI_DATATYPE_NULL;
        bool made = false;
        size_t size = nv_datatype_encode(type, wire, ROOM);
        assert_in_range(size, 1, 512);
        assert_true(nv_datatype_decode(wire, size, &found, &made));
        assert_true(made);
        assert_same_type(type, found);
        MPI_Type_free(&found);
        MPI_Type_free(&type);
    }
}

/* A type of `depth` types within each other. */
static MPI_Datatype nested(int depth)
{
    MPI_Datatype type = MPI_INT, outer;
    for (int i = 0; i < depth; i++) {
        MPI_Type_contiguous(1, type, &outer);
        if (i > 0)
            MPI_Type_free(&type);
        type = outer;
    }
    MPI_Type_commit(&type);
    return type;
}

static void depth_is_limited(void **state)
{
    MPI_Datatype deep = nested(30), deeper = nested(40), found;
    bool made;
    size_t size = nv_datatype_encode(deep, wire, ROOM);
    (void)state;
    assert_true(size > 0);
    assert_true(nv_datatype_decode(wire, size, &found, &made));
    assert_same_type(deep, found);
    assert_int_equal(nv_datatype_encode(deeper, wire, ROOM), 0);
    MPI_Type_free(&deep);
    MPI_Type_free(&deeper);
    MPI_Type_free(&found);
}

/* Which part of an array a rank has is not for another to know. */
static void types_of_one_rank_are_refused(void **state)
{
    MPI_Datatype type;
    (void)state;
    MPI_Type_create_darray(1, 0, 1, (const int[]){4}, (const int[]){MPI_DISTRIBUTE_BLOCK},
                           (const int[]){MPI_DISTRIBUTE_DFLT_DARG}, (const int[]){1}, MPI_ORDER_C,
                           MPI_INT, &type);
    assert_int_equal(nv_datatype_encode(type, wire, ROOM), 0);
    MPI_Type_free(&type);
}

/* -- limits and damage -- */

static void the_room_is_kept(void **state)
{
    MPI_Datatype type = derived(12);
    size_t size = nv_datatype_encode(type, wire, ROOM);
    (void)state;
    for (size_t room = 0; room < size; room++) {
        unsigned char *exact = malloc(room + 1);
        assert_non_null(exact);
        exact[room] = 0xa5;
        assert_int_equal(nv_datatype_encode(type, exact, room), 0);
        assert_int_equal(exact[room], 0xa5);
        free(exact);
    }
    assert_int_equal(nv_datatype_encode(type, wire, size), size);
    MPI_Type_free(&type);
}

static void assert_refused(const unsigned char *bytes, size_t size)
{
    MPI_Datatype found = MPI_DATATYPE_NULL;
    bool made = false;
    assert_false(nv_datatype_decode(bytes, size, &found, &made));
    assert_true(found == MPI_DATATYPE_NULL && !made);
}

static void cut_types_are_refused(void **state)
{
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        MPI_Datatype type = derived(kind);
        size_t size = nv_datatype_encode(type, wire, ROOM);
        for (size_t cut = 0; cut < size; cut++) {
            unsigned char *exact = malloc(cut + 1);
            assert_non_null(exact);
            memcpy(exact, wire, cut);
            assert_refused(exact, cut);
            free(exact);
        }
        assert_refused(wire, size + 1);
        MPI_Type_free(&type);
    }
}

/* Other types may come out, but MPI's complaints never end the program. */
static void every_byte_may_be_wrong(void **state)
{
    static const unsigned char flips[] = {0x01, 0x02, 0x08, 0x80, 0xff};
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        MPI_Datatype type = derived(kind), found;
        bool made;
        size_t size = nv_datatype_encode(type, wire, ROOM);
        for (size_t i = 0; i < size * sizeof flips; i++) {
            wire[i / sizeof flips] ^= flips[i % sizeof flips];
            if (nv_datatype_decode(wire, size, &found, &made) && made)
                MPI_Type_free(&found);
            wire[i / sizeof flips] ^= flips[i % sizeof flips];
        }
        assert_true(nv_datatype_decode(wire, size, &found, &made));
        assert_same_type(type, found);
        MPI_Type_free(&found);
        MPI_Type_free(&type);
    }
}

static void unknown_numbers_are_refused(void **state)
{
    static const int numbers[] = {60, 100, 1 << 30, INT32_MAX, -1, INT32_MIN};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        assert_refused((const unsigned char *)&numbers[i], sizeof numbers[i]);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_types_are_sent_as_numbers),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(operations_have_numbers),
        cmocka_unit_test(derived_types_are_rebuilt),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(types_of_one_rank_are_refused),
        cmocka_unit_test(the_room_is_kept),
        cmocka_unit_test(cut_types_are_refused),
        cmocka_unit_test(every_byte_may_be_wrong),
        cmocka_unit_test(unknown_numbers_are_refused),
    };
    int failed;
    MPI_Init(&argc, &argv);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (unsigned char)(i * 31 + i / 256);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}

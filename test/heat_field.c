/* The 2-D heat equation without MPI: the stencil against what is known of the equation, the blocks,
 * the spot, the checksum, the headers of checkpoints. */
#include "heat/checkpoint.h"
#include "heat/grid.h"
#include "heat/stencil.h"
#include "heat/summary.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double PI = 3.14159265358979323846;

/* A whole field with its edge, in one block. */
typedef struct plate {
    size_t shape[2];
    double *now, *next, *weights[2];
} plate;

static double *row(const plate *p, double *buffer, size_t i)
{
    return buffer + (i + 1) * (p->shape[1] + 2) + 1;
}

static plate plate_new(size_t rows, size_t columns)
{
    plate p = {.shape = {rows, columns}};

    p.now = calloc((rows + 2) * (columns + 2), sizeof *p.now);
    p.next = calloc((rows + 2) * (columns + 2), sizeof *p.next);
    p.weights[0] = calloc(rows, sizeof(double));
    p.weights[1] = calloc(columns, sizeof(double));
    assert_true(p.now && p.next && p.weights[0] && p.weights[1]);
    return p;
}

static void plate_free(plate *p)
{
    free(p->now);
    free(p->next);
    free(p->weights[0]);
    free(p->weights[1]);
}

static void step(plate *p, const heat_rule *rule)
{
    double *old = p->now;

    for (size_t i = 0; i < p->shape[0]; i++) {
        const double *here = row(p, p->now, i);
        heat_rows rows = {.above = here - (p->shape[1] + 2),
                          .here = here,
                          .below = here + p->shape[1] + 2,
                          .spot = p->weights[1],
                          .weight = p->weights[0][i]};
        heat_stencil(rule, &rows, row(p, p->next, i), p->shape[1]);
    }
    p->now = p->next;
    p->next = old;
}

static double wave(const plate *p, size_t i, size_t j)
{
    return sin(PI * heat_place(p->shape[0], i)) * sin(PI * heat_place(p->shape[1], j));
}

static void set_wave(plate *p)
{
    for (size_t i = 0; i < p->shape[0]; i++)
        for (size_t j = 0; j < p->shape[1]; j++)
            row(p, p->now, i)[j] = wave(p, i, j);
}

static double square(double x)
{
    return x * x;
}

/* sin(pi x) sin(pi y) keeps its form: in the equation it becomes exp(-2 pi^2 kappa t) of what it
 * was, in the differences it gets a factor at each step, which is known exactly. */
static void check_wave(size_t rows, size_t columns, double kappa, double tolerance)
{
    enum { STEPS = 400 };
    plate p = plate_new(rows, columns);
    heat_rule rule = heat_rule_of(p.shape, kappa, 0);
    double factor = 1 - 4 * rule.along * square(sin(PI * heat_place(columns, 0) / 2)) -
                    4 * rule.across * square(sin(PI * heat_place(rows, 0) / 2));
    double discrete = pow(factor, STEPS);
    double analytic = exp(-2 * PI * PI * kappa * rule.dt * STEPS);

    set_wave(&p);
    for (int s = 0; s < STEPS; s++)
        step(&p, &rule);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double found = row(&p, p.now, i)[j];
            assert_true(fabs(found - discrete * wave(&p, i, j)) < 1e-13);
            assert_true(fabs(found - analytic * wave(&p, i, j)) < tolerance);
        }
    plate_free(&p);
}

static void a_wave_decays_as_it_should(void **state)
{
    (void)state;
    check_wave(31, 31, 1, 1e-3);
    check_wave(64, 64, 0.01, 1e-3);
    check_wave(64, 64, 10, 1e-3);
    check_wave(23, 70, 0.3, 1e-3);
}

static void steps_are_stable(void **state)
{
    const size_t shapes[][2] = {{1, 1}, {1, 1000}, {1000, 1}, {512, 512}, {3, 100000}};
    (void)state;

    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        heat_rule rule = heat_rule_of(shapes[s], 2.5, 8);
        double dx = heat_place(shapes[s][1], 0), dy = heat_place(shapes[s][0], 0);
        assert_true(rule.along + rule.across <= 0.4 + 1e-12);
        assert_true(fabs(rule.along - 2.5 * rule.dt / (dx * dx)) < 1e-12);
        assert_true(fabs(rule.across - 2.5 * rule.dt / (dy * dy)) < 1e-12);
        assert_true(fabs(rule.gain - 8 * rule.dt) < 1e-15);
    }
}

/* The bits of a row do not depend on where it is cut. */
static void rows_may_be_cut_anywhere(void **state)
{
    enum { COLUMNS = 45 };
    plate p = plate_new(1, COLUMNS);
    heat_rule rule = heat_rule_of(p.shape, 1, 100);
    double whole[COLUMNS], cut[COLUMNS];
    heat_rows rows = {.weight = 0.7, .spot = p.weights[1]};
    (void)state;

    heat_spot(p.weights[1], COLUMNS, 0, COLUMNS, 0.3, 0.1);
    for (size_t k = 0; k < 3 * (COLUMNS + 2); k++)
        p.now[k] = sin(1.7 * (double)k);
    rows.here = row(&p, p.now, 0);
    rows.above = rows.here - (COLUMNS + 2);
    rows.below = rows.here + COLUMNS + 2;
    heat_stencil(&rule, &rows, whole, COLUMNS);
    for (size_t at = 0; at <= COLUMNS; at++) {
        heat_rows rest = {rows.above + at, rows.here + at, rows.below + at, rows.spot + at, 0.7};
        memset(cut, 0, sizeof cut);
        heat_stencil(&rule, &rows, cut, at);
        heat_stencil(&rule, &rest, cut + at, COLUMNS - at);
        assert_memory_equal(whole, cut, sizeof whole);
    }
    plate_free(&p);
}

static void a_spot_heats_where_it_is(void **state)
{
    enum { SIDE = 41, MIDDLE = SIDE / 2 };
    plate p = plate_new(SIDE, SIDE);
    heat_rule rule = heat_rule_of(p.shape, 1, 100);
    (void)state;

    heat_spot(p.weights[0], SIDE, 0, SIDE, 0.5, 0.1);
    heat_spot(p.weights[1], SIDE, 0, SIDE, 0.5, 0.1);
    assert_true(fabs(p.weights[0][MIDDLE] - 1) < 1e-15);
    step(&p, &rule);
    assert_true(fabs(row(&p, p.now, MIDDLE)[MIDDLE] - rule.gain) < 1e-15);
    for (int s = 0; s < 200; s++)
        step(&p, &rule);
    for (size_t i = 0; i < SIDE; i++)
        for (size_t j = 0; j < SIDE; j++) {
            double found = row(&p, p.now, i)[j];
            assert_true(found > 0 && found <= row(&p, p.now, MIDDLE)[MIDDLE]);
            assert_true(fabs(found - row(&p, p.now, j)[SIDE - 1 - i]) < 1e-12);
        }
    plate_free(&p);
}

/* ---- blocks ---- */

static void blocks_cover_the_grid(void **state)
{
    (void)state;
    for (size_t n = 1; n < 70; n++)
        for (int parts = 1; parts < 80; parts++) {
            size_t end = 0;
            for (int part = 0; part < parts; part++) {
                heat_span span = heat_cut(n, parts, part);
                assert_int_equal(span.start, end);
                assert_true(span.count == n / (size_t)parts ||
                            span.count == n / (size_t)parts + 1 || n % (size_t)parts == 0);
                end += span.count;
            }
            assert_int_equal(end, n);
        }
}

static void assert_chosen(size_t rows, size_t columns, int ranks, int down, int across)
{
    const size_t shape[2] = {rows, columns};
    int dims[2];

    assert_int_equal(heat_grid_choose(shape, ranks, dims), 0);
    assert_int_equal(dims[0], down);
    assert_int_equal(dims[1], across);
}

static void cuts_are_short(void **state)
{
    (void)state;
    assert_chosen(512, 512, 1, 1, 1);
    assert_chosen(512, 512, 2, 2, 1);
    assert_chosen(512, 512, 16, 4, 4);
    assert_chosen(512, 512, 6, 3, 2);
    assert_chosen(100, 1000, 4, 1, 4);
    assert_chosen(1000, 100, 4, 4, 1);
    assert_chosen(1, 7, 7, 1, 7);
    assert_chosen(3, 5, 15, 3, 5);
}

static void no_block_is_empty(void **state)
{
    (void)state;
    for (size_t rows = 1; rows < 12; rows++)
        for (size_t columns = 1; columns < 12; columns++)
            for (int ranks = 1; ranks < 150; ranks++) {
                const size_t shape[2] = {rows, columns};
                int dims[2] = {0, 0}, possible = 0;
                for (size_t d = 1; d <= rows; d++)
                    possible |= (size_t)ranks % d == 0 && (size_t)ranks / d <= columns;
                assert_int_equal(heat_grid_choose(shape, ranks, dims), possible ? 0 : -1);
                if (!possible)
                    continue;
                assert_int_equal(dims[0] * dims[1], ranks);
                assert_true((size_t)dims[0] <= rows && (size_t)dims[1] <= columns);
            }
}

/* ---- sums and files ---- */

static void a_summary_may_be_cut_anywhere(void **state)
{
    enum { CELLS = 50 };
    double cells[CELLS];
    heat_summary whole, cut;
    (void)state;

    for (int i = 0; i < CELLS; i++)
        cells[i] = cos(3.0 * i);
    heat_summary_init(&whole);
    heat_summary_add(&whole, cells, CELLS);
    assert_int_equal(whole.cells, CELLS);
    assert_true(whole.most == 1 && whole.least > -1 && whole.least < -0.9);
    for (size_t at = 0; at <= CELLS; at++) {
        heat_summary_init(&cut);
        heat_summary_add(&cut, cells, at);
        heat_summary_add(&cut, cells + at, CELLS - at);
        assert_memory_equal(&cut, &whole, sizeof cut);
    }
    cells[17] = nextafter(cells[17], 2);
    assert_true(heat_hash(HEAT_HASH, cells, CELLS) != whole.checksum);
}

static void headers_are_checked(void **state)
{
    const size_t shape[2] = {3, 5};
    const heat_header good = heat_header_of(shape, 7, 0.5);
    const uint64_t size = sizeof good + 3 * 5 * sizeof(double) + sizeof(uint64_t);
    heat_header bad;
    (void)state;

    assert_null(heat_header_check(&good, size));
    assert_string_equal(heat_header_check(&good, size - 1), "cut short");
    assert_non_null(heat_header_check(&good, size + 1));
    assert_non_null(heat_header_check(&good, sizeof good - 1));
    bad = good;
    bad.magic[3] = 'x';
    assert_string_equal(heat_header_check(&bad, size), "not a checkpoint of heat");
    bad = good;
    bad.order = UINT64_C(0x0807060504030201);
    assert_non_null(heat_header_check(&bad, size));
    bad = good;
    bad.rows = UINT64_MAX / 8;
    assert_non_null(heat_header_check(&bad, size));
    bad = good;
    bad.columns = 0;
    assert_non_null(heat_header_check(&bad, size));
    bad = good;
    bad.step = -1;
    assert_non_null(heat_header_check(&bad, size));
    bad = good;
    bad.time = NAN;
    assert_non_null(heat_header_check(&bad, size));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wave_decays_as_it_should),
        cmocka_unit_test(steps_are_stable),
        cmocka_unit_test(rows_may_be_cut_anywhere),
        cmocka_unit_test(a_spot_heats_where_it_is),
        cmocka_unit_test(blocks_cover_the_grid),
        cmocka_unit_test(cuts_are_short),
        cmocka_unit_test(no_block_is_empty),
        cmocka_unit_test(a_summary_may_be_cut_anywhere),
        cmocka_unit_test(headers_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

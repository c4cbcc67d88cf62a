/* nave_rng() in kernels: streams by task, whoever runs it. ranks: 1 2 4 */
#include "nave_rng.h"
#include "ranks.h"

enum { TASKS = 500, DRAWN = 5 };

/* The second generator of a task begins anew. */
static int draw(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    uint64_t seed;
    uint32_t *words = out;
    gsl_rng *rng;
    memcpy(&seed, in, in_size);
    gsl_rng_get(nave_rng(task, seed + 1));
    rng = nave_rng(task, seed);
    for (size_t i = 0; rng != NULL && i < out_size / sizeof *words; i++)
        words[i] = (uint32_t)gsl_rng_get(rng);
    return rng == NULL;
}

static const nave_kernel kernels[] = {NAVE_KERNEL(draw)};

static void draw_all(nave *ctx)
{
    static uint64_t seeds[TASKS];
    static uint32_t drawn[TASKS][DRAWN];
    nave_view *farm;
    NEED_OK(nave_balanced(ctx, NULL, &farm));
    for (uint64_t i = 0; i < TASKS; i++)
        seeds[i] = i % 3;
    NEED_OK(nave_map(farm, "draw", seeds, sizeof *seeds, drawn, sizeof *drawn, TASKS));
    for (uint64_t i = 0; i < TASKS; i++) {
        uint32_t wanted[DRAWN];
        nave_rng_fill(i % 3, i, 0, wanted, DRAWN);
        CHECK(memcmp(wanted, drawn[i], sizeof wanted) == 0);
    }
}

static void a_task_has_its_stream(void **state)
{
    nave_options options = {.kernels = kernels, .kernel_count = 1};
    (void)state;
    ranks_farm(&options, draw_all);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_task_has_its_stream)};
    int failed;
    ranks_init(&argc, &argv);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    MPI_Finalize();
    return failed;
}

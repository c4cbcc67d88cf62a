#include "export.h"
#include "outfile.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>

typedef double value_of(const mc_problem *problem, const mc_cell *cell, int price);

static double price_of(const mc_problem *problem, const mc_cell *cell, int price)
{
    (void)problem;
    return cell->prices[price].price;
}

static double error_of(const mc_problem *problem, const mc_cell *cell, int price)
{
    (void)problem;
    return cell->prices[price].error;
}

static double paths_of(const mc_problem *problem, const mc_cell *cell, int price)
{
    (void)price;
    return cell->sums.n * mc_problem_rows(problem);
}

/* Rows by strike, columns by volatility. */
static void add_grid(cJSON *object, const char *name, const mc_problem *p, const mc_result *result,
                     value_of *value, int price)
{
    cJSON *rows = cJSON_AddArrayToObject(object, name);

    for (int k = 0; k < p->strikes; k++) {
        cJSON *row = cJSON_CreateArray();
        cJSON_AddItemToArray(rows, row);
        for (int s = 0; s < p->sigmas; s++)
            cJSON_AddItemToArray(
                row, cJSON_CreateNumber(value(p, &result->cells[mc_cell_at(p, k, s)], price)));
    }
}

static void add_grids(cJSON *object, const char *name, const mc_problem *p, const mc_result *result,
                      value_of *value)
{
    cJSON *grids = cJSON_AddObjectToObject(object, name);

    for (int i = 0; i < MC_PRICES; i++)
        add_grid(grids, mc_price_names[i], p, result, value, i);
}

static void add_axis(cJSON *object, const char *name, const mc_problem *p,
                     double (*point)(const mc_problem *, int), int n)
{
    cJSON *axis = cJSON_AddArrayToObject(object, name);

    for (int i = 0; i < n; i++)
        cJSON_AddItemToArray(axis, cJSON_CreateNumber(point(p, i)));
}

/* A double would round large seeds. */
static void add_seed(cJSON *object, uint64_t seed)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, seed);
    cJSON_AddRawToObject(object, "seed", text);
}

static void add_run(cJSON *object, const mc_options *options, const mc_result *result)
{
    const mc_problem *p = &options->problem;

    cJSON_AddNumberToObject(object, "paths", (double)options->paths);
    cJSON_AddNumberToObject(object, "days", p->days);
    cJSON_AddNumberToObject(object, "spot", p->spot);
    cJSON_AddNumberToObject(object, "rate", p->rate);
    cJSON_AddStringToObject(object, "mode", p->common ? "common" : "independent");
    cJSON_AddStringToObject(object, "control", p->control ? "geometric" : "none");
    cJSON_AddBoolToObject(object, "antithetic", p->antithetic);
    add_seed(object, p->seed);
    cJSON_AddStringToObject(object, "simd", options->path->name);
    cJSON_AddNumberToObject(object, "ranks", result->ranks);
    cJSON_AddNumberToObject(object, "engines", result->engines);
    cJSON_AddNumberToObject(object, "seconds", result->seconds);
    cJSON_AddNumberToObject(object, "ns_per_path_step", result->ns);
    cJSON_AddNumberToObject(object, "ns_per_path_step_one_engine", result->one_ns);
    cJSON_AddNumberToObject(object, "speedup", result->one_ns * result->engines / result->ns);
}

static cJSON *object_of(const mc_options *options, const mc_result *result)
{
    const mc_problem *p = &options->problem;
    cJSON *object = cJSON_CreateObject();

    add_axis(object, "strikes", p, mc_problem_strike, p->strikes);
    add_axis(object, "sigmas", p, mc_problem_sigma, p->sigmas);
    add_grids(object, "prices", p, result, price_of);
    add_grids(object, "stderr", p, result, error_of);
    add_run(object, options, result);
    if (options->target_error > 0) {
        cJSON_AddNumberToObject(object, "target_error", options->target_error);
        cJSON_AddNumberToObject(object, "rounds", result->rounds);
        add_grid(object, "cell_paths", p, result, paths_of, 0);
    }
    return object;
}

int mc_export_json(const char *name, const mc_options *options, const mc_result *result)
{
    cJSON *object = object_of(options, result);
    char *text = cJSON_PrintUnformatted(object);
    outfile file;
    int error = text != NULL ? outfile_open(&file, name) : ENOMEM;

    cJSON_Delete(object);
    if (error == 0) {
        fprintf(file.stream, "%s\n", text);
        error = outfile_commit(&file);
    }
    cJSON_free(text);
    return error;
}

int mc_export_csv(const char *name, const mc_options *options, const mc_result *result)
{
    const mc_problem *p = &options->problem;
    outfile file;
    int error = outfile_open(&file, name);

    if (error != 0)
        return error;
    fputs("strike,sigma,paths,ecall,ecall_stderr,eput,eput_stderr,acall,acall_stderr,aput,"
          "aput_stderr\n",
          file.stream);
    for (int k = 0; k < p->strikes; k++) {
        for (int s = 0; s < p->sigmas; s++) {
            const mc_cell *cell = &result->cells[mc_cell_at(p, k, s)];
            fprintf(file.stream, "%.17g,%.17g,%.0f", mc_problem_strike(p, k),
                    mc_problem_sigma(p, s), paths_of(p, cell, 0));
            for (int i = 0; i < MC_PRICES; i++)
                fprintf(file.stream, ",%.17g,%.17g", cell->prices[i].price, cell->prices[i].error);
            fputc('\n', file.stream);
        }
    }
    return outfile_commit(&file);
}

#include "export.h"
#include "outfile.h"
#include "report.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Design notes
 *
 * cJSON needs some 70 bytes for a number, and there may be 10^8 counts. So it makes the objects in
 * front of the counts and behind them, and the counts are printed between the two. */

static void add_sequence(cJSON *object, const char *name, const pi_result *result, uint64_t number)
{
    cJSON *item = cJSON_AddObjectToObject(object, name);
    char text[PI_MAX_K + 1];

    cJSON_AddStringToObject(item, "sequence", pi_report_sequence(result->k, number, text));
    cJSON_AddNumberToObject(item, "count", (double)result->counts[number]);
}

static void add_test(cJSON *object, const char *name, const pi_test *test)
{
    cJSON *item = cJSON_AddObjectToObject(object, name);

    cJSON_AddNumberToObject(item, "value", test->value);
    cJSON_AddNumberToObject(item, "degrees_of_freedom", test->freedom);
    cJSON_AddNumberToObject(item, "p", test->p);
}

static cJSON *object_in_front(const pi_result *result)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddNumberToObject(object, "digits", (double)result->digits);
    cJSON_AddNumberToObject(object, "k", result->k);
    cJSON_AddNumberToObject(object, "windows", (double)result->windows);
    return object;
}

static cJSON *object_behind(const pi_result *result, const pi_stats *stats, const pi_tape *tape)
{
    cJSON *object = cJSON_CreateObject(), *files;
    uint64_t most, least;

    pi_report_extremes(result, &most, &least);
    add_sequence(object, "most", result, most);
    add_sequence(object, "least", result, least);
    cJSON_AddNumberToObject(object, "engines", result->engines);
    cJSON_AddNumberToObject(object, "ranks", result->ranks);
    cJSON_AddNumberToObject(object, "count_seconds", result->seconds);
    cJSON_AddNumberToObject(object, "digits_per_second", result->rate);
    cJSON_AddNumberToObject(object, "digits_per_second_one_engine", result->one_rate);
    cJSON_AddNumberToObject(object, "speedup", result->rate / result->one_rate);
    if (result->k == 1) {
        add_test(object, "chi_square", &stats->first);
    } else {
        add_test(object, "serial_test_first_difference", &stats->first);
        add_test(object, "serial_test_second_difference", &stats->second);
    }
    files = cJSON_AddArrayToObject(object, "files");
    for (size_t i = 0; i < tape->count; i++)
        cJSON_AddItemToArray(files, cJSON_CreateString(pi_tape_name(tape, i)));
    return object;
}

/* "{A}", counts, "{B}" become one object. */
static void print_joined(FILE *out, const char *front, const char *behind, const pi_result *result)
{
    uint64_t size = pi_power10(result->k);

    fprintf(out, "%.*s,\"counts\":[", (int)strlen(front) - 1, front);
    for (uint64_t i = 0; i < size; i++)
        fprintf(out, i == 0 ? "%" PRIu64 : ",%" PRIu64, result->counts[i]);
    fprintf(out, "],%s\n", behind + 1);
}

int pi_export_json(const char *name, const pi_result *result, const pi_stats *stats,
                   const pi_tape *tape)
{
    cJSON *front = object_in_front(result), *behind = object_behind(result, stats, tape);
    char *front_text = cJSON_PrintUnformatted(front);
    char *behind_text = cJSON_PrintUnformatted(behind);
    outfile file;
    int error = ENOMEM;

    if (front_text != NULL && behind_text != NULL)
        error = outfile_open(&file, name);
    if (error == 0) {
        print_joined(file.stream, front_text, behind_text, result);
        error = outfile_commit(&file);
    }
    cJSON_free(front_text);
    cJSON_free(behind_text);
    cJSON_Delete(front);
    cJSON_Delete(behind);
    return error;
}

int pi_export_csv(const char *name, const pi_result *result)
{
    uint64_t size = pi_power10(result->k);
    char text[PI_MAX_K + 1];
    outfile file;
    int error = outfile_open(&file, name);

    if (error != 0)
        return error;
    fputs("sequence,count\n", file.stream);
    for (uint64_t i = 0; i < size; i++)
        fprintf(file.stream, "%s,%" PRIu64 "\n", pi_report_sequence(result->k, i, text),
                result->counts[i]);
    return outfile_commit(&file);
}

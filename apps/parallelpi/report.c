#include "report.h"
#include "cli.h"

#include <inttypes.h>
#include <string.h>

enum { LISTED = 10 };

const char *pi_report_sequence(int k, uint64_t number, char *text)
{
    text[k] = '\0';
    while (k > 0) {
        text[--k] = (char)('0' + number % 10);
        number /= 10;
    }
    return text;
}

void pi_report_extremes(const pi_result *result, uint64_t *most, uint64_t *least)
{
    *most = *least = 0;
    for (uint64_t i = 1; i < pi_power10(result->k); i++) {
        if (result->counts[i] > result->counts[*most])
            *most = i;
        if (result->counts[i] < result->counts[*least])
            *least = i;
    }
}

/* The LISTED most frequent (sign 1) or least frequent (sign -1) sequences by insertion: one pass,
 * whatever k is. Returns how many there are. */
static size_t rank_sequences(const pi_result *result, int sign, uint64_t *ranked)
{
    const uint64_t *counts = result->counts;
    size_t n = 0;

    for (uint64_t i = 0; i < pi_power10(result->k); i++) {
        size_t place = n;
        while (place > 0 && (sign > 0 ? counts[i] > counts[ranked[place - 1]]
                                      : counts[i] < counts[ranked[place - 1]]))
            place--;
        if (place == LISTED)
            continue;
        n = n < LISTED ? n + 1 : LISTED;
        memmove(ranked + place + 1, ranked + place, (n - 1 - place) * sizeof *ranked);
        ranked[place] = i;
    }
    return n;
}

static void print_ranked(FILE *out, const pi_result *result)
{
    uint64_t most[LISTED] = {0}, least[LISTED] = {0};
    size_t n = rank_sequences(result, 1, most);
    char a[PI_MAX_K + 1], b[PI_MAX_K + 1];

    rank_sequences(result, -1, least);
    fprintf(out, "%-24s%s\n", "Most frequent", "Least frequent");
    for (size_t i = 0; i < n; i++)
        fprintf(out, "%s %-*" PRIu64 " %s %" PRIu64 "\n", pi_report_sequence(result->k, most[i], a),
                22 - result->k, result->counts[most[i]], pi_report_sequence(result->k, least[i], b),
                result->counts[least[i]]);
    fputc('\n', out);
}

/* The tens in rows, the units in columns. */
static void print_matrix(FILE *out, const pi_result *result)
{
    fprintf(out, "   ");
    for (int unit = 0; unit < 10; unit++)
        fprintf(out, " %9d", unit);
    for (int i = 0; i < 100; i++) {
        if (i % 10 == 0)
            fprintf(out, "\n%2d ", i / 10);
        fprintf(out, " %9" PRIu64, result->counts[i]);
    }
    fputs("\n\n", out);
}

static void print_digits(FILE *out, const pi_result *result)
{
    fprintf(out, "Digit      Count\n");
    for (int i = 0; i < 10; i++)
        fprintf(out, "%d  %13" PRIu64 "\n", i, result->counts[i]);
    fputc('\n', out);
}

static void print_extremes(FILE *out, const pi_result *result)
{
    uint64_t most, least;
    char text[PI_MAX_K + 1], commas[CLI_COMMAS];

    pi_report_extremes(result, &most, &least);
    fprintf(out, "Most frequent:  %s, %s times\n", pi_report_sequence(result->k, most, text),
            cli_commas(result->counts[most], commas));
    fprintf(out, "Least frequent: %s, %s times\n\n", pi_report_sequence(result->k, least, text),
            cli_commas(result->counts[least], commas));
}

static void print_rates(FILE *out, const pi_result *result)
{
    char commas[CLI_COMMAS], what[96];

    snprintf(what, sizeof what,
             "Digits per second (1 engine, %s digits):", cli_commas(result->one_digits, commas));
    fprintf(out, "%-58s %.4g\n", what, result->one_rate);
    snprintf(what, sizeof what, "Digits per second (%d engine%s, %s digits):", result->engines,
             result->engines == 1 ? "" : "s", cli_commas(result->digits, commas));
    fprintf(out, "%-58s %.4g\n", what, result->rate);
    fprintf(out, "%-58s %.2f\n\n", "Speedup:", result->rate / result->one_rate);
}

static void print_test(FILE *out, const char *name, const pi_test *test)
{
    fprintf(out, "%s %.2f, %.0f degrees of freedom, p = %.4f\n", name, test->value, test->freedom,
            test->p);
}

static void print_stats(FILE *out, const pi_stats *stats, int k)
{
    fprintf(out, "Expected of random digits: %.1f of each\n", stats->expected);
    if (k == 1) {
        print_test(out, "Chi-square test:", &stats->first);
    } else {
        fprintf(out, "Good's serial test (Proc. Camb. Phil. Soc. 49, 1953), digits as a ring:\n");
        print_test(out, "  first difference: ", &stats->first);
        print_test(out, "  second difference:", &stats->second);
    }
    fprintf(out, "%s\n", pi_stats_verdict(stats, k));
}

void pi_report_print(FILE *out, const pi_result *result, const pi_stats *stats)
{
    char digits[CLI_COMMAS], windows[CLI_COMMAS];

    fprintf(out, "%s digits, %s sequences of %d digit%s, counted in %.3f s\n\n",
            cli_commas(result->digits, digits), cli_commas(result->windows, windows), result->k,
            result->k == 1 ? "" : "s", result->seconds);
    if (result->k == 1)
        print_digits(out, result);
    else if (result->k == 2)
        print_matrix(out, result);
    else
        print_ranked(out, result);
    print_extremes(out, result);
    print_rates(out, result);
    print_stats(out, stats, result->k);
}

#include "report.h"
#include "cli.h"
#include "names.h"

#include <inttypes.h>

static double rate(const uts_result *result)
{
    return result->seconds > 0 ? (double)result->count.nodes / result->seconds : 0;
}

static int is_geometric(const uts_tree *tree)
{
    return tree->type == UTS_GEOMETRIC || tree->type == UTS_HYBRID;
}

static int is_binomial(const uts_tree *tree)
{
    return tree->type == UTS_BINOMIAL || tree->type == UTS_HYBRID;
}

static void print_tree(FILE *out, const uts_tree *tree, const uts_sample *sample)
{
    fprintf(out, "Tree%s%s: %s", sample != NULL ? " " : "", sample != NULL ? sample->name : "",
            uts_name_type(tree->type));
    if (is_geometric(tree))
        fprintf(out, ", %s", uts_name_shape(tree->shape));
    fprintf(out, ", branching %g", tree->branching);
    if (tree->type != UTS_BINOMIAL)
        fprintf(out, ", depth %d", tree->depth);
    if (is_binomial(tree))
        fprintf(out, ", %d children with probability %.10g", tree->children, tree->probability);
    if (tree->type == UTS_HYBRID)
        fprintf(out, ", shift %g", tree->shift);
    if (tree->granularity > 1)
        fprintf(out, ", granularity %d", tree->granularity);
    fprintf(out, ", seed %d\n\n", tree->seed);
}

static void print_count(FILE *out, const uts_count *count)
{
    char text[CLI_COMMAS];

    fprintf(out, "Nodes:             %s\n", cli_commas(count->nodes, text));
    fprintf(out, "Leaves:            %s (%.2f %%)\n", cli_commas(count->leaves, text),
            100 * (double)count->leaves / (double)count->nodes);
    fprintf(out, "Depth:             %s\n", cli_commas(count->depth, text));
}

static void print_verdict(FILE *out, const uts_sample *sample, const uts_count *count)
{
    if (sample == NULL)
        fputs("Published:         nothing is known of this tree\n", out);
    else
        fprintf(out, "Published:         %s\n",
                uts_sample_agrees(sample, count) ? "the same" : "NOT the same");
}

static void print_rates(FILE *out, const uts_result *result)
{
    fprintf(out, "Seconds:           %.3f\n", result->seconds);
    fprintf(out, "Nodes per second:  %.4g", rate(result));
    if (result->shares == NULL)
        fputs(" (serial)\n", out);
    else
        fprintf(out, " (%d engine%s, %.4g each)\n", result->engines,
                result->engines == 1 ? "" : "s", rate(result) / result->engines);
}

/* The engines with the least and with the most nodes. */
static void print_shares(FILE *out, const uts_result *result)
{
    uint64_t least = UINT64_MAX, most = 0;
    char a[CLI_COMMAS], b[CLI_COMMAS];

    for (int i = 0; i < result->engines; i++) {
        uint64_t nodes = result->shares[i].count.nodes;
        least = nodes < least ? nodes : least;
        most = nodes > most ? nodes : most;
    }
    fprintf(out, "Nodes per engine:  %s to %s\n", cli_commas(least, a), cli_commas(most, b));
    fprintf(out, "Tasks:             %s, of %.1f nodes in the mean\n", cli_commas(result->tasks, a),
            (double)result->count.nodes / (double)result->tasks);
}

void uts_report_print(FILE *out, const uts_options *options, const uts_sample *sample,
                      const uts_result *result)
{
    print_tree(out, &options->tree, sample);
    print_count(out, &result->count);
    print_verdict(out, sample, &result->count);
    print_rates(out, result);
    if (result->shares != NULL)
        print_shares(out, result);
}

static void write_tree(FILE *out, const uts_tree *tree)
{
    fprintf(out,
            "\"type\":\"%s\",\"shape\":\"%s\",\"branching\":%.17g,\"depth\":%d,\"seed\":%d,"
            "\"probability\":%.17g,\"children\":%d,\"shift\":%.17g,\"granularity\":%d",
            uts_name_type(tree->type), uts_name_shape(tree->shape), tree->branching, tree->depth,
            tree->seed, tree->probability, tree->children, tree->shift, tree->granularity);
}

static void write_count(FILE *out, const uts_count *count)
{
    fprintf(out, "\"nodes\":%" PRIu64 ",\"leaves\":%" PRIu64 ",\"depth\":%" PRIu64, count->nodes,
            count->leaves, count->depth);
}

static void write_shares(FILE *out, const uts_result *result)
{
    fputs(",\"shares\":[", out);
    for (int i = 0; result->shares != NULL && i < result->engines; i++) {
        fprintf(out, "%s{\"tasks\":%" PRIu64 ",", i > 0 ? "," : "", result->shares[i].tasks);
        write_count(out, &result->shares[i].count);
        fputc('}', out);
    }
    fputc(']', out);
}

void uts_report_json(FILE *out, const uts_options *options, const uts_sample *sample,
                     const uts_result *result)
{
    fputs("{\"tree\":{", out);
    write_tree(out, &options->tree);
    fputs("},", out);
    write_count(out, &result->count);
    if (sample != NULL)
        fprintf(out, ",\"sample\":\"%s\",\"agrees\":%s", sample->name,
                uts_sample_agrees(sample, &result->count) ? "true" : "false");
    else
        fputs(",\"sample\":null,\"agrees\":null", out);
    fprintf(out, ",\"serial\":%s,\"ranks\":%d,\"engines\":%d",
            result->shares == NULL ? "true" : "false", result->ranks, result->engines);
    if (result->shares != NULL)
        fprintf(out, ",\"grain\":%" PRIu64 ",\"tasks\":%" PRIu64, options->grain, result->tasks);
    fprintf(out, ",\"seconds\":%.9g,\"nodes_per_second\":%.6g,\"nodes_per_second_per_engine\":%.6g",
            result->seconds, rate(result), rate(result) / result->engines);
    write_shares(out, result);
    fputs("}\n", out);
}

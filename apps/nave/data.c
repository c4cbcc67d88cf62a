/* data - objects and published arrays, to and from files: push, pull, drop. */
#include "cli.h"
#include "file.h"
#include "interrupt.h"
#include "names.h"
#include "npy.h"
#include "options.h"
#include "outfile.h"
#include "pull.h"
#include "remote.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------------- push */

/* What is in the file: of an .npy file the array, without its header. */
typedef struct content {
    void *whole;
    const char *data;
    size_t size, n, item;
} content;

static int content_read(content *c, const char *file, int foreign)
{
    struct npy_array array;
    char why[256];
    size_t size;
    if (file_read("push", file, &c->whole, &size) != 0)
        return -1;
    c->data = c->whole;
    c->size = c->n = size;
    c->item = 1;
    if (!file_ends_in(file, ".npy"))
        return 0;
    if (npy_read_header(c->whole, size, foreign, &array, why, sizeof why) != 0 ||
        (array.offset + array.size != size &&
         snprintf(why, sizeof why, "%zu bytes of data, its header says %zu", size - array.offset,
                  array.size) > 0)) {
        cli_error("nave push", "%s: %s", file, why);
        free(c->whole);
        return -1;
    }
    c->data += array.offset;
    c->size = array.size;
    c->item = array.item;
    c->n = array.size / array.item;
    return 0;
}

enum { SCATTER = 256, GATHER, RANGE, TYPE };

int data_push(remote *r, int argc, char **argv)
{
    static const struct option known[] = {{"engines", required_argument, NULL, 'e'},
                                          {"scatter", no_argument, NULL, SCATTER},
                                          {NULL, 0, NULL, 0}};
    int *engines = NULL, scatter = 0, rc, status = CLI_USAGE;
    size_t count = 0;
    content c;
    for (int name; (name = getopt_long(argc, argv, ":e:", known, NULL)) != -1;)
        if (name == SCATTER)
            scatter = 1;
        else if (name != 'e' ? options_wrong("push", name, argv) != CLI_OK
                             : (free(engines), engines = NULL,
                                options_ranks("push", optarg, &engines, &count) != 0))
            goto out;
    if (options_need("push", argc, optind, "a name") != 0 ||
        options_need("push", argc, optind + 1, "a file") != 0 ||
        options_end("push", argc, argv, optind + 2) != 0)
        goto out;
    if (scatter && engines != NULL) {
        cli_error("nave push", "--scatter is for all engines, -e for some");
        goto out;
    }
    status = CLI_FAILURE;
    if (content_read(&c, argv[optind + 1], nave_client_is_foreign(r->client)) != 0)
        goto out;
    rc = scatter ? nave_client_scatter(r->client, argv[optind], c.data, c.n, c.item)
                 : nave_client_push(r->client, argv[optind], c.data, c.size, engines, count);
    free(c.whole);
    status = remote_done(r, "push", rc);
out:
    free(engines);
    return status;
}

int data_drop(remote *r, int argc, char **argv)
{
    int status = CLI_OK, name = options_next(argc, argv, ":");
    if (name != -1)
        return options_wrong("drop", name, argv);
    if (options_need("drop", argc, optind, "a name") != 0)
        return CLI_USAGE;
    for (int i = optind; i < argc; i++) {
        int rc = nave_client_drop(r->client, argv[i]);
        if ((rc != NAVE_OK ? names_failed(r, "drop", rc, argv[i], NAMES_OBJECTS)
                           : remote_done(r, "drop", rc)) != CLI_OK)
            status = CLI_FAILURE;
    }
    return status;
}

/* -------------------------------------------------------------------------------------------- pull */

typedef struct wish {
    const char *name, *file, *type;
    int engine; /* -1: any that has it */
    int gather;
    double low, high;
} wish;

static int wish_range(wish *w, char *text)
{
    char *comma = strchr(text, ',');
    if (comma == NULL)
        return cli_error("nave pull", "--range %s: must be LOW,HIGH", text), -1;
    *comma = '\0';
    if (cli_real("nave pull", "--range", text, -1e300, 1e300, &w->low) != 0 ||
        cli_real("nave pull", "--range", comma + 1, -1e300, 1e300, &w->high) != 0)
        return -1;
    if (w->low < w->high)
        return 0;
    return cli_error("nave pull", "--range %s,%s: LOW must be less than HIGH", text, comma + 1), -1;
}

static int wish_option(wish *w, int name, char **argv)
{
    uint64_t rank;
    switch (name) {
    case 'o':
        return w->file = optarg, 0;
    case 'e':
        if (cli_number("nave pull", "-e", optarg, 0, 1u << 30, &rank) != 0)
            return -1;
        return w->engine = (int)rank, 0;
    case GATHER:
        return w->gather = 1, 0;
    case TYPE:
        w->type = optarg;
        if (npy_item(optarg) > 0)
            return 0;
        return cli_error("nave pull",
                         "--type %s: there are double, float, int8 to int64, uint8 to uint64, char",
                         optarg),
               -1;
    case RANGE:
        return wish_range(w, optarg);
    default:
        return options_wrong("pull", name, argv), -1;
    }
}

/* A picture can be of one kind only, and only pictures have colours. */
static int wish_check(const wish *w)
{
    static const char *const others[] = {".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp",
                                         ".svg", ".pdf",  ".eps", ".ppm", ".pgm", ".ps"};
    int picture = w->file != NULL && file_ends_in(w->file, ".png");
    for (size_t i = 0; w->file != NULL && i < sizeof others / sizeof *others; i++)
        if (file_ends_in(w->file, others[i]))
            return cli_error("nave pull", "-o %s: pictures are .png only", w->file), -1;
    if (!isnan(w->low) && !picture)
        return cli_error("nave pull", "--range is for pictures, -o FILE.png"), -1;
    return 0;
}

static int wish_read(wish *w, int argc, char **argv)
{
    static const struct option known[] = {
        {"output", required_argument, NULL, 'o'}, {"engine", required_argument, NULL, 'e'},
        {"gather", no_argument, NULL, GATHER},    {"range", required_argument, NULL, RANGE},
        {"type", required_argument, NULL, TYPE},  {NULL, 0, NULL, 0}};
    *w = (wish){.engine = -1, .low = NAN, .high = NAN};
    for (int name; (name = getopt_long(argc, argv, ":o:e:", known, NULL)) != -1;)
        if (wish_option(w, name, argv) != 0)
            return -1;
    if (options_need("pull", argc, optind, "a name") != 0 ||
        options_end("pull", argc, argv, optind + 1) != 0)
        return -1;
    w->name = argv[optind];
    return wish_check(w);
}

/* The first engine that is known to have the object, or the first there is. */
static int find_engine(remote *r, const char *name)
{
    cJSON *answer = remote_ask(r, remote_request("objects"), 0);
    const cJSON *o;
    int engine = -1;
    cJSON_ArrayForEach (o, remote_list(answer, "objects")) {
        const cJSON *rank = cJSON_GetArrayItem(remote_list(o, "engines"), 0);
        if (strcmp(remote_text(o, "name"), name) == 0 && rank != NULL)
            engine = rank->valueint;
    }
    cJSON_Delete(answer);
    if (engine >= 0)
        return engine;
    answer = remote_ask(r, remote_request("engines"), 0);
    o = cJSON_GetArrayItem(remote_list(answer, "engines"), 0);
    engine = o != NULL ? (int)remote_number(o, "rank") : 0;
    cJSON_Delete(answer);
    return engine;
}

/* The whole in memory.  NAVE_OK or the client's code. */
static int fetch(remote *r, const wish *w, int published, nave_client_array *array)
{
    int rc;
    if (published)
        return nave_client_array_pull(r->client, w->name, array);
    *array = (nave_client_array){.type = "uint8", .item = 1, .dims = 1};
    rc = w->gather ? nave_client_gather(r->client, w->name, &array->data, &array->size)
                   : nave_client_pull(r->client, w->name,
                                      w->engine >= 0 ? w->engine : find_engine(r, w->name),
                                      &array->data, &array->size);
    array->shape[0] = array->size;
    return rc;
}

/* Says what the numbers in an object are. */
static int give_type(const wish *w, nave_client_array *array)
{
    size_t item = npy_item(w->type);
    if (array->size % item != 0)
        return cli_error("nave pull", "%zu bytes are not a whole number of type %s", array->size,
                         w->type),
               -1;
    array->type = w->type;
    array->item = item;
    array->shape[0] = array->size / item;
    return 0;
}

static int into_picture(remote *r, const wish *w, int published, FILE *out)
{
    nave_client_array array;
    int rc = fetch(r, w, published, &array);
    if (rc != NAVE_OK)
        return names_failed(r, "pull", rc, w->name, NAMES_OBJECTS);
    if (w->type != NULL && give_type(w, &array) != 0)
        return CLI_FAILURE;
    return pull_picture(&array, nave_client_is_foreign(r->client), out, w->name, w->low, w->high) ==
                   0
               ? CLI_OK
               : CLI_FAILURE;
}

/* Piece by piece into a file, or as a picture. */
static int into_file(remote *r, const wish *w, int published, outfile *out)
{
    pull_file file = {.stream = out->stream,
                      .npy = file_ends_in(w->file, ".npy"),
                      .type = w->type,
                      .foreign = nave_client_is_foreign(r->client)};
    nave_client_array array;
    int rc;
    if (file_ends_in(w->file, ".png"))
        return into_picture(r, w, published, out->stream);
    if (!published && file.npy && file.type == NULL)
        file.type = "uint8";
    if (w->gather && !published) {
        size_t zero[4] = {0}, count[4] = {0};
        rc = fetch(r, w, published, &array);
        count[0] = array.size;
        if (rc == NAVE_OK)
            rc = pull_piece(&file, &array, zero, count, 0, array.data, array.size);
    } else if (published) {
        rc = nave_client_array_each(r->client, w->name, pull_piece, &file);
    } else {
        rc = nave_client_object_each(r->client, w->name,
                                     w->engine >= 0 ? w->engine : find_engine(r, w->name),
                                     pull_piece, &file);
    }
    if (rc == NAVE_OK)
        pull_end(&file);
    if (file.error != 0)
        cli_file_error("nave pull", w->file, file.error);
    if (file.error != 0 || file.said)
        return CLI_FAILURE;
    return rc == NAVE_OK ? CLI_OK : names_failed(r, "pull", rc, w->name, NAMES_OBJECTS);
}

/* The file is there as a whole, or as it was before. */
static int pull_to_file(remote *r, const wish *w, int published)
{
    outfile out;
    int status, error = outfile_open(&out, w->file);
    if (error != 0)
        return cli_file_error("nave pull", w->file, error), CLI_FAILURE;
    status = into_file(r, w, published, &out);
    if (status != CLI_OK || interrupt_caught() != 0) {
        outfile_discard(&out);
        return status;
    }
    error = outfile_commit(&out);
    if (error != 0)
        cli_file_error("nave pull", w->file, error);
    return error == 0 ? CLI_OK : CLI_FAILURE;
}

static int pull(remote *r, const wish *w, int published)
{
    nave_client_array array;
    interrupt signals;
    int rc;
    if (w->file != NULL && strcmp(w->file, "-") != 0) {
        interrupt_begin(&signals);
        return remote_written(r, interrupt_end(&signals, pull_to_file(r, w, published)));
    }
    rc = fetch(r, w, published, &array);
    return rc == NAVE_OK ? file_write("pull", NULL, array.data, array.size)
                         : names_failed(r, "pull", rc, w->name, NAMES_OBJECTS);
}

int data_pull(remote *r, int argc, char **argv)
{
    wish w;
    unsigned kinds = NAMES_OBJECTS;
    if (wish_read(&w, argc, argv) != 0)
        return CLI_USAGE;
    if (w.engine < 0 && !w.gather)
        kinds = names_kinds(r, w.name);
    if (kinds == 0 && r->rc != NAVE_OK)
        return remote_failed(r, "pull", r->rc);
    if (kinds & NAMES_PUBLISHED && w.type != NULL)
        return cli_error("nave pull",
                         "--type is for objects: '%s' is published, with a type of its own",
                         w.name),
               CLI_USAGE;
    if ((kinds & (NAMES_PUBLISHED | NAMES_OBJECTS)) == 0 && kinds & NAMES_VALUES)
        return remote_fail(r, "pull", NAVE_EOBJECT,
                           "'%s' is a value: nave get, nave watch, nave set", w.name);
    if (kinds == 0 && names_any(r, NAMES_VALUES | NAMES_PUBLISHED))
        return names_unknown(r, "pull", w.name, NAMES_VALUES | NAMES_PUBLISHED | NAMES_OBJECTS);
    return pull(r, &w, (kinds & NAMES_PUBLISHED) != 0);
}

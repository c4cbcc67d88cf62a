/* calls - tasks from outside: submit, wait, result, cancel, forget. */
#include "cli.h"
#include "file.h"
#include "options.h"
#include "remote.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------------------------------- submitting */

typedef struct order {
    nave_client_policy policy;
    int *engines;
    int wait, each_line;
} order;

enum { EACH = 256, EACH_LINE };

/* One option.  0, or -1 after an error line. */
static int order_option(order *o, int name, char **argv)
{
    uint64_t n;
    switch (name) {
    case 'p': {
        char *end;
        long priority = strtol(optarg, &end, 10);
        if (*end != '\0' || end == optarg || priority < -1000000 || priority > 1000000)
            return cli_error("nave submit", "-p %s: must be a whole number", optarg), -1;
        o->policy.priority = (int)priority;
        return 0;
    }
    case 'r':
        if (cli_number("nave submit", "-r", optarg, 0, 2047, &n) != 0)
            return -1;
        o->policy.retries = (int)n;
        return 0;
    case 'g':
        return o->policy.guard = 1, 0;
    case 't':
        return cli_real("nave submit", "-t", optarg, 1e-3, 1e9, &o->policy.time_limit);
    case 'e':
        free(o->engines);
        o->engines = NULL;
        return options_ranks("submit", optarg, &o->engines, &o->policy.engine_count);
    case 'w':
        return o->wait = 1, 0;
    case EACH:
        return o->policy.each = 1, 0;
    case EACH_LINE:
        return o->each_line = 1, 0;
    default:
        return options_wrong("submit", name, argv), -1;
    }
}

static int order_read(order *o, int argc, char **argv)
{
    static const struct option known[] = {{"priority", required_argument, NULL, 'p'},
                                          {"retries", required_argument, NULL, 'r'},
                                          {"guard", no_argument, NULL, 'g'},
                                          {"time-limit", required_argument, NULL, 't'},
                                          {"engines", required_argument, NULL, 'e'},
                                          {"each", no_argument, NULL, EACH},
                                          {"each-line", no_argument, NULL, EACH_LINE},
                                          {"wait", no_argument, NULL, 'w'},
                                          {NULL, 0, NULL, 0}};
    *o = (order){0};
    for (int name; (name = getopt_long(argc, argv, "+:p:r:gt:e:w", known, NULL)) != -1;)
        if (order_option(o, name, argv) != 0)
            return -1;
    o->policy.engines = o->engines;
    return options_need("submit", argc, optind, "a kernel");
}

/* What is known of a call, before its results are asked for. */
typedef struct known_call {
    uint64_t number;
    char *kernel; /* to be freed */
    uint64_t total;
} known_call;

/* 0; or -1: it failed. */
static int known_call_read(remote *r, uint64_t number, known_call *call)
{
    cJSON *request = remote_request("wait"), *answer;
    cJSON_AddNumberToObject(request, "call", (double)number);
    answer = remote_ask(r, request, 0);
    *call = (known_call){.number = number};
    if (answer != NULL) {
        call->kernel = strdup(remote_text(answer, "kernel"));
        call->total = (uint64_t)remote_number(answer, "total");
    }
    cJSON_Delete(answer);
    return call->kernel != NULL ? 0 : -1;
}

/* Prints one task's result.  An exit status. */
static int print_result(remote *r, const known_call *call, uint64_t index, double seconds,
                        const char *file)
{
    const void *data;
    size_t size;
    char *text = NULL;
    int status;
    if (nave_client_result(r->client, call->number, (size_t)index, seconds, &data, &size) !=
        NAVE_OK)
        return remote_failed(r, "result");
    if (file == NULL)
        nave_client_show(r->client, call->kernel, data, size, r->json, &text);
    if (text != NULL)
        status = puts(text) < 0 ? CLI_FAILURE : CLI_OK;
    else
        status = file_write("result", file, data, size);
    free(text);
    return status;
}

/* All of a call; the status of the first that is not well. */
static int print_results(remote *r, const known_call *call, double seconds, const char *file)
{
    int status = CLI_OK;
    for (uint64_t i = 0; i < call->total; i++) {
        int one = print_result(r, call, i, seconds, file);
        status = status == CLI_OK ? one : status;
    }
    return status;
}

static int wait_and_print(remote *r, uint64_t number)
{
    known_call call = {0};
    int rc = nave_client_wait(r->client, number, -1), status;
    if (rc != NAVE_OK && rc != NAVE_ETASK && rc != NAVE_ECANCELED)
        return remote_failed(r, "wait");
    status = known_call_read(r, number, &call) == 0 ? print_results(r, &call, 0, NULL)
                                                    : remote_failed(r, "submit");
    free(call.kernel);
    return status;
}

/* One input or many of one size are a call. */
static int submit(remote *r, const order *o, const char *kernel, const void *in, size_t in_size,
                  size_t out_size, size_t n)
{
    uint64_t call;
    if (nave_client_submit(r->client, kernel, in, in_size, out_size, n, &o->policy, &call) !=
        NAVE_OK)
        return remote_failed(r, "submit");
    if (o->wait)
        return wait_and_print(r, call);
    printf(r->json ? "{\"call\":%" PRIu64 "}\n" : "%" PRIu64 "\n", call);
    return CLI_OK;
}

/* The input of one task out of words: those of a signature, or "@FILE", "-", or a text. */
static int encode(remote *r, const char *kernel, char **words, size_t n, void **in, size_t *in_size,
                  size_t *out_size)
{
    char *bytes;
    if (n == 1 && (words[0][0] == '@' || strcmp(words[0], "-") == 0)) {
        char *none[] = {(char[]){""}};
        if (file_read("submit", words[0][0] == '@' ? words[0] + 1 : "-", in, in_size) != 0)
            return -1;
        if (nave_client_encode(r->client, kernel, none, 0, (void **)&bytes, &(size_t){0},
                               out_size) == NAVE_OK)
            free(bytes);
        return 0;
    }
    if (nave_client_encode(r->client, kernel, words, n, in, in_size, out_size) == NAVE_OK)
        return 0;
    remote_failed(r, "submit");
    return -1;
}

/* Inputs of one size, side by side. */
typedef struct batch {
    char *bytes;
    size_t size, out_size, count, room;
} batch;

enum { BATCH_BYTES = 4 << 20 };

static int batch_send(remote *r, const order *o, const char *kernel, batch *b)
{
    int status =
        b->count > 0 ? submit(r, o, kernel, b->bytes, b->size, b->out_size, b->count) : CLI_OK;
    b->count = 0;
    return status;
}

static int batch_add(remote *r, const order *o, const char *kernel, batch *b, const void *in,
                     size_t in_size, size_t out_size)
{
    int status = CLI_OK;
    if (b->count > 0 && (in_size != b->size || (b->count + 1) * in_size > BATCH_BYTES))
        status = batch_send(r, o, kernel, b);
    if ((b->count + 1) * in_size > b->room) {
        char *grown = realloc(b->bytes, 2 * (b->count + 1) * in_size);
        if (grown == NULL)
            return cli_error("nave submit", "out of memory"), CLI_FAILURE;
        b->bytes = grown;
        b->room = 2 * (b->count + 1) * in_size;
    }
    if (in_size > 0)
        memcpy(b->bytes + b->count * in_size, in, in_size);
    b->size = in_size;
    b->out_size = out_size;
    b->count++;
    return status;
}

enum { WORDS = 256 };

/* The line's words, in place, WORDS of them at most.  How many there are. */
static size_t split(char *line, char **words)
{
    size_t n = 0;
    for (char *word = strtok(line, " \t"); word != NULL; word = strtok(NULL, " \t"), n++)
        if (n < WORDS)
            words[n] = word;
    return n;
}

/* Whether a kernel has a signature; -1: it failed. */
static int known_signature(remote *r, const char *kernel)
{
    cJSON *answer = remote_ask(r, remote_request("kernels"), 0);
    const cJSON *k;
    int has = answer != NULL ? 0 : -1;
    cJSON_ArrayForEach (k, remote_list(answer, "kernels")) {
        if (strcmp(remote_text(k, "name"), kernel) == 0)
            has = remote_text(k, "signature")[0] != '\0';
    }
    cJSON_Delete(answer);
    return has;
}

/* Where the lines come from. */
typedef struct lines {
    FILE *input;
    char *line;
    size_t room, number;
    int split; /* the kernel has a signature: a line has words */
} lines;

/* The task of a line; of a kernel without a signature the line is one word.  An exit status. */
static int submit_line(remote *r, const order *o, const char *kernel, lines *l, batch *b)
{
    char *words[WORDS] = {l->line};
    size_t in_size, out_size, n = l->split ? split(l->line, words) : 1;
    void *in;
    int status;
    if (n > WORDS)
        return cli_error("nave submit", "line %zu: %zu words, %d at most", l->number, n,
                         (int)WORDS),
               CLI_FAILURE;
    if (nave_client_encode(r->client, kernel, words, n, &in, &in_size, &out_size) != NAVE_OK)
        return cli_error("nave submit", "line %zu: %s", l->number, nave_client_error(r->client)),
               CLI_FAILURE;
    status = batch_add(r, o, kernel, b, in, in_size, out_size);
    free(in);
    return status;
}

/* A task for each line of standard input, or of a file. */
static int submit_lines(remote *r, const order *o, const char *kernel, const char *file)
{
    lines l = {.input = file != NULL ? fopen(file, "r") : stdin};
    batch b = {0};
    int status = CLI_OK;
    if (l.input == NULL)
        return cli_file_error("nave submit", file, errno), CLI_FAILURE;
    l.split = known_signature(r, kernel);
    if (l.split < 0)
        status = remote_failed(r, "submit");
    for (ssize_t length; status == CLI_OK && (length = getline(&l.line, &l.room, l.input)) >= 0;) {
        l.number++;
        if (length > 0 && l.line[length - 1] == '\n')
            l.line[length - 1] = '\0';
        status = submit_line(r, o, kernel, &l, &b);
    }
    if (status == CLI_OK)
        status = batch_send(r, o, kernel, &b);
    free(b.bytes);
    free(l.line);
    if (l.input != stdin)
        fclose(l.input);
    return status;
}

int calls_submit(remote *r, int argc, char **argv)
{
    order o;
    int status = CLI_USAGE;
    const char *kernel;
    void *in;
    size_t in_size, out_size = 0;
    if (order_read(&o, argc, argv) != 0)
        goto out;
    if (o.each_line) {
        const char *word = optind + 1 < argc ? argv[optind + 1] : "-";
        if (options_end("submit", argc, argv, optind + 2) == 0)
            status = submit_lines(r, &o, argv[optind],
                                  strcmp(word, "-") == 0 ? NULL
                                  : word[0] == '@'       ? word + 1
                                                         : word);
        goto out;
    }
    status = CLI_FAILURE;
    kernel = argv[optind++];
    if (optind < argc && strcmp(argv[optind], "--") == 0)
        optind++;
    if (encode(r, kernel, argv + optind, (size_t)(argc - optind), &in, &in_size, &out_size) == 0) {
        status = submit(r, &o, kernel, in, in_size, out_size, 1);
        free(in);
    }
out:
    free(o.engines);
    return status;
}

/* ------------------------------------------------------------------------------------ what becomes */

int calls_wait(remote *r, int argc, char **argv)
{
    double seconds = -1;
    int status = CLI_OK;
    for (int name; (name = options_next(argc, argv, ":t:")) != -1;)
        if (name != 't')
            return options_wrong("wait", name, argv);
        else if (cli_real("nave wait", "-t", optarg, 0, 1e9, &seconds) != 0)
            return CLI_USAGE;
    if (options_need("wait", argc, optind, "a call") != 0)
        return CLI_USAGE;
    for (int i = optind; i < argc; i++) {
        uint64_t call, index;
        if (options_task("wait", argv[i], &call, &index) != 0)
            return CLI_USAGE;
        if ((index == UINT64_MAX ? nave_client_wait(r->client, call, seconds)
                                 : nave_client_result(r->client, call, (size_t)index, seconds, NULL,
                                                      NULL)) != NAVE_OK)
            status = remote_failed(r, "wait");
    }
    return status;
}

/* What the words name: a task, or all of a call. */
static int print_named(remote *r, uint64_t number, uint64_t index, double seconds, const char *file)
{
    known_call call;
    int status;
    if (known_call_read(r, number, &call) != 0)
        return remote_failed(r, "result");
    if (index != UINT64_MAX) {
        status = print_result(r, &call, index, seconds, file);
    } else if (file != NULL && call.total != 1) {
        cli_error("nave result", "-o: call %" PRIu64 " has %" PRIu64 " tasks; name one", number,
                  call.total);
        status = CLI_USAGE;
    } else {
        status = print_results(r, &call, seconds, file);
    }
    free(call.kernel);
    return status;
}

int calls_result(remote *r, int argc, char **argv)
{
    double seconds = -1;
    const char *file = NULL;
    uint64_t call, index;
    for (int name; (name = options_next(argc, argv, ":t:o:")) != -1;)
        if (name == 'o')
            file = optarg;
        else if (name != 't')
            return options_wrong("result", name, argv);
        else if (cli_real("nave result", "-t", optarg, 0, 1e9, &seconds) != 0)
            return CLI_USAGE;
    if (options_need("result", argc, optind, "a task") != 0 ||
        options_end("result", argc, argv, optind + 1) != 0 ||
        options_task("result", argv[optind], &call, &index) != 0)
        return CLI_USAGE;
    return print_named(r, call, index, seconds, file);
}

/* The same for each call that is named. */
static int each_call(remote *r, const char *verb, int (*act)(nave_client *, uint64_t), int argc,
                     char **argv)
{
    int status = CLI_OK, name = options_next(argc, argv, ":");
    if (name != -1)
        return options_wrong(verb, name, argv);
    if (options_need(verb, argc, optind, "a call") != 0)
        return CLI_USAGE;
    for (int i = optind; i < argc; i++) {
        uint64_t call, index;
        if (options_task(verb, argv[i], &call, &index) != 0)
            return CLI_USAGE;
        if (index != UINT64_MAX)
            return cli_error("nave", "%s: %s: it is for whole calls", verb, argv[i]), CLI_USAGE;
        if (act(r->client, call) != NAVE_OK)
            status = remote_failed(r, verb);
    }
    return status;
}

int calls_cancel(remote *r, int argc, char **argv)
{
    return each_call(r, "cancel", nave_client_cancel, argc, argv);
}

int calls_forget(remote *r, int argc, char **argv)
{
    return each_call(r, "forget", nave_client_forget, argc, argv);
}

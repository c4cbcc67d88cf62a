/* submit - tasks from outside: their orders, their inputs, and the wait for their results. */
#include "calls.h"
#include "cli.h"
#include "file.h"
#include "interrupt.h"
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* ------------------------------------------------------------------------------------------ orders */

typedef struct order {
    nave_client_policy policy;
    int *engines;
    int wait, each_line;
    double seconds; /* to wait, at most; negative: without end */
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
    case 'l':
        o->wait = 1;
        return cli_real("nave submit", "-l", optarg, 0, 1e9, &o->seconds);
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
                                          {"wait-limit", required_argument, NULL, 'l'},
                                          {NULL, 0, NULL, 0}};
    *o = (order){.seconds = -1};
    for (int name; (name = getopt_long(argc, argv, "+:p:r:gt:e:wl:", known, NULL)) != -1;)
        if (order_option(o, name, argv) != 0)
            return -1;
    o->policy.engines = o->engines;
    return options_need("submit", argc, optind, "a kernel");
}

/* ----------------------------------------------------------------------------------------- sending */

/* The job keeps what has failed, to be looked at; of the rest all is said, and others shall have the room. */
static int wait_and_print(remote *r, const order *o, uint64_t call)
{
    int status, rc = nave_client_wait(r->client, call, o->seconds);
    if (rc == NAVE_ETIMEDOUT || (rc == NAVE_ECANCELED && interrupt_caught() != 0))
        return remote_fail(r, "submit", rc,
                           "call %" PRIu64 " goes on (nave wait %" PRIu64 ", nave cancel %" PRIu64
                           ")",
                           call, call, call);
    if (rc != NAVE_OK && rc != NAVE_ETASK && rc != NAVE_ECANCELED)
        return remote_failed(r, "submit", rc);
    status = calls_print(r, call);
    if (rc == NAVE_OK && status == CLI_OK && interrupt_caught() == 0 && fflush(stdout) == 0)
        nave_client_forget(r->client, call);
    return status;
}

/* A row of lines of the input, from 1 on. */
typedef struct span {
    size_t first, last; /* 0: the call has them all */
} span;

static void print_call(const remote *r, uint64_t call, span lines)
{
    if (r->json && lines.first > 0)
        printf("{\"call\":%" PRIu64 ",\"lines\":[%zu,%zu]}\n", call, lines.first, lines.last);
    else if (r->json)
        printf("{\"call\":%" PRIu64 "}\n", call);
    else if (lines.first > 0)
        printf("%" PRIu64 " %zu-%zu\n", call, lines.first, lines.last);
    else
        printf("%" PRIu64 "\n", call);
}

/* Inputs of one size, side by side, are a call. */
typedef struct batch {
    char *bytes;
    size_t size, out_size, count, room;
    size_t first; /* the line that the first is of */
    int parted;   /* there are other calls with other lines */
} batch;

static int submit(remote *r, const order *o, const char *kernel, const batch *b)
{
    span lines = {b->parted ? b->first : 0, b->first + b->count - 1};
    interrupt signals;
    uint64_t call;
    int rc = nave_client_submit(r->client, kernel, b->bytes, b->size, b->out_size, b->count,
                                &o->policy, &call);
    if (rc != NAVE_OK)
        return remote_failed(r, "submit", rc);
    if (!o->wait)
        return print_call(r, call, lines), CLI_OK;
    interrupt_begin(&signals);
    return interrupt_end(&signals, wait_and_print(r, o, call));
}

/* ------------------------------------------------------------------------------------------ inputs */

/* The input of one task out of words: those of a signature, or "@FILE", "-", or a text. */
static int encode(remote *r, const char *kernel, char **words, size_t n, void **in, size_t *in_size,
                  size_t *out_size)
{
    char *bytes;
    int rc;
    if (n == 1 && (words[0][0] == '@' || strcmp(words[0], "-") == 0)) {
        char *none[] = {(char[]){""}};
        if (file_read("submit", words[0][0] == '@' ? words[0] + 1 : "-", in, in_size) != 0)
            return -1;
        if (nave_client_encode(r->client, kernel, none, 0, (void **)&bytes, &(size_t){0},
                               out_size) == NAVE_OK)
            free(bytes);
        return 0;
    }
    rc = nave_client_encode(r->client, kernel, words, n, in, in_size, out_size);
    return rc == NAVE_OK ? 0 : (remote_failed(r, "submit", rc), -1);
}

enum { BATCH_BYTES = 4 << 20 };

static int batch_send(remote *r, const order *o, const char *kernel, batch *b)
{
    int status = b->count > 0 ? submit(r, o, kernel, b) : CLI_OK;
    b->first += b->count;
    b->count = 0;
    return status;
}

static int batch_add(remote *r, const order *o, const char *kernel, batch *b, const void *in,
                     size_t in_size, size_t out_size)
{
    int status = CLI_OK;
    if (b->count > 0 && (in_size != b->size || (b->count + 1) * in_size > BATCH_BYTES)) {
        b->parted = 1;
        status = batch_send(r, o, kernel, b);
    }
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

/* How the lines of a kernel are read. */
enum kind {
    KIND_TEXT,    /* no signature: a line is one word, as it is */
    KIND_WORDS,   /* a line has words */
    KIND_NOTHING, /* the kernel takes nothing */
    KIND_UNKNOWN  /* the job does not answer */
};

static enum kind kind_of(remote *r, const char *kernel)
{
    cJSON *answer = remote_ask(r, remote_request("kernels"), 0);
    enum kind kind = answer != NULL ? KIND_TEXT : KIND_UNKNOWN;
    const cJSON *k;
    cJSON_ArrayForEach (k, remote_list(answer, "kernels")) {
        const char *signature = remote_text(k, "signature");
        if (strcmp(remote_text(k, "name"), kernel) == 0 && signature[0] != '\0')
            kind = strncmp(signature + strspn(signature, " \t\r\n"), "->", 2) == 0 ? KIND_NOTHING
                                                                                   : KIND_WORDS;
    }
    cJSON_Delete(answer);
    return kind;
}

/* Where the lines come from. */
typedef struct lines {
    FILE *input;
    char *line;
    size_t room, number;
    size_t empty; /* the first one that was empty; 0: none was */
    enum kind kind;
} lines;

static int line_fails(const remote *r, const lines *l, int rc, const char *why)
{
    return remote_fail(r, "submit", rc, "line %zu: %s", l->number, why);
}

/* The task of a line.  An exit status. */
static int submit_line(remote *r, const order *o, const char *kernel, lines *l, batch *b)
{
    char *words[WORDS] = {l->line}, why[80];
    size_t in_size, out_size, n = l->kind == KIND_TEXT ? 1 : split(l->line, words);
    void *in;
    int status, rc;
    snprintf(why, sizeof why, "%zu words, %d at most", n, (int)WORDS);
    if (n > WORDS)
        return line_fails(r, l, NAVE_EINVAL, why);
    rc = nave_client_encode(r->client, kernel, words, n, &in, &in_size, &out_size);
    if (rc != NAVE_OK)
        return line_fails(r, l, rc, nave_client_error(r->client));
    status = batch_add(r, o, kernel, b, in, in_size, out_size);
    free(in);
    return status;
}

/* Without its end.  Whether there is one. */
static int read_line(lines *l)
{
    ssize_t length = getline(&l->line, &l->room, l->input);
    if (length < 0)
        return 0;
    if (length > 0 && l->line[length - 1] == '\n')
        l->line[--length] = '\0';
    if (length > 0 && l->line[length - 1] == '\r')
        l->line[length - 1] = '\0';
    l->number++;
    return 1;
}

/* Empty lines count for nothing at the end; before that somebody has forgotten something. */
static int take_lines(remote *r, const order *o, const char *kernel, lines *l)
{
    batch b = {.first = 1};
    int status = CLI_OK;
    while (status == CLI_OK && read_line(l)) {
        int empty = l->kind == KIND_WORDS && l->line[strspn(l->line, " \t")] == '\0';
        if (empty && l->empty == 0)
            l->empty = l->number;
        if (!empty && l->empty > 0) {
            l->number = l->empty;
            status = line_fails(r, l, NAVE_EINVAL, "it is empty");
        } else if (!empty)
            status = submit_line(r, o, kernel, l, &b);
    }
    if (status == CLI_OK)
        status = batch_send(r, o, kernel, &b);
    free(b.bytes);
    return status;
}

/* A task for each line of standard input, or of a file. */
static int submit_lines(remote *r, const order *o, const char *kernel, const char *file)
{
    lines l = {.input = file != NULL ? fopen(file, "r") : stdin};
    int status;
    if (l.input == NULL)
        return cli_file_error("nave submit", file, errno), CLI_FAILURE;
    l.kind = kind_of(r, kernel);
    status =
        l.kind == KIND_UNKNOWN ? remote_failed(r, "submit", r->rc) : take_lines(r, o, kernel, &l);
    free(l.line);
    if (l.input != stdin)
        fclose(l.input);
    return status;
}

/* What the words name: lines, or one input. */
static int submit_words(remote *r, const order *o, const char *kernel, char **words, int n)
{
    batch one = {.count = 1};
    void *in;
    int status;
    if (o->each_line) {
        const char *file = n > 0 && strcmp(words[0], "-") != 0 ? words[0] : NULL;
        return submit_lines(r, o, kernel, file != NULL && file[0] == '@' ? file + 1 : file);
    }
    if (n > 0 && strcmp(words[0], "--") == 0)
        words++, n--;
    if (encode(r, kernel, words, (size_t)n, &in, &one.size, &one.out_size) != 0)
        return CLI_FAILURE;
    one.bytes = in;
    status = submit(r, o, kernel, &one);
    free(in);
    return status;
}

int calls_submit(remote *r, int argc, char **argv)
{
    order o;
    int status = CLI_USAGE;
    if (order_read(&o, argc, argv) == 0 &&
        (!o.each_line || options_end("submit", argc, argv, optind + 2) == 0))
        status = submit_words(r, &o, argv[optind], argv + optind + 1, argc - optind - 1);
    free(o.engines);
    return status;
}

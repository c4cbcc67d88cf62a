#include "remote.h"
#include "cli.h"
#include "program.h"

#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const remote_verb remote_verbs[] = {
    {"status", look_status, "", "how the job is getting on", ""},
    {"top", top_run, "[-d SECONDS] [-b [-n COUNT]]", "the same, live, on the whole screen",
     "  -d, --delay SECONDS  between two looks (1)\n"
     "  -b, --batch          as text, again and again\n"
     "  -n, --count COUNT    with -b: so often\n"},
    {"engines", look_engines, "", "its engines and what they do", ""},
    {"kernels", look_kernels, "", "its kernels and their signatures", ""},
    {"calls", look_calls, "", "its calls, the program's and those from outside", ""},
    {"tasks", look_tasks,
     "[--waiting] [--running] [--succeeded] [--failed] [--cancelled] [-n LIMIT] "
     "[CALL[.INDEX]]",
     "its tasks",
     "  --waiting, --running, --succeeded, --failed, --cancelled\n"
     "                       those in any of these states\n"
     "  -n, --limit LIMIT    so many at most\n"},
    {"explain", look_explain, "CALL[.INDEX]", "where a task is, and why it does not run", ""},
    {"events", look_events, "[-f] [-n COUNT]", "what happened; -f: and what happens",
     "  -f                   go on, until Ctrl-C\n"
     "  -n COUNT             the last ones only\n"},
    {"submit", calls_submit,
     "[OPTION...] KERNEL [WORD...|@FILE|-]\n"
     "       nave submit --each-line [OPTION...] KERNEL [FILE]",
     "a task, or one for each line; -w: wait, and print results",
     "  -w, --wait           wait, and print results\n"
     "      --each-line      a task for each line of standard input, or of a file\n"
     "      --each           a task on each engine, all with the one input\n"
     "  -e, --engines RANK,...  on these engines only\n"
     "  -p, --priority N     calls of higher priority go first (0)\n"
     "  -r, --retries N      run a task that fails again, so often (0)\n"
     "  -g, --guard          in a child process of the engine\n"
     "  -t, --time-limit SECONDS  that a task may run; implies --guard\n"
     "  -l, --wait-limit SECONDS  as --wait, but no longer than this\n"},
    {"wait", calls_wait, "[-t SECONDS] CALL[.INDEX]...", "until calls, or tasks, are finished",
     "  -t SECONDS           no longer than this\n"},
    {"result", calls_result, "[-t SECONDS] [-o FILE] CALL[.INDEX]",
     "of a task, or of all of a call",
     "  -t SECONDS           wait for it no longer than this\n"
     "  -o FILE              the bytes of one result, to this file\n"},
    {"cancel", calls_cancel, "CALL...", "what has not begun", ""},
    {"forget", calls_forget, "CALL...", "finished calls from outside, and their results", ""},
    {"objects", look_objects, "", "objects on the engines, and what is published", ""},
    {"push", data_push, "[-e RANK,...] [--scatter] NAME FILE|-",
     "a file to the engines, as an object",
     "  -e, --engines RANK,...  to these engines only\n"
     "      --scatter        in blocks, a part to each engine\n"},
    {"pull", data_pull, "[-e RANK] [--gather] [-o FILE] [--type TYPE] [--range LOW,HIGH] NAME",
     "an object or a published array: .npy, .png, or as it is",
     "  -o, --output FILE    .npy, .png, or any other name: the bytes as they are\n"
     "  -e, --engine RANK    the object of this engine\n"
     "      --gather         the parts of all engines\n"
     "      --type TYPE      of an object's numbers (uint8), for .npy and .png\n"
     "      --range LOW,HIGH  of .png: what gets the first colour, and the last\n"},
    {"drop", data_drop, "NAME...", "objects", ""},
    {"get", steer_get, "NAME", "a steering value, once", ""},
    {"set", steer_set, "NAME VALUE", "a steering value", ""},
    {"watch", steer_watch, "[-d SECONDS] [-n COUNT] NAME", "a steering value, or a published one",
     "  -d SECONDS           between two looks (1)\n"
     "  -n COUNT             so often; otherwise until Ctrl-C\n"},
    {"command", steer_command, "NAME [TEXT]", "a command of the program's", ""},
    {"pause", steer_pause, "", "no task begins, no step is made", ""},
    {"resume", steer_resume, "", "on again", ""},
    {"stop", steer_stop, "", "the job ends in good order", ""},
    {"cc", build_cc, "FILE.c", "compile kernels on the hub's host, and add them to the job", ""},
    {"shell", shell_run, "[-c LINE]", "all of these at a prompt",
     "  -c, --command LINE   this line only\n"},
};

const size_t remote_verb_count = sizeof remote_verbs / sizeof *remote_verbs;

const remote_verb *remote_find(const char *name)
{
    for (size_t i = 0; i < remote_verb_count; i++)
        if (strcmp(remote_verbs[i].name, name) == 0)
            return &remote_verbs[i];
    return NULL;
}

/* ---------------------------------------------------------------------------------------- asking */

/* As a job says it that refuses. */
static void print_failure(int rc, const char *words)
{
    cJSON *object = cJSON_CreateObject();
    char *text;
    cJSON_AddBoolToObject(object, "ok", 0);
    cJSON_AddStringToObject(object, "error", nave_error_name(rc));
    cJSON_AddNumberToObject(object, "code", rc);
    cJSON_AddStringToObject(object, "message", words);
    text = cJSON_PrintUnformatted(object);
    if (text != NULL)
        puts(text);
    free(text);
    cJSON_Delete(object);
}

int remote_fail(const remote *r, const char *verb, int rc, const char *format, ...)
{
    char words[4096], program[64];
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    snprintf(program, sizeof program, PROGRAM " %s", verb);
    if (r->json)
        print_failure(rc, words);
    fflush(stdout);
    cli_error(program, "%s", words);
    return CLI_FAILURE;
}

int remote_failed(const remote *r, const char *verb, int rc)
{
    return remote_fail(r, verb, rc, "%s", nave_client_error(r->client));
}

int remote_done(const remote *r, const char *verb, int rc)
{
    if (rc != NAVE_OK)
        return remote_failed(r, verb, rc);
    if (r->json)
        puts(nave_client_answer(r->client));
    return CLI_OK;
}

int remote_written(const remote *r, int status)
{
    if (r->json && status == CLI_OK)
        puts("{\"ok\":true}");
    return status;
}

cJSON *remote_request(const char *verb)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "do", verb);
    return request;
}

/* What a terminal would obey is none of the job's business: texts of an answer for people have lines only. */
static void tame(cJSON *item)
{
    for (; item != NULL; item = item->next) {
        for (char *c = item->valuestring; c != NULL && *c != '\0'; c++)
            if (((unsigned char)*c < ' ' && *c != '\n' && *c != '\t') || *c == 127)
                *c = '?';
        tame(item->child);
    }
}

cJSON *remote_ask(remote *r, cJSON *request, double seconds)
{
    char *text = cJSON_PrintUnformatted(request);
    const char *answer;
    cJSON *object;
    cJSON_Delete(request);
    r->rc = NAVE_ENOMEM;
    if (text == NULL)
        return NULL;
    r->rc = nave_client_ask(r->client, text, NULL, 0, seconds, &answer, NULL, NULL);
    free(text);
    object = r->rc == NAVE_OK ? cJSON_Parse(answer) : NULL;
    if (!r->json)
        tame(object);
    return object;
}

int remote_json(const remote *r, const cJSON *answer)
{
    char *text;
    if (!r->json)
        return 0;
    text = cJSON_PrintUnformatted(answer);
    if (text != NULL)
        puts(text);
    free(text);
    return 1;
}

double remote_number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

const char *remote_text(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text != NULL ? text : "";
}

const cJSON *remote_list(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* --------------------------------------------------------------------------------------- calling */

void remote_help(const remote_verb *verb)
{
    printf("usage: nave %s%s%s\n%s\n%s%s", verb->name, verb->usage[0] != '\0' ? " " : "",
           verb->usage, verb->what, verb->options[0] != '\0' ? "\n" : "", verb->options);
}

static int wants_help(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
}

int remote_call(remote *r, const remote_verb *verb, int argc, char **argv)
{
    if (wants_help(argc, argv)) {
        remote_help(verb);
        puts("\nnave --help: options of all verbs (-c, --ssh, --timeout, --json)");
        return CLI_OK;
    }
    optind = 0; /* from the beginning, with glibc and musl */
    opterr = 0;
    return verb->run(r, argc, argv);
}

/* The options that all verbs have, before the verb or behind it. */
struct common {
    const char *file, *ssh, *timeout;
    int json;
};

static const struct {
    const char *brief, *full;
    size_t at; /* in struct common */
} commons[] = {{"-c", "--connection", offsetof(struct common, file)},
               {NULL, "--ssh", offsetof(struct common, ssh)},
               {NULL, "--timeout", offsetof(struct common, timeout)}};

enum { COMMONS = sizeof commons / sizeof *commons };

/* How short an option may be: behind the verb -cNAME may be a word for a kernel. */
enum brief { FULL, BRIEF, JOINED };

/* Whether the word is the option i of these, with its argument (*value) or without (NULL). */
static int is_common(size_t i, const char *word, enum brief brief, const char **value)
{
    size_t length = strlen(commons[i].full);
    *value = NULL;
    if (strncmp(word, commons[i].full, length) == 0 && word[length] == '=')
        *value = word + length + 1;
    else if (brief == JOINED && commons[i].brief != NULL &&
             strncmp(word, commons[i].brief, 2) == 0 && word[2] != '\0')
        *value = word + 2;
    else
        return strcmp(word, commons[i].full) == 0 ||
               (brief != FULL && commons[i].brief != NULL && strcmp(word, commons[i].brief) == 0);
    return 1;
}

/* How many words the option at `at` takes; 0: it is none of these; -1: its argument is missing. */
static int common_words(int argc, char **argv, int at, enum brief brief, struct common *c)
{
    const char *value;
    if (strcmp(argv[at], "--json") == 0)
        return c->json = 1;
    for (size_t i = 0; i < COMMONS; i++) {
        int words = 1;
        if (!is_common(i, argv[at], brief, &value))
            continue;
        if (value == NULL && at + 1 >= argc)
            return -1;
        if (value == NULL) {
            value = argv[at + 1];
            words = 2;
        }
        *(const char **)((char *)c + commons[i].at) = value;
        return words;
    }
    return 0;
}

int remote_takes_word(const char *option)
{
    const char *value;
    for (size_t i = 0; i < COMMONS; i++)
        if (is_common(i, option, BRIEF, &value))
            return value == NULL;
    return 0;
}

int remote_verb_at(int argc, char **argv)
{
    struct common c = {0};
    int at = 1;
    while (at < argc) {
        int words = argv[at][0] == '-' ? common_words(argc, argv, at, JOINED, &c) : 0;
        if (words <= 0)
            return at;
        at += words;
    }
    return argc;
}

/* Takes them out of argv; what is left begins with the verb.  -1: wrong.  (The shell has a -c of its
 * own.) */
static int take_common(struct common *c, int argc, char **argv)
{
    int left = 0, ended = 0;
    for (int at = 1; at < argc;) {
        enum brief brief = left == 0 ? JOINED : strcmp(argv[0], "shell") != 0 ? BRIEF : FULL;
        int words;
        ended = ended || strcmp(argv[at], "--") == 0;
        words = ended ? 0 : common_words(argc, argv, at, brief, c);
        if (words < 0)
            return cli_error(PROGRAM, "%s needs an argument", argv[at]), -1;
        if (words == 0)
            argv[left++] = argv[at++];
        else
            at += words;
    }
    argv[left] = NULL;
    return left;
}

int remote_main(const remote_verb *verb, int argc, char **argv)
{
    struct common c = {0};
    nave_client_options options = {0};
    remote r = {0};
    int status, left = take_common(&c, argc, argv);
    if (left < 0 || (c.timeout != NULL &&
                     cli_real(PROGRAM, "--timeout", c.timeout, 1e-3, 1e6, &options.timeout) != 0))
        return CLI_USAGE;
    r.json = c.json;
    options.ssh = c.ssh;
    if (wants_help(left, argv))
        return remote_call(&r, verb, left, argv);
    r.rc = nave_connect(c.file, &options, &r.client);
    status =
        r.rc == NAVE_OK ? remote_call(&r, verb, left, argv) : remote_failed(&r, verb->name, r.rc);
    nave_disconnect(&r.client);
    return status;
}

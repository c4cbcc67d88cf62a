#include "remote.h"
#include "cli.h"
#include "program.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const remote_verb remote_verbs[] = {
    {"status", look_status, "", "how the job is getting on"},
    {"top", top_run, "[-d SECONDS] [-b [-n COUNT]]", "the same, live, on the whole screen"},
    {"engines", look_engines, "", "its engines and what they do"},
    {"kernels", look_kernels, "", "its kernels and their signatures"},
    {"calls", look_calls, "", "its calls, the program's and those from outside"},
    {"tasks", look_tasks,
     "[--waiting] [--running] [--succeeded] [--failed] [--cancelled] [-n LIMIT] [CALL]",
     "its tasks"},
    {"explain", look_explain, "CALL[.INDEX]", "where a task is, and why it does not run"},
    {"events", look_events, "[-f] [-n COUNT]", "what happened; -f: and what happens"},
    {"submit", calls_submit,
     "[-p PRIORITY] [-r RETRIES] [-g] [-t SECONDS] [-e RANK,...] [--each] [-w] [--each-line] "
     "KERNEL "
     "[WORD...|@FILE|-]",
     "a task, or one for each line; -w: wait, and print results"},
    {"wait", calls_wait, "[-t SECONDS] CALL[.INDEX]...", "until calls, or tasks, are finished"},
    {"result", calls_result, "[-t SECONDS] [-o FILE] CALL[.INDEX]",
     "of a task, or of all of a call"},
    {"cancel", calls_cancel, "CALL...", "what has not begun"},
    {"forget", calls_forget, "CALL...", "finished calls from outside, and their results"},
    {"objects", look_objects, "", "objects on the engines, and what is published"},
    {"push", data_push, "[-e RANK,...] [--scatter] NAME FILE|-",
     "a file to the engines, as an object"},
    {"pull", data_pull, "[-e RANK] [--gather] [-o FILE] [--type TYPE] [--range LOW,HIGH] NAME",
     "an object or a published array: .npy, .png, or as it is"},
    {"drop", data_drop, "NAME...", "objects"},
    {"set", steer_set, "NAME VALUE", "a steering value"},
    {"watch", steer_watch, "[-d SECONDS] [-n COUNT] NAME", "a steering value, or a published one"},
    {"command", steer_command, "NAME [TEXT]", "a command of the program's"},
    {"pause", steer_pause, "", "no task begins, no step is made"},
    {"resume", steer_resume, "", "on again"},
    {"stop", steer_stop, "", "the job ends in good order"},
    {"cc", build_cc, "FILE.c", "compile kernels on the hub's host, and add them to the job"},
    {"shell", shell_run, "[-c LINE]", "all of these at a prompt"},
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

int remote_failed(const remote *r, const char *verb)
{
    cli_error(PROGRAM, "%s: %s", verb, nave_client_error(r->client));
    return CLI_FAILURE;
}

cJSON *remote_request(const char *verb)
{
    cJSON *request = cJSON_CreateObject();
    cJSON_AddStringToObject(request, "do", verb);
    return request;
}

cJSON *remote_ask(remote *r, cJSON *request, double seconds)
{
    char *text = cJSON_PrintUnformatted(request);
    const char *answer;
    int rc;
    cJSON_Delete(request);
    if (text == NULL)
        return NULL;
    rc = nave_client_ask(r->client, text, NULL, 0, seconds, &answer, NULL, NULL);
    free(text);
    return rc == NAVE_OK ? cJSON_Parse(answer) : NULL;
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

int remote_call(remote *r, const remote_verb *verb, int argc, char **argv)
{
    if (argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0)) {
        printf("usage: nave [-c FILE] [--ssh USER@LOGIN] [--timeout SECONDS] [--json] %s%s%s\n%s\n",
               verb->name, verb->usage[0] != '\0' ? " " : "", verb->usage, verb->what);
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

/* Whether the word at `at` is such an option; then how many words it takes. */
static int common_words(int argc, char **argv, int at, int brief, struct common *c)
{
    const struct {
        const char *brief, *full;
        const char **value;
    } all[] = {{"-c", "--connection", &c->file},
               {NULL, "--ssh", &c->ssh},
               {NULL, "--timeout", &c->timeout}};
    const char *word = argv[at];
    if (strcmp(word, "--json") == 0)
        return c->json = 1;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t length = strlen(all[i].full);
        if (strncmp(word, all[i].full, length) == 0 && word[length] == '=')
            return *all[i].value = word + length + 1, 1;
        if (strcmp(word, all[i].full) != 0 &&
            (!brief || all[i].brief == NULL || strcmp(word, all[i].brief) != 0))
            continue;
        if (at + 1 >= argc)
            return cli_error(PROGRAM, "%s: an argument is missing", word), -1;
        return *all[i].value = argv[at + 1], 2;
    }
    return 0;
}

int remote_verb_at(int argc, char **argv)
{
    struct common c = {0};
    int at = 1;
    while (at < argc) {
        int words = strcmp(argv[at], "-c") == 0 && at + 1 >= argc ? 1 : 0;
        if (words == 0 && argv[at][0] == '-' && at + 1 < argc)
            words = common_words(argc, argv, at, 1, &c);
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
        int words;
        ended = ended || strcmp(argv[at], "--") == 0;
        words =
            ended ? 0 : common_words(argc, argv, at, left == 0 || strcmp(argv[0], "shell") != 0, c);
        if (words < 0)
            return -1;
        if (words == 0)
            argv[left++] = argv[at++];
        else
            at += words;
    }
    argv[left] = NULL;
    return left;
}

static int wants_help(int argc, char **argv)
{
    return argc > 1 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
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
    status = nave_connect(c.file, &options, &r.client) == NAVE_OK
                 ? remote_call(&r, verb, left, argv)
                 : remote_failed(&r, verb->name);
    nave_disconnect(&r.client);
    return status;
}

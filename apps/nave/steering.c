/* steering - values, commands, and the job as a whole: set, watch, command, pause, resume, stop; cc. */
#include "cli.h"
#include "element.h"
#include "file.h"
#include "interrupt.h"
#include "names.h"
#include "options.h"
#include "remote.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int steer_set(remote *r, int argc, char **argv)
{
    int rc;
    /* Values may begin with a dash: there are no options here. */
    if (options_need("set", argc, 1, "a name") != 0 ||
        options_need("set", argc, 2, "a value") != 0 || options_end("set", argc, argv, 3) != 0)
        return CLI_USAGE;
    rc = nave_client_set(r->client, argv[1], argv[2]);
    return rc == NAVE_EOBJECT ? names_failed(r, "set", rc, argv[1], NAMES_VALUES)
                              : remote_done(r, "set", rc);
}

int steer_command(remote *r, int argc, char **argv)
{
    int rc, code = 0;
    if (options_need("command", argc, 1, "a name") != 0 ||
        options_end("command", argc, argv, 3) != 0)
        return CLI_USAGE;
    rc = nave_client_command(r->client, argv[1], argc > 2 ? argv[2] : "", &code);
    if (rc != NAVE_OK)
        return names_failed(r, "command", rc, argv[1], NAMES_COMMANDS);
    if (r->json)
        puts(nave_client_answer(r->client));
    if (code != 0 && !r->json)
        cli_error("nave command", "%s returned %d", argv[1], code);
    return code == 0 ? CLI_OK : CLI_FAILURE;
}

static int simply(remote *r, const char *verb, int (*act)(nave_client *), int argc, char **argv)
{
    int name = options_next(argc, argv, ":");
    if (name != -1)
        return options_wrong(verb, name, argv);
    if (options_end(verb, argc, argv, optind) != 0)
        return CLI_USAGE;
    return remote_done(r, verb, act(r->client));
}

int steer_pause(remote *r, int argc, char **argv)
{
    return simply(r, "pause", nave_client_pause, argc, argv);
}

int steer_resume(remote *r, int argc, char **argv)
{
    return simply(r, "resume", nave_client_resume, argc, argv);
}

/* What becomes of tasks, if there are any. */
static void say_stopped(const char *answer)
{
    cJSON *object = cJSON_Parse(answer);
    double runs = remote_number(object, "running"), waits = remote_number(object, "waiting");
    cJSON_Delete(object);
    if (runs > 0 || waits > 0)
        cli_error("nave stop", "%.0f task%s, and will be finished; %.0f that wait%s cancelled",
                  runs, runs == 1 ? " runs" : "s run", waits, waits == 1 ? "s is" : " are");
}

int steer_stop(remote *r, int argc, char **argv)
{
    int status = simply(r, "stop", nave_client_stop, argc, argv);
    if (status == CLI_OK)
        say_stopped(nave_client_answer(r->client));
    return status;
}

/* ------------------------------------------------------------------------------------------- watch */

/* The steering value of that name as text; NULL: there is none, or r->rc says why there is no answer. */
static char *value_of(remote *r, const char *name)
{
    cJSON *answer = remote_ask(r, remote_request("status"), 0);
    const cJSON *v;
    char *text = NULL;
    cJSON_ArrayForEach (v, remote_list(answer, "steer")) {
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(v, "value");
        if (text == NULL && strcmp(remote_text(v, "name"), name) == 0)
            text = cJSON_IsString(value) && !r->json ? strdup(value->valuestring)
                                                     : cJSON_PrintUnformatted(value);
    }
    cJSON_Delete(answer);
    return text;
}

static void print_value(const remote *r, const char *text)
{
    printf(r->json ? "{\"value\":%s}\n" : "%s\n", text);
    fflush(stdout);
}

int steer_get(remote *r, int argc, char **argv)
{
    char *text;
    int name = options_next(argc, argv, ":");
    if (name != -1)
        return options_wrong("get", name, argv);
    if (options_need("get", argc, optind, "a name") != 0 ||
        options_end("get", argc, argv, optind + 1) != 0)
        return CLI_USAGE;
    text = value_of(r, argv[optind]);
    if (text == NULL && r->rc != NAVE_OK)
        return remote_failed(r, "get", r->rc);
    if (text == NULL)
        return names_no_value(r, "get", argv[optind]);
    print_value(r, text);
    free(text);
    return CLI_OK;
}

enum { SHOWN = 16 };

static void print_array(const remote *r, const nave_client_array *array)
{
    size_t n = array->item > 0 ? array->size / array->item : 0;
    printf(r->json ? "{\"step\":%llu,\"values\":[" : "%10llu  ", (unsigned long long)array->step);
    for (size_t i = 0; i < n && i < SHOWN; i++) {
        if (i > 0)
            fputs(r->json ? "," : " ", stdout);
        element_print(array, nave_client_is_foreign(r->client), r->json, i);
    }
    if (r->json)
        printf("],\"elements\":%zu}\n", n);
    else
        puts(n > SHOWN ? " ..." : "");
    fflush(stdout);
}

/* One look.  0, or the code of what failed. */
static int look(remote *r, const char *name, int *steered)
{
    nave_client_array array;
    char *text = *steered ? value_of(r, name) : NULL;
    int rc;
    if (text != NULL) {
        print_value(r, text);
        free(text);
        return NAVE_OK;
    }
    if (*steered && r->rc != NAVE_OK)
        return r->rc;
    *steered = 0;
    rc = nave_client_array_pull(r->client, name, &array);
    if (rc == NAVE_OK)
        print_array(r, &array);
    return rc;
}

static void pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

/* So often, or until a signal comes. */
static int watch(remote *r, const char *name, double seconds, uint64_t count)
{
    int steered = 1;
    for (uint64_t i = 0; i < count && interrupt_caught() == 0; i++) {
        int rc = look(r, name, &steered);
        if (rc != NAVE_OK && interrupt_caught() == 0)
            return names_failed(r, "watch", rc, name, NAMES_VALUES | NAMES_PUBLISHED);
        if (i + 1 < count && interrupt_caught() == 0)
            pause_for(seconds);
    }
    return CLI_OK;
}

int steer_watch(remote *r, int argc, char **argv)
{
    double seconds = 1;
    uint64_t count = UINT64_MAX;
    interrupt signals;
    for (int name; (name = options_next(argc, argv, ":d:n:")) != -1;)
        if (name == 'd'   ? cli_real("nave watch", "-d", optarg, 0.05, 1e6, &seconds) != 0
            : name == 'n' ? cli_number("nave watch", "-n", optarg, 1, UINT64_MAX, &count) != 0
                          : options_wrong("watch", name, argv) != CLI_OK)
            return CLI_USAGE;
    if (options_need("watch", argc, optind, "a name") != 0 ||
        options_end("watch", argc, argv, optind + 1) != 0)
        return CLI_USAGE;
    interrupt_begin(&signals);
    return interrupt_end(&signals, watch(r, argv[optind], seconds, count));
}

/* ---------------------------------------------------------------------------------------------- cc */

int build_cc(remote *r, int argc, char **argv)
{
    void *source;
    size_t size;
    const char *messages = "";
    int rc, name = options_next(argc, argv, ":");
    if (name != -1)
        return options_wrong("cc", name, argv);
    if (options_need("cc", argc, optind, "a file") != 0 ||
        options_end("cc", argc, argv, optind + 1) != 0)
        return CLI_USAGE;
    if (file_read("cc", argv[optind], &source, &size) != 0)
        return CLI_FAILURE;
    rc = nave_client_compile(r->client, argv[optind], source, &messages);
    free(source);
    fputs(messages, stderr);
    return remote_done(r, "cc", rc);
}

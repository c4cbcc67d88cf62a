/* steering - values, commands, and the job as a whole: set, watch, command, pause, resume, stop; cc. */
#include "cli.h"
#include "element.h"
#include "file.h"
#include "options.h"
#include "remote.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int steer_set(remote *r, int argc, char **argv)
{
    /* Values may begin with a dash: there are no options here. */
    if (options_need("set", argc, 1, "a name") != 0 ||
        options_need("set", argc, 2, "a value") != 0 || options_end("set", argc, argv, 3) != 0)
        return CLI_USAGE;
    if (nave_client_set(r->client, argv[1], argv[2]) != NAVE_OK)
        return remote_failed(r, "set");
    return CLI_OK;
}

int steer_command(remote *r, int argc, char **argv)
{
    int code = 0;
    if (options_need("command", argc, 1, "a name") != 0 ||
        options_end("command", argc, argv, 3) != 0)
        return CLI_USAGE;
    if (nave_client_command(r->client, argv[1], argc > 2 ? argv[2] : "", &code) != NAVE_OK)
        return remote_failed(r, "command");
    if (r->json)
        printf("{\"result\":%d}\n", code);
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
    return act(r->client) == NAVE_OK ? CLI_OK : remote_failed(r, verb);
}

int steer_pause(remote *r, int argc, char **argv)
{
    return simply(r, "pause", nave_client_pause, argc, argv);
}

int steer_resume(remote *r, int argc, char **argv)
{
    return simply(r, "resume", nave_client_resume, argc, argv);
}

int steer_stop(remote *r, int argc, char **argv)
{
    return simply(r, "stop", nave_client_stop, argc, argv);
}

/* ------------------------------------------------------------------------------------------- watch */

/* The steering value of that name as text; NULL: there is none. */
static char *value_of(remote *r, const char *name)
{
    cJSON *answer = remote_ask(r, remote_request("status"), 0);
    const cJSON *v;
    char *text = NULL;
    cJSON_ArrayForEach (v, remote_list(answer, "steer")) {
        if (text == NULL && strcmp(remote_text(v, "name"), name) == 0)
            text = cJSON_PrintUnformatted(cJSON_GetObjectItemCaseSensitive(v, "value"));
    }
    cJSON_Delete(answer);
    return text;
}

enum { SHOWN = 16 };

static void print_array(const remote *r, const nave_client_array *array)
{
    size_t n = array->item > 0 ? array->size / array->item : 0;
    printf(r->json ? "{\"step\":%llu,\"values\":[" : "%10llu  ", (unsigned long long)array->step);
    for (size_t i = 0; i < n && (r->json || i < SHOWN); i++) {
        if (i > 0)
            fputs(r->json ? "," : " ", stdout);
        element_print(array, nave_client_is_foreign(r->client), i);
    }
    puts(r->json ? "]}" : n > SHOWN ? " ..." : "");
    fflush(stdout);
}

/* One look.  0, or -1. */
static int look(remote *r, const char *name, int *steered)
{
    nave_client_array array;
    char *text = *steered ? value_of(r, name) : NULL;
    if (text != NULL) {
        printf(r->json ? "{\"value\":%s}\n" : "%s\n", text);
        fflush(stdout);
        free(text);
        return 0;
    }
    *steered = 0;
    if (nave_client_array_pull(r->client, name, &array) != NAVE_OK)
        return -1;
    print_array(r, &array);
    return 0;
}

/* 0; or -1: a signal came. */
static int pause_for(double seconds)
{
    struct timespec time = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    return nanosleep(&time, NULL);
}

int steer_watch(remote *r, int argc, char **argv)
{
    double seconds = 1;
    uint64_t count = UINT64_MAX;
    int steered = 1;
    for (int name; (name = options_next(argc, argv, ":d:n:")) != -1;)
        if (name == 'd'   ? cli_real("nave watch", "-d", optarg, 0.05, 1e6, &seconds) != 0
            : name == 'n' ? cli_number("nave watch", "-n", optarg, 1, UINT64_MAX, &count) != 0
                          : options_wrong("watch", name, argv) != CLI_OK)
            return CLI_USAGE;
    if (options_need("watch", argc, optind, "a name") != 0 ||
        options_end("watch", argc, argv, optind + 1) != 0)
        return CLI_USAGE;
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0 && pause_for(seconds) != 0)
            break;
        if (look(r, argv[optind], &steered) != 0)
            return remote_failed(r, "watch");
    }
    return CLI_OK;
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
    return rc == NAVE_OK ? CLI_OK : remote_failed(r, "cc");
}

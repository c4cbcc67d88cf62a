/* calls - what becomes of tasks from outside: wait, result, cancel, forget.  (submit.c: how they come.) */
#include "calls.h"
#include "cli.h"
#include "file.h"
#include "interrupt.h"
#include "options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------------------------------------- results */

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
    int status,
        rc = nave_client_result(r->client, call->number, (size_t)index, seconds, &data, &size);
    if (rc != NAVE_OK)
        return remote_failed(r, "result", rc);
    if (file == NULL)
        nave_client_show(r->client, call->kernel, data, size, r->json, &text);
    if (text != NULL)
        status = puts(text) < 0 ? CLI_FAILURE : CLI_OK;
    else
        status = file_write("result", file, data, size);
    if (file != NULL)
        status = remote_written(r, status);
    free(text);
    return status;
}

/* All of a call; the status of the first that is not well. */
static int print_results(remote *r, const known_call *call, double seconds, const char *file)
{
    int status = CLI_OK;
    for (uint64_t i = 0; i < call->total && interrupt_caught() == 0; i++) {
        int one = print_result(r, call, i, seconds, file);
        status = status == CLI_OK ? one : status;
    }
    return status;
}

int calls_print(remote *r, uint64_t number)
{
    known_call call;
    int status;
    if (known_call_read(r, number, &call) != 0)
        return remote_failed(r, "result", r->rc);
    status = print_results(r, &call, 0, NULL);
    free(call.kernel);
    return status;
}

/* ------------------------------------------------------------------------------------ what becomes */

/* A call, or one of its tasks. */
static int wait_for(remote *r, uint64_t call, uint64_t index, double seconds)
{
    return remote_done(r, "wait",
                       index == UINT64_MAX ? nave_client_wait(r->client, call, seconds)
                                           : nave_client_result(r->client, call, (size_t)index,
                                                                seconds, NULL, NULL));
}

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
        if (wait_for(r, call, index, seconds) != CLI_OK)
            status = CLI_FAILURE;
    }
    return status;
}

/* What the words name: a task, or all of a call. */
static int print_named(remote *r, uint64_t number, uint64_t index, double seconds, const char *file)
{
    known_call call;
    int status;
    if (known_call_read(r, number, &call) != 0)
        return remote_failed(r, "result", r->rc);
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
static int each_call(remote *r, const char *verb, int (*act)(remote *r, uint64_t call), int argc,
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
            return options_refuse(verb, "%s: it is for whole calls", argv[i]);
        if (act(r, call) != CLI_OK)
            status = CLI_FAILURE;
    }
    return status;
}

/* Guarded tasks are ended; others cannot be. */
static int cancel(remote *r, uint64_t call)
{
    int status = remote_done(r, "cancel", nave_client_cancel(r->client, call));
    cJSON *answer = cJSON_Parse(nave_client_answer(r->client));
    double n = remote_number(answer, "running");
    cJSON_Delete(answer);
    if (status == CLI_OK && n == 1)
        cli_error("nave cancel",
                  "call %" PRIu64 ": 1 task runs on to its end; its result is dropped", call);
    else if (status == CLI_OK && n > 1)
        cli_error("nave cancel",
                  "call %" PRIu64 ": %.0f tasks run on to their end; their results are dropped",
                  call, n);
    return status;
}

static int forget(remote *r, uint64_t call)
{
    return remote_done(r, "forget", nave_client_forget(r->client, call));
}

int calls_cancel(remote *r, int argc, char **argv)
{
    return each_call(r, "cancel", cancel, argc, argv);
}

int calls_forget(remote *r, int argc, char **argv)
{
    return each_call(r, "forget", forget, argc, argv);
}

/* look - the verbs that only look: status, engines, kernels, objects, calls, tasks, explain, events. */
#include "cli.h"
#include "interrupt.h"
#include "options.h"
#include "remote.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Asks, and prints as JSON where that is wanted.  The answer; NULL: all is done, with *status. */
static cJSON *ask(remote *r, const char *verb, cJSON *request, int *status)
{
    cJSON *answer = remote_ask(r, request, 0);
    *status = answer != NULL ? CLI_OK : remote_failed(r, verb, r->rc);
    if (answer == NULL || !remote_json(r, answer))
        return answer;
    cJSON_Delete(answer);
    return NULL;
}

static int no_arguments(const char *verb, int argc, char **argv)
{
    int name = options_next(argc, argv, ":");
    if (name != -1)
        return options_wrong(verb, name, argv);
    return options_end(verb, argc, argv, optind) != 0 ? CLI_USAGE : CLI_OK;
}

/* ------------------------------------------------------------------------------------------ status */

static void print_duration(double seconds)
{
    long s = (long)seconds;
    if (s >= 3600)
        printf("%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        printf("%ld:%02ld", s / 60, s % 60);
}

/* "1 client", "2 clients". */
static void print_count(double n, const char *what)
{
    printf("%.0f %s%s", n, what, n == 1 ? "" : "s");
}

/* Large ones are texts. */
static void print_number(const cJSON *number)
{
    char *text = cJSON_IsString(number) ? NULL : cJSON_PrintUnformatted(number);
    fputs(text != NULL ? text : cJSON_IsString(number) ? number->valuestring : "", stdout);
    free(text);
}

static void print_value(const cJSON *value)
{
    printf("  %-20s ", remote_text(value, "name"));
    print_number(cJSON_GetObjectItemCaseSensitive(value, "value"));
    printf("   (%s", remote_text(value, "type"));
    if (cJSON_HasObjectItem(value, "min")) {
        fputs(", ", stdout);
        print_number(cJSON_GetObjectItemCaseSensitive(value, "min"));
        fputs(" to ", stdout);
        print_number(cJSON_GetObjectItemCaseSensitive(value, "max"));
    }
    puts(")");
}

static void print_names(const char *title, const cJSON *list)
{
    const cJSON *item;
    const char *separator = "";
    if (cJSON_GetArraySize(list) == 0)
        return;
    printf("%-10s ", title);
    cJSON_ArrayForEach (item, list) {
        printf("%s%s", separator, cJSON_IsString(item) ? item->valuestring : "");
        separator = ", ";
    }
    putchar('\n');
}

static void print_steering(const cJSON *status)
{
    const cJSON *item;
    if (cJSON_GetArraySize(remote_list(status, "steer")) > 0)
        puts("values (nave set NAME VALUE)");
    cJSON_ArrayForEach (item, remote_list(status, "steer")) {
        print_value(item);
    }
    print_names("published", remote_list(status, "published"));
    print_names("commands", remote_list(status, "commands"));
    if (remote_number(status, "polls") > 0)
        printf("%-10s %.0f\n", "polls", remote_number(status, "polls"));
}

static void print_hello(const cJSON *hello)
{
    const char *program = remote_text(hello, "program");
    double absent = remote_number(hello, "absent");
    printf("%-10s %s%s%s%s\n", "job", remote_text(hello, "job"), program[0] != '\0' ? " (" : "",
           program, program[0] != '\0' ? ")" : "");
    printf("%-10s %s, process %.0f, ", "hub", remote_text(hello, "host"),
           remote_number(hello, "pid"));
    print_count(remote_number(hello, "ranks"), "rank");
    printf(", Nave %s\n", remote_text(hello, "nave"));
    if (absent > 1)
        printf("%-10s the program has been out of Nave's calls for %.0f s\n", "", absent);
}

static void print_status(const cJSON *status)
{
    const cJSON *engines = cJSON_GetObjectItemCaseSensitive(status, "engines");
    const cJSON *tasks = cJSON_GetObjectItemCaseSensitive(status, "tasks");
    printf("%-10s %s for ", "state", remote_text(status, "state"));
    print_duration(remote_number(status, "time"));
    printf(", ");
    print_count(remote_number(status, "clients"), "client");
    printf("\n%-10s %.0f: %.0f busy, %.0f idle", "engines", remote_number(engines, "total"),
           remote_number(engines, "busy"), remote_number(engines, "idle"));
    if (remote_number(engines, "lost") > 0)
        printf(", %.0f lost", remote_number(engines, "lost"));
    printf("\n%-10s %.0f waiting, %.0f running, %.0f succeeded, %.0f failed, %.0f cancelled; ",
           "tasks", remote_number(tasks, "waiting"), remote_number(tasks, "running"),
           remote_number(tasks, "succeeded"), remote_number(tasks, "failed"),
           remote_number(tasks, "cancelled"));
    print_count(remote_number(status, "calls"), "call");
    puts(" open");
    print_steering(status);
}

/* The line by which somebody elsewhere can make the way by hand. */
static void print_way(const remote *r)
{
    char line[1024];
    if (nave_client_ssh_line(r->client, line, sizeof line) == NAVE_OK)
        printf("%-10s %s\n", "from afar", line);
}

/* Both answers as one object. */
static void join(cJSON *hello, cJSON *status)
{
    cJSON *item = status != NULL ? status->child : NULL;
    while (item != NULL) {
        cJSON *next = item->next;
        if (!cJSON_HasObjectItem(hello, item->string)) {
            cJSON_DetachItemViaPointer(status, item);
            cJSON_AddItemToObject(hello, item->string, item);
        }
        item = next;
    }
}

/* What the porter knows comes even when the program is somewhere else. */
int look_status(remote *r, int argc, char **argv)
{
    int code = no_arguments("status", argc, argv);
    cJSON *hello = code == CLI_OK ? remote_ask(r, remote_request("hello"), 0) : NULL, *status;
    if (code != CLI_OK || hello == NULL)
        return code != CLI_OK ? code : remote_failed(r, "status", r->rc);
    if (!r->json) {
        print_hello(hello);
        print_way(r);
        fflush(stdout);
    }
    status = remote_ask(r, remote_request("status"), 0);
    if (status == NULL)
        code = remote_failed(r, "status", r->rc);
    else if (!r->json)
        print_status(status);
    if (r->json) {
        join(hello, status);
        remote_json(r, hello);
    }
    cJSON_Delete(hello);
    cJSON_Delete(status);
    return code;
}

/* --------------------------------------------------------------------------- engines, kernels, ... */

/* The verbs that list something under a head. */
static int list_all(remote *r, const char *verb, int argc, char **argv, const char *head,
                    void (*print)(const cJSON *item))
{
    int status = no_arguments(verb, argc, argv);
    cJSON *answer = status == CLI_OK ? ask(r, verb, remote_request(verb), &status) : NULL;
    const cJSON *item;
    if (answer == NULL)
        return status;
    fputs(head, stdout);
    cJSON_ArrayForEach (item, remote_list(answer, verb)) {
        print(item);
    }
    cJSON_Delete(answer);
    return CLI_OK;
}

static void print_engine(const cJSON *e)
{
    printf("%5.0f  %-16s %-10s %-6s %10.0f %12.0f %12.3f\n", remote_number(e, "rank"),
           remote_text(e, "host"), remote_text(e, "cpus"), remote_text(e, "state"),
           remote_number(e, "tasks"), remote_number(e, "done"), remote_number(e, "seconds"));
}

int look_engines(remote *r, int argc, char **argv)
{
    return list_all(
        r, "engines", argc, argv,
        " rank  host             cpus       state       tasks         done      seconds\n",
        print_engine);
}

static void print_kernel(const cJSON *k)
{
    double engines = remote_number(k, "engines");
    printf("%-20s %4.0f engine%s  %s\n", remote_text(k, "name"), engines, engines == 1 ? " " : "s",
           remote_text(k, "signature"));
}

int look_kernels(remote *r, int argc, char **argv)
{
    return list_all(r, "kernels", argc, argv, "", print_kernel);
}

static void print_object(const cJSON *object)
{
    const cJSON *rank;
    const char *separator = "";
    printf("%-20s on ", remote_text(object, "name"));
    cJSON_ArrayForEach (rank, remote_list(object, "engines")) {
        printf("%s%d", separator, rank->valueint);
        separator = ",";
    }
    putchar('\n');
}

int look_objects(remote *r, int argc, char **argv)
{
    int status = list_all(r, "objects", argc, argv, "", print_object);
    cJSON *answer =
        status == CLI_OK && !r->json ? remote_ask(r, remote_request("status"), 0) : NULL;
    const cJSON *name;
    cJSON_ArrayForEach (name, remote_list(answer, "published")) {
        printf("%-20s published\n", cJSON_IsString(name) ? name->valuestring : "");
    }
    cJSON_Delete(answer);
    return status;
}

static void print_call(const cJSON *c)
{
    printf("%6.0f  %-16s %-8s %-9s %9.0f %9.0f %9.0f %9.0f %9.0f\n", remote_number(c, "call"),
           remote_text(c, "kernel"), remote_text(c, "from"), remote_text(c, "state"),
           remote_number(c, "total"), remote_number(c, "waiting"), remote_number(c, "running"),
           remote_number(c, "succeeded"), remote_number(c, "failed"));
    if (remote_text(c, "digest")[0] != '\0')
        printf("        %s\n", remote_text(c, "digest"));
}

int look_calls(remote *r, int argc, char **argv)
{
    return list_all(r, "calls", argc, argv,
                    "  call  kernel           from     state         total   waiting   running "
                    "succeeded    failed\n",
                    print_call);
}

/* ------------------------------------------------------------------------------------------- tasks */

enum { STATES = 5, WAITING = 256, PAGE = 1000 /* tasks in one answer */ };

#define ONE 0 /* how many at most, where one is named */

static const char *const states[STATES] = {"waiting", "running", "succeeded", "failed",
                                           "cancelled"};

/* Sets the request to the call that is named, or to one of its tasks.  -1: wrong. */
static int name_tasks(cJSON *request, const char *word, int states_named, uint64_t *most)
{
    uint64_t call, index;
    if (options_task("tasks", word, &call, &index) != 0)
        return -1;
    cJSON_AddNumberToObject(request, "call", (double)call);
    if (index == UINT64_MAX)
        return 0;
    if (states_named)
        return cli_error("nave tasks", "%s: states are for whole calls", word), -1;
    cJSON_AddNumberToObject(request, "from", (double)index);
    *most = ONE;
    return 0;
}

/* The request that the options and words ask for, and how many tasks at most; NULL: they are wrong. */
static cJSON *tasks_request(int argc, char **argv, uint64_t *most)
{
    static const struct option known[] = {{"waiting", no_argument, NULL, WAITING},
                                          {"running", no_argument, NULL, WAITING + 1},
                                          {"succeeded", no_argument, NULL, WAITING + 2},
                                          {"failed", no_argument, NULL, WAITING + 3},
                                          {"cancelled", no_argument, NULL, WAITING + 4},
                                          {"limit", required_argument, NULL, 'n'},
                                          {NULL, 0, NULL, 0}};
    cJSON *request = remote_request("tasks"), *wanted = NULL;
    int good = 1;
    *most = UINT64_MAX;
    for (int name; good && (name = getopt_long(argc, argv, ":n:", known, NULL)) != -1;) {
        if (name == 'n')
            good = cli_number("nave tasks", "-n", optarg, 1, UINT64_MAX, most) == 0;
        else if (name < WAITING || name >= WAITING + STATES)
            good = options_wrong("tasks", name, argv) == CLI_OK;
        else {
            wanted = wanted != NULL ? wanted : cJSON_AddArrayToObject(request, "states");
            cJSON_AddItemToArray(wanted, cJSON_CreateString(states[name - WAITING]));
        }
    }
    if (good && optind < argc)
        good = name_tasks(request, argv[optind], wanted != NULL, most) == 0;
    if (good && options_end("tasks", argc, argv, optind + 1) == 0)
        return request;
    cJSON_Delete(request);
    return NULL;
}

/* How long it ran, or runs at the time `now`; of one that is with an engine, and whose turn has not come there, that. */
static void print_times(const cJSON *t, double now)
{
    int running = strcmp(remote_text(t, "state"), "running") == 0;
    double started = remote_number(t, "started");
    double ended = running ? now : remote_number(t, "ended");
    if (running && started == 0 && cJSON_HasObjectItem(t, "engine"))
        fputs(", behind others", stdout);
    else if (running && started > 0)
        printf(" for %.3g s", ended > started ? ended - started : 0);
    else if (ended > started)
        printf(" %.6g s", ended - started);
}

static void print_task(const cJSON *t, double now)
{
    printf("%10s  %-16s %-9s", remote_text(t, "task"), remote_text(t, "kernel"),
           remote_text(t, "state"));
    if (cJSON_HasObjectItem(t, "engine"))
        printf(" engine %.0f (%s)", remote_number(t, "engine"), remote_text(t, "host"));
    print_times(t, now);
    if (cJSON_HasObjectItem(t, "message"))
        printf(": %s (code %.0f)", remote_text(t, "message"), remote_number(t, "code"));
    putchar('\n');
}

/* A page of at most so many; sets the request to the next one.  How many there were; -1: no answer. */
static int tasks_page(remote *r, cJSON *request, uint64_t most, int *more)
{
    const cJSON *t, *next;
    cJSON *answer;
    int n;
    cJSON_DeleteItemFromObjectCaseSensitive(request, "limit");
    cJSON_AddNumberToObject(request, "limit", most < PAGE ? (double)most : PAGE);
    answer = remote_ask(r, cJSON_Duplicate(request, 1), 0);
    if (answer == NULL)
        return -1;
    n = cJSON_GetArraySize(remote_list(answer, "tasks"));
    next = cJSON_GetObjectItemCaseSensitive(answer, "next");
    *more = next != NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(request, "from");
    if (next != NULL)
        cJSON_AddItemToObject(request, "from", cJSON_Duplicate(next, 1));
    if (!remote_json(r, answer)) {
        cJSON_ArrayForEach (t, remote_list(answer, "tasks")) {
            print_task(t, remote_number(answer, "time"));
        }
    }
    cJSON_Delete(answer);
    return n;
}

int look_tasks(remote *r, int argc, char **argv)
{
    uint64_t most;
    cJSON *request = tasks_request(argc, argv, &most);
    int more = 1, status = CLI_OK;
    if (request == NULL)
        return CLI_USAGE;
    if (most == ONE) { /* a page of one task */
        int n = tasks_page(r, request, 1, &more);
        status = n < 0    ? remote_failed(r, "tasks", r->rc)
                 : n == 0 ? remote_fail(r, "tasks", NAVE_EINVAL, "the call has no such task")
                          : CLI_OK;
        more = 0;
    }
    while (more && most > 0 && status == CLI_OK) {
        int n = tasks_page(r, request, most, &more);
        if (n < 0)
            status = remote_failed(r, "tasks", r->rc);
        else
            most -= (uint64_t)n < most ? (uint64_t)n : most;
    }
    cJSON_Delete(request);
    return status;
}

int look_explain(remote *r, int argc, char **argv)
{
    cJSON *request, *answer;
    uint64_t call, index;
    int status = CLI_USAGE, name = options_next(argc, argv, ":");
    if (name != -1)
        return options_wrong("explain", name, argv);
    if (options_need("explain", argc, optind, "a task") != 0 ||
        options_end("explain", argc, argv, optind + 1) != 0 ||
        options_task("explain", argv[optind], &call, &index) != 0)
        return status;
    request = remote_request("explain");
    cJSON_AddStringToObject(request, "task", argv[optind]);
    answer = ask(r, "explain", request, &status);
    if (answer == NULL)
        return status;
    if (cJSON_HasObjectItem(answer, "call"))
        printf("call %.0f (%s) is %s: %s\n", remote_number(answer, "call"),
               remote_text(answer, "kernel"), remote_text(answer, "state"),
               remote_text(answer, "text"));
    else
        printf("task %s (%s) is %s: %s\n", remote_text(answer, "task"),
               remote_text(answer, "kernel"), remote_text(answer, "state"),
               remote_text(answer, "text"));
    cJSON_Delete(answer);
    return CLI_OK;
}

/* ------------------------------------------------------------------------------------------ events */

enum { MOST = 1024 }; /* that a job keeps */

/* Prints those that are new, the last `most` of them; returns the number of the last. */
static double print_events(const remote *r, const cJSON *list, int most)
{
    int skip = cJSON_GetArraySize(list) - most;
    double last = 0;
    const cJSON *e;
    cJSON_ArrayForEach (e, list) {
        last = remote_number(e, "number");
        if (skip-- > 0 || remote_json(r, e))
            continue;
        printf("%10.3f  %-9s %s\n", remote_number(e, "time"), remote_text(e, "what"),
               remote_text(e, "text"));
    }
    fflush(stdout);
    return last;
}

/* A request for what is new, and how long to wait for it. */
static cJSON *events_request(double after, double seconds)
{
    cJSON *request = remote_request("events");
    cJSON_AddNumberToObject(request, "after", after);
    cJSON_AddNumberToObject(request, "seconds", seconds);
    return request;
}

/* Until a signal comes. */
static int follow_events(remote *r, double after)
{
    while (interrupt_caught() == 0) {
        cJSON *answer = remote_ask(r, events_request(after, 5), 5);
        double last;
        if (answer == NULL)
            return interrupt_caught() != 0 ? CLI_OK : remote_failed(r, "events", r->rc);
        last = print_events(r, remote_list(answer, "events"), MOST);
        after = last > 0 ? last : after;
        cJSON_Delete(answer);
    }
    return CLI_OK;
}

int look_events(remote *r, int argc, char **argv)
{
    uint64_t most = MOST;
    double last;
    int follow = 0;
    interrupt signals;
    cJSON *answer;
    for (int name; (name = options_next(argc, argv, ":fn:")) != -1;)
        if (name == 'f')
            follow = 1;
        else if (name != 'n')
            return options_wrong("events", name, argv);
        else if (cli_number("nave events", "-n", optarg, 1, MOST, &most) != 0)
            return CLI_USAGE;
    if (options_end("events", argc, argv, optind) != 0)
        return CLI_USAGE;
    answer = remote_ask(r, events_request(0, 0), 0);
    if (answer == NULL)
        return remote_failed(r, "events", r->rc);
    last = print_events(r, remote_list(answer, "events"), (int)most);
    cJSON_Delete(answer);
    if (!follow)
        return CLI_OK;
    interrupt_begin(&signals);
    return interrupt_end(&signals, follow_events(r, last));
}

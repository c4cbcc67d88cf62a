#include "log.h"
#include "cli.h"

#include "nave_journal.h"

#include <cjson/cJSON.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERB PROGRAM " log"

typedef struct options {
    const char *file;
    nave_log_filter filter;
    int tasks, json, output, count;
} options;

enum { FAILED = 256, STATE, JOB, CALL, KERNEL, ENGINE, TASKS, JSON, OUTPUT, COUNT };

static const struct option known[] = {
    {"tasks", no_argument, NULL, TASKS},
    {"failed", no_argument, NULL, FAILED},
    {"state", required_argument, NULL, STATE},
    {"job", required_argument, NULL, JOB},
    {"call", required_argument, NULL, CALL},
    {"kernel", required_argument, NULL, KERNEL},
    {"engine", required_argument, NULL, ENGINE},
    {"json", no_argument, NULL, JSON},
    {"output", no_argument, NULL, OUTPUT},
    {"count", no_argument, NULL, COUNT},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static const char usage[] =
    "usage: nave log [OPTION...] FILE\n"
    "Print what a journal says: the jobs that wrote it, or the tasks that were finished.\n"
    "\n"
    "  --tasks          a line for each finished task, or block of tasks of a reduction\n"
    "  --failed         those that failed\n"
    "  --state STATE    succeeded or failed\n"
    "  --job N --call N --kernel NAME --engine RANK   those only\n"
    "  --count          only how many these are\n"
    "  --output         what they wrote, where that was kept\n"
    "  --json           JSON, a line for each job or task\n"
    "  -h, --help       this text\n"
    "  -V, --version    the version\n"
    "\n"
    "A task that was run again in a later job has a line for each.\n"
    "Exit status: 0 done, 1 the file cannot be read, 2 wrong usage.\n";

/* -- options -- */

static int set_state(options *o)
{
    if (strcmp(optarg, "failed") == 0)
        o->filter.state = NAVE_FAILED;
    else if (strcmp(optarg, "succeeded") == 0)
        o->filter.state = NAVE_SUCCEEDED;
    else
        return cli_error(VERB, "--state %.80s: must be succeeded or failed", optarg), -1;
    return 0;
}

static int number(const char *option, uint64_t low, uint64_t high, uint64_t *n)
{
    return cli_number(VERB, option, optarg, low, high, n);
}

/* An option that chooses tasks.  1: it is none. */
static int take_filter(options *o, int option)
{
    uint64_t n = 0;
    int rc = 0;

    switch (option) {
    case FAILED:
        o->filter.state = NAVE_FAILED;
        break;
    case STATE:
        rc = set_state(o);
        break;
    case JOB:
        rc = number("--job", 1, INT32_MAX, &n);
        o->filter.job = (long)n;
        break;
    case CALL:
        rc = number("--call", 1, INT64_MAX, &n);
        o->filter.call = n;
        break;
    case KERNEL:
        o->filter.kernel = optarg;
        break;
    case ENGINE:
        rc = number("--engine", 0, INT32_MAX, &n);
        o->filter.by_engine = 1;
        o->filter.engine = (int)n;
        break;
    default:
        return 1;
    }
    o->tasks = 1;
    return rc;
}

static int take(options *o, int option, char **argv)
{
    int taken = take_filter(o, option);

    if (taken <= 0)
        return taken;
    switch (option) {
    case TASKS:
        o->tasks = 1;
        return 0;
    case JSON:
        o->json = 1;
        return 0;
    case OUTPUT:
        o->output = o->tasks = 1;
        return 0;
    case COUNT:
        o->count = o->tasks = 1;
        return 0;
    default:
        return cli_refuse(VERB, option, argv);
    }
}

/* 0: go on; -1: all is said, *status is the exit status. */
static int options_read(options *o, int argc, char **argv, int *status)
{
    int option;

    *o = (options){0};
    *status = CLI_USAGE;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":hV", known, NULL)) != -1) {
        if (option == 'h')
            return cli_answer(usage, status);
        if (option == 'V')
            return cli_answer(PROGRAM " (Nave) " NAVE_VERSION "\n", status);
        if (take(o, option, argv) < 0)
            return -1;
    }
    if (argc - optind != 1) {
        cli_error(VERB, "%s (nave log --help)", optind < argc ? "one FILE" : "FILE is missing");
        return -1;
    }
    o->file = argv[optind];
    return 0;
}

/* -- printing -- */

static const char *state_name(enum nave_task_state state)
{
    return state == NAVE_FAILED ? "failed" : state == NAVE_SUCCEEDED ? "succeeded" : "?";
}

static const char *moment(double seconds, char text[32])
{
    time_t whole = (time_t)seconds;
    struct tm parts;

    if (localtime_r(&whole, &parts) == NULL || strftime(text, 32, "%Y-%m-%d %H:%M:%S", &parts) == 0)
        strcpy(text, "-");
    return text;
}

static int print_object(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);

    if (text != NULL)
        puts(text);
    cJSON_Delete(object);
    free(text);
    return text != NULL ? 0 : -1;
}

static int job_json(const nave_log_job *job)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddNumberToObject(object, "job", (double)job->job);
    cJSON_AddStringToObject(object, "program", job->program);
    cJSON_AddStringToObject(object, "version", job->version);
    cJSON_AddNumberToObject(object, "ranks", job->ranks);
    cJSON_AddNumberToObject(object, "began", job->began);
    if (job->ended > 0) {
        cJSON_AddNumberToObject(object, "ended", job->ended);
        cJSON_AddNumberToObject(object, "status", job->status);
    }
    cJSON_AddNumberToObject(object, "succeeded", (double)job->succeeded);
    cJSON_AddNumberToObject(object, "failed", (double)job->failed);
    return print_object(object);
}

static void job_line(const nave_log_job *job)
{
    char began[32], end[48] = "cut off, or going on";

    if (job->ended > 0 && job->status == 0)
        snprintf(end, sizeof end, "done after %.1f s", job->ended - job->began);
    else if (job->ended > 0)
        snprintf(end, sizeof end, "status %d after %.1f s", job->status, job->ended - job->began);
    printf("%4ld  %-19s  %-16s  %5d  %10llu  %8llu  %s\n", job->job, moment(job->began, began),
           *job->program != '\0' ? job->program : "-", job->ranks, job->succeeded, job->failed,
           end);
}

static int print_jobs(nave_log *log, const options *o)
{
    nave_log_job job;
    int rc;

    if (!o->json)
        puts(" job  began                program           ranks   succeeded    failed  end");
    while ((rc = nave_log_next_job(log, &job)) == NAVE_OK) {
        if (!o->json)
            job_line(&job);
        else if (job_json(&job) < 0)
            return NAVE_ENOMEM;
    }
    return rc;
}

/* JSON knows no bytes, only text: what is none is replaced. */
static void add_text(cJSON *object, const char *key, const char *bytes, size_t size)
{
    char *text = malloc(size + 1);

    for (size_t i = 0; text != NULL && i < size; i++)
        text[i] = (char)(bytes[i] == '\0' || (unsigned char)bytes[i] > 126 ? '?' : bytes[i]);
    if (text == NULL)
        return;
    text[size] = '\0';
    cJSON_AddStringToObject(object, key, text);
    free(text);
}

static int task_json(const nave_log_record *r)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddNumberToObject(object, "job", (double)r->job);
    cJSON_AddNumberToObject(object, "call", (double)r->call);
    cJSON_AddStringToObject(object, "kind", r->kind);
    cJSON_AddStringToObject(object, "kernel", r->kernel);
    cJSON_AddNumberToObject(object, "task", (double)r->task);
    cJSON_AddNumberToObject(object, "count", (double)r->count);
    cJSON_AddStringToObject(object, "state", state_name(r->state));
    cJSON_AddNumberToObject(object, "attempts", r->attempts);
    cJSON_AddNumberToObject(object, "engine", r->engine);
    cJSON_AddStringToObject(object, "host", r->host);
    cJSON_AddNumberToObject(object, "submitted", r->submitted);
    cJSON_AddNumberToObject(object, "started", r->started);
    cJSON_AddNumberToObject(object, "ended", r->ended);
    cJSON_AddNumberToObject(object, "code", r->code);
    add_text(object, "message", r->message, strlen(r->message));
    add_text(object, "output", r->output, r->output_size);
    cJSON_AddNumberToObject(object, "size", (double)r->size);
    return print_object(object);
}

static void task_line(const nave_log_record *r)
{
    printf("%4ld  %5llu  %-16s  %9llu  %6llu  %-9s  %6d  %8d  %11.6f  %s%s\n", r->job, r->call,
           *r->kernel != '\0' ? r->kernel : "-", r->task, r->count, state_name(r->state), r->engine,
           r->attempts, r->ended - r->started, r->message,
           r->state == NAVE_FAILED && *r->message == '\0' ? "(no message)" : "");
}

static void print_output(const nave_log_record *r)
{
    if (r->output_size == 0)
        return;
    printf("--- job %ld, call %llu, task %llu\n", r->job, r->call, r->task);
    fwrite(r->output, 1, r->output_size, stdout);
    if (r->output[r->output_size - 1] != '\n')
        putchar('\n');
}

static int print_tasks(nave_log *log, const options *o)
{
    nave_log_record record;
    unsigned long long count = 0;
    int rc = nave_log_select(log, &o->filter);

    if (rc != NAVE_OK)
        return rc;
    if (!o->json && !o->count && !o->output)
        puts(" job   call  kernel                 task   count  state      engine  attempts  "
             "    seconds  message");
    for (; (rc = nave_log_next(log, &record)) == NAVE_OK; count++) {
        if (o->count)
            continue;
        if (o->json && task_json(&record) < 0)
            return NAVE_ENOMEM;
        if (!o->json && o->output)
            print_output(&record);
        else if (!o->json)
            task_line(&record);
    }
    if (o->count)
        printf("%llu\n", count);
    return rc;
}

/* -- the verb -- */

static int read_journal(int argc, char **argv)
{
    options o;
    nave_log *log;
    int status, rc;

    if (options_read(&o, argc, argv, &status) < 0)
        return status;
    rc = nave_log_open(o.file, &log);
    if (rc == NAVE_OK)
        rc = o.tasks ? print_tasks(log, &o) : print_jobs(log, &o);
    if (rc != NAVE_END)
        cli_error(VERB, "%s", rc == NAVE_ENOMEM ? nave_strerror(rc) : nave_log_error(log));
    nave_log_close(&log);
    return rc == NAVE_END ? CLI_OK : CLI_FAILURE;
}

int log_run(int argc, char **argv)
{
    int rank, status = CLI_OK;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0)
        status = read_journal(argc, argv);
    MPI_Bcast(&status, 1, MPI_INT, 0, MPI_COMM_WORLD);
    return status;
}

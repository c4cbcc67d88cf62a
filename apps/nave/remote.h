/* remote - the verbs that need a running job: what they share.
 *
 * A verb is a function in the table of remote.c: it gets a connection that is open, reads its own options
 * from argv (argv[0] is the verb; getopt is ready to begin), prints, and returns an exit status of
 * cli.h.  The shell calls the same functions again and again, so they leave nothing behind. */
#ifndef NAVE_REMOTE_H
#define NAVE_REMOTE_H

#include "nave_client.h"

#include <cjson/cJSON.h>

typedef struct remote {
    nave_client *client;
    int json; /* answers are printed as JSON */
    int rc;   /* of the last remote_ask() */
} remote;

typedef int remote_fn(remote *r, int argc, char **argv);

typedef struct remote_verb {
    const char *name;
    remote_fn *run;
    const char *usage;   /* its arguments */
    const char *what;    /* a line of help */
    const char *options; /* a line for each of its own, or "" */
} remote_verb;

extern const remote_verb remote_verbs[];
extern const size_t remote_verb_count;

/* The verb of that name; NULL: there is none. */
const remote_verb *remote_find(const char *name);

/* Runs a verb, with help (-h, --help) where it is asked for. */
int remote_call(remote *r, const remote_verb *verb, int argc, char **argv);

/* Its usage, what it does, and its options. */
void remote_help(const remote_verb *verb);

/* Whether the word is one of the options that all verbs have, and needs an argument behind it. */
int remote_takes_word(const char *option);

/* Where the verb is in a command line that may begin with the options that all verbs have; argc: nowhere. */
int remote_verb_at(int argc, char **argv);

/* From the command line: takes the options that all verbs have out of argv, connects, calls. */
int remote_main(const remote_verb *verb, int argc, char **argv);

/* An error line, "nave VERB: the client's words", and with --json an object like an answer of a job that refuses, on
 * standard output.  Returns CLI_FAILURE. */
int remote_failed(const remote *r, const char *verb, int rc);

/* The same with words of our own. */
__attribute__((format(printf, 4, 5))) int remote_fail(const remote *r, const char *verb, int rc,
                                                      const char *format, ...);

/* Of a request that has no more to say than that it is done: with --json, prints the last answer.  `rc` is what has
 * become of it; returns an exit status. */
int remote_done(const remote *r, const char *verb, int rc);

/* Likewise of what has been written to a file.  Returns the status. */
int remote_written(const remote *r, int status);

/* Asks `request` (freed), for `seconds` longer than usual.  The answer (to be freed by cJSON_Delete());
 * NULL: it failed, with r->rc, and remote_failed() will say why. */
cJSON *remote_ask(remote *r, cJSON *request, double seconds);
cJSON *remote_request(const char *verb);

/* With --json: prints the answer on a line, and returns 1. */
int remote_json(const remote *r, const cJSON *answer);

/* Members of an answer, 0 or "" where there are none. */
double remote_number(const cJSON *object, const char *name);
const char *remote_text(const cJSON *object, const char *name);
const cJSON *remote_list(const cJSON *object, const char *name);

/* The verbs. */
remote_fn look_status, look_engines, look_kernels, look_objects, look_calls, look_tasks,
    look_explain, look_events;
remote_fn calls_submit, calls_wait, calls_result, calls_cancel, calls_forget;
remote_fn data_push, data_pull, data_drop;
remote_fn steer_get, steer_set, steer_watch, steer_command, steer_pause, steer_resume, steer_stop;
remote_fn build_cc;
remote_fn top_run, shell_run;

#endif

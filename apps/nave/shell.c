/* shell - nave shell: the verbs of a running job at a prompt, or from lines of a script.
 *
 * Read on in shell_words (a line as words), shell_edit (typing), shell_names (what can be completed). */
#include "cli.h"
#include "nearest.h"
#include "options.h"
#include "remote.h"
#include "shell_edit.h"
#include "shell_names.h"
#include "shell_words.h"
#include "spawn.h"
#include "program.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define VERB PROGRAM " shell"

/* What the shell of the system says of a program that a signal has ended; 130: of Ctrl-C. */
enum { SIGNALLED = 128, INTERRUPTED = 130 };

typedef struct shell {
    remote *r;
    char job[64];
    int typed; /* at a terminal */
    int gone;  /* the job is */
    int leave;
} shell;

/* ---------------------------------------------------------------------------------------- builtins */

static int help_all(void)
{
    for (size_t i = 0; i < remote_verb_count; i++)
        printf("%-9s %s\n", remote_verbs[i].name, remote_verbs[i].what);
    puts("help      [VERB]: this, or how a verb is used\n"
         "history   lines that were typed\n"
         "exit      also quit, and Ctrl-D\n"
         "! COMMAND run by the system's shell");
    return CLI_OK;
}

static int unknown(const char *word)
{
    struct nv_nearest near = nv_nearest_to(word);
    for (size_t i = 0; i < remote_verb_count; i++)
        nv_nearest_try(&near, remote_verbs[i].name);
    for (size_t i = 0; shell_builtins[i] != NULL; i++)
        nv_nearest_try(&near, shell_builtins[i]);
    if (near.best != NULL)
        cli_error(VERB, "%s: not known; did you mean %s?", word, near.best);
    else
        cli_error(VERB, "%s: not known (help lists the verbs)", word);
    return CLI_USAGE;
}

static int help(shell *s, int argc, char **argv)
{
    const remote_verb *verb;
    (void)s;
    if (argc < 2)
        return help_all();
    verb = remote_find(argv[1]);
    if (verb == NULL)
        return unknown(argv[1]);
    remote_help(verb);
    return CLI_OK;
}

static int history(shell *s, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (s->typed)
        shell_edit_print_history();
    return CLI_OK;
}

static int leave(shell *s, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    s->leave = 1;
    return CLI_OK;
}

static int nested(shell *s, int argc, char **argv)
{
    (void)s;
    (void)argc;
    cli_error(VERB, "%s: this is one already", argv[0]);
    return CLI_USAGE;
}

static int system_command(const char *command)
{
    const char *const argv[] = {"sh", "-c", command, NULL};
    int status = spawn_run("/bin/sh", argv, -1);
    if (status < 0)
        cli_error(VERB, "/bin/sh cannot be started");
    return status == 0 ? CLI_OK : CLI_FAILURE;
}

/* ------------------------------------------------------------------------------------------- lines */

static int is_gone(remote *r)
{
    return nave_client_ask(r->client, "{\"do\":\"hello\"}", NULL, 0, 0, NULL, NULL, NULL) ==
           NAVE_ECONNECT;
}

/* Says once that the job has ended; it goes on at the prompt, for what is to be read there. */
static void look_after_job(shell *s, int status)
{
    int was = s->gone;
    s->gone = status != CLI_OK && is_gone(s->r);
    if (s->gone && !was)
        cli_error(VERB, "the job '%s' has ended, or cannot be reached%s", s->job,
                  s->typed ? "; exit leaves the shell" : "");
}

static int call(shell *s, shell_words *words)
{
    remote one = {.client = s->r->client, .json = s->r->json};
    const remote_verb *verb;
    int status;
    if (shell_words_take(words, "--json") > 0)
        one.json = 1;
    verb = words->count > 0 ? remote_find(words->words[0]) : NULL;
    if (verb == NULL)
        return unknown(words->count > 0 ? words->words[0] : "--json");
    status = remote_call(&one, verb, words->count, words->words);
    fflush(stdout);
    if (status > SIGNALLED && status != INTERRUPTED)
        s->leave = 1; /* top was asked to end, and so are we */
    else if (status == CLI_OK || status == CLI_FAILURE)
        look_after_job(s, s->typed && shell_edit_interrupted() ? CLI_OK : status);
    return status;
}

static int run_words(shell *s, shell_words *words)
{
    static const struct {
        const char *name;
        int (*run)(shell *s, int argc, char **argv);
    } builtins[] = {
        {"help", help}, {"history", history}, {"exit", leave}, {"quit", leave}, {"shell", nested}};
    if (words->count == 0)
        return CLI_OK;
    for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
        if (strcmp(builtins[i].name, words->words[0]) == 0)
            return builtins[i].run(s, words->count, words->words);
    return call(s, words);
}

static int run_line(shell *s, const char *line)
{
    const char *why, *begin = line + strspn(line, " \t");
    shell_words words;
    int status = CLI_USAGE;
    if (*begin == '!')
        return system_command(begin + 1);
    if (shell_words_split(&words, line, &why) != 0)
        cli_error(VERB, "%s", why);
    else
        status = run_words(s, &words);
    shell_words_release(&words);
    fflush(stdout);
    return status;
}

/* ----------------------------------------------------------------------------------------- reading */

/* What fails does not end it. */
static int run_typed(shell *s)
{
    int status = CLI_OK;
    shell_edit_open(s->r);
    while (!s->leave) {
        char prompt[96], *line;
        snprintf(prompt, sizeof prompt, "%s%s> ", s->job, s->gone ? " (ended)" : "");
        line = shell_edit_line(prompt);
        if (line == NULL) {
            putchar('\n');
            break;
        }
        status = run_line(s, line);
        clearerr(stdin); /* a verb may have read it to its end */
        free(line);
    }
    shell_edit_close();
    return status > SIGNALLED && s->leave ? status : CLI_OK;
}

/* The status is that of the first line that failed. */
static int run_script(shell *s)
{
    int first = CLI_OK;
    char *line = NULL;
    size_t room = 0;
    while (!s->leave) {
        int status;
        ssize_t size = getline(&line, &room, stdin);
        if (size < 0)
            break;
        if (size > 0 && line[size - 1] == '\n')
            line[size - 1] = '\0';
        status = run_line(s, line);
        first = first != CLI_OK ? first : status;
    }
    free(line);
    return first;
}

static void read_name(shell *s)
{
    cJSON *hello = remote_ask(s->r, remote_request("hello"), 0);
    snprintf(s->job, sizeof s->job, "%s",
             remote_text(hello, "job")[0] != '\0' ? remote_text(hello, "job") : "job");
    cJSON_Delete(hello);
}

int shell_run(remote *r, int argc, char **argv)
{
    static const struct option known[] = {{"command", required_argument, NULL, 'c'},
                                          {NULL, 0, NULL, 0}};
    shell s = {.r = r};
    const char *line = NULL;
    for (int name; (name = getopt_long(argc, argv, ":c:", known, NULL)) != -1;)
        if (name == 'c')
            line = optarg;
        else
            return options_wrong("shell", name, argv);
    if (options_end("shell", argc, argv, optind) != 0)
        return CLI_USAGE;
    read_name(&s);
    if (line != NULL)
        return run_line(&s, line);
    s.typed = isatty(STDIN_FILENO);
    return s.typed ? run_typed(&s) : run_script(&s);
}

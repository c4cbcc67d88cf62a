/*
 * Design notes
 *
 * GNU readline notes a signal in its handler, and acts on it when it is safe: it puts the terminal in order and
 * sends the signal once more, to whom it was before.  That is note_interrupt(), which also makes a verb that waits
 * for the job come back.  Left alone, readline would then go on with the same line; therefore we read the keys
 * for it, and answer an interrupt with an empty line.
 *
 * Each line is added to the file of the history when it is typed, so that many shells may share it, and none
 * loses what it had when it is killed.
 */
#include "shell_edit.h"
#include "shell_names.h"

#include <stdio.h>

#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLANKS " \t"

enum { LINES_KEPT = 1000, PATIENCE = 4 };

static remote *job;
static char file[1024]; /* of the history; "": nowhere */
static struct sigaction before;
static volatile sig_atomic_t interrupted; /* how often, since the last line */

/* A verb that does not come back, however often it is told to, takes the shell with it. */
static void note_interrupt(int number)
{
    if (++interrupted < PATIENCE)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

int shell_edit_interrupted(void)
{
    int was = interrupted != 0;
    interrupted = 0;
    return was;
}

/* -------------------------------------------------------------------------------------- completing */

/* The first word of the line; "" if that is the one at `start`. */
static void verb_of(char *verb, size_t room, int start)
{
    const char *at = rl_line_buffer + strspn(rl_line_buffer, BLANKS);
    size_t size = strcspn(at, BLANKS);
    if (at >= rl_line_buffer + start || size >= room)
        size = 0;
    memcpy(verb, at, size);
    verb[size] = '\0';
}

/* Called until it returns NULL. */
static char *next_name(const char *text, int state)
{
    static shell_names names;
    static size_t at;
    if (state == 0) {
        char verb[32];
        shell_names_release(&names);
        verb_of(verb, sizeof verb, rl_point - (int)strlen(text));
        shell_names_find(&names, job, verb);
        at = 0;
    }
    while (at < names.count) {
        const char *name = names.names[at++];
        if (strncmp(name, text, strlen(text)) == 0)
            return strdup(name);
    }
    shell_names_release(&names);
    return NULL;
}

/* Where no name fits it may be a file, but not in place of a verb. */
static char **complete(const char *text, int start, int end)
{
    char verb[32];
    (void)end;
    verb_of(verb, sizeof verb, start);
    rl_attempted_completion_over = verb[0] == '\0';
    return rl_completion_matches(text, next_name);
}

/* ------------------------------------------------------------------------------------------ history */

static void open_history(void)
{
    const char *home = getenv("HOME");
    int fd, size = home != NULL ? snprintf(file, sizeof file, "%s/.nave_history", home) : 0;
    if (size <= 0 || (size_t)size >= sizeof file)
        file[0] = '\0';
    if (file[0] == '\0')
        return;
    fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) != 0)
        file[0] = '\0';
    if (fd >= 0)
        close(fd);
    if (file[0] != '\0')
        read_history(file);
}

/* Lines that begin with a blank are not kept, as in other shells. */
static void keep(const char *line)
{
    const HIST_ENTRY *last =
        history_length > 0 ? history_get(history_base + history_length - 1) : NULL;
    if (line[0] == '\0' || strchr(BLANKS, line[0]) != NULL ||
        (last != NULL && strcmp(last->line, line) == 0))
        return;
    add_history(line);
    if (file[0] != '\0')
        append_history(1, file);
}

void shell_edit_print_history(void)
{
    for (int i = history_base; i < history_base + history_length; i++) {
        const HIST_ENTRY *entry = history_get(i);
        if (entry != NULL)
            printf("%5d  %s\n", i, entry->line);
    }
}

/* ------------------------------------------------------------------------------------------- typing */

/* Waits for a key, or for a signal, which may come only while we wait, or it would be seen with the next
 * key. */
static void await_key(int fd)
{
    sigset_t all, open;
    fd_set keys;
    FD_ZERO(&keys);
    FD_SET(fd, &keys);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &open);
    if (rl_pending_signal() == 0)
        pselect(fd + 1, &keys, NULL, NULL, NULL, &open);
    sigprocmask(SIG_SETMASK, &open, NULL);
}

static int has_key(int fd)
{
    struct pollfd key = {.fd = fd, .events = POLLIN};
    return poll(&key, 1, 0) != 0;
}

/* After Ctrl-Z and fg somebody else has written where the line was. */
static void obey_signal(void)
{
    int number = rl_pending_signal();
    if (number != 0)
        rl_check_signals();
    if (number == SIGTSTP) {
        rl_on_new_line();
        rl_redisplay();
    }
}

/* A key for readline; after an interrupt the end of a line that has nothing in it. */
static int read_key(FILE *in)
{
    do {
        await_key(fileno(in));
        obey_signal();
    } while (!interrupted && !has_key(fileno(in)));
    if (!interrupted)
        return rl_getc(in);
    rl_replace_line("", 0);
    return '\n';
}

char *shell_edit_line(const char *prompt)
{
    char *line;
    interrupted = 0;
    line = readline(prompt);
    if (line != NULL && interrupted) {
        interrupted = 0;
        line[0] = '\0';
    }
    if (line != NULL)
        keep(line);
    return line;
}

void shell_edit_open(remote *r)
{
    struct sigaction action = {.sa_handler = note_interrupt};
    job = r;
    setlocale(LC_CTYPE, "");
    rl_readline_name = "nave";
    rl_change_environment = 0; /* LINES and COLUMNS there would tie top to this size */
    rl_getc_function = read_key;
    rl_attempted_completion_function = complete;
    rl_completer_quote_characters = "\"'";
    rl_filename_quote_characters = " \t\\\"'#";
    using_history();
    stifle_history(LINES_KEPT);
    open_history();
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, &before);
}

void shell_edit_close(void)
{
    sigaction(SIGINT, &before, NULL);
    if (file[0] != '\0')
        history_truncate_file(file, LINES_KEPT);
    clear_history();
    job = NULL;
}

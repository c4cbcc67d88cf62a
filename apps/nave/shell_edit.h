/* shell_edit - lines that are typed at a prompt, with their history and completion.
 *
 * Invariant: there is one terminal, and one who types there; hence one editor. */
#ifndef NAVE_SHELL_EDIT_H
#define NAVE_SHELL_EDIT_H

#include "remote.h"

/* Reads the history.  Names to complete are those of this job. */
void shell_edit_open(remote *r);
void shell_edit_close(void);

/* A line, for free(); "" when it was interrupted; NULL: the end. */
char *shell_edit_line(const char *prompt);

/* Ctrl-C was typed since the last time this was asked. */
int shell_edit_interrupted(void);

void shell_edit_print_history(void);

#endif

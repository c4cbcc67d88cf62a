/* top_draw - the screen of `nave top`, and its keys.
 *
 * Invariant: between open and close the screen is the only one who writes to the terminal. */
#ifndef NAVE_TOP_DRAW_H
#define NAVE_TOP_DRAW_H

#include "top_lines.h"

enum top_key { TOP_NONE, TOP_OTHER, TOP_QUIT, TOP_PAUSE, TOP_HELP, TOP_RESIZED, TOP_GONE };

/* Takes the terminal.  0; -1: it cannot, and *why says why. */
int top_screen_open(const char **why);

/* The terminal is as it was. */
void top_screen_close(void);

int top_screen_columns(void);

/* The page with the engine *first on top (which is put right), and a line at the foot. */
void top_screen_draw(const top_page *page, size_t *first, const char *foot);

/* Waits for a key, for so many seconds; keys that scroll change *first.  TOP_GONE: the terminal is. */
enum top_key top_screen_key(double seconds, size_t *first);

#endif

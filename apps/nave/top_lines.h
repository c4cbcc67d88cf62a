/* top_lines - the screen of `nave top` as lines of text.  Pure.
 *
 * A page is the lines above the table of engines, a line for each engine (which may scroll), and the lines
 * below. */
#ifndef NAVE_TOP_LINES_H
#define NAVE_TOP_LINES_H

#include "top_model.h"

enum top_kind { TOP_PLAIN, TOP_TITLE, TOP_HEADING, TOP_QUIET, TOP_ALERT };

typedef struct top_line {
    enum top_kind kind;
    char *text;
} top_line;

/* All zero: empty. */
typedef struct top_page {
    top_line *lines;
    size_t count, room;
    size_t head, rows; /* lines above the engines, and those of engines */
} top_page;

/* Makes the page anew for a screen of so many columns (lines may be longer).  What there is no memory for is
 * left out. */
void top_page_make(top_page *page, const top_model *model, int columns);
void top_page_release(top_page *page);

/* Which lines of the page are to be seen. */
typedef struct top_layout {
    size_t head, first, rows, tail; /* rows from `first` on; tail: how many of the lines below */
} top_layout;

/* For a screen of so many lines, with the engine `first` on top (or an earlier one, so that no line stays
 * empty). */
top_layout top_page_layout(const top_page *page, size_t lines, size_t first);

/* "[|||||     ]", `part` of `columns` (brackets not counted); returns text. */
enum { TOP_BAR = 128 };
char *top_bar(char text[TOP_BAR], double part, int columns);

/* A rate with as many digits as say something; returns text. */
enum { TOP_RATE = 40 };
char *top_rate(char text[TOP_RATE], double rate);

#endif

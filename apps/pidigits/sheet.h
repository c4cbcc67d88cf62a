/*
 * The text of one file of decimals.  Grouped: groups of ten, ten groups to a line, every group
 * followed by a space, or by a newline at the end of its line and of the file.  Plain: one line.
 * Pure: no files, no memory of its own.
 */
#ifndef PIDIGITS_SHEET_H
#define PIDIGITS_SHEET_H

#include <stddef.h>
#include <stdint.h>

typedef enum sheet_layout { SHEET_GROUPED, SHEET_PLAIN } sheet_layout;

const char *sheet_layout_name(sheet_layout layout);
int sheet_layout_named(const char *name, sheet_layout *layout); /* 0, or -1: no such layout */

/* The bytes of a file of so many digits. */
uint64_t sheet_size(sheet_layout layout, uint64_t digits);

/* The most bytes that sheet_fill puts down for so many digits. */
size_t sheet_room(size_t digits);

/*
 * The text of digits first .. first + n - 1 of a file of `total`, to out; its size.  Pieces put one
 * behind the other make the file.
 */
size_t sheet_fill(sheet_layout layout, const char *digits, uint64_t first, size_t n, uint64_t total,
                  char *out);

/* The offset of the first of n bytes that cannot stand there, position `at` of the file; n if all
 * can. */
size_t sheet_misfit(sheet_layout layout, const char *text, uint64_t at, size_t n, uint64_t total);

#endif

/* layout - which bytes of a file are digits, and where the decimals of pi start.
 *
 * A file of digits is digits and separators (blank, tab, newline, carriage return) in any order, so
 * groups of ten, lines of a hundred, one endless line and DOS line ends all read alike.  Only the
 * very beginning of the first file may hold more: a byte-order mark and the "3" in front. */
#ifndef PARALLELPI_LAYOUT_H
#define PARALLELPI_LAYOUT_H

#include <stddef.h>

/* Bytes at the beginning of the first file that pi_layout_start() wants to see, at most. */
enum { PI_LAYOUT_HEAD = 4096 };

static inline int pi_is_digit(unsigned char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline int pi_is_separator(unsigned char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

/* The offset behind what is in front of the decimals.  That is, each part optional and in this
 * order, separators before and between: the UTF-8 byte-order mark; "3."; or a bare "3" when
 * 14159265 follows it.  A file that begins 314159265 without a point is thus read as pi with its 3,
 * and any other file of plain digits (31425..., 1415926535...) from its first digit on. */
size_t pi_layout_start(const unsigned char *head, size_t size);

/* Writes how a byte is shown in an error line: 'x' (0x78), or 0x07 alone when not printable.
 * `text` has room for 16 bytes. */
void pi_layout_show(unsigned char byte, char *text);

#endif

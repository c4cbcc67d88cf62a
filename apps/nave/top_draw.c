/* The functions of curses that take no window are for the whole screen. */
#include "top_draw.h"

#include <curses.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RED = 1 };

static SCREEN *screen;
static size_t page_rows; /* engines on the screen: how far a page scrolls */

/* Without these a terminal shows lines, but no screen. */
static int can_move(void)
{
    const char *move = tigetstr("cup");
    return move != NULL && move != (const char *)-1;
}

/* newterm(), since initscr() leaves the program where it fails. */
int top_screen_open(const char **why)
{
    *why = "this is no terminal (--batch needs none)";
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return -1;
    setlocale(LC_CTYPE, "");
    *why = "TERM does not say which terminal this is (--batch needs none)";
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return -1;
    *why = "this terminal cannot move its cursor (--batch prints lines)";
    if (!can_move()) {
        top_screen_close();
        return -1;
    }
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    if (has_colors() && start_color() == OK && use_default_colors() == OK)
        init_pair(RED, COLOR_RED, -1);
    return 0;
}

void top_screen_close(void)
{
    endwin();
    delscreen(screen);
    screen = NULL;
}

int top_screen_columns(void)
{
    return COLS;
}

/* ------------------------------------------------------------------------------------- drawing */

static chtype look(enum top_kind kind)
{
    switch (kind) {
    case TOP_TITLE:
        return A_REVERSE;
    case TOP_HEADING:
        return A_BOLD;
    case TOP_QUIET:
        return A_DIM;
    case TOP_ALERT:
        return has_colors() ? (chtype)COLOR_PAIR(RED) : A_BOLD;
    case TOP_PLAIN:
        break;
    }
    return A_NORMAL;
}

/* Bytes of the first so many characters. */
static int bytes_of(const char *text, int characters)
{
    int size = 0;
    while (text[size] != '\0') {
        if (((unsigned char)text[size] & 0xC0) != 0x80 && characters-- == 0)
            break;
        size++;
    }
    return size;
}

static void put_line(int y, const char *text, enum top_kind kind)
{
    attrset((attr_t)look(kind));
    move(y, 0);
    if (kind == TOP_TITLE)
        hline(' ' | look(kind), COLS);
    addnstr(text, bytes_of(text, COLS));
    attrset(A_NORMAL);
}

static int put_lines(int y, const top_page *page, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_line(y++, page->lines[from + i].text, page->lines[from + i].kind);
    return y;
}

static void put_foot(const top_page *page, const top_layout *layout, const char *foot)
{
    char line[256];
    int size = snprintf(line, sizeof line, "%s", foot);
    if (layout->rows < page->rows && size >= 0 && (size_t)size < sizeof line)
        snprintf(line + size, sizeof line - (size_t)size, "   (engines %zu to %zu of %zu)",
                 layout->first + 1, layout->first + layout->rows, page->rows);
    put_line(LINES - 1, line, TOP_QUIET);
}

void top_screen_draw(const top_page *page, size_t *first, const char *foot)
{
    top_layout layout = top_page_layout(page, LINES > 1 ? (size_t)LINES - 1 : 0, *first);
    int y;
    *first = layout.first;
    page_rows = layout.rows;
    erase();
    y = put_lines(0, page, 0, layout.head);
    y = put_lines(y, page, page->head + layout.first, layout.rows);
    put_lines(y, page, page->head + page->rows, layout.tail);
    put_foot(page, &layout, foot);
    refresh();
}

/* ---------------------------------------------------------------------------------------- keys */

static size_t up(size_t first, size_t by)
{
    return first > by ? first - by : 0;
}

/* Beyond the last engine is put right when it is drawn. */
static enum top_key scroll_by(int key, size_t *first)
{
    size_t page = page_rows > 1 ? page_rows - 1 : 1;
    switch (key) {
    case KEY_UP:
    case 'k':
        *first = up(*first, 1);
        break;
    case KEY_DOWN:
    case 'j':
        *first += 1;
        break;
    case KEY_PPAGE:
        *first = up(*first, page);
        break;
    case KEY_NPAGE:
    case ' ':
        *first += page;
        break;
    case KEY_HOME:
        *first = 0;
        break;
    case KEY_END:
        *first = SIZE_MAX / 2;
        break;
    default:
        break;
    }
    return TOP_OTHER;
}

/* A terminal that is gone answers at once, and would be asked without end. */
static enum top_key nothing(void)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    return poll(&in, 1, 0) == 1 && (in.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0 ? TOP_GONE
                                                                                      : TOP_NONE;
}

enum top_key top_screen_key(double seconds, size_t *first)
{
    int key;
    timeout(seconds > 0 ? (int)(seconds * 1e3) + 1 : 0);
    key = getch();
    switch (key) {
    case ERR:
        return nothing();
    case KEY_RESIZE:
        return TOP_RESIZED;
    case 'q':
    case 'Q':
        return TOP_QUIT;
    case 'p':
        return TOP_PAUSE;
    case '?':
    case 'h':
        return TOP_HELP;
    case 'L' - '@': /* Ctrl-L: somebody else wrote on the screen */
        clearok(stdscr, TRUE);
        return TOP_OTHER;
    default:
        return scroll_by(key, first);
    }
}

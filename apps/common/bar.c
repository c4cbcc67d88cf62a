#define _DEFAULT_SOURCE /* TIOCGWINSZ */
#include "bar.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_SIZE = 256, CELLS_MIN = 8, CELLS_MAX = 40 };

static const double QUIET_SECONDS = 1.0, BETWEEN_SECONDS = 0.1;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int terminal_width(void)
{
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

/* h:mm:ss or m:ss */
static void clock_text(char *out, size_t size, double seconds)
{
    unsigned long s = seconds < 0 ? 0 : (unsigned long)fmin(seconds, 3.6e8);
    if (s >= 3600) {
        snprintf(out, size, "%lu:%02lu:%02lu", s / 3600, s / 60 % 60, s % 60);
    } else {
        snprintf(out, size, "%lu:%02lu", s / 60, s % 60);
    }
}

/* A block of three cells that goes to and fro while nobody knows how far the work is. */
static void draw_cells(char *out, int cells, double done, double elapsed)
{
    memset(out, '.', (size_t)cells);
    if (done >= 0) {
        memset(out, '#', (size_t)(fmin(done, 1) * cells));
    } else {
        int way = cells - 3;
        int at = (int)fmod(elapsed * 8, 2 * way);
        memset(out + (at < way ? at : 2 * way - at), '#', 3);
    }
    out[cells] = '\0';
}

size_t bar_line(char *out, size_t size, int width, const char *label, double done, double elapsed,
                double left)
{
    char cells[CELLS_MAX + 1], spent[24], rest[24], tail[80];
    clock_text(spent, sizeof spent, elapsed);
    if (left < 0 && done > 0.02) {
        left = elapsed * (1 - done) / done;
    }
    if (left >= 0) {
        clock_text(rest, sizeof rest, left);
        snprintf(tail, sizeof tail, "%s, about %s left", spent, rest);
    } else {
        snprintf(tail, sizeof tail, "%s", spent);
    }
    char percent[16] = "";
    if (done >= 0) {
        snprintf(percent, sizeof percent, " %3d %%", (int)(fmin(done, 1) * 100));
    }
    int room = width - 1 - (int)(strlen(label) + strlen(percent) + strlen(tail)) - 6;
    int length;
    if (room < CELLS_MIN) {
        length = snprintf(out, size, "%s%s  %s", label, percent, tail);
    } else {
        draw_cells(cells, room < CELLS_MAX ? room : CELLS_MAX, done, elapsed);
        length = snprintf(out, size, "%s  [%s]%s  %s", label, cells, percent, tail);
    }
    size_t shown = length < 0 ? 0 : (size_t)length;
    size_t limit = width > 1 && (size_t)width - 1 < size - 1 ? (size_t)width - 1 : size - 1;
    shown = shown < limit ? shown : limit;
    out[shown] = '\0';
    return shown;
}

void bar_init(bar *b, int quiet)
{
    *b = (bar){.on = !quiet && isatty(STDERR_FILENO), .began = now()};
}

void bar_show(bar *b, const char *label, double done, double left)
{
    char line[LINE_MAX_SIZE];
    double t = now();
    if (!b->on || t - b->began < QUIET_SECONDS || t - b->last < BETWEEN_SECONDS) {
        return;
    }
    b->last = t;
    b->drawn = 1;
    bar_line(line, sizeof line, terminal_width(), label, done, t - b->began, left);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
}

void bar_end(bar *b)
{
    if (b->drawn) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
        b->drawn = 0;
    }
}

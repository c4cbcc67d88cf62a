/* pidigits: decimals of pi in files of ten million, as Y. Kanada's group published them. */
#include "cli.h"
#include "make.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* FLINT ends the program by itself when memory runs out; a limit on file sizes should be an error
 * like others. */
static int work_in(const options *o, store *s)
{
    progress p = {0};
    watch w;
    signal(SIGXFSZ, SIG_IGN);
    int error = watch_start(&w, s, &p, o->quiet);
    if (error != 0) {
        cli_error(PROGRAM, "cannot start a thread: %s", strerror(error));
        return CLI_FAILURE;
    }
    int status = make_files(o, s, &w, &p);
    watch_stop(&w);
    return status;
}

int main(int argc, char **argv)
{
    options o;
    store s;
    int status = options_read(&o, argc, argv);
    if (status != 0) {
        return status > 0 ? CLI_OK : CLI_USAGE;
    }
    status = CLI_FAILURE;
    if (store_open(&s, PROGRAM, o.dir, !o.verify) == 0) {
        status = o.verify ? verify_files(&o, &s) : work_in(&o, &s);
    }
    store_close(&s);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_error(PROGRAM, "cannot write to standard output");
        status = CLI_FAILURE;
    }
    return status;
}

/* hub - a farm without work of its own: it waits for what comes through its door. */
#include "cli.h"
#include "launch.h"
#include "part.h"

#include "nave.h"

#include <getopt.h>
#include <stdio.h>

#define WORD PROGRAM " start"

typedef struct options {
    const char *connection, *listen, *job;
    int no_plugins;
} options;

enum { CONNECTION = 256, LISTEN, JOB, NO_PLUGINS };

static const struct option known[] = {
    {"connection", required_argument, NULL, CONNECTION},
    {"listen", required_argument, NULL, LISTEN},
    {"job", required_argument, NULL, JOB},
    {"no-plugins", no_argument, NULL, NO_PLUGINS},
    {NULL, 0, NULL, 0},
};

static int parse(void *into, int argc, char **argv, int *status)
{
    options *o = into;
    *status = CLI_USAGE;
    opterr = 0;
    for (int name; (name = getopt_long(argc, argv, ":", known, NULL)) != -1;) {
        switch (name) {
        case CONNECTION:
            o->connection = optarg;
            break;
        case LISTEN:
            o->listen = optarg;
            break;
        case JOB:
            o->job = optarg;
            break;
        case NO_PLUGINS:
            o->no_plugins = 1;
            break;
        default:
            return cli_refuse(WORD, name, argv);
        }
    }
    if (optind < argc)
        return cli_error(WORD, "%s: nothing is expected here", argv[optind]), -1;
    return 0;
}

static int attend(nave *ctx, void *arg)
{
    int rc = nave_attend(ctx, -1);
    (void)arg;
    return rc == NAVE_EDRAINED ? NAVE_OK : rc;
}

/* Some work that is always at hand, to try a farm with: the input is the result. */
static int echo(nave_task *task, const void *in, size_t in_size, void *out, size_t out_size)
{
    char *result = nave_output(task, in_size);
    (void)out, (void)out_size;
    for (size_t i = 0; result != NULL && i < in_size; i++)
        result[i] = ((const char *)in)[i];
    return result == NULL;
}

int hub_run(int argc, char **argv)
{
    static const nave_kernel kernels[] = {NAVE_KERNEL_OF(echo, "char text[] -> char text[]")};
    options o = {0};
    int status;
    nave_options farm = {.kernels = kernels,
                         .kernel_count = 1,
                         .log = nave_log_stderr,
                         .program = "nave start",
                         .drain = 1};
    if (launch_options(parse, &o, argc, argv, &status) != 0)
        return status;
    farm.connection = o.connection;
    farm.listen = o.listen;
    farm.job = o.job;
    farm.allow_plugins = !o.no_plugins;
    return launch_farm(WORD, &farm, attend, NULL);
}

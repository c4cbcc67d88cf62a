#include "batch.h"
#include "batch_options.h"
#include "cli.h"
#include "interrupt.h"
#include "jobscript.h"
#include "outfile.h"
#include "spawn.h"
#include "systems.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------- writing */

static int write_file(const batch_options *o)
{
    interrupt signals;
    outfile file;
    int error;

    interrupt_begin(&signals);
    error = outfile_open(&file, o->output);
    if (error == 0) {
        jobscript_write(file.stream, o);
        error = outfile_commit(&file);
    }
    if (error != 0)
        cli_file_error(BATCH_VERB, o->output, error);
    return interrupt_end(&signals, error != 0 ? CLI_FAILURE : CLI_OK);
}

/* The script as something that can be read from its beginning; NULL with errno. */
static FILE *write_stream(const batch_options *o)
{
    FILE *script = tmpfile();

    if (script == NULL)
        return NULL;
    jobscript_write(script, o);
    if (fflush(script) == 0 && lseek(fileno(script), 0, SEEK_SET) == 0)
        return script;
    fclose(script);
    return NULL;
}

/* ------------------------------------------------------------------------------------ submitting */

/* sbatch says "7;cluster" where there are several clusters. */
static void print_number(char *said)
{
    said[strcspn(said, ";\n")] = '\0';
    puts(said);
}

/* `input` is the script if it is in no file. */
static int hand_over(const batch_options *o, const char *program, int input)
{
    const char *argv[sizeof o->system->submit / sizeof *o->system->submit + 2];
    char *said = NULL;
    int n = 0, status;

    while (o->system->submit[n] != NULL) {
        argv[n] = o->system->submit[n];
        n++;
    }
    if (input < 0)
        argv[n++] = o->output;
    argv[n] = NULL;
    status = spawn_read(program, argv, input, &said);
    if (status < 0)
        cli_file_error(BATCH_VERB, argv[0], errno);
    else if (status > 0)
        cli_error(BATCH_VERB, "%s: exit status %d, the job is not submitted", argv[0], status);
    else
        print_number(said);
    free(said);
    return status == 0 ? CLI_OK : CLI_FAILURE;
}

static int submit(const batch_options *o)
{
    char *program = spawn_find(o->system->submit[0], 0);
    FILE *script = NULL;
    int status = CLI_FAILURE;

    if (program == NULL) {
        cli_error(BATCH_VERB, "%s: not found: jobs for %s cannot be submitted here",
                  o->system->submit[0], o->system->title);
        return CLI_FAILURE;
    }
    if (o->output == NULL && (script = write_stream(o)) == NULL)
        cli_error(BATCH_VERB, "temporary file: %s", strerror(errno));
    else
        status = hand_over(o, program, script != NULL ? fileno(script) : -1);
    if (script != NULL)
        fclose(script);
    free(program);
    return status;
}

static int write_and_submit(const batch_options *o)
{
    int status = CLI_OK;

    if (o->output != NULL)
        status = write_file(o);
    else if (!o->submit)
        jobscript_write(stdout, o);
    return status == CLI_OK && o->submit ? submit(o) : status;
}

int batch_run(int argc, char **argv)
{
    batch_options o;
    int said = batch_options_read(&o, argc, argv);
    int status = said < 0 ? CLI_USAGE : said > 0 ? CLI_OK : write_and_submit(&o);

    batch_options_release(&o);
    return status;
}

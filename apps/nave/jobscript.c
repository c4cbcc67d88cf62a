/* Design notes
 *
 * mpirun's own status says too little: with its recovery enabled, which lets a farm outlive an
 * engine, it is always 0.  So rank 0 runs under a line of shell that leaves its status in a file.
 *
 * The clock is the script's: Grid Engine's soft limit does not begin anew when a job is run again,
 * Slurm's warning may come a minute early, PBS has none.  timeout(1) does it without leaving a
 * sleep behind, and its process group keeps signals for the whole job from mpirun, which would pass
 * on some and die of others; the script hears them and passes on SIGUSR1. */
#include "jobscript.h"
#include "systems.h"

#include <inttypes.h>

static void write_head(FILE *out, const batch_options *o)
{
    const batch_system *s = o->system;

    fprintf(out, "#!/bin/sh\n# A job for %s, written by nave batch; submit it by: %s %s\n#\n",
            s->title, s->submit[0], o->output != NULL ? o->output : "FILE");
    fprintf(out, "# Lines that begin with %s are for %s.\n", s->mark, s->title);
    s->directives(out, o);
    for (int i = 0; i < o->directive_count; i++)
        fprintf(out, "%s %s\n", s->mark, o->directives[i]);
    putc('\n', out);
}

static void write_journal(FILE *out, const batch_options *o)
{
    if (o->journal == NULL)
        return;
    fputs("# What is finished is remembered here, and not done again by the next run.\n"
          "export NAVE_JOURNAL=",
          out);
    words_quote(out, o->journal);
    fputs("\n\n", out);
}

static void write_time(FILE *out, const batch_options *o)
{
    const batch_system *s = o->system;

    fprintf(out,
            "# The job may run for %" PRIu64
            " s. No task begins that would not be finished %" PRIu64 " s before the end.\n",
            o->seconds, o->margin);
    fputs("now=$(date +%s)\n", out);
    fprintf(out, "end=$((now + %" PRIu64 "))\n", o->seconds);
    if (s->end != NULL)
        fprintf(out,
                "# %s knows better if it ends earlier; after a requeue it may be that of the run "
                "before.\n"
                "[ \"${%s:-0}\" -le $((now + %" PRIu64 ")) ] || [ \"$%s\" -gt $end ] || end=$%s\n",
                s->end, s->end, o->margin, s->end, s->end);
    fprintf(out, "export NAVE_DEADLINE=$((end - %" PRIu64 "))\n", o->margin);
    fputs("left=$((NAVE_DEADLINE - now))\n[ $left -gt 0 ] || left=1\n\n", out);
}

static void write_places(FILE *out, const batch_options *o)
{
    fputs("# Ranks get cores of their own where the job has all cores that it may use; where it "
          "shares them\n"
          "# with other jobs, the system places them better.\n",
          out);
    fprintf(out, "[ \"$(nproc)\" -le %s ] || export NAVE_BIND=none\n\n", o->system->slots_here);
    fputs("# If a rank dies, Open MPI lets the others live. Its status is always 0 then, so that "
          "of rank 0,\n"
          "# which is the program's, goes to a file.\n"
          "export OMPI_MCA_orte_enable_recovery=1\n"
          "work=$(mktemp -d) || exit 1\n"
          "trap 'rm -rf \"$work\"' EXIT\n"
          "rank='[ \"$OMPI_COMM_WORLD_RANK\" = 0 ] || exec \"$@\"\n"
          "    trap : USR1 USR2 TERM XCPU\n"
          "    \"$@\"; echo $? >\"$0\"'\n\n",
          out);
}

static void write_run(FILE *out, const batch_options *o)
{
    const batch_system *s = o->system;

    fputs("# When the time is over, or a signal comes, SIGUSR1 goes to mpirun and from there to "
          "the program:\n"
          "# it finishes the tasks that run, and ends.\n"
          "run=\n"
          "warn() { [ -z \"$run\" ] || kill -USR1 \"$run\" 2>/dev/null; }\n"
          "trap warn USR1 USR2 TERM XCPU\n",
          out);
    fprintf(out, "timeout -s USR1 $left %s -np %s \\\n", s->mpirun, s->slots);
    fputs("    --bind-to none ${NAVE_BIND:+-x NAVE_BIND} sh -c \"$rank\" \"$work/status\" \\\n   ",
          out);
    for (char *const *word = o->command; *word != NULL; word++) {
        putc(' ', out);
        words_quote(out, *word);
    }
    fputs(" </dev/null &\n"
          "run=$!\n"
          "while kill -0 $run 2>/dev/null; do wait $run; done\n\n",
          out);
}

static void write_end(FILE *out, const batch_options *o)
{
    fputs("# 0: done; 99: it has ended in good order with work left; all else is a failure.\n"
          "status=$(cat \"$work/status\" 2>/dev/null) || status=1\n"
          "# SIGUSR1 before the program listens to it is its end; it had not begun then.\n"
          "[ \"$status\" -le 128 ] || [ \"$(kill -l \"$status\")\" != USR1 ] || status=99\n",
          out);
    if (o->requeue) {
        fputs("if [ \"$status\" = 99 ]; then\n", out);
        o->system->again(out, o);
        fputs("fi\n", out);
    } else {
        fputs("if [ \"$status\" = 99 ]; then\n"
              "    echo 'The time was not enough: submit the job again to go on.' >&2\n"
              "    exit 1\n"
              "fi\n",
              out);
    }
    fputs("exit \"$status\"\n", out);
}

void jobscript_write(FILE *out, const batch_options *o)
{
    write_head(out, o);
    if (o->system->enter != NULL)
        fprintf(out, "%s\n", o->system->enter);
    write_journal(out, o);
    write_time(out, o);
    write_places(out, o);
    write_run(out, o);
    write_end(out, o);
}

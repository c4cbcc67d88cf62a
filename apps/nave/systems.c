#include "systems.h"
#include "words.h"

#include <string.h>

/* ------------------------------------------------------------------------------------------ sge */

static void sge_directives(FILE *out, const batch_options *o)
{
    char clock[WORDS_CLOCK];

    fprintf(out, "#$ -N %s\n#$ -S /bin/sh\n", o->name);
    fputs("# The folder and the environment of whoever submits; errors go where the output goes.\n"
          "#$ -cwd\n#$ -V\n#$ -j y\n",
          out);
    fprintf(out, "#$ -pe %s %llu\n", o->pe, (unsigned long long)o->slots);
    fprintf(out, "#$ -l h_rt=%s\n", words_clock(o->seconds, clock));
    if (o->queue != NULL)
        fprintf(out, "#$ -q %s\n", o->queue);
    fprintf(out, "#$ -r %c\n", o->requeue ? 'y' : 'n');
    fputs("# SIGUSR2 before it is killed, SIGUSR1 before it is suspended.\n#$ -notify\n", out);
}

static void sge_again(FILE *out, const batch_options *o)
{
    (void)o;
    fputs("    # By this status Grid Engine runs the job again.\n    exit 99\n", out);
}

/* ---------------------------------------------------------------------------------------- slurm */

static void slurm_directives(FILE *out, const batch_options *o)
{
    char clock[WORDS_CLOCK];

    fprintf(out, "#SBATCH --job-name=%s\n", o->name);
    fprintf(out, "#SBATCH --ntasks=%llu\n", (unsigned long long)o->slots);
    fprintf(out, "#SBATCH --time=%s\n", words_clock(o->seconds, clock));
    if (o->queue != NULL)
        fprintf(out, "#SBATCH --partition=%s\n", o->queue);
    fputs(o->requeue ? "#SBATCH --requeue\n" : "#SBATCH --no-requeue\n", out);
    fputs("# Another run writes behind the first one's output.\n#SBATCH --open-mode=append\n", out);
    fprintf(out,
            "# A warning to this shell, so many seconds before the end.\n"
            "#SBATCH --signal=B:USR1@%llu\n",
            (unsigned long long)o->margin);
}

static void slurm_again(FILE *out, const batch_options *o)
{
    (void)o;
    fputs("    # Slurm ends this run and puts the job back into the queue.\n"
          "    scontrol requeue \"$SLURM_JOB_ID\" || exit 1\n    exit 0\n",
          out);
}

/* ------------------------------------------------------------------------------------------ pbs */

static void pbs_directives(FILE *out, const batch_options *o)
{
    char clock[WORDS_CLOCK];

    fprintf(out, "#PBS -N %s\n#PBS -S /bin/sh\n", o->name);
    fputs("# The environment of whoever submits; errors go where the output goes.\n"
          "#PBS -V\n#PBS -j oe\n",
          out);
    fprintf(out, "#PBS -l select=%llu:ncpus=1:mpiprocs=1\n", (unsigned long long)o->slots);
    fprintf(out, "#PBS -l walltime=%s\n", words_clock(o->seconds, clock));
    if (o->queue != NULL)
        fprintf(out, "#PBS -q %s\n", o->queue);
    fprintf(out, "#PBS -r %c\n", o->requeue ? 'y' : 'n');
}

static void pbs_again(FILE *out, const batch_options *o)
{
    fputs("    # PBS has no way to run a job again that has ended by itself: this is a new one.\n"
          "    qsub ",
          out);
    words_quote(out, o->output);
    fputs(" || exit 1\n    exit 0\n", out);
}

/* ---------------------------------------------------------------------------------------- table */

static const batch_system systems[] = {
    {.name = "sge",
     .title = "Grid Engine",
     .submit = {"qsub", "-terse"},
     .mark = "#$",
     .directives = sge_directives,
     .slots = "\"$NSLOTS\"",
     .slots_here = "$(awk 'NR == 1 { print $2 }' \"$PE_HOSTFILE\")",
     .mpirun = "mpirun",
     .again = sge_again},
    {.name = "slurm",
     .title = "Slurm",
     .submit = {"sbatch", "--parsable"},
     .mark = "#SBATCH",
     .directives = slurm_directives,
     .slots = "\"$SLURM_NTASKS\"",
     .slots_here = "\"${SLURM_CPUS_ON_NODE:-1}\"",
     .end = "SLURM_JOB_END_TIME",
     .mpirun = "mpirun",
     .again = slurm_again},
    {.name = "pbs",
     .title = "PBS",
     .submit = {"qsub"},
     .mark = "#PBS",
     .directives = pbs_directives,
     .enter = "cd \"$PBS_O_WORKDIR\" || exit 1\n",
     .slots = "\"$(grep -c . \"$PBS_NODEFILE\")\"",
     .slots_here = "$(awk 'NR == 1 { host = $1 } $1 == host' \"$PBS_NODEFILE\" | grep -c .)",
     .mpirun = "mpirun --hostfile \"$PBS_NODEFILE\"",
     .again = pbs_again},
};

const batch_system *systems_find(const char *name)
{
    for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
        if (strcmp(systems[i].name, name) == 0)
            return &systems[i];
    return NULL;
}

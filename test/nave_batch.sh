#!/bin/sh
# `nave batch` from outside: the scripts as they are in doc/batch, options, wrong usage, and jobs of all three systems
# run by stand-ins for qsub and sbatch.
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
nave=$NAVE_BUILD/bin/nave
cd "$TMPDIR" || exit 1

# batch ARGUMENT...: to the file out.
batch()
{
    "$nave" batch "$@" >out 2>err || wrong "exit status of nave batch $*: $(cat err)"
    same "errors of nave batch $*" '' "$(cat err)"
}

says() # TEXT
{
    grep -q -x -e "$1" out || wrong "no \"$1\" in: $(cat out)"
}

# fails STATUS TEXT ARGUMENT...: prints nothing, and says just one line, which holds the text.
fails()
{
    expected=$1 text=$2
    shift 2
    "$nave" batch "$@" >out 2>err
    same "exit status of nave batch $*" "$expected" $?
    same "output of nave batch $*" '' "$(cat out)"
    same "error lines of nave batch $*" 1 "$(wc -l <err | tr -d ' ')"
    grep -q -e "$text" err || wrong "no \"$text\" in: $(cat err)"
}

# --- the scripts in the documentation

for system in sge slurm pbs; do
    file=
    [ $system != pbs ] || file='-o job.sh'
    batch --system $system -n 16 --time 01:00:00 --requeue $file -- ./parallelpi -k 3
    [ -z "$file" ] || cp job.sh out
    sed "s|$PWD/||; s|$(pwd -P)/||" out >job
    cmp job "$NAVE_SRC/doc/batch/job.$system.sh" || wrong "doc/batch/job.$system.sh is not what is written"
    sh -n out || wrong "$system: sh cannot read it"
    command -v bash >/dev/null && { bash -n out || wrong "$system: bash cannot read it"; }
done

# --- words

batch --help
fails 2 '--system: must be given' -n 4 --time 1h x
fails 2 '--system lsf: must be' --system lsf
fails 2 '-n: must be given' --system sge --time 1h x
fails 2 '-n 0: must be from 1' --system sge -n 0
fails 2 '--time: must be given' --system sge -n 4 x
for time in '' 0 1x 1-2 1:2:3:4 01:60:00 10s5m -5 99999999999999999999; do
    fails 2 "--time $time: not a length of time" --system sge -n 4 --time "$time" x
done
fails 2 'a program is missing' --system sge -n 4 --time 1h
fails 2 'script starts mpirun' --system sge -n 4 --time 1h -- /usr/bin/mpirun x
fails 2 'less than --time' --system sge -n 4 --time 1m --margin 60 x
fails 2 '--pe: for' --system slurm -n 4 --time 1h --pe mpi x
fails 2 'one word' --system slurm -n 4 --time 1h --queue 'a b' x
fails 2 'a line of text' --system slurm -n 4 --time 1h --directive "$(printf 'a\nb')" x
fails 2 '--name 1: must be' --system slurm -n 4 --time 1h --name 1 x
fails 2 'has one of its own' --system slurm -n 4 --time 1h --journal a -- x --journal b
fails 2 'each run would begin anew' --system slurm -n 4 --time 1h --requeue --no-journal x
fails 2 'must be in a file' --system pbs -n 4 --time 1h --requeue x
fails 2 'unknown option' --system pbs --what
fails 1 'no/folder/f: No such file' --system pbs -n 4 --time 1h -o no/folder/f x
(PATH=/none; "$nave" batch --system pbs -n 4 --time 1h --submit x) 2>err && wrong 'submitted without a qsub'
grep -q 'qsub: not found' err || wrong "$(cat err)"

batch --system sge -n 4 --time 1-02:00:00 --pe mpi --queue all.q --directive '-l mem_free=2G' -- x "it's" '$HOME' ''
for line in '#\$ -l h_rt=26:00:00' '#\$ -pe mpi 4' '#\$ -q all.q' '#\$ -l mem_free=2G' '#\$ -N x' '#\$ -r n'; do
    says "$line"
done
says "    x 'it'\\\\''s' '\$HOME' '' </dev/null &"
batch --system slurm -n 4 --time 90m --no-journal -- 2x --journal=b
says '#SBATCH --job-name=j2x'
says '#SBATCH --time=01:30:00'
grep -q NAVE_JOURNAL out && wrong 'a journal that was not wanted'

# --- jobs, run by stand-ins: mpirun starts one rank, and ends with 0 whatever that does

mkdir bin
cat >bin/mpirun <<'END'
#!/bin/sh
while [ "$1" != sh ]; do echo "$1"; shift; done >mpirun.words
OMPI_COMM_WORLD_RANK=1 "$@" >/dev/null 2>&1
OMPI_COMM_WORLD_RANK=0 "$@" &
trap 'kill -USR1 $!' USR1
while kill -0 $! 2>/dev/null; do wait $!; done
exit 0
END
cat >bin/program <<'END'
#!/bin/sh
[ "$OMPI_COMM_WORLD_RANK" = 0 ] || exit 5
env | grep NAVE_ >program.env
case $1 in
exit) exit "$2" ;;
die) kill -9 $$ ;;
early) kill -USR1 $$ ;;
drain)
    trap 'kill $!; exit 99' USR1
    touch ready
    sleep 30 &
    wait $!
    ;;
esac
END
for name in qsub sbatch scontrol; do
    cat >bin/$name <<'END'
#!/bin/sh
echo "$(basename "$0")" "$@" >>called
case ${1:-} in '' | -*) [ -n "${2:-}" ] || cat >submitted ;; esac
echo '7;cluster'
END
done
chmod +x bin/*
PATH=$PWD/bin:$PATH
export PATH NSLOTS=2 SLURM_NTASKS=2 SLURM_JOB_ID=7 PBS_O_WORKDIR=$PWD PE_HOSTFILE=$PWD/hosts PBS_NODEFILE=$PWD/nodes
echo 'here 2 all.q UNDEFINED' >hosts
printf 'here\nhere\n' >nodes

# job STATUS ARGUMENT...: submitted by --submit, then run; PBS from its file, the others from standard input.
job()
{
    expected=$1
    shift
    rm -f called submitted ready
    if [ $system = pbs ]; then
        batch --system pbs -n 2 --submit -o job.sh "$@"
        cp job.sh submitted
    else
        batch --system $system -n 2 --submit "$@"
    fi
    same "number of the job ($system $*)" 7 "$(cat out)"
    rm -f called
    sh ./submitted >job.out 2>&1
    same "status of a $system job, $* ($(cat job.out))" "$expected" $?
}

for system in sge slurm pbs; do
    job 0 --time 1h -- program exit 0
    same 'options of mpirun' '-np 2' "$(grep -A 1 -e '^-np' mpirun.words | tr '\n' ' ' | sed 's/ $//')"
    same journal 'NAVE_JOURNAL=program.db' "$(grep JOURNAL program.env)"
    job 3 --time 1h --requeue -- program exit 3
    job 137 --time 1h --requeue -- program die
    job 1 --time 1h -- program exit 99
    [ ! -e called ] || wrong "$system: called $(cat called)"
    case $system in
    sge) again=99 ;;
    *) again=0 ;;
    esac
    job $again --time 1h --requeue -- program early
    job $again --time 3 --margin 2 --requeue -- program drain # by its own clock
    case $system in
    slurm) same again 'scontrol requeue 7' "$(cat called)" ;;
    pbs) same again "qsub $PWD/job.sh" "$(cat called)" ;;
    esac
done

# By a signal.
batch --system sge -n 2 --time 1h --requeue -o job.sh program drain
for signal in USR1 USR2 TERM XCPU; do
    rm -f ready
    sh ./job.sh >job.out 2>&1 &
    job=$!
    while [ ! -e ready ] && kill -0 $job 2>/dev/null; do sleep 0.1; done
    kill -$signal $job
    wait $job
    same "status after SIG$signal" 99 $?
done

# A system that refuses.
printf '#!/bin/sh\necho "no such queue" >&2\nexit 4\n' >bin/qsub
"$nave" batch --system sge -n 2 --time 1h --submit program >out 2>err
same 'exit status when qsub fails' 1 $?
grep -q 'qsub: exit status 4' err || wrong "$(cat err)"
[ $failures = 0 ]

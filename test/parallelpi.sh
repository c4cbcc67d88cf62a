#!/bin/sh
# parallelpi on a million real digits: counts of each layout against a naive counter and against published counts,
# the same counts for any number of ranks, cuts, bad input, outputs, the picture. timeout: 300
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
parallelpi=$NAVE_BUILD/bin/parallelpi
pidigits=$NAVE_BUILD/bin/pidigits
work=${TMPDIR:-/tmp}/parallelpi.$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT

mpi() # RANKS ARGUMENT...
{
    ranks=$1
    shift
    "$NAVE_SRC/test/mpirun" -np "$ranks" "$parallelpi" "$@"
}

# fails STATUS TEXT ARGUMENT...: exits so, prints nothing, and says just one line, which holds the text.
fails()
{
    status=$1 text=$2
    shift 2
    "$parallelpi" "$@" >out 2>err
    same "exit status of $*" "$status" $?
    [ ! -s out ] || wrong "output of $*: $(head -n 1 out)"
    same "error lines of $*" 1 "$(wc -l <err | tr -d ' ')"
    case $(cat err) in *"$text"*) ;; *) wrong "$*: \"$(cat err)\" does not say \"$text\"" ;; esac
}

naive() # K FILE: sequence,count lines of a file of digits alone
{
    awk -v k="$1" '{ n = length($0) - k + 1; for (i = 1; i <= n; i++) count[substr($0, i, k)]++ }
        END { print "sequence,count"
              for (i = 0; i < 10 ^ k; i++) { s = sprintf("%0" k "d", i); print s "," count[s] + 0 } }' "$2"
}

counts() # FILE: the counts of a JSON file
{
    sed 's/.*"counts":\[\([^]]*\)\].*/\1/' "$1"
}

# --- a million digits in every layout

"$pidigits" --quiet --per-file 100000 --files 10 --dir pi || exit 1
grouped=$(echo pi/pi200m.ascii.*)
cat $grouped | tr -d ' \n' >plain
same 'number of digits' 1000000 "$(wc -c <plain | tr -d ' ')"
{ printf '3.'; cat plain; } >pointed
{ printf '3'; cat plain; } >three
{ printf '3.\r\n'; fold -w 60 plain | sed 's/$/\r/'; } >dos
{ printf '\357\273\2773.'; sed 's/\(.....\)/\1\t/g' plain; echo; } >marked
fold -w 1 plain | head -n 200000 >lines
mkdir odd && (cd odd && split -a 3 -b 9973 ../pointed)

for k in 1 2 3 4; do
    naive $k plain >expected
    for layout in "$grouped" plain pointed three dos marked "$(echo odd/*)"; do
        "$parallelpi" --quiet --no-plot -k $k --csv counted $layout || wrong "k=$k $layout: exit status $?"
        cmp -s expected counted || wrong "counts of k=$k $layout"
    done
done
for simd in plain avx2 avx512; do
    "$parallelpi" --quiet --no-plot -k 4 --simd $simd --csv counted $grouped 2>/dev/null || continue
    cmp -s expected counted || wrong "counts by $simd"
done
head -c 200000 plain >front
naive 3 front >expected
"$parallelpi" --quiet --no-plot -k 3 --csv counted lines
cmp -s expected counted || wrong 'counts of one digit a line'

# Files shorter than a sequence.
mkdir short && (cd short && head -c 1000 ../plain | split -a 3 -b 2 -)
head -c 1000 plain >front
naive 5 front >expected
"$parallelpi" --quiet --no-plot -k 5 --csv counted short/*
cmp -s expected counted || wrong 'counts of short files'

# --- published counts, the JSON, any number of ranks

published=99959,99758,100026,100229,100230,100359,99548,99800,99985,100106
"$parallelpi" --quiet --no-plot -k 1 --json one.json $grouped
same 'published counts' $published "$(counts one.json)"
case $(cat one.json) in
'{"digits":1000000,"k":1,"windows":1000000,"counts":['*'"most":{"sequence":"5","count":100359},"least":{"sequence":"6","count":99548}'*) ;;
*) wrong "JSON: $(cat one.json)" ;;
esac
for k in 2 3; do
    for cut in '' '--digits 543210'; do
        "$parallelpi" --quiet --no-plot -k $k $cut --json 1.json $grouped
        for np in 2 3 16; do
            mpi $np --quiet --no-plot -k $k $cut --json $np.json $grouped 2>err || wrong "exit status with $np ranks"
            same "counts of $np ranks, k=$k $cut" "$(counts 1.json)" "$(counts $np.json)"
        done
    done
done

# --- cuts

for n in 3 10 100 101 99999 100000 100001 1000000; do
    head -c $n plain >front
    naive 3 front >expected
    "$parallelpi" --quiet --no-plot -k 3 --digits $n --csv counted $grouped || wrong "--digits $n: exit status $?"
    cmp -s expected counted || wrong "counts of --digits $n"
done
fails 1 '1000001 digits wanted, there are only 1000000' --digits 1000001 $grouped
{ head -c 5000 plain; echo '?'; } >ends_badly
"$parallelpi" --quiet --no-plot --digits 5000 ends_badly || wrong 'a bad byte behind the cut counts'
fails 1 "ends_badly: byte '?' (0x3f) at offset 5000" --digits 5001 ends_badly

# --- bad input: one line, no table

: >empty
printf ' \n' >blank
printf 7 >single
{ head -c 3000 plain; printf 'x'; head -c 10 plain; printf 'y'; } >bad
printf '14\00015' >zero
fails 1 "bad: byte 'x' (0x78) at offset 3000 (counted from 0)" plain bad
fails 1 'zero: byte 0x00 at offset 2' zero
fails 1 'empty: the file is empty' plain empty
fails 1 'blank: 2 digits wanted, there are only 0' blank
fails 1 'single: 2 digits wanted, there is only 1' single
fails 1 'none: No such file or directory' plain none
fails 1 'odd: Is a directory' odd
fails 1 "pointed: byte '.' (0x2e) at offset 1" plain pointed
for np in 1 3 16; do
    mpi $np plain bad bad >out 2>err
    same "exit status of bad input on $np ranks" 1 $?
    same "error of $np ranks" 1 "$(grep -c "^parallelpi: bad: byte 'x' (0x78) at offset 3000 " err)"
done

# --- usage

for wrong_use in '-k 0' '-k 9' '-k two' '--digits 0' '--digits 1 -k 2' '--digits 200000001' '--simd abacus' '--bogus' \
    '-z' '--json' '--plot x.png -k 4' '-k'; do
    fails 2 'parallelpi: ' $wrong_use
done
"$parallelpi" --help | grep -q '^usage: parallelpi' || wrong '--help'
same '--version lines' 1 "$(mpi 3 --version | grep -c '^parallelpi [0-9.]*$')"

# --- outputs: complete or not at all, and known to be writable before the work

fails 1 'nowhere/x.json: No such file or directory' --json nowhere/x.json plain
fails 1 'odd: Is a directory' --csv odd plain
fails 1 'nowhere/x.png: No such file or directory' --plot nowhere/x.png plain
echo old >old.json
"$parallelpi" --quiet --no-plot --json old.json bad 2>/dev/null
same 'an old file after an error' old "$(cat old.json)"
same 'temporary files left' '' "$(ls -A | grep '^\.nave')"

mkdir bin
(PATH=$work/bin "$parallelpi" plain >out) || wrong "exit status without gnuplot: $?"
grep -q 'gnuplot is not here.*two_digit_counts.gp.*two_digit_counts.dat' out || wrong 'no word about gnuplot'
[ -s two_digit_counts.gp ] && [ -s two_digit_counts.dat ] || wrong 'script and data are not there'
if command -v gnuplot >/dev/null; then
    gnuplot two_digit_counts.gp && [ -s two_digit_counts.png ] || wrong 'the script that was left draws nothing'
    for k in 1 2 3; do
        "$parallelpi" --quiet -k $k --plot $k.png plain || wrong "--plot with k=$k"
        same "kind of the picture of k=$k" 'PNG' "$(head -c 4 $k.png | tail -c 3)"
    done
fi

# --- digits that are made first

mpi 2 --quiet --no-plot -k 1 --digits 10000 --dir "it's made" --json made.json 2>err || wrong "making digits: $(cat err)"
same 'counts of 10,000 digits' 968,1026,1021,974,1012,1046,1021,970,948,1014 "$(counts made.json)"
mpi 1 -k 1 --digits 10000 --dir "it's made" --no-plot >out
same 'first line of the serial study' '10,000 digits, 10,000 sequences of 1 digit' "$(sed 's/, counted.*//;q' out)"

[ $failures = 0 ] || { echo "$failures wrong"; exit 1; }

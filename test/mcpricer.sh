#!/bin/sh
# mcpricer from outside: the same bits on any number of ranks, outputs, pictures, bad input. timeout: 300
set -u
. "$NAVE_SRC/test/shell/verdict.sh"
mcpricer=$NAVE_BUILD/bin/mcpricer
work=${TMPDIR:-/tmp}/mcpricer.$$
mkdir -p "$work" && cd "$work" || exit 1
trap 'rm -rf "$work"' EXIT

mpi() # RANKS ARGUMENT...
{
    ranks=$1
    shift
    "$NAVE_SRC/test/mpirun" -np "$ranks" "$mcpricer" "$@"
}

# fails STATUS TEXT ARGUMENT...: exits so, prints nothing, and says just one line, which holds the text.
fails()
{
    status=$1 text=$2
    shift 2
    "$mcpricer" "$@" >out 2>err
    same "exit status of $*" "$status" $?
    [ ! -s out ] || wrong "output of $*: $(head -n 1 out)"
    same "error lines of $*" 1 "$(wc -l <err | tr -d ' ')"
    case $(cat err) in *"$text"*) ;; *) wrong "$*: \"$(cat err)\" does not say \"$text\"" ;; esac
}

results() # FILE: prices and standard errors, all digits
{
    sed 's/.*\("prices":.*\),"paths":.*/\1/' "$1"
}

# --- the same bits on any number of ranks, in every mode, partial blocks included

small='--strikes 4 --sigmas 3 --days 30 --quiet --no-plot'
for how in '--paths 10001' '--paths 10001 --mode common' '--paths 9002 --control geometric --antithetic' \
    '--paths 5000 --control geometric --mode common' '--paths 5000 --target-error 0.1'; do
    "$mcpricer" $small $how --json alone.json || wrong "$how alone"
    for ranks in 2 3 16; do
        mpi $ranks $small $how --json many.json || wrong "$how on $ranks ranks"
        same "$how on $ranks ranks" "$(results alone.json)" "$(results many.json)"
    done
    grep -q '"ecall":\[\[[0-9.]*,[0-9.]*,[0-9.]*\],\[' alone.json || wrong "$how: $(cut -c 1-300 alone.json)"
done

# Other seeds are other numbers, and 2^64 - 1 is one of them.
"$mcpricer" $small --paths 5000 --seed 18446744073709551615 --json seed.json
grep -q '"seed":18446744073709551615,' seed.json || wrong 'the largest seed'
"$mcpricer" $small --paths 5000 --json zero.json
[ "$(results seed.json)" != "$(results zero.json)" ] || wrong 'the seed does not matter'

# --- a target: errors are below it, and no cell has more paths than it takes, about

"$mcpricer" $small --paths 2000 --target-error 0.05 --csv target.csv || wrong 'a target'
awk -F, 'NR > 1 { for (i = 5; i <= 11; i += 2) if ($i >= 0.05) bad = 1; if ($3 > most) most = $3 }
    END { exit bad || most < 10000 || most > 1000000 }' target.csv || wrong "errors above the target: $(cat target.csv)"
"$mcpricer" $small --paths 2000 --target-error 0.05 --mode common --json target.json || wrong 'a target in common'
grep -q '"rounds":[2-9]' target.json || wrong 'one round only'

# --- outputs

"$mcpricer" --strikes 3 --sigmas 2 --days 10 --paths 2000 --json all.json --csv all.csv --plot pic >out 2>err ||
    wrong 'all outputs'
[ ! -s err ] || wrong "errors: $(cat err)"
for key in strikes sigmas prices stderr paths days mode control seed engines seconds ns_per_path_step; do
    grep -q "\"$key\":" all.json || wrong "no \"$key\" in JSON"
done
grep -q '^{"strikes":\[90,100,110\],"sigmas":\[0.1,0.4\],"prices":{"ecall":\[\[' all.json ||
    wrong "JSON: $(cut -c 1-200 all.json)"
same 'lines of CSV' 7 "$(wc -l <all.csv | tr -d ' ')"
same 'columns of CSV' 11 "$(awk -F, 'NR == 4 { print NF }' all.csv)"
# Both have the same digits: cell (1, 0), European call.
same 'CSV and JSON' "$(sed 's/.*"prices":{"ecall":\[\[[^]]*\],\[\([0-9.]*\),.*/\1/' all.json | cut -c 1-15)" \
    "$(awk -F, 'NR == 4 { print $4 }' all.csv | cut -c 1-15)"
for text in '3 strikes by 2 volatilities' 'European call' 'Speed-up' 'path-steps'; do
    grep -q "$text" out || wrong "the report does not say \"$text\""
done
same 'lines of the table' 6 "$(grep -c -- '+-.*+-.*+-.*+-' out)"
"$mcpricer" --strikes 30 --sigmas 30 --days 2 --paths 100 --no-plot >out || wrong 'a large grid'
same 'lines of the table of a large grid' 0 "$(grep -c -- '+-' out)"
"$mcpricer" --strikes 1 --sigmas 1 --days 2 --paths 100 >out || wrong 'one cell'
[ ! -e mcpricer_ecall.png ] || wrong 'a picture of one cell'

if command -v gnuplot >/dev/null; then
    for price in ecall eput acall aput; do
        [ "$(head -c 4 pic_$price.png | tail -c 3)" = PNG ] || wrong "pic_$price.png is no picture"
    done
    "$mcpricer" --strikes 3 --sigmas 3 --days 2 --paths 100 --plot left --quiet || wrong 'a quiet plot'
    [ -s left_aput.png ] || wrong 'no picture when quiet'
fi
PATH=/nowhere "$mcpricer" --strikes 2 --sigmas 2 --days 2 --paths 100 --plot gone >out 2>&1 || wrong 'without gnuplot'
grep -q 'gnuplot is not here.*gone_ecall.gp' out || wrong "without gnuplot: $(tail -n 3 out)"
[ -s gone_eput.gp ] && [ -s gone_eput.dat ] || wrong 'script and data are not there'

# Every path gives these prices.
for simd in plain avx2 avx512; do
    "$mcpricer" $small --paths 5000 --simd $simd --csv $simd.csv 2>/dev/null || continue
    paste -d, plain.csv $simd.csv | awk -F, 'NR > 1 { for (i = 4; i <= 11; i++) { d = $i / $(i + 11) - 1
        if (d > 1e-10 || d < -1e-10) exit 1 } }' || wrong "$simd and plain differ"
done

# --- bad input: one line, status 2, nothing else

fails 2 '--min-sigma -0.1: must be from 0' --min-sigma -0.1
fails 2 '--max-sigma nan: not a number' --max-sigma nan
fails 2 '--spot inf: not a number' --spot inf
fails 2 '--spot 0x: not a number' --spot 0x
fails 2 '--spot: must be above 0' --spot 0
fails 2 '--min-strike: must be above 0' --min-strike 0
fails 2 '--days' --days 0
fails 2 '--days' --days 12.5
fails 2 '--strikes' --strikes 1000000000
fails 2 'more than 100000 cells' --strikes 10000 --sigmas 10000
fails 2 '--strikes' --strikes ten
fails 2 '--paths' --paths 1
fails 2 '--paths' --paths 99999999999999999999
fails 2 'with --antithetic an even number' --paths 101 --antithetic
fails 2 '--min-strike 120: is above --max-strike 110' --min-strike 120
fails 2 '--min-sigma 0.5: is above --max-sigma 0.4' --min-sigma 0.5
fails 2 '--mode both: must be independent or common' --mode both
fails 2 '--control both: must be none or geometric' --control both
fails 2 '--target-error' --target-error 0
fails 2 '--target-error' --target-error -1
fails 2 '--seed' --seed -1
fails 2 '--rate' --rate 11
fails 2 '--simd mmx: unknown' --simd mmx
fails 2 'contours need two strikes' --strikes 1 --plot pic
fails 2 'needs an argument' --paths
fails 2 'unknown option' --volatility 3
fails 2 'what is this' 90
fails 1 'no/such/file' --json no/such/file --paths 100
fails 1 'no/such_ecall.png' --plot no/such --paths 100
fails 1 '/dev/full' --json /dev/full --strikes 1 --sigmas 1 --days 1 --paths 100 --quiet
mpi 3 --days 0 >out 2>err && wrong 'bad input on three ranks'
same 'error lines of three ranks' 1 "$(grep -c '^mcpricer: ' err)"

"$mcpricer" --help >out && grep -q 'Exit status' out || wrong '--help'
"$mcpricer" --version >out && grep -q '^mcpricer (Nave) [0-9]' out || wrong '--version'
"$mcpricer" --help | awk 'length > 100 { exit 1 }' || wrong 'long lines in the help'

[ $failures = 0 ]

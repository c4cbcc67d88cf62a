#!/bin/sh
# The program in README.md is compiled as a user would, run, and prints what the README says it prints.
set -eu
export PKG_CONFIG_PATH="$NAVE_BUILD/lib"
readme=$NAVE_SRC/README.md
program=$TMPDIR/readme

command -v pkg-config >/dev/null || { echo 'pkg-config is not here'; exit 77; }
[ -f "$readme" ] || { echo 'there is no README.md'; exit 77; }

# The first ```c block that holds nave_run, and the first block after it that names no language.
awk -v code="$program.c" -v expected="$program.expected" '
    /^```/ && !inside { inside = 1; language = substr($0, 4); text = ""; next }
    /^```/ {
        inside = 0
        if (!found && language == "c" && text ~ /nave_run/) { printf "%s", text >code; found = 1 }
        else if (found == 1 && language == "") { printf "%s", text >expected; found = 2 }
        next
    }
    inside { text = text $0 "\n" }' "$readme"
[ -s "$program.c" ] || { echo 'README.md has no C program with nave_run in it'; exit 1; }
[ -s "$program.expected" ] || { echo 'README.md does not say what its program prints'; exit 1; }

# nave.pc names the folders of an installation that is not there yet: header and library come from here.
${CC:-cc} -std=c11 -Wall -Wextra -Wno-unused-parameter -pedantic -Werror -I"$NAVE_SRC/include" -o "$program" \
    "$program.c" -L"$NAVE_BUILD/lib" -Wl,-rpath,"$NAVE_BUILD/lib" $(pkg-config --cflags --libs nave)

for np in 1 3; do
    "$NAVE_SRC/test/mpirun" -np $np "$program" >"$program.said" || { echo "exit status $? of $np ranks"; exit 1; }
    diff "$program.expected" "$program.said" || { echo "$np ranks print something else"; exit 1; }
done

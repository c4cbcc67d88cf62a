# Read by tests that go on after something is wrong, and say at the end: [ $failures = 0 ]
failures=0
LC_ALL=C
export LC_ALL

wrong()
{
    echo "wrong: $*"
    failures=$((failures + 1))
}

same() # WHAT EXPECTED ACTUAL
{
    [ "$2" = "$3" ] || { wrong "$1"; echo "  expected: $2"; echo "  got:      $3"; }
}

# Completion of nave(1) for bash: `. nave.bash`, or put it where bash-completion looks, under the name "nave"
# (~/.local/share/bash-completion/completions).
#
# Names of kernels, objects and values come from the job that the line so far leads to; where none answers within half
# a second, or only through ssh, there are none.

_nave_verbs='start topo log batch status top engines kernels calls tasks explain events submit wait result cancel forget
objects push pull drop get set watch command pause resume stop cc shell'

# The job's answer to a verb, as one line of JSON.  ssh is kept from asking for passwords amid a line.
_nave_ask() {
    NAVE_SSH=false "$_nave_program" "${_nave_job[@]}" --timeout 0.5 "$1" --json 2>/dev/null </dev/null
}

# The values of "name" in the list $2 of that answer; the list's own strings where it has no objects.
_nave_names() {
    local list
    list=$(_nave_ask "$1")
    case $list in *"\"$2\":["*) ;; *) return ;; esac
    list=${list#*"\"$2\":["}
    case $list in
    '{'*) printf '%s' "${list%%"}]"*}" | grep -o '"name":"[^"]*"' | cut -d '"' -f 4 ;;
    *) printf '%s' "${list%%"]"*}" | grep -o '"[^"]*"' | tr -d '"' ;;
    esac
}

_nave_calls() {
    _nave_ask calls | grep -o '"call":[0-9]*' | cut -d : -f 2
}

# Names of running jobs: those of their files.
_nave_jobs() {
    local folder=${XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/nave} file
    folder=${folder:-$HOME/.nave/run}
    for file in "$folder"/*.json; do
        file=${file##*/}
        case $file in '*.json' | *.readonly.json) ;; *) printf '%s\n' "${file%.json}" ;; esac
    done
}

# _nave_offer WORDS [f]: those that begin as the word under the cursor does; f: and files.
_nave_offer() {
    local IFS=$'\n'
    COMPREPLY=($(compgen -W "${1// /$'\n'}" -- "$_nave_word"))
    if [ "${2:-}" = f ]; then
        compopt -o filenames 2>/dev/null
        COMPREPLY+=($(compgen -f -- "$_nave_word"))
    fi
}

_nave_options() {
    local common='--connection --ssh --timeout --json --help'
    case $1 in
    '') echo "$common --version" ;;
    start) echo '--ranks --connection --job --listen --no-plugins --system --time --wait --help --version' ;;
    topo) echo '--no-picture --json --help' ;;
    log) echo '--tasks --failed --state --job --call --kernel --engine --output --count --json --help' ;;
    batch) echo '--system --slots --time --margin --requeue --submit --output --name --queue --pe --journal --no-journal --directive --help' ;;
    top) echo "$common --delay --batch --count" ;;
    tasks) echo "$common --waiting --running --succeeded --failed --cancelled --limit" ;;
    submit) echo "$common --priority --retries --guard --time-limit --engines --each --each-line --wait --wait-limit" ;;
    push) echo "$common --engines --scatter" ;;
    pull) echo "$common --engine --gather --output --range --type" ;;
    shell) echo "$common --command" ;;
    *) echo "$common" ;;
    esac
}

# What may follow a verb as its argument number $2.
_nave_argument() {
    case $1:$2 in
    help:0) _nave_offer "$_nave_verbs" ;;
    submit:0) _nave_offer "$(_nave_names kernels kernels)" ;;
    pull:0) _nave_offer "$(_nave_names status published; _nave_names objects objects)" ;;
    push:0) _nave_offer "$(_nave_names objects objects)" ;;
    drop:*) _nave_offer "$(_nave_names objects objects)" ;;
    get:0 | set:0) _nave_offer "$(_nave_names status steer)" ;;
    watch:0) _nave_offer "$(_nave_names status steer; _nave_names status published)" ;;
    command:0) _nave_offer "$(_nave_names status commands)" ;;
    wait:* | cancel:* | forget:* | tasks:0 | explain:0 | result:0) _nave_offer "$(_nave_calls)" ;;
    cc:0 | push:1 | log:* | batch:*) _nave_offer '' f ;;
    esac
}

# The word behind an option that takes one.
_nave_value() {
    case $2:$1 in
    *:--ssh) _nave_offer '' ;;
    start:--system | batch:--system) _nave_offer 'sge slurm pbs' ;;
    log:--state) _nave_offer 'succeeded failed' ;;
    pull:--type) _nave_offer 'double float int64 int32 uint8' ;;
    shell:-c) _nave_offer '' ;;
    *:-c | *:--connection) _nave_offer "$(_nave_jobs)" f ;;
    pull:-o | pull:--output | result:-o | batch:-o | batch:--output | batch:--journal) _nave_offer '' f ;;
    *) _nave_offer '' ;;
    esac
}

# Options that take a word, by verb.
_nave_takes() {
    case $2:$1 in
    start:-c | *:--connection | *:--ssh | *:--timeout) return 0 ;;
    submit:-[prtel] | submit:--wait-limit | submit:--priority | submit:--retries | submit:--time-limit | submit:--engines) return 0 ;;
    start:-[nt] | start:--ranks | start:--job | start:--listen | start:--system | start:--time | start:--wait) return 0 ;;
    log:--state | log:--job | log:--call | log:--kernel | log:--engine) return 0 ;;
    batch:-[no] | batch:--system | batch:--slots | batch:--time | batch:--margin | batch:--output | batch:--name) return 0 ;;
    batch:--queue | batch:--pe | batch:--journal | batch:--directive) return 0 ;;
    top:-[dn] | top:--delay | top:--count | watch:-[dn] | events:-n | tasks:-n | tasks:--limit) return 0 ;;
    push:-e | push:--engines | pull:-[eo] | pull:--engine | pull:--output | pull:--range | pull:--type) return 0 ;;
    wait:-t | result:-[to] | shell:--command | *:-c) return 0 ;;
    esac
    return 1
}

_nave() {
    local _nave_program=${COMP_WORDS[0]} _nave_word=${COMP_WORDS[COMP_CWORD]} _nave_job=()
    local verb='' before='' arguments=0 word i
    COMPREPLY=()
    [ "$_nave_word" != = ] || _nave_word=''
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [ "$word" = = ]; then # bash takes --connection=FILE apart
            continue
        elif [ -n "$before" ]; then
            case $before:$verb in
            -c:shell) ;;
            -c:* | --connection:*) _nave_job=(--connection "${word/#\~\//$HOME/}") ;;
            esac
            before=''
        elif [ "${word#-}" != "$word" ]; then
            _nave_takes "$word" "$verb" && before=$word
        elif [ -z "$verb" ]; then
            verb=$word
        else
            arguments=$((arguments + 1))
        fi
    done
    if [ -n "$before" ]; then
        _nave_value "$before" "$verb"
    elif [ "${_nave_word#-}" != "$_nave_word" ]; then
        _nave_offer "$(_nave_options "$verb")"
    elif [ -z "$verb" ]; then
        _nave_offer "$_nave_verbs help"
    else
        _nave_argument "$verb" "$arguments"
    fi
}

complete -o bashdefault -F _nave nave

# SPDX-License-Identifier: MIT
# Completion of tracectl for bash.

# Options that take a value, for every verb; then the word behind one of them is not a place of its own.
_tracectl_valued=' --pid -p -t --cgroup --window --trigger --machine --scope --start --size --output -o --tid --limit --last --to --program --snapshot-on --html --binary --symfs --decoder --shard '

_tracectl_options() {
  case $1 in
    doctor | repair | ctl) echo --json ;;
    list) echo --program --json ;;
    new) echo --window --trigger ;;
    check) echo --window --trigger --machine --scope --start --size --pid --tid --all-cpus --cgroup --json ;;
    run) echo --window --trigger --machine --scope --start --size --pid --tid --all-cpus --cgroup --output --quiet --fail-on-loss --snapshot-on ;;
    info) echo --symfs --decoder --json --decode --no-decode ;;
    report) echo --symfs --decoder --tid --window --limit --json --html ;;
    script) echo --symfs --decoder --tid --window --last --limit --json --raw --digest ;;
    export) echo --symfs --decoder --tid --window --to --binary --shard --output ;;
    merge) echo --to --binary --output ;;
    '') echo --version ;;
  esac
}

# The values of an option; nothing where there is no list.
_tracectl_values() {
  case $1 in
    --machine) echo auto kernel emulated ;;
    --scope) echo user kernel all ;;
    --start) echo paused running ;;
    --to) echo autofdo branch-list folded llvm-prof perfetto snapshot speedscope ;;
    --snapshot-on) echo crash exit ;;
  esac
}

# The first word behind the verb; the second is a capture.
_tracectl_first() {
  case $1 in
    list) echo tracepoints symbols sinks backends triggers ;;
    script) echo calls branches instructions packets ;;
    ctl) echo status pause resume snapshot stop ;;
  esac
}

_tracectl() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
  local verbs='doctor list new check run ctl info report script export merge repair'
  local verb= places=0 i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    if [[ ${COMP_WORDS[i]} == -- ]]; then # the command to trace: its own completion, where bash-completion is there
      if declare -F _command_offset >/dev/null; then _command_offset $((i + 1)); else compopt -o default 2>/dev/null; fi
      return 0
    elif [[ -z $verb && ${COMP_WORDS[i]} != -* ]]; then
      verb=${COMP_WORDS[i]}
    elif [[ ${COMP_WORDS[i]} != -* && $_tracectl_valued != *" ${COMP_WORDS[i - 1]} "* ]]; then
      ((++places))
    fi
  done
  if [[ -n $verb && $_tracectl_valued == *" $before "* ]]; then
    local values
    values=$(_tracectl_values "$before")
    if [[ -n $values ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
    elif [[ $before == --output || $before == -o || $before == --program || $before == --binary ]]; then
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
    return 0
  fi
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_tracectl_options "$verb") --help" -- "$word")
  elif [[ -z $verb ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word")
  elif [[ $places == 0 && -n $(_tracectl_first "$verb") ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_tracectl_first "$verb")" -- "$word")
  else
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}

complete -F _tracectl tracectl

# SPDX-License-Identifier: MIT
# Completion of tracectl for fish.

function __tracectl_verb
    set -l words (commandline -opc)
    test (count $words) -ge 2; and contains -- $words[2] $argv
end

# Nothing behind the verb but options yet.
function __tracectl_first
    set -l words (commandline -opc)
    test (count $words) -eq 2; and contains -- $words[2] $argv
end

complete -c tracectl -n __fish_use_subcommand -f -s h -l help -d 'Print help'
complete -c tracectl -n __fish_use_subcommand -f -l version -d 'Print the version'
complete -c tracectl -n __fish_use_subcommand -f -a doctor -d 'What this machine can trace, and what it cannot'
complete -c tracectl -n __fish_use_subcommand -f -a list -d 'Names that a plan may use here'
complete -c tracectl -n __fish_use_subcommand -f -a new -d 'Write a commented plan to start from'
complete -c tracectl -n __fish_use_subcommand -f -a check -d 'The resolved plan, and the equal perf record line'
complete -c tracectl -n __fish_use_subcommand -f -a run -d 'Start a command under a plan and leave a capture'
complete -c tracectl -n __fish_use_subcommand -f -a ctl -d 'Ask a running session, or tell it'
complete -c tracectl -n __fish_use_subcommand -f -a info -d 'What a capture holds, and every loss'
complete -c tracectl -n __fish_use_subcommand -f -a report -d 'Windows and hot functions'
complete -c tracectl -n __fish_use_subcommand -f -a script -d 'The trace as text'
complete -c tracectl -n __fish_use_subcommand -f -a export -d 'A capture in another format'
complete -c tracectl -n __fish_use_subcommand -f -a merge -d 'Profiles of one binary added up'
complete -c tracectl -n __fish_use_subcommand -f -a repair -d 'Make perf read a capture that a crash left'

complete -c tracectl -n '__tracectl_first list' -f -a 'tracepoints symbols sinks backends triggers'
complete -c tracectl -n '__tracectl_first ctl' -f -a 'status pause resume snapshot stop'
complete -c tracectl -n '__tracectl_first script' -f -a 'calls branches instructions packets'

complete -c tracectl -n '__tracectl_verb doctor list new check run ctl info report script export merge repair' -f -s h -l help -d 'Print help'
complete -c tracectl -n '__tracectl_verb doctor list check ctl report' -f -l json -d 'As JSON'
complete -c tracectl -n '__tracectl_verb info' -f -l json -d 'As JSON, with decoded numbers'
complete -c tracectl -n '__tracectl_verb script' -f -l json -d 'One JSON object a line'
complete -c tracectl -n '__tracectl_verb repair' -f -l json -d 'What was done, as JSON'
complete -c tracectl -n '__tracectl_verb list' -r -F -l program -d 'Symbols of this program and its libraries'
complete -c tracectl -n '__tracectl_verb new check run' -x -l window -d 'Trace only inside: function=OBJECT:SYMBOL, ...'
complete -c tracectl -n '__tracectl_verb new check run' -x -l trigger -d 'An event and its action: ON=ACTION'
complete -c tracectl -n '__tracectl_verb check run' -x -l machine -a 'auto kernel emulated' -d 'Where the plan runs'
complete -c tracectl -n '__tracectl_verb check run' -x -s p -l pid -a '(__fish_complete_pids)' -d 'Trace running processes'
complete -c tracectl -n '__tracectl_verb check run' -x -s t -l tid -d 'Trace running threads alone'
complete -c tracectl -n '__tracectl_verb check run' -f -s a -l all-cpus -d 'Trace all that runs'
complete -c tracectl -n '__tracectl_verb check run' -r -l cgroup -d 'Trace what runs in this cgroup'
complete -c tracectl -n '__tracectl_verb check run' -x -l scope -a 'user kernel all' -d 'What is traced'
complete -c tracectl -n '__tracectl_verb check run' -x -l start -a 'paused running' -d 'How the trace starts'
complete -c tracectl -n '__tracectl_verb check run' -x -l size -d 'Each trace buffer, such as 4MiB'
complete -c tracectl -n '__tracectl_verb run' -r -F -s o -l output -d 'Directory of the capture'
complete -c tracectl -n '__tracectl_verb run' -f -s q -l quiet -d 'Say nothing but warnings and losses'
complete -c tracectl -n '__tracectl_verb run' -f -l fail-on-loss -d 'Exit with 4 when trace was lost'
complete -c tracectl -n '__tracectl_verb run' -x -l snapshot-on -a 'crash exit' -d 'A ring is also kept'
complete -c tracectl -n '__tracectl_verb info' -f -l decode -d 'Decoded numbers in the text'
complete -c tracectl -n '__tracectl_verb info' -f -l no-decode -d 'No decoded numbers in the JSON'
complete -c tracectl -n '__tracectl_verb info report script export' -x -l symfs -a '(__fish_complete_directories)' -d 'Look for the traced files here first'
complete -c tracectl -n '__tracectl_verb info report script export' -x -l decoder -a 'reference flow' -d 'Which decoder'
complete -c tracectl -n '__tracectl_verb report script export' -x -l tid -d 'Only this thread'
complete -c tracectl -n '__tracectl_verb report script export' -x -l window -d 'Only window N'
complete -c tracectl -n '__tracectl_verb report' -x -l limit -d 'How many functions; 0: all'
complete -c tracectl -n '__tracectl_verb report' -r -F -l html -d 'Write one self-contained page'
complete -c tracectl -n '__tracectl_verb script' -x -l limit -d 'At most N lines'
complete -c tracectl -n '__tracectl_verb script' -x -l last -d 'Only the last N lines of each thread'
complete -c tracectl -n '__tracectl_verb script' -f -l raw -d 'Instructions: thread and address only'
complete -c tracectl -n '__tracectl_verb script' -f -l digest -d 'Instructions: thread, count and hash only'
complete -c tracectl -n '__tracectl_verb export' -x -l to -a 'autofdo branch-list folded llvm-prof perfetto snapshot speedscope' -d 'The format'
complete -c tracectl -n '__tracectl_verb export' -r -F -l binary -d 'profiles: whose'
complete -c tracectl -n '__tracectl_verb export' -r -F -s o -l output -d 'The file to write'
complete -c tracectl -n '__tracectl_verb export' -x -l shard -d 'Profiles: i/n, a part of the trace'
complete -c tracectl -n '__tracectl_verb merge' -x -l to -a 'autofdo' -d 'The format'
complete -c tracectl -n '__tracectl_verb merge' -r -F -l binary -d 'The program or library'
complete -c tracectl -n '__tracectl_verb merge' -r -F -s o -l output -d 'The file to write'

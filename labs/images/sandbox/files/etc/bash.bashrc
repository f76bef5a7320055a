# For every interactive bash: the prompt, the history, and marks that tell the page what happens (OSC 133):
#   A prompt begins   B prompt ends   C a command starts   D;n it ended with exit status n
# An empty line, or Ctrl-C at the prompt, runs no command and so has neither C nor D.
[ -n "$PS1" ] || return

shopt -s checkwinsize histappend
HISTCONTROL=ignoredups:ignorespace
HISTSIZE=2000

__labs_before_prompt() {
    local status=$?
    if [ -n "${__labs_running-}" ]; then
        printf '\e]133;D;%s\a' "$status"
        __labs_running=
    fi
    return "$status"
}
# first, so that it sees the command's status, and only once, if a shell in a shell inherits it
case "${PROMPT_COMMAND-}" in
    *__labs_before_prompt*) ;;
    *) PROMPT_COMMAND="__labs_before_prompt${PROMPT_COMMAND:+; $PROMPT_COMMAND}" ;;
esac
# bash expands PS0 between reading a command and running it; the assignment inside leaves a note and prints nothing
PS0='\e]133;C\a${PS0:0:$((__labs_running=1,0))}'
PS1='\[\e]133;A\a\]\[\e[1;32m\]\u@\h\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ \[\e]133;B\a\]'
PS2='> '

alias ls='ls --color=auto'
alias grep='grep --color=auto'

if [ -z "${BASH_COMPLETION_VERSINFO-}" ] && [ -r /usr/share/bash-completion/bash_completion ]; then
    . /usr/share/bash-completion/bash_completion
fi

#!/bin/bash
# Says the next move: make a namespace, name it, or give the machine its name back.
read -r own </proc/sys/kernel/hostname
for entry in /proc/[0-9]*; do
    [[ -e $entry/ns/uts && ! $entry/ns/uts -ef /proc/self/ns/uts ]] || continue
    pid=${entry#/proc/}
    name=$(nsenter --target "$pid" --uts uname -n) || continue
    if [[ $name == box ]]; then
        echo "Process $pid is in a UTS namespace named box: check it."
        exit 0
    fi
    other="Process $pid is in a UTS namespace of its own, and its hostname there is $name. Run hostname with the new name inside: in its shell, or with nsenter."
done 2>/dev/null
if [[ ${other-} ]]; then
    echo "$other"
elif [[ $own == box ]]; then
    echo "You named the machine, not a namespace. First a shell in a namespace of its own (unshare has a letter for UTS), then hostname in that shell. Give the machine its old name back: hostname $(</etc/hostname)."
else
    echo "unshare starts a program in new namespaces; unshare --help lists a letter for each kind. Start a shell with that for UTS, and stay in it. If you had one: a namespace is gone when its last process ends."
fi

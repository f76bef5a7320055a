#!/bin/bash
# Passes when some process is in another UTS namespace than this one, and the hostname there is box. One nsenter for each such namespace.
others=() names=''
for entry in /proc/[0-9]*; do
    [[ -e $entry/ns/uts && ! $entry/ns/uts -ef /proc/self/ns/uts ]] || continue
    for other in "${others[@]}"; do
        [[ $entry/ns/uts -ef $other/ns/uts ]] && continue 2
    done
    others+=("$entry")
    name=$(nsenter --target "${entry#/proc/}" --uts uname -n) || continue
    [[ $name == box ]] && exit 0
    names+=" $name"
done 2>/dev/null
if [[ $names ]]; then
    echo "There is a UTS namespace besides the machine's, but none with the hostname box; found:$names."
elif read -r own </proc/sys/kernel/hostname && [[ $own == box ]]; then
    echo "Now the machine itself is named box: the hostname was changed in its own UTS namespace. No process is in another one yet."
else
    echo "There is no process in another UTS namespace yet."
fi
exit 1

#!/bin/bash
# Passes when two running containers with the same image (equal lower directories of their root's overlay) and writable layers of their
# own differ in /only-here: one has it, one hasn't. Reads /proc only, and starts no process.
containers=0 with=0
declare -A has lacks
for entry in /proc/[0-9]*; do
    numbers=()
    while read -r key value; do
        [[ $key == NSpid: ]] && read -ra numbers <<<"$value" && break
    done 2>/dev/null <"$entry/status"
    ((${#numbers[@]} > 1)) && [[ ${numbers[-1]} == 1 ]] || continue
    [[ -e $entry/root/ && ! $entry/root/ -ef / ]] || continue
    image='' layer=''
    while read -r _ _ _ _ point _ rest; do
        [[ $point == / && $rest == *"- overlay "* && $rest =~ lowerdir=([^ ,]*) ]] || continue
        image=${BASH_REMATCH[1]}
        [[ $rest =~ upperdir=([^ ,]*) ]] && layer=${BASH_REMATCH[1]}
    done 2>/dev/null <"$entry/mountinfo"
    [[ $image && $layer ]] || continue
    containers=$((containers + 1))
    if [[ -e $entry/root/only-here || -L $entry/root/only-here ]]; then
        has[$image]=$layer with=$((with + 1))
    else
        lacks[$image]=$layer
    fi
done 2>/dev/null
for image in "${!has[@]}"; do
    [[ ${lacks[$image]-} ]] && exit 0
done
if ((containers < 2)); then
    echo "There should be two containers running; there are $containers."
elif ((with == 0)); then
    echo "None of the $containers running containers has a file /only-here."
elif ((with == containers)); then
    echo "All running containers have /only-here; one of the same image should be without it."
else
    echo "One container has /only-here and another hasn't, but they are not of the same image."
fi
exit 1

#!/bin/bash
# Passes when an overlay is mounted whose lower directories include /root/copy-up/lower, through which motto reads differently, with that
# changed file in its upper directory, and the lower one as it was. Directories in mount options may be relative to where mount was run.
motto="What is below stays as it is."
base=/root/copy-up
if [[ ! -f $base/lower/motto ]]; then
    echo "$base/lower/motto is gone. It said: $motto"
    exit 1
elif [[ $(<"$base/lower/motto") != "$motto" ]]; then
    echo "$base/lower/motto itself was changed. It said: $motto"
    exit 1
fi
found=''
while read -r _ _ _ _ point _ rest; do
    [[ $rest == *" - overlay "* || $rest == "- overlay "* ]] || continue
    printf -v point %b "$point"
    lowers=() upper=''
    IFS=, read -ra options <<<"${rest##* }"
    for option in "${options[@]}"; do
        case $option in
            lowerdir=* | lowerdir+=*) IFS=: read -ra more <<<"${option#*=}" && lowers+=("${more[@]}") ;;
            upperdir=*) upper=${option#*=} ;;
        esac
    done
    for lower in "${lowers[@]}"; do
        for from in "" "$base/" /root/ / "${point%/*}/"; do
            [[ $from$lower -ef $base/lower ]] || continue
            found=$point
            [[ -f $point/motto && $(<"$point/motto") != "$motto" && $upper ]] || continue
            for where in "" "$base/" /root/ / "${point%/*}/"; do
                [[ -f $where$upper/motto && $(<"$where$upper/motto") == "$(<"$point/motto")" ]] && exit 0
            done
        done
    done
done </proc/self/mountinfo
if [[ ! $found ]]; then
    echo "No overlay with $base/lower as a lower directory is mounted yet."
elif [[ ! -f $found/motto ]]; then
    echo "The overlay is at $found, but motto was deleted there instead of changed."
else
    echo "The overlay is at $found, and motto still says there what it says below."
fi
exit 1

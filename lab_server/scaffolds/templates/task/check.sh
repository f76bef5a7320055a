#!/bin/bash
# Is it done? Exit status 0: yes, however it was done. Else the output is a sentence for the learner about what is still missing.
# Judge by what the kernel says (/proc, /sys/fs/cgroup, mounts, sockets), never by what was typed; be quick; change nothing.
if [ ! -d ~/@TASK@ ]; then
    echo "There is no directory @TASK@ in your home directory yet."
    exit 1
fi

#!/bin/bash
# Looks at what is there: no bundle, no container, one in another state.
status=$(crun state waiting 2>/dev/null | jq -r .status)
case $status in
created) echo "It is there, and it waits. Check it." ;;
running | stopped | paused) echo "The container waiting is $status. A container can't go back: delete it (crun delete -f waiting), and stop one operation earlier." ;;
*)
    if [[ -e /root/demo/config.json && -d /root/demo/rootfs/bin ]]; then
        echo "In ~/demo there is a bundle. Which of the five operations makes a container without running its program? Give it the name waiting, and something as its standard input and output that may outlive your shell's line: </dev/null >waiting.log 2>&1"
    else
        echo "You need a bundle first: a directory with rootfs/ and config.json. The block \"A bundle\" makes one in ~/demo."
    fi
    ;;
esac

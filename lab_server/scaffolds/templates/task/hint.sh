#!/bin/bash
# Looks at how things are and says the next move, not the whole solution. Changes nothing.
if [ -e ~/@TASK@ ] && [ ! -d ~/@TASK@ ]; then
    echo "There is something named @TASK@, and it is no directory: move it away first."
else
    echo "A command named after what it does makes directories: see mkdir(1)."
fi

#!/bin/bash
# Does it as a learner would. `labs verify` runs it; it never reaches a browser.
# What is to stay running: setsid … >/dev/null 2>&1 </dev/null & and then wait, within a bound, until it is there.
mkdir ~/@TASK@

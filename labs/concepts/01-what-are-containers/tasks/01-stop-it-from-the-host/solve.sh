#!/bin/bash
# A container that waits, its process's number on the host, and the signal.
id=$(docker run -d alpine sleep 3600)
pid=$(docker inspect -f '{{.State.Pid}}' "$id")
kill -STOP "$pid"
for _ in {1..100}; do
    grep -q '^State:.T' "/proc/$pid/status" && exit 0
    sleep 0.05
done
exit 1
